/* DMHead: convolutions of several sizes, each channel by a kernel that the image itself gives (He et al. 2019, ICCV).
 */
#include "model/heads/decode_head.h"

typedef struct dm_config {
    head_config head;
    ints filter_sizes;
    bool fusion;
} dm_config;

static const field fields[] = {
    HEAD_FIELDS(dm_config),
    FIELD_RANGE(dm_config, F_INT_LIST, filter_sizes, "(1, 3, 5, 7)", 1, 63, "sides of the kernels"),
    FIELD(dm_config, F_BOOL, fusion, "False", "a further convolution ends each of them"),
};
static const field_table table = FIELD_TABLE(fields, dm_config);

typedef struct dm_head {
    decode_head base;
    module *filters, *bottleneck;
} dm_head;

/* The reference's DCM. */
typedef struct filter {
    int side;
    module *kernel, *input, *norm, *act, *fusion; /* norm, fusion NULL: none */
} filter;

/* Each channel of each image of x [N,h,w,C] by a kernel of its own, kernel [N,side,side,C]: a depthwise convolution of
 * one image with N * C channels. An even side sees one row and column more above and left than below and right. */
static tensor *filtered(graph *g, tensor *x, tensor *kernel, int side)
{
    if (!x || !kernel)
        return NULL;
    int64_t n = x->dim[0], h = x->dim[1], w = x->dim[2], c = x->dim[3], planes = n * c;
    tensor *one = op_reshape(g, op_transpose(g, x, (int[]){1, 2, 0, 3}), 4, (int64_t[]){1, h, w, planes});
    kernel = op_reshape(g, op_transpose(g, kernel, (int[]){0, 3, 1, 2}), 4, (int64_t[]){planes, 1, side, side});
    conv_attr a = {.stride = {1, 1}, .pad = {side / 2, side / 2}, .dilation = {1, 1}, .groups = (int)planes};
    tensor *y = op_conv2d(g, one, kernel, NULL, a);
    if (side % 2 == 0)
        y = op_slice(g, op_slice(g, y, 1, 0, h), 2, 0, w);
    return op_transpose(g, op_reshape(g, y, 4, (int64_t[]){h, w, n, c}), (int[]){2, 0, 1, 3});
}

static tensor *run_filter(module *m, graph *g, tensor *x)
{
    const filter *s = m->state;
    tensor *kernel = layer_run(s->kernel, g, op_adaptive_avg_pool(g, x, s->side, s->side));
    tensor *y = filtered(g, layer_run(s->input, g, x), kernel, s->side);
    if (s->norm)
        y = layer_run(s->norm, g, y);
    y = layer_run(s->act, g, y);
    return s->fusion ? layer_run(s->fusion, g, y) : y;
}

static void filter_new(module *m, module *list, size_t i)
{
    const dm_config *c = m->config;
    module *all = module_new(list, module_index(m, (int64_t)i));
    filter *s = module_state(all, sizeof *s);
    if (!s)
        return;
    int64_t in = ((decode_head *)m->state)->in_channels, channels = c->head.channels;
    s->side = (int)c->filter_sizes.at[i];
    all->state = s;
    all->forward = run_filter;
    s->kernel = pointwise_conv_new(all, "filter_gen_conv", in, channels);
    s->input = head_conv(m, all, "input_redu_conv", in, channels, 1);
    if (!value_is_none(c->head.norm_cfg))
        s->norm = norm_new(all, "norm", c->head.norm_cfg, channels);
    s->act = act_new(all, "activate", c->head.act_cfg);
    if (c->fusion)
        s->fusion = head_conv(m, all, "fusion_conv", channels, channels, 1);
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(dm_head)))
        return;
    const dm_config *c = m->config;
    dm_head *h = m->state;
    int64_t in = h->base.in_channels, channels = c->head.channels;
    if (value_is_none(c->head.act_cfg))
        model_fail(
            m->model, CSEG_CONFIG, module_at(m, "act_cfg"),
            "%s: act_cfg=None is not possible here: an activation follows each filter; leave act_cfg out for ReLU",
            m->name);
    h->filters = module_new(m, "dcm_modules");
    for (size_t i = 0; i < c->filter_sizes.n; i++)
        filter_new(m, h->filters, i);
    h->bottleneck = head_conv(m, m, "bottleneck", in + (int64_t)c->filter_sizes.n * channels, channels, 3);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    dm_head *h = m->state;
    tensor *x = head_input(m, g, io), *y = layer_run(h->bottleneck, g, branches_run(h->filters, g, x, x));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_dm_head = {
    .family = FAMILY_HEAD,
    .name = "DMHead",
    .about = "Convolutions of several sizes, each channel by a kernel that the image itself gives (He et al. 2019).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
