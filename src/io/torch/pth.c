#include "io/torch/pth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/file_map.h"
#include "io/torch/foreign.h"
#include "io/torch/pth_file.h"

/* The limit on unpacking for tensors: this much, and so many times what is copied out of them. (A tensor can be a small
 * part of a storage that others share.) */
enum { ALWAYS_UNPACKED = 16 << 20, UNPACKED_SHARE = 4 };

static const struct {
    const char *dtype, *storage;
    size_t size;
} types[PTH_TYPES] = {
    [PTH_F32] = {"float32", "FloatStorage", 4}, [PTH_F64] = {"float64", "DoubleStorage", 8},
    [PTH_F16] = {"float16", "HalfStorage", 2},  [PTH_BF16] = {"bfloat16", "BFloat16Storage", 2},
    [PTH_I64] = {"int64", "LongStorage", 8},    [PTH_I32] = {"int32", "IntStorage", 4},
    [PTH_I16] = {"int16", "ShortStorage", 2},   [PTH_I8] = {"int8", "CharStorage", 1},
    [PTH_U8] = {"uint8", "ByteStorage", 1},     [PTH_BOOL] = {"bool", "BoolStorage", 1},
};

size_t pth_type_size(pth_type t)
{
    return types[t].size;
}

const char *pth_type_name(pth_type t)
{
    return types[t].dtype;
}

const char *pth_storage_name(pth_type t)
{
    return types[t].storage;
}

static bool type_of_dtype(const char *name, pth_type *out)
{
    for (int t = 0; t < PTH_TYPES; t++)
        if (strcmp(name, types[t].dtype) == 0) {
            *out = (pth_type)t;
            return true;
        }
    return false;
}

void pth_shape_text(int ndim, const int64_t *shape, char out[static 256])
{
    size_t n = 0;
    out[n++] = '[';
    for (int i = 0; i < ndim && n < 220; i++)
        n += (size_t)snprintf(out + n, 256 - n, "%s%lld", i ? ", " : "", (long long)shape[i]);
    snprintf(out + n, 256 - n, "]");
}

/* --- storages --- */

static bool type_of_storage(const char *name, pth_type *out)
{
    *out = PTH_U8;
    for (int t = 0; t < PTH_TYPES; t++)
        if (strcmp(name, types[t].storage) == 0) {
            *out = (pth_type)t;
            return true;
        }
    return strcmp(name, "UntypedStorage") == 0;
}

cseg_status pth_read_reference(const pth *p, const pickle_node *persistent, pth_reference *out, cseg_error *err)
{
    const pickle_node *id = persistent->object.args, *type = pickle_item(id, 1), *view = pickle_item(id, 5);
    const char *what = pickle_str(pickle_item(id, 0));
    *out = (pth_reference){.key = pickle_str(pickle_item(id, 2))};
    if (!what || strcmp(what, "storage") != 0 || !out->key || !pickle_int(pickle_item(id, 4), &out->count) ||
        out->count < 0)
        return fail(err, CSEG_CORRUPT, "%s: the reference at byte %zu is to no storage", p->path, persistent->at);
    if (!type || type->kind != PICKLE_GLOBAL || !type_of_storage(type->global.name, &out->type))
        return fail(err, CSEG_UNSUPPORTED, "%s: a tensor of %s, which has no meaning here", p->path,
                    type && type->kind == PICKLE_GLOBAL ? type->global.name : "unknown type");
    if (view && view->kind == PICKLE_TUPLE) {
        out->view_key = pickle_str(pickle_item(view, 0));
        if (!out->view_key || !pickle_int(pickle_item(view, 1), &out->view_offset) || out->view_offset < 0)
            return fail(err, CSEG_CORRUPT, "%s: the reference at byte %zu is to no storage", p->path, persistent->at);
    }
    return CSEG_OK;
}

static int compare_key(const void *key, const void *storage)
{
    return strcmp(key, ((const pth_storage *)storage)->key);
}

pth_storage *pth_find_storage(const pth *p, const char *key)
{
    return p->storages.n ? bsearch(key, p->storages.at, p->storages.n, sizeof *p->storages.at, compare_key) : NULL;
}

/* Zip: a storage is registered with its first tensor. */
static cseg_status zip_storage(pth *p, const pth_reference *r, int *out, cseg_error *err)
{
    char name[600];
    snprintf(name, sizeof name, "%.300sdata/%.100s", p->prefix, r->key);
    const zip_entry *e = zip_find(&p->zip, name);
    if (!e)
        return fail(err, CSEG_CORRUPT, "%s: entry '%s' is missing", p->path, name);
    int *number = &p->storage_of[e - p->zip.entries];
    if (!*number) {
        pth_storage s = {.key = r->key, .type = r->type, .n = e->size, .entry = e};
        if (!vec_push(p->mem, &p->storages, s))
            return fail_memory(err);
        *number = (int)p->storages.n;
    }
    if ((uint64_t)r->count != e->size / types[r->type].size)
        return fail(err, CSEG_CORRUPT, "%s: entry '%s' has %llu bytes, not %lld elements of %zu", p->path, name,
                    (unsigned long long)e->size, (long long)r->count, types[r->type].size);
    *out = *number - 1;
    return CSEG_OK;
}

static cseg_status storage_of(pth *p, const pickle_node *persistent, pth_tensor *t, cseg_error *err)
{
    pth_reference r;
    if (!persistent || persistent->kind != PICKLE_PERSISTENT)
        return fail(err, CSEG_CORRUPT, "%s: a tensor without a storage", p->path);
    TRY(pth_read_reference(p, persistent, &r, err));
    if (p->zipped) {
        TRY(zip_storage(p, &r, &t->storage, err));
    } else {
        const pth_storage *s = pth_find_storage(p, r.key);
        if (!s)
            return fail(err, CSEG_CORRUPT, "%s: storage '%.100s' is missing", p->path, r.key);
        t->storage = (int)(s - p->storages.at);
    }
    t->type = r.type;
    if (__builtin_add_overflow(t->offset, r.view_offset, &t->offset))
        return fail(err, CSEG_CORRUPT, "%s: a tensor lies outside of its storage", p->path);
    return CSEG_OK;
}

cseg_status pth_storage_bytes(pth *p, int storage, const uint8_t **out, cseg_error *err)
{
    pth_storage *s = &p->storages.at[storage];
    if (!s->bytes) {
        uint64_t most = ALWAYS_UNPACKED + UNPACKED_SHARE * p->asked;
        TRY(zip_bytes(&p->zip, s->entry, most > p->unpacked ? most - p->unpacked : 0, p->mem, &s->bytes, err));
        if (s->entry->deflated)
            p->unpacked += s->n;
    }
    *out = s->bytes;
    return CSEG_OK;
}

/* --- tensors --- */

static bool is_rebuild(const pickle_node *type)
{
    return type && type->kind == PICKLE_GLOBAL &&
           ((strcmp(type->global.module, "torch._utils") == 0 && str_starts(type->global.name, "_rebuild_")) ||
            pickle_is(type, "torch._tensor._rebuild_from_type_v2") || pickle_is(type, "torch.nn.parameter.Parameter"));
}

bool pth_is_tensor(const pickle_node *n)
{
    return n && n->kind == PICKLE_OBJECT && is_rebuild(n->type);
}

/* Unwraps parameters and tensor subclasses down to _rebuild_tensor*(storage, offset, size, stride...). */
static cseg_status innermost(const pth *p, const pickle_node *n, const pickle_node **type, const pickle_node **args,
                             cseg_error *err)
{
    *type = n->type;
    *args = n->object.args;
    for (int depth = 0; depth < 8; depth++) {
        const pickle_node *inner;
        if (pickle_is(*type, "torch._tensor._rebuild_from_type_v2")) { /* (function, class, arguments, state) */
            *type = pickle_item(*args, 0);
            *args = pickle_item(*args, 2);
            if (!is_rebuild(*type) || !*args)
                break;
            continue;
        }
        const char *name = (*type)->global.name;
        if (str_starts(name, "_rebuild_tensor"))
            return CSEG_OK;
        if (!str_starts(name, "_rebuild_parameter") && strcmp(name, "Parameter") != 0)
            return fail(err, CSEG_UNSUPPORTED,
                        "%s: a tensor made by %s (quantised, sparse or of another device) has no "
                        "meaning here",
                        p->path, name);
        inner = pickle_item(*args, 0);
        if (!pth_is_tensor(inner))
            break;
        *type = inner->type;
        *args = inner->object.args;
    }
    return fail(err, CSEG_CORRUPT, "%s: the object at byte %zu of its pickle is no tensor", p->path, n->at);
}

/* The tensor's last element must lie within the storage. */
static cseg_status check_extent(const pth *p, pth_tensor *t, cseg_error *err)
{
    int64_t last = t->offset, step;
    uint64_t held = p->storages.at[t->storage].n / types[t->type].size;
    int64_t bytes;
    t->count = 1;
    bool bad = t->offset < 0;
    for (int i = 0; i < t->ndim && !bad; i++)
        bad = t->shape[i] < 0 || t->stride[i] < 0 || __builtin_mul_overflow(t->count, t->shape[i], &t->count);
    bad |= __builtin_mul_overflow(t->count, (int64_t)sizeof(double), &bytes); /* as the largest type */
    for (int i = 0; i < t->ndim && !bad && t->count > 0; i++)
        bad = __builtin_mul_overflow(t->shape[i] - 1, t->stride[i], &step) || __builtin_add_overflow(last, step, &last);
    if (bad || (t->count > 0 && (uint64_t)last >= held))
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' lies outside of its storage", p->path, t->name);
    return CSEG_OK;
}

static cseg_status read_sizes(const pth *p, const pickle_node *from, int ndim, int64_t *to, cseg_error *err)
{
    for (int i = 0; i < ndim; i++)
        if (!pickle_int(pickle_item(from, (size_t)i), &to[i]))
            return fail(err, CSEG_CORRUPT, "%s: a tensor's shape holds what is no integer", p->path);
    return CSEG_OK;
}

/* torch.Size is written as a call with a tuple. */
static const pickle_node *plain_tuple(const pickle_node *n)
{
    return n && n->kind == PICKLE_OBJECT && pickle_is(n, "torch.Size") ? pickle_item(n->object.args, 0) : n;
}

cseg_status pth_read_tensor(pth *p, const pickle_node *n, const char *name, pth_tensor *out, cseg_error *err)
{
    const pickle_node *type, *args;
    *out = (pth_tensor){.name = name};
    TRY(innermost(p, n, &type, &args, err));
    const pickle_node *size = plain_tuple(pickle_item(args, 2)), *stride = plain_tuple(pickle_item(args, 3));
    size_t ndim = pickle_len(size);
    if (!size || !stride || ndim != pickle_len(stride) || !pickle_int(pickle_item(args, 1), &out->offset))
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' has no shape", p->path, name);
    if (ndim > PTH_MAX_DIMS)
        return fail(err, CSEG_UNSUPPORTED, "%s: tensor '%.200s' has %zu dimensions, at most %d are handled", p->path,
                    name, ndim, PTH_MAX_DIMS);
    out->ndim = (int)ndim;
    TRY(read_sizes(p, size, out->ndim, out->shape, err));
    TRY(read_sizes(p, stride, out->ndim, out->stride, err));
    TRY(storage_of(p, pickle_item(args, 0), out, err));
    if (strcmp(type->global.name, "_rebuild_tensor_v3") == 0) { /* the type stands apart, the storage is bytes */
        const pickle_node *dtype = pickle_item(args, 6);
        if (!dtype || dtype->kind != PICKLE_GLOBAL || !type_of_dtype(dtype->global.name, &out->type))
            return fail(err, CSEG_UNSUPPORTED, "%s: tensor '%.200s' is of type %s, which has no meaning here", p->path,
                        name, dtype && dtype->kind == PICKLE_GLOBAL ? dtype->global.name : "unknown");
    }
    return check_extent(p, out, err);
}

cseg_status pth_as_tensor(pth *p, const pickle_node *n, pth_tensor *out, cseg_error *err)
{
    if (!pth_is_tensor(n))
        return fail(err, CSEG_CORRUPT, "%s: a tensor is expected, not %s", p->path,
                    n ? pickle_kind_name(n->kind) : "nothing");
    return pth_read_tensor(p, n, "", out, err);
}

/* --- the file --- */

cseg_status pth_open_bytes(const void *bytes, size_t n, const char *name, arena *mem, pth **out, cseg_error *err)
{
    pth *p = ARENA_NEW(mem, pth);
    if (!p || !(p->path = arena_strdup(mem, name)))
        return fail_memory(err);
    p->mem = mem;
    p->bytes = bytes;
    p->n = n;
    const foreign_kind *other = foreign_find(bytes, n);
    if (other)
        return foreign_refuse(other, name, err);
    if (zip_is(bytes, n))
        TRY(pth_open_zip(p, err));
    else if (pth_may_be_legacy(bytes, n))
        TRY(pth_open_legacy(p, err));
    else if (pth_is_safetensors(bytes, n))
        TRY(pth_open_safetensors(p, err));
    else
        return fail(err, CSEG_CORRUPT,
                    "%s: is no PyTorch checkpoint: it begins with neither a zip archive nor the "
                    "older format's mark",
                    name);
    if (p->root)
        TRY(p->script ? pth_list_script(p, err) : pth_list_tensors(p, err));
    *out = p;
    return CSEG_OK;
}

cseg_status pth_open(const char *path, arena *mem, pth **out, cseg_error *err)
{
    const uint8_t *bytes = NULL;
    size_t n = 0;
    TRY(file_map(path, mem, &bytes, &n, err));
    return pth_open_bytes(bytes, n, path, mem, out, err);
}

const char *pth_path(const pth *p)
{
    return p->path;
}

size_t pth_bytes(const pth *p)
{
    return p->n;
}

const pickle_node *pth_root(const pth *p)
{
    return p->root;
}

size_t pth_count(const pth *p)
{
    return p->tensors.n;
}

const pth_tensor *pth_at(const pth *p, size_t i)
{
    return i < p->tensors.n ? &p->tensors.at[i] : NULL;
}

static int compare_name(const void *name, const void *tensor)
{
    return strcmp(name, (*(const pth_tensor *const *)tensor)->name);
}

const pth_tensor *pth_find(const pth *p, const char *name)
{
    const pth_tensor **hit =
        p->tensors.n ? bsearch(name, p->by_name, p->tensors.n, sizeof *p->by_name, compare_name) : NULL;
    return hit ? *hit : NULL;
}
