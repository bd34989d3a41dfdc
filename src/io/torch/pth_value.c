/* Builds the tree that a checkpoint is written from. */
#include <string.h>

#include "io/torch/pth_file.h"

static pth_value *value_new(pth_builder *b, pth_value_kind kind)
{
    pth_value *v = b->failed ? NULL : ARENA_NEW(b->mem, pth_value);
    if (v)
        v->kind = kind;
    else
        b->failed = true;
    return v;
}

pth_value *pth_none(pth_builder *b)
{
    return value_new(b, V_NONE);
}

pth_value *pth_bool(pth_builder *b, bool v)
{
    pth_value *p = value_new(b, V_BOOL);
    if (p)
        p->integer = v;
    return p;
}

pth_value *pth_int(pth_builder *b, int64_t v)
{
    pth_value *p = value_new(b, V_INT);
    if (p)
        p->integer = v;
    return p;
}

pth_value *pth_float(pth_builder *b, double v)
{
    pth_value *p = value_new(b, V_FLOAT);
    if (p)
        p->real = v;
    return p;
}

pth_value *pth_str(pth_builder *b, const char *s)
{
    pth_value *p = s ? value_new(b, V_STR) : NULL;
    if (p && !(p->text = arena_strdup(b->mem, s))) {
        b->failed = true;
        return NULL;
    }
    return p;
}

pth_value *pth_list(pth_builder *b)
{
    return value_new(b, V_LIST);
}

pth_value *pth_tuple(pth_builder *b)
{
    return value_new(b, V_TUPLE);
}

pth_value *pth_dict(pth_builder *b)
{
    return value_new(b, V_DICT);
}

pth_value *pth_ordered_dict(pth_builder *b)
{
    return value_new(b, V_ORDERED);
}

static pth_value *tensor_new(pth_builder *b, pth_type type, int ndim, const int64_t *shape)
{
    pth_value *p = value_new(b, V_TENSOR);
    if (!p)
        return NULL;
    p->type = type;
    p->ndim = ndim;
    p->count = 1;
    for (int i = 0; i < ndim; i++) {
        p->shape[i] = shape[i];
        p->count *= shape[i];
    }
    return p;
}

pth_value *pth_tensor_value(pth_builder *b, pth_type type, int ndim, const int64_t *shape, const void *data)
{
    pth_value *p = tensor_new(b, type, ndim, shape);
    if (p)
        p->data = data;
    return p;
}

pth_value *pth_tensor_made(pth_builder *b, pth_type type, int ndim, const int64_t *shape, pth_fill *fill, void *arg)
{
    pth_value *p = tensor_new(b, type, ndim, shape);
    if (p) {
        p->fill = fill;
        p->arg = arg;
    }
    return p;
}

void pth_add(pth_builder *b, pth_value *to, pth_value *item)
{
    if (!to || !item || !vec_push(b->mem, &to->items, item))
        b->failed = true;
}

void pth_set_key(pth_builder *b, pth_value *dict, pth_value *key, pth_value *value)
{
    pth_add(b, dict, key);
    pth_add(b, dict, value);
}

void pth_set(pth_builder *b, pth_value *dict, const char *key, pth_value *value)
{
    pth_set_key(b, dict, pth_str(b, key), value);
}

/* --- from a tree that was read --- */

/* A tree with more nodes or levels than this is a loop, or was made to exhaust memory by sharing. */
enum { DEEPEST = 64, MOST_NODES = 1000 * 1000, LARGEST_EXPANDED = 1 << 20 };

typedef struct again {
    pth_builder *b;
    pth *from;
    int nodes;
    cseg_error *err;
} again;

typedef struct read_later {
    pth *from;
    pth_tensor tensor;
} read_later;

static cseg_status read_now(void *arg, void *to, cseg_error *err)
{
    read_later *r = arg;
    return pth_tensor_raw(r->from, &r->tensor, to, err);
}

static cseg_status tensor_again(again *a, const pickle_node *n, pth_value **out)
{
    read_later *r = ARENA_NEW(a->b->mem, read_later);
    if (!r)
        return fail_memory(a->err);
    r->from = a->from;
    TRY(pth_as_tensor(a->from, n, &r->tensor, a->err));
    /* One element can stand for any number of them (expand), and all of them would be written. */
    if (r->tensor.count > LARGEST_EXPANDED && (uint64_t)r->tensor.count > a->from->storages.at[r->tensor.storage].n)
        return fail(a->err, CSEG_CORRUPT, "%s: a tensor of %lld elements has a storage of %llu bytes",
                    pth_path(a->from), (long long)r->tensor.count,
                    (unsigned long long)a->from->storages.at[r->tensor.storage].n);
    *out = pth_tensor_made(a->b, r->tensor.type, r->tensor.ndim, r->tensor.shape, read_now, r);
    return CSEG_OK;
}

static cseg_status value_again(again *a, const pickle_node *n, int depth, pth_value **out);

static cseg_status items_again(again *a, const pickle_node *n, pth_value_kind kind, int depth, pth_value **out)
{
    pth_value *to = value_new(a->b, kind);
    for (size_t i = 0; i < n->seq.n; i++) {
        pth_value *item;
        TRY(value_again(a, n->seq.at[i], depth + 1, &item));
        pth_add(a->b, to, item);
    }
    *out = to;
    return CSEG_OK;
}

static cseg_status value_again(again *a, const pickle_node *n, int depth, pth_value **out)
{
    double real;
    int64_t integer;
    if (depth > DEEPEST || ++a->nodes > MOST_NODES)
        return fail(a->err, CSEG_CORRUPT, "%s: what it holds is nested too deeply, or holds itself", pth_path(a->from));
    switch (n->kind) {
    case PICKLE_BOOL:
        *out = pth_bool(a->b, n->boolean);
        return CSEG_OK;
    case PICKLE_STR:
        *out = pickle_str(n) ? pth_str(a->b, n->str.text) : pth_none(a->b);
        return CSEG_OK;
    case PICKLE_LIST:
        return items_again(a, n, V_LIST, depth, out);
    case PICKLE_TUPLE:
        return items_again(a, n, V_TUPLE, depth, out);
    case PICKLE_DICT:
        return items_again(a, n, pickle_is(n, "collections.OrderedDict") ? V_ORDERED : V_DICT, depth, out);
    default:
        if (pth_is_tensor(n))
            return tensor_again(a, n, out);
        if (pickle_int(n, &integer))
            *out = pth_int(a->b, integer);
        else if (n->kind != PICKLE_BIGINT && pickle_number(n, &real))
            *out = pth_float(a->b, real);
        else
            *out = pth_none(a->b);
        return CSEG_OK;
    }
}

cseg_status pth_again(pth_builder *b, pth *from, const pickle_node *n, pth_value **out, cseg_error *err)
{
    again a = {b, from, 0, err};
    return value_again(&a, n, 0, out);
}
