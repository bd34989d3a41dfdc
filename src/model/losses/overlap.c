#include "model/losses/overlap.h"

bool overlap_read_ignored(module *m, const value *v, int64_t *ignored)
{
    *ignored = -1;
    if (!value_is_none(v) && !value_integer(v, ignored))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "ignore_index"), "ignore_index is an int or None, not %s",
                   value_kind_name(v));
    return !model_failed(m->model);
}

tensor *overlap_one_hot(graph *g, tensor *label, int64_t last, int64_t classes)
{
    tensor *near = op_unary(g, op_cast(g, label, DT_F32), (unary_attr){.kind = UNARY_CLAMP, .beta = (float)last});
    return op_one_hot(g, op_cast(g, near, DT_I32), classes);
}

tensor *overlap_without(graph *g, tensor *x, int64_t k)
{
    int64_t classes = x ? tensor_channels(x) : 0;
    float *keep = k >= 0 && k < classes ? arena_array(g->mem, (size_t)classes, sizeof *keep) : NULL;
    if (!keep)
        return x;
    for (int64_t i = 0; i < classes; i++)
        keep[i] = (float)(i != k);
    return op_mul(g, x, graph_const(g, DT_F32, 4, (int64_t[]){1, 1, 1, classes}, keep));
}

tensor *overlap_counted(graph *g, tensor *x, tensor *label, int64_t ignored)
{
    if (!x || ignored < 0)
        return x;
    tensor *valid = op_cast(g, op_compare_to(g, label, COMPARE_NE, (double)ignored), DT_F32);
    return op_mul(g, x, op_reshape(g, valid, 4, (int64_t[]){x->dim[0], x->dim[1], x->dim[2], 1}));
}
