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

pth_value *pth_tensor_value(pth_builder *b, pth_type type, int ndim, const int64_t *shape, const void *data)
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
    p->data = data;
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
