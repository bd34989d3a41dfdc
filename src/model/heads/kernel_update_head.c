/* KernelUpdateHead: a stage of IterativeDecodeHead. Masks tell each class's kernel where to look; it is updated by what
 * it finds there, sees the other classes' kernels, and makes a better mask. */
#include <string.h>

#include "model/heads/kernel_update.h"

typedef struct update_config {
    int64_t num_ffn_fcs, num_heads, num_mask_fcs, feedforward_channels, in_channels, out_channels, conv_kernel_size;
    int64_t feat_gather_stride, mask_transform_stride;
    double dropout;
    bool with_ffn;
    const value *act_cfg, *ffn_act_cfg, *feat_transform_cfg, *kernel_updator_cfg;
} update_config;

static const field fields[] = {
    FIELD_IGNORED(num_classes, "there are as many kernels as the kernel_generate_head has classes"),
    FIELD_RANGE(update_config, F_INT, num_ffn_fcs, "2", 2, 64, "linear layers of the FFN"),
    FIELD_RANGE(update_config, F_INT, num_heads, "8", 1, 1 << 16, "heads of the attention between kernels"),
    FIELD_RANGE(update_config, F_INT, num_mask_fcs, "3", 0, 64, "linear layers between a kernel and its mask's"),
    FIELD_RANGE(update_config, F_INT, feedforward_channels, "2048", 1, 1 << 20, "channels inside the FFN"),
    FIELD_RANGE(update_config, F_INT, in_channels, "256", 1, 1 << 20, "channels of a kernel"),
    FIELD_RANGE(update_config, F_INT, out_channels, "256", 1, 1 << 20, "channels of the map that masks are made of"),
    FIELD_RANGE(update_config, F_FLOAT, dropout, "0.0", 0, 1, "of attention weights, and in the FFN"),
    FIELD(update_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation before a mask's kernel"),
    FIELD(update_config, F_VALUE, ffn_act_cfg, "dict(type='ReLU')", "kind of activation in the FFN"),
    FIELD_RANGE(update_config, F_INT, conv_kernel_size, "1", 1, 63, "side of a kernel, odd"),
    FIELD(update_config, F_VALUE, feat_transform_cfg, "None",
          "a ConvModule for the map: its kernel_size (default 1), dilation, groups, bias, conv_cfg, norm_cfg and "
          "act_cfg; None: the map itself"),
    FIELD_IGNORED(kernel_init, "the reference never calls the method that reads it: PyTorch's initial weights stay"),
    FIELD(update_config, F_BOOL, with_ffn, "True", "an FFN follows the attention"),
    FIELD_RANGE(update_config, F_INT, feat_gather_stride, "1", 1, 64, "of feat_transform_cfg's convolution"),
    FIELD_RANGE(update_config, F_INT, mask_transform_stride, "1", 1, 2,
                "2: masks are made of half as many rows and columns (if feat_gather_stride is 1) and doubled"),
    FIELD(update_config, F_VALUE, kernel_updator_cfg, NULL, "dict of a KernelUpdator"),
};
static const field_table table = FIELD_TABLE(fields, update_config);

typedef struct transform_config {
    ints kernel_size, dilation;
    int64_t groups;
    const value *bias, *conv_cfg, *norm_cfg, *act_cfg;
} transform_config;

static const field transform_fields[] = {
    FIELD_RANGE(transform_config, F_INTS, kernel_size, "1", 1, 63, "side, or rows and columns"),
    FIELD_RANGE(transform_config, F_INTS, dilation, "1", 1, 1024, "of rows and columns"),
    FIELD_RANGE(transform_config, F_INT, groups, "1", 1, 1 << 20, "of channels"),
    FIELD(transform_config, F_VALUE, bias, "'auto'", "True, False or 'auto': if there is no norm"),
    FIELD(transform_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(transform_config, F_VALUE, norm_cfg, "None", "kind of normalisation"),
    FIELD(transform_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD_IGNORED(inplace, "memory is planned here, whatever it says"),
    FIELD_IGNORED(efficient_conv_bn_eval, "the numbers are the same"),
    FIELD_FIXED(with_spectral_norm, "False", "the largest singular value of its weights is not divided out"),
    FIELD_FIXED(padding_mode, "'zeros'", "conv_cfg=dict(type='Conv2d', padding_mode=...) has the others"),
    FIELD_FIXED(order, "('conv', 'norm', 'act')", "convolution, norm, activation"),
};
static const field_table transform_table = FIELD_TABLE(transform_fields, transform_config);

typedef struct kernel_update {
    module *attention, *attention_norm, *updator;
    module *transform; /* NULL: none */
    module *ffn, *ffn_norm, *mask_fcs, *fc_mask;
    param *fold_weight, *fold_bias; /* of a transform that is a matrix, applied to kernels instead of the map */
    int64_t map;                    /* channels of the map after the transform */
} kernel_update;

/* ---- building -------------------------------------------------------------------------------------------------- */

static module *layer_norm(module *m, const char *name, int64_t channels)
{
    return norm_new_of(m, name, module_literal(m, "dict(type='LN')"), channels, NORM_OF_TOKENS);
}

/* One number is for both axes. */
static void pair(module *m, const value *at, ints from, int64_t to[2])
{
    if (from.n != 1 && from.n != 2)
        model_fail(m->model, CSEG_CONFIG, at,
                   "%s: kernel_size and dilation of feat_transform_cfg are one number or two", m->name);
    for (int i = 0; i < 2 && from.n; i++)
        to[i] = from.at[i % (int)from.n];
}

/* A transform that is a matrix for each pixel commutes with sums over pixels: it is applied to P kernels, which are far
 * fewer than pixels. With kernels of several taps the padding, zeros behind the transform, stands in the way. */
static void fold(kernel_update *s, const update_config *c, const transform_config *t, const conv_spec *conv)
{
    module *layer = module_child(s->transform, "conv");
    bool plain = layer && strcmp(layer->class_name, "Conv2d") == 0 && conv->kernel[0] * conv->kernel[1] == 1;
    if (!plain || conv->stride[0] != 1 || t->groups != 1 || c->conv_kernel_size != 1 || !value_is_none(t->norm_cfg) ||
        !value_is_none(t->act_cfg))
        return;
    s->fold_weight = module_own(layer, "weight");
    s->fold_bias = module_own(layer, "bias");
}

static void build_transform(module *m, kernel_update *s, const update_config *c)
{
    const value *cfg = c->feat_transform_cfg;
    transform_config t;
    int64_t channels = c->in_channels, stride = c->feat_gather_stride, kernel[2] = {1, 1}, dilation[2] = {1, 1};
    model *mod = m->model;
    if (fields_parse(&transform_table, "feat_transform_cfg", cfg, NULL, mod->mem, &t, &mod->error) != CSEG_OK)
        return;
    pair(m, cfg, t.kernel_size, kernel);
    pair(m, cfg, t.dilation, dilation);
    const char *text = value_text(t.bias);
    bool automatic = text && strcmp(text, "auto") == 0;
    if (!automatic && (!t.bias || t.bias->kind != V_BOOL))
        model_fail(mod, CSEG_CONFIG, value_blame(cfg, "bias"), "%s: bias is True, False or 'auto'", m->name);
    /* The padding follows from the stride, not from the kernel. */
    conv_spec conv = {.in = channels,
                      .out = channels,
                      .kernel = {kernel[0], kernel[1]},
                      .stride = {stride, stride},
                      .pad = {stride / 2, stride / 2},
                      .dilation = {dilation[0], dilation[1]},
                      .groups = t.groups};
    s->transform = conv_module_new(m, "feat_transform",
                                   (conv_module_spec){.conv = conv,
                                                      .bias = automatic            ? BIAS_AUTO
                                                              : value_true(t.bias) ? BIAS_YES
                                                                                   : BIAS_NO,
                                                      .conv_cfg = t.conv_cfg,
                                                      .norm_cfg = t.norm_cfg,
                                                      .act_cfg = t.act_cfg});
    if (s->transform)
        fold(s, c, &t, &conv);
}

static void build_mask_fcs(module *m, kernel_update *s, const update_config *c)
{
    s->mask_fcs = sequential_new(m, "mask_fcs");
    for (int64_t i = 0; i < c->num_mask_fcs; i++) {
        linear_new(s->mask_fcs, module_index(m, 3 * i), c->in_channels, c->in_channels, false);
        layer_norm(s->mask_fcs, module_text(m, "%lld", (long long)(3 * i + 1)), c->in_channels);
        act_new(s->mask_fcs, module_index(m, 3 * i + 2), c->act_cfg);
    }
    s->fc_mask = linear_new(m, "fc_mask", c->in_channels, c->out_channels, true);
}

/* Only notes itself: what the layers need to know is in the shape. */
static void build(module *m)
{
    const update_config *c = m->config;
    m->state = module_state(m, sizeof(kernel_update));
    if (c->conv_kernel_size % 2 == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "conv_kernel_size"),
                   "%s: conv_kernel_size is odd, not %lld: masks would become larger than the map", m->name,
                   (long long)c->conv_kernel_size);
}

static void check_shape(module *m, const update_config *c, const kernel_shape *in)
{
    if (c->feat_transform_cfg && in->map != c->in_channels)
        model_fail(
            m->model, CSEG_CONFIG, module_at(m, "in_channels"),
            "%s: feat_transform_cfg takes in_channels=%lld, but the kernel_generate_head's map has %lld channels",
            m->name, (long long)c->in_channels, (long long)in->map);
    else if (in->numbers % c->in_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"),
                   "%s: the kernels that it gets have %lld numbers, which are no multiple of in_channels=%lld", m->name,
                   (long long)in->numbers, (long long)c->in_channels);
    else if (c->out_channels != in->map)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "out_channels"),
                   "%s: out_channels is %lld, but masks are made of a map of %lld channels", m->name,
                   (long long)c->out_channels, (long long)in->map);
}

module *kernel_update_new(module *parent, const char *name, const value *cfg, kernel_shape *shape)
{
    extern const kind kind_kernel_update_head;
    module *m = module_build_part(parent, name, &kind_kernel_update_head, cfg);
    if (!m)
        return NULL;
    const update_config *c = m->config;
    kernel_update *s = m->state;
    int64_t numbers = c->in_channels * c->conv_kernel_size * c->conv_kernel_size;
    check_shape(m, c, shape);
    s->map = shape->map;
    s->attention = attention_new(
        m, "attention",
        (attention_spec){.channels = numbers, .heads = c->num_heads, .bias = true, .attn_drop = c->dropout});
    s->attention_norm = layer_norm(m, "attention_norm", numbers);
    s->updator = kernel_updator_new(m, "kernel_update_conv", c->kernel_updator_cfg, shape);
    if (s->updator && shape->numbers != numbers)
        model_fail(m->model, CSEG_CONFIG, m->cfg,
                   "%s: its updator makes kernels of %lld numbers, but in_channels=%lld and conv_kernel_size=%lld mean "
                   "%lld",
                   m->name, (long long)shape->numbers, (long long)c->in_channels, (long long)c->conv_kernel_size,
                   (long long)numbers);
    if (c->feat_transform_cfg)
        build_transform(m, s, c);
    if (c->with_ffn) {
        s->ffn = ffn_new(m, "ffn",
                         (ffn_spec){.channels = c->in_channels,
                                    .hidden = c->feedforward_channels,
                                    .num_fcs = c->num_ffn_fcs,
                                    .drop = c->dropout,
                                    .add_identity = true,
                                    .act_cfg = c->ffn_act_cfg});
        s->ffn_norm = layer_norm(m, "ffn_norm", c->in_channels);
    }
    build_mask_fcs(m, s, c);
    return model_failed(m->model) ? NULL : m;
}

/* ---- running --------------------------------------------------------------------------------------------------- */

/* The mean of the map x over each mask's pixels, weighted by a softmax over the masks: [N,P,channels]. */
static tensor *gather(const kernel_update *s, graph *g, tensor *x, tensor *masks)
{
    if (!x || !masks)
        return NULL;
    tensor *share = op_softmax(g, map_tokens(g, op_resize_to(g, masks, x->dim[1], x->dim[2], false)));
    tensor *y = op_matmul(g, share, map_tokens(g, x), true, false);
    if (!y || !s->fold_weight)
        return y;
    y = op_linear(g, y, op_reshape(g, graph_param(g, s->fold_weight), 2, (int64_t[]){s->map, s->map}), NULL);
    if (!s->fold_bias)
        return y;
    tensor *weight = op_reshape(g, op_reduce_sum(g, share, 1 << 1, false), 3, (int64_t[]){x->dim[0], -1, 1});
    return op_add(g, y, op_mul(g, weight, op_reshape(g, graph_param(g, s->fold_bias), 3, (int64_t[]){1, 1, s->map})));
}

/* Kernels [n,P,taps,C] of other channels, numbers as the reference counts them: channel by channel. */
static tensor *with_channels(graph *g, tensor *kernels, int64_t channels)
{
    if (!kernels || kernels->dim[3] == channels)
        return kernels;
    int64_t dim[4] = {kernels->dim[0], kernels->dim[1], channels, -1};
    kernels = op_reshape(g, op_transpose(g, kernels, (int[]){0, 1, 3, 2}), 4, dim);
    return op_transpose(g, kernels, (int[]){0, 1, 3, 2});
}

/* Masks [N,h,w,P] of the map x [N,h,w,C] by kernels [N,P,1,C], which are rows of a matrix. */
static tensor *masks_by_rows(const kernel_update *s, graph *g, tensor *x, tensor *kernels)
{
    int64_t n = x->dim[0], p = kernels->dim[1];
    kernels = op_reshape(g, kernels, 3, (int64_t[]){n, p, s->map});
    tensor *rows = kernels;
    if (s->fold_weight) {
        tensor *w = op_reshape(g, graph_param(g, s->fold_weight), 2, (int64_t[]){s->map, s->map});
        rows = op_matmul(g, kernels, w, false, false);
    }
    tensor *y = op_matmul(g, map_tokens(g, x), rows, false, true);
    if (s->fold_bias) {
        tensor *bias =
            op_matmul(g, kernels, op_reshape(g, graph_param(g, s->fold_bias), 2, (int64_t[]){s->map, 1}), false, false);
        y = op_add(g, y, op_reshape(g, bias, 3, (int64_t[]){n, 1, p}));
    }
    return op_reshape(g, y, 4, (int64_t[]){n, x->dim[1], x->dim[2], p});
}

/* The same by kernels of side * side taps: a convolution for each image, by its own kernels. */
static tensor *masks_by_convolution(graph *g, tensor *x, tensor *kernels, int64_t side)
{
    conv_attr a = {.stride = {1, 1}, .pad = {(int)side / 2, (int)side / 2}, .dilation = {1, 1}, .groups = 1};
    int64_t dim[4] = {kernels->dim[1], kernels->dim[3], side, side};
    features masks = features_new(g, 0);
    kernels = op_transpose(g, kernels, (int[]){0, 1, 3, 2});
    for (int64_t i = 0; i < x->dim[0]; i++) {
        tensor *own = op_reshape(g, op_slice(g, kernels, 0, i, 1), 4, dim);
        features_add(g, &masks, op_conv2d(g, op_slice(g, x, 0, i, 1), own, NULL, a));
    }
    return op_concat(g, masks.at, masks.n, 0);
}

/* Halves or doubles rows and columns, as torch's interpolate does with a scale_factor. */
static tensor *scaled(graph *g, tensor *x, double by)
{
    if (!x)
        return NULL;
    int64_t h = (int64_t)((double)x->dim[1] * by), w = (int64_t)((double)x->dim[2] * by);
    return op_resize(g, x, (resize_attr){.h = h, .w = w, .scale_h = by, .scale_w = by});
}

static tensor *make_masks(const update_config *c, const kernel_update *s, graph *g, tensor *x, tensor *kernels)
{
    bool halved = c->mask_transform_stride == 2;
    kernels = layer_run(s->fc_mask, g, layer_run(s->mask_fcs, g, kernels));
    if (halved && c->feat_gather_stride == 1)
        x = scaled(g, x, 0.5);
    if (!x || !kernels)
        return NULL;
    tensor *y = c->conv_kernel_size == 1 ? masks_by_rows(s, g, x, kernels)
                                         : masks_by_convolution(g, x, kernels, c->conv_kernel_size);
    return halved ? scaled(g, y, 2) : y;
}

void kernel_update_run(module *m, graph *g, tensor *x, tensor **kernels, tensor **masks)
{
    const update_config *c = m->config;
    const kernel_update *s = m->state;
    graph_push_scope(g, m->name);
    if (s->transform && !s->fold_weight)
        x = layer_run(s->transform, g, x);
    tensor *found = gather(s, g, x, *masks);
    tensor *k = kernel_updator_run(s->updator, g, found, with_channels(g, *kernels, c->in_channels));
    k = layer_run(s->attention_norm, g, attention_run(s->attention, g, (attention_inputs){.query = k}));
    if (k)
        k = op_reshape(g, k, 4, (int64_t[]){k->dim[0], k->dim[1], -1, c->in_channels});
    if (s->ffn)
        k = layer_run(s->ffn_norm, g, ffn_run(s->ffn, g, k, NULL));
    *masks = make_masks(c, s, g, x, k);
    *kernels = k;
    graph_pop_scope(g);
}

const kind kind_kernel_update_head = {
    .family = FAMILY_PART,
    .name = "KernelUpdateHead",
    .about = "A stage of IterativeDecodeHead: kernels are updated by what they find in the map, then make its masks.",
    .fields = &table,
    .build = build,
};
