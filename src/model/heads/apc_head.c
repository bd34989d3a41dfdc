/* APCHead: each pixel gathers from a map's averages over grids of several sizes, by weights that it and the whole map
 * give (He et al. 2019, CVPR). */
#include "model/heads/decode_head.h"

typedef struct apc_config {
    head_config head;
    ints pool_scales;
    bool fusion;
} apc_config;

static const field fields[] = {
    HEAD_FIELDS(apc_config),
    FIELD_RANGE(apc_config, F_INT_LIST, pool_scales, "(1, 2, 3, 6)", 1, 256, "sides of the grids"),
    FIELD(apc_config, F_BOOL, fusion, "True", "a further convolution ends each of them"),
};
static const field_table table = FIELD_TABLE(fields, apc_config);

typedef struct apc_head {
    decode_head base;
    module *contexts, *bottleneck;
} apc_head;

/* The reference's ACM. */
typedef struct context {
    int64_t side;
    module *pooled, *input, *global, *weights, *residual, *fusion; /* fusion NULL: none */
} context;

static tensor *run_context(module *m, graph *g, tensor *x)
{
    const context *s = m->state;
    tensor *pooled = layer_run(s->pooled, g, op_adaptive_avg_pool(g, x, s->side, s->side));
    x = layer_run(s->input, g, x);
    tensor *whole = layer_run(s->global, g, op_adaptive_avg_pool(g, x, 1, 1));
    tensor *weights = layer_run(s->weights, g, op_add(g, x, whole));
    if (!weights || !pooled)
        return NULL;
    int64_t n = x->dim[0], cells = s->side * s->side;
    weights = op_sigmoid(g, op_reshape(g, weights, 3, (int64_t[]){n, -1, cells}));
    tensor *y = op_matmul(g, weights, op_reshape(g, pooled, 3, (int64_t[]){n, cells, pooled->dim[3]}), false, false);
    y = layer_run(s->residual, g, op_reshape(g, y, 4, x->dim));
    y = op_relu(g, op_add(g, y, x));
    return s->fusion ? layer_run(s->fusion, g, y) : y;
}

static void context_new(module *m, module *list, size_t i)
{
    const apc_config *c = m->config;
    module *all = module_new(list, module_index(m, (int64_t)i));
    context *s = module_state(all, sizeof *s);
    if (!s)
        return;
    int64_t in = ((decode_head *)m->state)->in_channels, channels = c->head.channels;
    s->side = c->pool_scales.at[i];
    all->state = s;
    all->forward = run_context;
    s->pooled = head_conv(m, all, "pooled_redu_conv", in, channels, 1);
    s->input = head_conv(m, all, "input_redu_conv", in, channels, 1);
    s->global = head_conv(m, all, "global_info", channels, channels, 1);
    s->weights = pointwise_conv_new(all, "gla", channels, s->side * s->side);
    s->residual = head_conv(m, all, "residual_conv", channels, channels, 1);
    if (c->fusion)
        s->fusion = head_conv(m, all, "fusion_conv", channels, channels, 1);
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(apc_head)))
        return;
    const apc_config *c = m->config;
    apc_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    h->contexts = module_new(m, "acm_modules");
    for (size_t i = 0; i < c->pool_scales.n; i++)
        context_new(m, h->contexts, i);
    h->bottleneck = head_conv(m, m, "bottleneck", in + (int64_t)c->pool_scales.n * channels, channels, 3);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    apc_head *h = m->state;
    tensor *x = head_input(m, g, io), *y = layer_run(h->bottleneck, g, branches_run(h->contexts, g, x, x));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_apc_head = {
    .family = FAMILY_HEAD,
    .name = "APCHead",
    .about = "Each pixel gathers from averages over grids of several sizes, by weights that it and the whole map give "
             "(He et al. 2019).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
