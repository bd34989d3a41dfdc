/* Reads the archives of numpy arrays (.npz, of numpy.savez) that weights of JAX come in, as state dicts. */
#include <string.h>

#include "base/str.h"
#include "io/npy.h"
#include "io/torch/pth_file.h"

/* How many times longer packed arrays may be unpacked, and what each may have in any case: weights hardly shrink. */
enum { RATIO = 64, ALWAYS = 1 << 20 };

static const char ending[] = ".npy";

static bool type_of(const pickle_array *a, pth_type *out)
{
    static const struct {
        char type;
        int size;
        pth_type is;
    } types[] = {{'f', 4, PTH_F32}, {'f', 8, PTH_F64}, {'f', 2, PTH_F16}, {'i', 8, PTH_I64}, {'i', 4, PTH_I32},
                 {'i', 2, PTH_I16}, {'i', 1, PTH_I8},  {'u', 1, PTH_U8},  {'b', 1, PTH_BOOL}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == a->type && types[i].size == a->size && !a->swapped) {
            *out = types[i].is;
            return true;
        }
    return false;
}

static void set_strides(const pickle_array *a, pth_tensor *t)
{
    int64_t step = 1;
    for (int i = 0; i < t->ndim; i++) {
        int d = a->fortran ? i : t->ndim - 1 - i;
        t->shape[d] = a->shape[d];
        t->stride[d] = step;
        step *= a->shape[d] > 0 ? a->shape[d] : 1;
    }
}

static cseg_status add_array(pth *p, const zip_entry *e, cseg_error *err)
{
    const uint8_t *bytes;
    pickle_array a;
    pth_tensor t = {.storage = (int)p->storages.n};
    char *name = arena_printf(p->mem, "%s: entry '%.200s'", p->path, e->name);
    t.name = arena_strndup(p->mem, e->name, strlen(e->name) - (sizeof ending - 1));
    if (!name || !t.name)
        return fail_memory(err);
    TRY(zip_bytes(&p->zip, e, ALWAYS + RATIO * e->packed, p->mem, &bytes, err));
    TRY(npy_decode(bytes, (size_t)e->size, name, p->mem, &a, err));
    if (!type_of(&a, &t.type))
        return fail(err, CSEG_UNSUPPORTED, "%s: holds numbers of type %c%d%s, which have no meaning here", name, a.type,
                    a.size, a.swapped ? " (big-endian)" : "");
    if (a.ndim > PTH_MAX_DIMS)
        return fail(err, CSEG_UNSUPPORTED, "%s: has %d dimensions, at most %d are handled", name, a.ndim, PTH_MAX_DIMS);
    t.ndim = a.ndim;
    t.count = a.count;
    set_strides(&a, &t);
    pth_storage s = {.key = t.name, .type = t.type, .bytes = a.data, .n = (uint64_t)a.count * pth_type_size(t.type)};
    return vec_push(p->mem, &p->storages, s) && vec_push(p->mem, &p->tensors, t) ? CSEG_OK : fail_memory(err);
}

bool pth_is_npz(const pth *p)
{
    for (size_t i = 0; i < p->zip.count; i++)
        if (!str_ends(p->zip.entries[i].name, ending))
            return false;
    return p->zip.count > 0;
}

cseg_status pth_open_npz(pth *p, cseg_error *err)
{
    for (size_t i = 0; i < p->zip.count; i++)
        TRY(add_array(p, &p->zip.entries[i], err));
    return pth_sort_names(p, err);
}
