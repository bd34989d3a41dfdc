/* Any bytes as what datasets are published in besides images: gzip, tar, MATLAB, NIfTI, run lengths in JSON. */
#include "io/archive/archive_tar.h"
#include "io/json_items.h"
#include "io/volume/matlab.h"
#include "io/volume/nifti.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void as_matlab(const uint8_t *data, size_t n, arena *mem)
{
    matlab_value v;
    image m = {0};
    cseg_error err;
    if (matlab_find(data, n, "fuzz", "S", mem, &v, &err) == CSEG_OK && matlab_u8(&v, &m, &err) == CSEG_OK)
        image_release(&m);
    if (matlab_find(data, n, "fuzz", "GTcls", mem, &v, &err) == CSEG_OK &&
        matlab_field(&v, "Segmentation", &v, &err) == CSEG_OK && matlab_u8(&v, &m, &err) == CSEG_OK)
        image_release(&m);
}

static void as_json(const char *text, size_t n)
{
    json_items j;
    const char *item;
    size_t length;
    cseg_error err;
    if (json_items_begin(&j, text, n, "images", "fuzz", &err) == CSEG_OK)
        while (json_items_next(&j, &item, &length))
            if (item < text || item + length > text + n)
                __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    arena *mem = arena_new();
    archive tar = {.path = "fuzz"};
    nifti v;
    cseg_error err;
    if (archive_is_gzip(data, n) && archive_gunzip(data, n, "fuzz", 1 << 20, mem, &data, &n, &err) != CSEG_OK)
        goto done;
    if (archive_is_tar(data, n) && archive_list_tar(data, n, mem, &tar, &err) == CSEG_OK)
        for (size_t i = 0; i < tar.n; i++)
            if (tar.members[i].at.bytes + tar.members[i].size > data + n)
                __builtin_trap();
    as_matlab(data, n, mem);
    if (nifti_open(data, n, "fuzz", &v, &err) == CSEG_OK)
        (void)nifti_at(&v, v.size[0] - 1, v.size[1] - 1, v.size[2] - 1);
    as_json((const char *)data, n);
done:
    arena_free(mem);
    return 0;
}
