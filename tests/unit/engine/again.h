/* A tree that was read from a checkpoint, as a value to write again: so tests make a checkpoint from another. */
#ifndef AGAIN_H
#define AGAIN_H

#include "io/torch/pth.h"
#include "tiny.h"

static pth_value *again(pth_builder *b, pth *from, const pickle_node *n)
{
    double real;
    int64_t integer;
    if (pth_is_tensor(n)) {
        pth_tensor t;
        cseg_error err;
        tiny_check(pth_as_tensor(from, n, &t, &err), &err);
        void *data = arena_alloc(b->mem, (size_t)t.count * sizeof(double) + 1);
        tiny_check(pth_tensor_raw(from, &t, data, &err), &err);
        return pth_tensor_value(b, t.type, t.ndim, t.shape, data);
    }
    if (n->kind == PICKLE_BOOL)
        return pth_bool(b, n->boolean);
    if (n->kind == PICKLE_LIST || n->kind == PICKLE_TUPLE || n->kind == PICKLE_DICT) {
        pth_value *to = n->kind == PICKLE_LIST                    ? pth_list(b)
                        : n->kind == PICKLE_TUPLE                 ? pth_tuple(b)
                        : pickle_is(n, "collections.OrderedDict") ? pth_ordered_dict(b)
                                                                  : pth_dict(b);
        for (size_t i = 0; i < n->seq.n; i++)
            pth_add(b, to, again(b, from, n->seq.at[i]));
        return to;
    }
    return n->kind == PICKLE_STR     ? pth_str(b, n->str.text)
           : pickle_int(n, &integer) ? pth_int(b, integer)
           : pickle_number(n, &real) ? pth_float(b, real)
                                     : pth_none(b);
}

#endif
