/* Any bytes as a data set's list of names (ann_file, split). The first byte chooses the dialect. It must be refused
 * with a reason, or give as many samples as it says, all with a path. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config/config.h"
#include "data/datasets/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void build(const char *path, bool one_x, arena *mem)
{
    cseg_error err = {.text = ""};
    value *cfg;
    dataset *ds;
    dataset_options options = {.no_pipeline = true};
    char *text =
        arena_printf(mem,
                     one_x ? "dict(type='BaseSegDataset', data_root='/nowhere', ann_file='%s', img_suffix='.png',"
                             " data_prefix=dict(img_path='i', seg_map_path='l'), pipeline=[])"
                           : "dict(type='CustomDataset', data_root='/nowhere', split='%s', img_dir='i',"
                             " ann_dir='l', img_suffix='.png', classes=('a', 'b'), pipeline=[])",
                     path);
    if (!text || config_parse_literal(text, "fuzz.py", mem, &cfg, &err) != CSEG_OK)
        abort();
    if (dataset_build(cfg, &options, mem, &ds, &err) != CSEG_OK) {
        if (!err.text[0])
            abort();
        return;
    }
    for (int64_t i = 0; i < dataset_count(ds); i++)
        if (!dataset_item_at(ds, i).path)
            abort();
}

/* Unlike file_replace_bytes without waiting for the disk. */
static bool write_bytes(const char *path, const uint8_t *data, size_t n)
{
    FILE *out = fopen(path, "wb");
    bool good = out && fwrite(data, 1, n, out) == n;
    return out && fclose(out) == 0 && good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char path[64];
    if (!n)
        return -1;
    snprintf(path, sizeof path, "/tmp/fuzz_list.%ld.txt", (long)getpid());
    arena *mem = arena_new();
    if (write_bytes(path, data + 1, n - 1))
        build(path, data[0] & 1, mem);
    unlink(path);
    arena_free(mem);
    return 0;
}
