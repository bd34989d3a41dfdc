/* mmcv's CrissCrossAttention (Huang et al. 2019, arXiv:1811.11721). */
#include <math.h>

#include "model/layers/layers.h"

typedef struct criss_cross {
    module *query, *key, *value, *gamma;
} criss_cross;

/* [N,h,w,C] with rows and columns exchanged. */
static tensor *turned(graph *g, tensor *x)
{
    return op_transpose(g, x, (int[]){0, 2, 1, 3});
}

/* [1,1,n,n]: -infinity on the diagonal. A pixel is part of its row already, not once more of its column. */
static tensor *not_itself(graph *g, int64_t n)
{
    float *v = arena_array(g->mem, (size_t)(n * n), sizeof *v);
    if (!v)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 0; i < n; i++)
        v[i * n + i] = -INFINITY;
    return graph_const(g, DT_F32, 4, (int64_t[]){1, 1, n, n}, v);
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    criss_cross *s = m->state;
    tensor *q = layer_run(s->query, g, x), *k = layer_run(s->key, g, x), *v = layer_run(s->value, g, x);
    if (!q || !k || !v)
        return NULL;
    int64_t h = x->dim[1], w = x->dim[2];
    tensor *column = op_matmul(g, turned(g, q), turned(g, k), false, true); /* [N,w,h,h] */
    column = turned(g, op_add(g, column, not_itself(g, h)));
    tensor *row = op_matmul(g, q, k, false, true); /* [N,h,w,w] */
    tensor *share = op_softmax(g, op_concat(g, (tensor *[]){column, row}, 2, -1));
    tensor *of_column = turned(g, op_slice(g, share, 3, 0, h)), *of_row = op_slice(g, share, 3, h, w);
    tensor *y = op_add(g, turned(g, op_matmul(g, of_column, turned(g, v), false, false)),
                       op_matmul(g, of_row, v, false, false));
    return op_add(g, layer_run(s->gamma, g, y), x);
}

module *criss_cross_new(module *parent, const char *name, int64_t channels)
{
    module *m = module_new(parent, name);
    criss_cross *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "CrissCrossAttention";
    m->state = s;
    m->forward = forward;
    if (channels < 8) {
        model_fail(m->model, CSEG_CONFIG, parent->cfg, "%s: compares an eighth of the channels; %lld are too few",
                   m->name, (long long)channels);
        return NULL;
    }
    s->query = pointwise_conv_new(m, "query_conv", channels, channels / 8);
    s->key = pointwise_conv_new(m, "key_conv", channels, channels / 8);
    s->value = pointwise_conv_new(m, "value_conv", channels, channels);
    s->gamma = scale_new(m, "gamma", 0);
    return model_failed(m->model) ? NULL : m;
}
