/* BiSeNetV2: a wide, shallow branch for detail beside a narrow, deep one for meaning; each says what of the other
 * counts (Yu et al. 2020, arXiv:2004.02147). */
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct bisenet_config {
    int64_t in_channels, semantic_expansion_ratio, bga_channels;
    ints detail_channels, semantic_channels, out_indices;
    bool align_corners;
    const value *init_cfg;
} bisenet_config;

enum { STAGES_MAX = 16 };

static const field fields[] = {
    FIELD_RANGE(bisenet_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(bisenet_config, F_INTS, detail_channels, "(64, 64, 128)", 1, 1 << 16,
                "of each stage of the branch for detail"),
    FIELD_RANGE(bisenet_config, F_INTS, semantic_channels, "(16, 32, 64, 128)", 1, 1 << 16,
                "of each stage of the branch for meaning"),
    FIELD_RANGE(bisenet_config, F_INT, semantic_expansion_ratio, "6", 1, 64,
                "times the channels are inside that branch's layers"),
    FIELD_RANGE(bisenet_config, F_INT, bga_channels, "128", 1, 1 << 16, "of both branches' last maps"),
    FIELD_RANGE(bisenet_config, F_INTS, out_indices, "(0, 1, 2, 3, 4)", -STAGES_MAX - 1, STAGES_MAX,
                "of the joined map (0) and those of the branch for meaning, the ones that are given"),
    FIELD(bisenet_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD_IGNORED(conv_cfg, "the reference hands it to no layer"),
    FIELD_IGNORED(norm_cfg, "the reference hands it to no layer: all are batch norms"),
    FIELD_IGNORED(act_cfg, "the reference hands it to no layer: all are ReLU"),
    FIELD(bisenet_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, bisenet_config);

typedef struct stem_block {
    module *first, *left, *last;
} stem_block;

typedef struct expansion {
    module *narrow, *wide, *project;
    module *shortcut; /* without children: the input itself */
} expansion;

typedef struct embedding {
    module *norm, *conv, *last;
} embedding;

/* What each branch says of itself at its own size and at the other's. */
typedef struct aggregation {
    module *detail, *detail_down, *semantic, *semantic_small, *last;
    bool align_corners;
} aggregation;

typedef struct bisenet {
    module *detail, *embed, *join;
    module *stage[STAGES_MAX];
} bisenet;

static module *conv(module *parent, const char *name, conv_spec s)
{
    return conv_module_new(parent, name, conv_bn_relu(parent, s));
}

static module *conv_without_act(module *parent, const char *name, conv_spec s)
{
    conv_module_spec c = conv_bn_relu(parent, s);
    c.act_cfg = NULL;
    return conv_module_new(parent, name, c);
}

/* Makes a part that is a BaseModule in the reference; NULL after an error. */
static module *part_new(module *parent, const char *name, tensor *(*forward)(module *m, graph *g, tensor *x),
                        size_t state_size)
{
    module *m = module_new(parent, name);
    if (!m)
        return NULL;
    m->base = true;
    m->forward = forward;
    m->state = module_state(m, state_size);
    return m->state ? m : NULL;
}

/* ---- the branch for detail -------------------------------------------------------------------------------------- */

static module *detail_new(module *m, const bisenet_config *c)
{
    module *branch = module_new(m, "detail"), *list = sequential_new(branch, "detail_branch");
    int64_t in = c->in_channels;
    for (size_t i = 0; i < c->detail_channels.n; i++) {
        module *stage = sequential_new(list, module_index(m, (int64_t)i));
        int64_t out = c->detail_channels.at[i], convs = i ? 3 : 2;
        for (int64_t k = 0; k < convs; k++)
            conv(stage, module_index(m, k), conv_square(k ? out : in, out, 3, k ? 1 : 2, 1, 1));
        in = out;
    }
    if (branch)
        branch->base = true;
    return list;
}

/* ---- the branch for meaning ------------------------------------------------------------------------------------- */

static tensor *run_stem(module *m, graph *g, tensor *x)
{
    const stem_block *s = m->state;
    x = layer_run(s->first, g, x);
    tensor *left = layer_run(s->left, g, x);
    tensor *right = op_max_pool(g, x, (pool_attr){.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}});
    return layer_run(s->last, g, op_concat(g, (tensor *[]){left, right}, 2, -1));
}

static module *stem_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = part_new(parent, name, run_stem, sizeof(stem_block));
    if (!m)
        return NULL;
    stem_block *s = m->state;
    s->first = conv(m, "conv_first", conv_square(in, out, 3, 2, 1, 1));
    s->left = sequential_new(m, "convs");
    conv(s->left, "0", conv_square(out, out / 2, 1, 1, 0, 1));
    conv(s->left, "1", conv_square(out / 2, out, 3, 2, 1, 1));
    s->last = conv(m, "fuse_last", conv_square(2 * out, out, 3, 1, 1, 1));
    return m;
}

/* mmseg's GELayer: depthwise convolutions over more channels, then back. */
static tensor *run_expansion(module *m, graph *g, tensor *x)
{
    const expansion *s = m->state;
    tensor *y = layer_run(s->project, g, layer_run(s->wide, g, layer_run(s->narrow, g, x)));
    return op_relu(g, op_add(g, y, layer_run(s->shortcut, g, x)));
}

/* A depthwise convolution with batch norm, then a 1x1 convolution: with batch norm or, `plain`, with bias. */
static module *separable_new(module *parent, conv_spec s, bool plain)
{
    const value *norm = module_literal(parent, "dict(type='BN')");
    separable_conv_spec c = separable_conv(s, NULL, norm, NULL);
    c.pointwise.norm_cfg = plain ? NULL : norm;
    return separable_conv_new(parent, "0", c);
}

static void expansion_new(module *parent, const char *name, int64_t in, int64_t out, int64_t ratio, int64_t stride)
{
    module *m = part_new(parent, name, run_expansion, sizeof(expansion));
    if (!m)
        return;
    expansion *s = m->state;
    int64_t wide = in * ratio;
    conv_spec grow = conv_square(in, wide, 3, stride, 1, 1), again = conv_square(wide, wide, 3, 1, 1, 1);
    grow.groups = in;
    again.groups = wide;
    s->narrow = conv(m, "conv1", conv_square(in, in, 3, 1, 1, 1));
    s->wide = sequential_new(m, "dwconv");
    if (stride == 1) {
        conv(s->wide, "0", grow);
    } else {
        conv_without_act(s->wide, "0", grow);
        conv(s->wide, "1", again);
    }
    s->shortcut = sequential_new(m, "shortcut");
    if (stride != 1)
        separable_new(s->shortcut, conv_square(in, out, 3, stride, 1, 1), false);
    s->project = sequential_new(m, "conv2");
    conv_without_act(s->project, "0", conv_square(wide, out, 1, 1, 0, 1));
}

/* mmseg's CEBlock: the average of the whole map is added to each pixel. */
static tensor *run_embedding(module *m, graph *g, tensor *x)
{
    const embedding *s = m->state;
    tensor *whole = layer_run(s->conv, g, layer_run(s->norm, g, op_adaptive_avg_pool(g, x, 1, 1)));
    return layer_run(s->last, g, op_add(g, x, whole));
}

static module *embedding_new(module *parent, const char *name, int64_t channels)
{
    module *m = part_new(parent, name, run_embedding, sizeof(embedding));
    if (!m)
        return NULL;
    embedding *s = m->state;
    s->norm = norm_new(sequential_new(m, "gap"), "1", module_literal(m, "dict(type='BN')"), channels);
    s->conv = conv(m, "conv_gap", conv_square(channels, channels, 1, 1, 0, 1));
    s->last = conv(m, "conv_last", conv_square(channels, channels, 3, 1, 1, 1));
    return m;
}

static void semantic_new(module *m, bisenet *s, const bisenet_config *c)
{
    module *branch = module_new(m, "semantic");
    const ints *channels = &c->semantic_channels;
    int64_t n = (int64_t)channels->n, ratio = c->semantic_expansion_ratio;
    if (branch)
        branch->base = true;
    s->stage[0] = stem_new(branch, "stage1", c->in_channels, channels->at[0]);
    for (int64_t i = 1; i < n; i++) {
        int64_t out = channels->at[i], layers = i == n - 1 ? 4 : 2;
        s->stage[i] = sequential_new(branch, module_text(m, "stage%d", (int)i + 1));
        for (int64_t k = 0; k < layers; k++)
            expansion_new(s->stage[i], module_index(m, k), k ? out : channels->at[i - 1], out, ratio, k ? 1 : 2);
    }
    s->embed = embedding_new(branch, module_text(m, "stage%d_CEBlock", (int)n), channels->at[n - 1]);
}

/* ---- both together ---------------------------------------------------------------------------------------------- */

/* Each branch's map, weighted by what the other says at its size; both sums at the larger size. */
static tensor *aggregate(module *m, graph *g, tensor *detail, tensor *semantic)
{
    const aggregation *s = m->state;
    graph_push_scope(g, m->name);
    tensor *large = layer_run(s->detail, g, detail), *small = layer_run(s->detail_down, g, detail);
    tensor *says = resize_like(g, layer_run(s->semantic, g, semantic), large, s->align_corners);
    large = op_mul(g, large, op_sigmoid(g, says));
    small = op_mul(g, small, op_sigmoid(g, layer_run(s->semantic_small, g, semantic)));
    tensor *y = layer_run(s->last, g, op_add(g, large, resize_like(g, small, large, s->align_corners)));
    graph_pop_scope(g);
    return y;
}

static module *aggregation_new(module *parent, const char *name, int64_t channels, bool align_corners)
{
    module *m = part_new(parent, name, NULL, sizeof(aggregation));
    if (!m)
        return NULL;
    aggregation *s = m->state;
    conv_spec same = conv_square(channels, channels, 3, 1, 1, 1);
    s->align_corners = align_corners;
    separable_new(s->detail = sequential_new(m, "detail_dwconv"), same, true);
    s->detail_down = sequential_new(m, "detail_down");
    conv_without_act(s->detail_down, "0", conv_square(channels, channels, 3, 2, 1, 1));
    avg_pool_new(s->detail_down, "1",
                 (pool_attr){.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}, .count_include_pad = true});
    s->semantic = sequential_new(m, "semantic_conv");
    conv_without_act(s->semantic, "0", same);
    separable_new(s->semantic_small = sequential_new(m, "semantic_dwconv"), same, true);
    s->last = conv(m, "conv", same);
    return m;
}

static bool check(module *m, const bisenet_config *c)
{
    const ints *d = &c->detail_channels, *s = &c->semantic_channels;
    if (!d->n || s->n != d->n + 1 || s->n > STAGES_MAX)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "semantic_channels"),
                   "BiSeNetV2: semantic_channels has one entry more than detail_channels, or the branches' maps do not "
                   "meet, and at most %d; not %zu and %zu",
                   STAGES_MAX, s->n, d->n);
    else if (d->at[d->n - 1] != c->bga_channels || s->at[s->n - 1] != c->bga_channels)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "bga_channels"),
                   "BiSeNetV2: both branches end with bga_channels = %lld channels, but detail_channels ends with %lld "
                   "and semantic_channels with %lld",
                   (long long)c->bga_channels, (long long)d->at[d->n - 1], (long long)s->at[s->n - 1]);
    return out_maps_check(m, c->out_indices, (int64_t)s->n + 1);
}

static void build(module *m)
{
    const bisenet_config *c = m->config;
    bisenet *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c))
        return;
    init_choose(m, c->init_cfg, NULL,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    s->detail = detail_new(m, c);
    semantic_new(m, s, c);
    s->join = aggregation_new(m, "bga", c->bga_channels, c->align_corners);
    m->model->in_channels = (int)c->in_channels;
}

/* The joined map, then those of the branch for meaning, but for its last: that is joined. */
static features forward(module *m, graph *g, tensor *x)
{
    const bisenet_config *c = m->config;
    bisenet *s = m->state;
    features maps = features_new(g, 1);
    tensor *detail = layer_run(s->detail, g, x);
    for (size_t i = 0; i < c->semantic_channels.n; i++)
        features_add(g, &maps, x = layer_run(s->stage[i], g, x));
    if (maps.n)
        maps.at[0] = aggregate(s->join, g, detail, layer_run(s->embed, g, x));
    return out_maps(g, maps, c->out_indices);
}

const kind kind_bisenet_v2 = {
    .family = FAMILY_BACKBONE,
    .name = "BiSeNetV2",
    .about = "A wide, shallow branch for detail beside a narrow, deep one for meaning (arXiv:2004.02147).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
