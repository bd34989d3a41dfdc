/* mmseg's DAPPM (Hong et al. 2021, arXiv:2101.06085) and PAPPM (Xu et al. 2022, arXiv:2206.02066): a small map beside
 * what wider and wider averages of it say. */
#include "model/layers/layers.h"

enum { SCALES = 5, POOLED = SCALES - 2 };
static const int kernels[POOLED] = {5, 9, 17};

typedef struct context_pool {
    bool parallel;
    module *scale[SCALES]; /* convolutions behind the map itself, its averages by windows, and its whole average */
    module *process[SCALES - 1]; /* parallel: one grouped convolution */
    module *compression, *shortcut;
} context_pool;

static tensor *averaged(graph *g, tensor *x, int i)
{
    if (i == SCALES - 1)
        return op_adaptive_avg_pool(g, x, 1, 1);
    int k = kernels[i - 1], half = k / 2;
    return op_avg_pool(
        g, x, (pool_attr){.kernel = {k, k}, .stride = {half, half}, .pad = {half, half}, .count_include_pad = true});
}

/* The average number i, at the size of the map, added to `to`. */
static tensor *scale_run(const context_pool *s, graph *g, tensor *x, int i, tensor *to)
{
    return op_add(g, resize_like(g, layer_run(s->scale[i], g, averaged(g, x, i)), x, false), to);
}

/* PAPPM: the averages beside each other, through one grouped convolution. */
static tensor *in_parallel(const context_pool *s, graph *g, tensor *x, tensor *first)
{
    features sums = features_new(g, 0);
    for (int i = 1; i < SCALES; i++)
        features_add(g, &sums, scale_run(s, g, x, i, first));
    return layer_run(s->process[0], g, op_concat(g, sums.at, sums.n, -1));
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const context_pool *s = m->state;
    features all = features_new(g, 0);
    tensor *y = layer_run(s->scale[0], g, x);
    features_add(g, &all, y);
    if (s->parallel)
        features_add(g, &all, in_parallel(s, g, x, y));
    for (int i = 1; i < SCALES && !s->parallel; i++) {
        y = layer_run(s->process[i - 1], g, scale_run(s, g, x, i, y));
        features_add(g, &all, y);
    }
    y = layer_run(s->compression, g, op_concat(g, all.at, all.n, -1));
    return op_add(g, y, layer_run(s->shortcut, g, x));
}

/* Norm, activation and convolution, in this order. */
static module *conv_new(module *parent, const char *name, conv_spec conv)
{
    conv_module_spec c = {.conv = conv, .bias = BIAS_NO, .order = ORDER_NORM_ACT_CONV};
    c.norm_cfg = module_literal(parent, "dict(type='BN', momentum=0.1)");
    c.act_cfg = module_literal(parent, "dict(type='ReLU')");
    return conv_module_new(parent, name, c);
}

static module *list_new(module *parent, const char *name)
{
    module *list = module_new(parent, name);
    if (list)
        list->base = true;
    return list;
}

module *context_pool_new(module *parent, const char *name, context_pool_spec c)
{
    module *m = module_new(parent, name);
    context_pool *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = c.parallel ? "PAPPM" : "DAPPM";
    m->base = true;
    m->state = s;
    m->forward = forward;
    s->parallel = c.parallel;
    conv_spec branch = conv_square(c.in, c.channels, 1, 1, 0, 1);
    module *scales = list_new(m, "scales");
    s->scale[0] = conv_new(scales, "0", branch);
    for (int i = 1; i < SCALES; i++) { /* behind a pool, "0" */
        s->scale[i] = sequential_new(scales, module_index(m, i));
        if (s->scale[i])
            s->scale[i]->base = true;
        conv_new(s->scale[i], "1", branch);
    }
    if (c.parallel) {
        conv_spec all = conv_square((SCALES - 1) * c.channels, (SCALES - 1) * c.channels, 3, 1, 1, 1);
        all.groups = SCALES - 1;
        s->process[0] = conv_new(m, "processes", all);
    } else {
        module *list = list_new(m, "processes");
        for (int i = 0; i + 1 < SCALES; i++)
            s->process[i] = conv_new(list, module_index(m, i), conv_square(c.channels, c.channels, 3, 1, 1, 1));
    }
    s->compression = conv_new(m, "compression", conv_square(SCALES * c.channels, c.out, 1, 1, 0, 1));
    s->shortcut = conv_new(m, "shortcut", conv_square(c.in, c.out, 1, 1, 0, 1));
    return model_failed(m->model) ? NULL : m;
}
