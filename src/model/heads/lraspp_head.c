/* LRASPPHead: MobileNetV3's coarse map, weighed by averages of large windows, beside its finer ones (Howard et al.
 * 2019, arXiv:1905.02244). */
#include <string.h>

#include "model/heads/decode_head.h"

typedef struct lraspp_config {
    head_config head;
    ints branch_channels;
} lraspp_config;

/* Of the average pool, which is made for maps of 64 x 128 pixels: of 512 x 1024 at stride 8. */
enum { WINDOW = 49, STRIDE_H = 16, STRIDE_W = 20 };

static const field fields[] = {
    HEAD_FIELDS(lraspp_config),
    FIELD_RANGE(lraspp_config, F_INT_LIST, branch_channels, "(32, 64)", 1, 1 << 20,
                "channels that each of the finer maps gets"),
};
static const field_table table = FIELD_TABLE(fields, lraspp_config);

typedef struct lraspp_head {
    decode_head base;
    module *convs, *conv_ups; /* a child for each of the finer maps */
    module *up_input, *aspp, *pool;
} lraspp_head;

static bool check_maps(module *m, const lraspp_config *c)
{
    size_t maps = c->head.in_channels.n, branches = c->branch_channels.n;
    if (!c->head.input_transform || strcmp(c->head.input_transform, "multiple_select") != 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "input_transform"),
                   "LRASPPHead takes its maps one by one: input_transform='multiple_select'");
    else if (branches + 1 != maps || maps < 3)
        model_fail(
            m->model, CSEG_CONFIG, module_at(m, "branch_channels"),
            "LRASPPHead: branch_channels has %zu entries for %zu maps; it has one for each map but the last, and "
            "at least two",
            branches, maps);
    return !model_failed(m->model);
}

/* A 1x1 ConvModule without bias; conv_cfg reaches none of them in MMSegmentation. */
static module *conv_new(module *parent, const char *name, int64_t in, int64_t out, const value *norm, const value *act)
{
    return conv_module_new(
        parent, name,
        (conv_module_spec){
            .conv = conv_square(in, out, 1, 1, 0, 1), .bias = BIAS_NO, .norm_cfg = norm, .act_cfg = act});
}

static void build(module *m)
{
    const lraspp_config *c = m->config;
    head_takes_maps(m);
    if (!check_maps(m, c) || !head_begin(m, sizeof(lraspp_head)))
        return;
    lraspp_head *h = m->state;
    const head_config *k = &c->head;
    int64_t channels = k->channels;
    h->convs = sequential_new(m, "convs");
    h->conv_ups = sequential_new(m, "conv_ups");
    for (size_t i = 0; i < c->branch_channels.n; i++) {
        int64_t branch = c->branch_channels.at[i];
        conv2d_new(h->convs, module_text(m, "conv%zu", i), NULL, conv_square(k->in_channels.at[i], branch, 1, 1, 0, 1));
        conv_new(h->conv_ups, module_text(m, "conv_up%zu", i), channels + branch, channels, k->norm_cfg, k->act_cfg);
    }
    h->up_input = pointwise_conv_new(m, "conv_up_input", channels, channels);
    h->aspp = conv_new(m, "aspp_conv", k->in_channels.at[k->in_channels.n - 1], channels, k->norm_cfg, k->act_cfg);
    module *pool = sequential_new(m, "image_pool");
    avg_pool_new(pool, "0", (pool_attr){.kernel = {WINDOW, WINDOW}, .stride = {STRIDE_H, STRIDE_W}});
    conv_new(pool, "1", k->in_channels.at[2], channels, NULL, module_literal(m, "dict(type='Sigmoid')"));
    h->pool = pool;
}

/* The coarse map [N,h,w,channels], weighed by what large windows of it hold. */
static tensor *weighed(const lraspp_head *h, graph *g, tensor *x, bool align_corners)
{
    if (x && (x->dim[1] < WINDOW || x->dim[2] < WINDOW))
        return graph_fail(g, CSEG_SHAPE,
                          "LRASPPHead averages windows of %d x %d pixels, but its map has %lld x %lld: it needs a "
                          "larger image",
                          WINDOW, WINDOW, (long long)x->dim[1], (long long)x->dim[2]);
    tensor *weight = layer_run(h->pool, g, x);
    return op_mul(g, layer_run(h->aspp, g, x), x ? resize_like(g, weight, x, align_corners) : NULL);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const lraspp_config *c = m->config;
    const lraspp_head *h = m->state;
    features f = head_inputs(m, g, io);
    if (!f.n)
        return (head_out){0};
    tensor *x = layer_run(h->up_input, g, weighed(h, g, f.at[f.n - 1], c->head.align_corners));
    for (int i = f.n - 2; i >= 0; i--) {
        x = resize_like(g, x, f.at[i], c->head.align_corners);
        x = op_concat(g, (tensor *[]){x, layer_run(h->convs->children.at[i], g, f.at[i])}, 2, -1);
        x = layer_run(h->conv_ups->children.at[i], g, x);
    }
    return (head_out){.logits = head_classify(m, g, x)};
}

const kind kind_lraspp_head = {
    .family = FAMILY_HEAD,
    .name = "LRASPPHead",
    .about = "A coarse map weighed by averages of large windows, beside finer ones (arXiv:1905.02244).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
