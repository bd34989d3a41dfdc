/* Learnt factors: mmcv's Scale, and one for each channel. */
#include "model/layers/layers.h"

static tensor *forward(module *m, graph *g, tensor *x)
{
    int64_t one[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    return x ? op_mul(g, x, op_reshape(g, graph_param(g, m->state), x->rank, one)) : NULL;
}

module *scale_new(module *parent, const char *name, float start)
{
    module *m = module_new(parent, name);
    if (!m)
        return NULL;
    m->class_name = "Scale";
    m->forward = forward;
    m->state = module_param(m, "scale", 0, NULL, INIT_CONSTANT, start, 0);
    return model_failed(m->model) ? NULL : m;
}

tensor *channel_scale(graph *g, tensor *x, param *factors)
{
    int64_t dim[TENSOR_MAX_RANK];
    if (!x)
        return NULL;
    for (int i = 0; i < x->rank; i++)
        dim[i] = i == x->rank - 1 ? x->dim[i] : 1;
    return op_mul(g, x, op_reshape(g, graph_param(g, factors), x->rank, dim));
}
