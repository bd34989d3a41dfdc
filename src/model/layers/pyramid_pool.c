/* mmseg's PPM and PPMConcat: a map's averages over grids of several sizes (Zhao et al. 2017, arXiv:1612.01105). */
#include "model/layers/layers.h"

typedef struct pyramid_pool {
    ints scales; /* each has a child: a Sequential of the pool, "0", and the convolution, "1" */
    bool align_corners, input_last;
} pyramid_pool;

module *pyramid_pool_new(module *parent, const char *name, pyramid_pool_spec c)
{
    module *m = module_new(parent, name);
    pyramid_pool *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "PPM";
    m->state = s;
    s->scales = c.scales;
    s->align_corners = c.align_corners;
    s->input_last = c.input_last;
    conv_module_spec conv = {.conv = conv_square(c.in, c.channels, 1, 1, 0, 1),
                             .conv_cfg = c.conv_cfg,
                             .norm_cfg = c.norm_cfg,
                             .act_cfg = c.act_cfg};
    for (size_t i = 0; i < c.scales.n; i++)
        conv_module_new(sequential_new(m, module_index(m, (int64_t)i)), "1", conv);
    return model_failed(m->model) ? NULL : m;
}

tensor *pyramid_pool_run(module *m, graph *g, tensor *x)
{
    pyramid_pool *s = m->state;
    features all = features_new(g, 0);
    if (!s->input_last)
        features_add(g, &all, x);
    graph_push_scope(g, m->name);
    for (size_t i = 0; i < s->scales.n; i++) {
        int64_t side = s->scales.at[i];
        tensor *y = layer_run(m->children.at[i], g, op_adaptive_avg_pool(g, x, side, side));
        features_add(g, &all, resize_like(g, y, x, s->align_corners));
    }
    graph_pop_scope(g);
    if (s->input_last)
        features_add(g, &all, x);
    return op_concat(g, all.at, all.n, -1);
}

static tensor *run_tokens(module *m, graph *g, tensor *x)
{
    const ints *scales = m->state;
    features all = features_new(g, 0);
    if (!x)
        return NULL;
    for (size_t i = 0; i < scales->n; i++) {
        int64_t side = scales->at[i];
        tensor *y = op_adaptive_avg_pool(g, x, side, side);
        features_add(g, &all, op_reshape(g, y, 3, (int64_t[]){x->dim[0], side * side, x->dim[3]}));
    }
    return op_concat(g, all.at, all.n, 1);
}

module *pyramid_tokens_new(module *parent, const char *name, ints scales)
{
    module *m = module_new(parent, name);
    ints *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    *s = scales;
    m->class_name = "PPMConcat";
    m->state = s;
    m->forward = run_tokens;
    return m;
}
