/* Reads the zip format of PyTorch 1.6 and later: data.pkl, and an entry for each storage. */
#include <string.h>

#include "base/str.h"
#include "io/torch/pth_file.h"

/* How many times longer a packed pickle (written by other programs than PyTorch) may be unpacked, and the most bytes.
 * Names repeat, so real ones reach some twenty times. */
enum { PICKLE_RATIO = 64, LARGEST_PACKED_PICKLE = 256 << 20, ALWAYS = 1 << 20, SHORT = 64 };

static const zip_entry *find(const pth *p, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%.400s%s", p->prefix, name);
    return zip_find(&p->zip, path);
}

static const char *name_that_ends(const pth *p, const char *const *ends)
{
    for (size_t i = 0; i < p->zip.count; i++)
        for (const char *const *end = ends; *end; end++)
            if (str_ends(p->zip.entries[i].name, *end))
                return p->zip.entries[i].name;
    return NULL;
}

/* A zip archive, but none of torch.save's. */
static cseg_status refuse(const pth *p, cseg_error *err)
{
    static const char *const checkpoints[] = {".pth", ".pt", ".pth.tar", ".ckpt", ".bin", ".safetensors", NULL};
    static const char *const exported[] = {"serialized_exported_program.json", NULL};
    const char *inside = name_that_ends(p, checkpoints);
    if (inside)
        return fail(
            err, CSEG_CORRUPT,
            "%s: is a zip archive, but no PyTorch checkpoint: it only holds '%.100s'. Unpack it (unzip) and give "
            "that",
            p->path, inside);
    if (name_that_ends(p, exported))
        return fail(err, CSEG_UNSUPPORTED,
                    "%s: is a program of torch.export, not a checkpoint; save the model's state_dict() with torch.save",
                    p->path);
    return fail(err, CSEG_CORRUPT, "%s: is a zip archive, but no PyTorch checkpoint: it has no '%.100sdata.pkl'",
                p->path, p->prefix);
}

static cseg_status check_order(pth *p, cseg_error *err)
{
    const zip_entry *order = find(p, "byteorder");
    const uint8_t *text;
    if (!order)
        return CSEG_OK;
    TRY(zip_bytes(&p->zip, order, SHORT, p->mem, &text, err));
    return order->size == 3 && memcmp(text, "big", 3) == 0
               ? fail(err, CSEG_UNSUPPORTED, "%s: was written on a big-endian machine", p->path)
               : CSEG_OK;
}

cseg_status pth_open_zip(pth *p, cseg_error *err)
{
    TRY(zip_open(p->bytes, p->n, p->path, p->mem, &p->zip, err));
    const char *slash = p->zip.count ? strchr(p->zip.entries[0].name, '/') : NULL;
    p->zipped = true;
    p->storage_of = ARENA_ARRAY(p->mem, p->zip.count, int);
    p->prefix =
        slash ? arena_strndup(p->mem, p->zip.entries[0].name, (size_t)(slash - p->zip.entries[0].name) + 1) : "";
    if (!p->prefix || !p->storage_of)
        return fail_memory(err);
    p->script = find(p, "constants.pkl");
    const zip_entry *data = find(p, "data.pkl");
    if (!data)
        return pth_is_npz(p) ? pth_open_npz(p, err) : refuse(p, err);
    TRY(check_order(p, err));
    const uint8_t *pickle;
    uint64_t most = data->packed > LARGEST_PACKED_PICKLE / PICKLE_RATIO ? LARGEST_PACKED_PICKLE
                                                                        : ALWAYS + PICKLE_RATIO * data->packed;
    TRY(zip_bytes(&p->zip, data, most, p->mem, &pickle, err));
    return pickle_read(pickle, data->size, p->path, p->mem, &p->root, NULL, err);
}
