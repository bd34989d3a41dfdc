/* PoolFormer of mmpretrain: a transformer with average pooling in the place of attention (Yu et al. 2021,
 * arXiv:2111.11418). Its network is one list, in which a convolution that makes maps smaller stands between stages. */
#include "model/backbones/named_arch.h"
#include "model/backbones/out_indices.h"
#include "model/layers/layers.h"

typedef struct poolformer_config {
    const value *arch, *norm_cfg, *act_cfg, *init_cfg;
    int64_t pool_size, in_patch_size, in_stride, in_pad, down_patch_size, down_stride, down_pad, frozen_stages;
    double drop_rate, drop_path_rate;
    ints out_indices;
} poolformer_config;

enum { STAGES_MAX = 16, PARTS_MAX = 2 * STAGES_MAX, COUNTED = 7, CHANNELS = 3 };

static const field fields[] = {
    FIELD(
        poolformer_config, F_VALUE, arch, "'s12'",
        "s12, s24, s36, m36, m48, or a dict of `layers` and `embed_dims`, and `mlp_ratios`, `layer_scale_init_value`"),
    FIELD_RANGE(poolformer_config, F_INT, pool_size, "3", 1, 1023, "side of the windows that are averaged; odd"),
    FIELD(poolformer_config, F_VALUE, norm_cfg, "dict(type='GN', num_groups=1)", "kind of normalisation"),
    FIELD(poolformer_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),
    FIELD_RANGE(poolformer_config, F_INT, in_patch_size, "7", 1, 1024, "side of the first convolution"),
    FIELD_RANGE(poolformer_config, F_INT, in_stride, "4", 1, 1024, "its stride"),
    FIELD_RANGE(poolformer_config, F_INT, in_pad, "2", 0, 1024, "its padding"),
    FIELD_RANGE(poolformer_config, F_INT, down_patch_size, "3", 1, 1024, "side of the convolutions between stages"),
    FIELD_RANGE(poolformer_config, F_INT, down_stride, "2", 1, 1024, "their stride"),
    FIELD_RANGE(poolformer_config, F_INT, down_pad, "1", 0, 1024, "their padding"),
    FIELD_RANGE(poolformer_config, F_FLOAT, drop_rate, "0", 0, 1, "dropout in the layers over channels"),
    FIELD_RANGE(poolformer_config, F_FLOAT, drop_path_rate, "0", 0, 1,
                "an image's probability to skip the last block in training; it grows evenly from 0"),
    FIELD_RANGE(poolformer_config, F_INTS, out_indices, "-1", -COUNTED, PARTS_MAX,
                "parts of the network whose maps are given: 0, 2, 4 and 6 are the stages, 1, 3 and 5 the convolutions "
                "between; negative ones count from behind part 6"),
    FIELD_RANGE(poolformer_config, F_INT, frozen_stages, "0", -1, PARTS_MAX,
                "as many parts of the network do not learn; unless it is -1, nor does the first convolution"),
    FIELD(poolformer_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, poolformer_config);

typedef struct sizes {
    ints layers, embed_dims;
    floats mlp_ratios;
    double layer_scale_init_value;
} sizes;
static const field size_fields[] = {
    FIELD_RANGE(sizes, F_INTS, layers, NULL, 0, 1024, "blocks of each stage"),
    FIELD_RANGE(sizes, F_INTS, embed_dims, NULL, 1, 1 << 16, "channels of each stage"),
    FIELD_RANGE(sizes, F_FLOATS, mlp_ratios, "(4, 4, 4, 4)", 1e-4, 1e4, "channels between the two layers, in times"),
    FIELD(sizes, F_FLOAT, layer_scale_init_value, "1e-5", "initial factors of each block's channels"),
};
/* The reference reads these and accepts any other key. */
static const field_table size_table = {size_fields, sizeof size_fields / sizeof *size_fields, sizeof(sizes), true};

static const named_arch known[] = {
    {"s12", "dict(layers=[2, 2, 6, 2], embed_dims=[64, 128, 320, 512])"},
    {"s24", "dict(layers=[4, 4, 12, 4], embed_dims=[64, 128, 320, 512])"},
    {"s36", "dict(layers=[6, 6, 18, 6], embed_dims=[64, 128, 320, 512], layer_scale_init_value=1e-6)"},
    {"m36", "dict(layers=[6, 6, 18, 6], embed_dims=[96, 192, 384, 768], layer_scale_init_value=1e-6)"},
    {"m48", "dict(layers=[8, 8, 24, 8], embed_dims=[96, 192, 384, 768], layer_scale_init_value=1e-6)"},
};

/* ---- a block --------------------------------------------------------------------------------------------------- */

typedef struct block {
    param *scale[2];
    module *norm[2], *mlp, *drop_path;
    int pool; /* side of the windows */
} block;

static tensor *branch(const block *s, graph *g, tensor *x, tensor *y, int i)
{
    return op_add(g, x, layer_run(s->drop_path, g, channel_scale(g, y, s->scale[i])));
}

static tensor *run_block(module *m, graph *g, tensor *x)
{
    const block *s = m->state;
    pool_attr window = {.kernel = {s->pool, s->pool}, .stride = {1, 1}, .pad = {s->pool / 2, s->pool / 2}};
    tensor *y = layer_run(s->norm[0], g, x);
    x = branch(s, g, x, op_sub(g, op_avg_pool(g, y, window), y), 0);
    return branch(s, g, x, layer_run(s->mlp, g, layer_run(s->norm[1], g, x)), 1);
}

typedef struct mlp {
    module *fc1, *act, *fc2, *drop;
} mlp;

static tensor *run_mlp(module *m, graph *g, tensor *x)
{
    const mlp *s = m->state;
    x = layer_run(s->drop, g, layer_run(s->act, g, layer_run(s->fc1, g, x)));
    return layer_run(s->drop, g, layer_run(s->fc2, g, x));
}

static module *mlp_new(module *parent, int64_t channels, int64_t hidden, double drop, const value *act_cfg)
{
    module *m = module_new(parent, "mlp");
    mlp *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "Mlp";
    m->state = s;
    m->forward = run_mlp;
    s->fc1 = pointwise_conv_new(m, "fc1", channels, hidden);
    s->act = act_new(m, "act", act_cfg);
    s->fc2 = pointwise_conv_new(m, "fc2", hidden, channels);
    s->drop = dropout_new(m, "drop", drop);
    return m;
}

/* `skip` is the block's probability to be skipped. */
static void block_new(module *parent, const char *name, const poolformer_config *c, const sizes *of, int64_t stage,
                      double drop, double skip)
{
    module *m = module_new(parent, name);
    block *s = module_state(m, sizeof *s);
    int64_t channels = of->embed_dims.at[stage];
    if (!s)
        return;
    m->class_name = "PoolFormerBlock";
    m->base = true;
    m->state = s;
    m->forward = run_block;
    s->pool = (int)c->pool_size;
    for (int i = 0; i < 2; i++)
        s->scale[i] = module_param(m, module_text(m, "layer_scale_%d", i + 1), 1, &channels, INIT_CONSTANT,
                                   (float)of->layer_scale_init_value, 0);
    s->norm[0] = norm_new(m, "norm1", c->norm_cfg, channels);
    s->norm[1] = norm_new(m, "norm2", c->norm_cfg, channels);
    s->mlp = mlp_new(m, channels, (int64_t)((double)channels * of->mlp_ratios.at[stage]), drop, c->act_cfg);
    s->drop_path = drop_path_new(m, "drop_path", skip);
}

/* ---- the network ----------------------------------------------------------------------------------------------- */

typedef struct poolformer {
    sizes of;
    module *patch_embed, *part[PARTS_MAX], *norm[PARTS_MAX]; /* norm: of the map that is given, or NULL */
    int64_t parts;
} poolformer;

static tensor *run_embed(module *m, graph *g, tensor *x)
{
    return layer_run(m->state, g, x);
}

static module *embed_new(module *parent, const char *name, conv_spec projection)
{
    module *m = module_new(parent, name);
    if (!m)
        return NULL;
    projection.bias = true;
    m->class_name = "PatchEmbed";
    m->forward = run_embed;
    m->state = conv2d_new(m, "proj", NULL, projection);
    return m;
}

static module *stage_new(module *m, module *list, int64_t stage, int64_t before, int64_t blocks)
{
    const poolformer_config *c = m->config;
    const poolformer *s = m->state;
    module *parts = sequential_new(list, module_index(m, s->parts));
    for (int64_t k = 0; k < s->of.layers.at[stage]; k++) {
        double share = blocks > 1 ? (double)(before + k) / (double)(blocks - 1) : 0;
        block_new(parts, module_index(m, k), c, &s->of, stage, c->drop_rate, c->drop_path_rate * share);
    }
    return parts;
}

static void build_network(module *m, poolformer *s, const poolformer_config *c)
{
    int64_t blocks = 0, before = 0, n = (int64_t)s->of.layers.n;
    const int64_t *dims = s->of.embed_dims.at;
    for (int64_t i = 0; i < n; i++)
        blocks += s->of.layers.at[i];
    module *list = module_new(m, "network");
    for (int64_t i = 0; i < n && !model_failed(m->model); i++) {
        s->part[s->parts] = stage_new(m, list, i, before, blocks);
        s->parts++;
        before += s->of.layers.at[i];
        if (i + 1 == n || dims[i] == dims[i + 1])
            continue;
        s->part[s->parts] =
            embed_new(list, module_index(m, s->parts),
                      conv_square(dims[i], dims[i + 1], c->down_patch_size, c->down_stride, c->down_pad, 1));
        s->parts++;
    }
}

/* In the order of out_indices, as the class makes them, whatever the order of the maps. */
static void build_norms(module *m, poolformer *s, const poolformer_config *c)
{
    for (size_t i = 0; i < c->out_indices.n; i++) {
        int64_t part = c->out_indices.at[i], stage = (part + 1) / 2;
        if (stage >= (int64_t)s->of.embed_dims.n)
            model_fail(m->model, CSEG_CONFIG, module_at(m, "out_indices"),
                       "%s: out_indices names part %lld, but there are %zu stages", m->class_name, (long long)part,
                       s->of.embed_dims.n);
        else if (!s->norm[part])
            s->norm[part] =
                norm_new(m, module_text(m, "norm%lld", (long long)part), c->norm_cfg, s->of.embed_dims.at[stage]);
    }
}

static bool check(module *m, const poolformer_config *c, const sizes *of)
{
    if (of->layers.n != of->embed_dims.n || !of->layers.n || of->layers.n > STAGES_MAX ||
        of->mlp_ratios.n < of->layers.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "arch"),
                   "%s's arch has %zu layers, %zu embed_dims and %zu mlp_ratios; it needs one of each for every stage, "
                   "of 1 to %d stages",
                   m->class_name, of->layers.n, of->embed_dims.n, of->mlp_ratios.n, STAGES_MAX);
    if (c->pool_size % 2 == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "pool_size"),
                   "%s: pool_size must be odd, not %lld: the averages need the map's size", m->class_name,
                   (long long)c->pool_size);
    return !model_failed(m->model);
}

static void freeze(poolformer *s, const poolformer_config *c)
{
    if (c->frozen_stages >= 0)
        module_freeze(s->patch_embed);
    for (int64_t i = 0; i < c->frozen_stages; i++) {
        module_freeze(s->part[i]);
        if (s->norm[i])
            module_freeze(s->norm[i]);
    }
}

static void build(module *m)
{
    const poolformer_config *c = m->config;
    poolformer *s = m->state = module_state(m, sizeof *s);
    if (!s || !named_arch_read(m, c->arch, known, sizeof known / sizeof *known, &size_table, &s->of) ||
        !check(m, c, &s->of))
        return;
    m->init_cfg = c->init_cfg;
    s->patch_embed = embed_new(
        m, "patch_embed", conv_square(CHANNELS, s->of.embed_dims.at[0], c->in_patch_size, c->in_stride, c->in_pad, 1));
    build_network(m, s, c);
    out_indices_from_end(c->out_indices, COUNTED);
    if (model_failed(m->model) || !out_indices_check(m, c->out_indices, s->parts))
        return;
    build_norms(m, s, c);
    if (c->frozen_stages > s->parts)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "frozen_stages"),
                   "%s: frozen_stages=%lld, but it has %lld parts", m->class_name, (long long)c->frozen_stages,
                   (long long)s->parts);
    if (model_failed(m->model))
        return;
    freeze(s, c);
    m->model->in_channels = CHANNELS;
}

static features forward(module *m, graph *g, tensor *x)
{
    const poolformer *s = m->state;
    features out = features_new(g, 0);
    x = layer_run(s->patch_embed, g, x);
    for (int64_t i = 0; i < s->parts; i++) {
        x = layer_run(s->part[i], g, x);
        if (s->norm[i])
            features_add(g, &out, layer_run(s->norm[i], g, x));
    }
    return out;
}

const kind kind_poolformer = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_MMPRETRAIN | SCOPE_MMCLS,
    .name = "PoolFormer",
    .about = "Average pools and layers over channels (arXiv:2111.11418).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
