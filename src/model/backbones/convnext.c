/* ConvNeXt of mmpretrain: a convolutional network with the proportions of a transformer (Liu et al. 2022,
 * arXiv:2201.03545; with GRN: ConvNeXt V2, arXiv:2301.00808). mmcls, as mmpretrain was called, has an older one under
 * the same name: without GRN, with PyTorch's epsilon between stages, and with PyTorch's initial weights. */
#include <string.h>

#include "model/backbones/convnext_block.h"
#include "model/backbones/named_arch.h"
#include "model/backbones/out_indices.h"
#include "model/init.h"

typedef struct convnext_config {
    const value *arch, *norm_cfg, *act_cfg, *init_cfg;
    int64_t in_channels, stem_patch_size, frozen_stages;
    double drop_path_rate, layer_scale_init_value;
    ints out_indices;
    bool linear_pw_conv, use_grn, gap_before_final_norm, with_cp;
} convnext_config;

enum { STAGES_MAX = 16, COUNTED = 4 };

#define FIELDS(init)                                                                                                   \
    FIELD(convnext_config, F_VALUE, arch, "'tiny'",                                                                    \
          "atto, femto, pico, nano, tiny, small, base, large, xlarge, huge, or a dict of `depths` and `channels`"),    \
        FIELD_RANGE(convnext_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),                        \
        FIELD_RANGE(convnext_config, F_INT, stem_patch_size, "4", 1, 1024,                                             \
                    "side and stride of the first convolution"),                                                       \
        FIELD(convnext_config, F_VALUE, norm_cfg, "dict(type='LN2d', eps=1e-6)", "kind of normalisation"),             \
        FIELD(convnext_config, F_VALUE, act_cfg, "dict(type='GELU')", "kind of activation"),                           \
        FIELD(convnext_config, F_BOOL, linear_pw_conv, "True", "the layers over channels are Linear, not Conv2d"),     \
        FIELD_RANGE(convnext_config, F_FLOAT, drop_path_rate, "0", 0, 1,                                               \
                    "an image's probability to skip the last block in training; it grows evenly from 0"),              \
        FIELD(convnext_config, F_FLOAT, layer_scale_init_value, "1e-6",                                                \
              "initial factors of each block's channels; <= 0: none"),                                                 \
        FIELD_RANGE(convnext_config, F_INTS, out_indices, "-1", -COUNTED, STAGES_MAX - 1,                              \
                    "stages whose maps are given; negative ones count from behind the fourth"),                        \
        FIELD_RANGE(convnext_config, F_INT, frozen_stages, "0", 0, STAGES_MAX, "as many stages do not learn"),         \
        FIELD(convnext_config, F_BOOL, gap_before_final_norm, "True",                                                  \
              "averages over the map, for classification; must be False here"),                                        \
        FIELD(convnext_config, F_BOOL, with_cp, "False",                                                               \
              "each block's inner maps are made again in the backward pass"),                                          \
        FIELD(convnext_config, F_VALUE, init_cfg, init, "how the weights start")

static const field fields[] = {FIELDS("[dict(type='TruncNormal', layer=['Conv2d', 'Linear'], std=.02, bias=0.), "
                                      "dict(type='Constant', layer=['LayerNorm'], val=1., bias=0.)]"),
                               FIELD(convnext_config, F_BOOL, use_grn, "False",
                                     "compares each channel's response with the others' (ConvNeXt V2)")};
static const field_table table = FIELD_TABLE(fields, convnext_config);
static const field old_fields[] = {FIELDS("None")};
static const field_table old_table = FIELD_TABLE(old_fields, convnext_config);

typedef struct sizes {
    ints depths, channels;
} sizes;
static const field size_fields[] = {
    FIELD_RANGE(sizes, F_INTS, depths, NULL, 0, 1024, "blocks of each stage"),
    FIELD_RANGE(sizes, F_INTS, channels, NULL, 1, 1 << 16, "channels of each stage"),
};
/* The reference reads these two and accepts any other key. */
static const field_table size_table = {size_fields, sizeof size_fields / sizeof *size_fields, sizeof(sizes), true};

static const named_arch known[] = {
    {"atto", "dict(depths=[2, 2, 6, 2], channels=[40, 80, 160, 320])"},
    {"femto", "dict(depths=[2, 2, 6, 2], channels=[48, 96, 192, 384])"},
    {"pico", "dict(depths=[2, 2, 6, 2], channels=[64, 128, 256, 512])"},
    {"nano", "dict(depths=[2, 2, 8, 2], channels=[80, 160, 320, 640])"},
    {"tiny", "dict(depths=[3, 3, 9, 3], channels=[96, 192, 384, 768])"},
    {"small", "dict(depths=[3, 3, 27, 3], channels=[96, 192, 384, 768])"},
    {"base", "dict(depths=[3, 3, 27, 3], channels=[128, 256, 512, 1024])"},
    {"large", "dict(depths=[3, 3, 27, 3], channels=[192, 384, 768, 1536])"},
    {"xlarge", "dict(depths=[3, 3, 27, 3], channels=[256, 512, 1024, 2048])"},
    {"huge", "dict(depths=[3, 3, 27, 3], channels=[352, 704, 1408, 2816])"},
};

typedef struct convnext {
    sizes of;
    module *down[STAGES_MAX], *stage[STAGES_MAX], *norm[STAGES_MAX]; /* norm: of the map that is given, or NULL */
} convnext;

extern const kind kind_mmcls_convnext;

static bool is_old(const module *m)
{
    return m->kind == &kind_mmcls_convnext;
}

/* The norm's forward is called with an argument that only LN2d takes. */
static void check_norm(const module *m, const convnext_config *c)
{
    const char *type = value_type_name(c->norm_cfg);
    if (is_old(m) || !type || strcmp(type, "LN2d") == 0 || strcmp(type, "mmpretrain.LN2d") == 0)
        return;
    model_fail(m->model, CSEG_CONFIG, value_blame(c->norm_cfg, "type"),
               "mmpretrain.ConvNeXt takes a norm_cfg of type LN2d only, as in the reference, not %s", type);
}

static bool check(module *m, const convnext_config *c, const sizes *of)
{
    if (of->depths.n != of->channels.n || !of->depths.n || of->depths.n > STAGES_MAX)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "arch"),
                   "%s's arch has %zu depths and %zu channels; it needs one of each for every stage, of 1 to %d stages",
                   m->class_name, of->depths.n, of->channels.n, STAGES_MAX);
    if (c->gap_before_final_norm)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "gap_before_final_norm"),
                   "%s: gap_before_final_norm=True (the default) gives numbers for a whole image, from which no head "
                   "makes a map; set it to False",
                   m->class_name);
    if (!model_failed(m->model) && c->frozen_stages > (int64_t)of->depths.n)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "frozen_stages"),
                   "%s: frozen_stages=%lld, but it has %zu stages", m->class_name, (long long)c->frozen_stages,
                   of->depths.n);
    check_norm(m, c);
    out_indices_from_end(c->out_indices, COUNTED);
    return !model_failed(m->model) && out_indices_check(m, c->out_indices, (int64_t)of->depths.n);
}

static module *stem_new(module *parent, const convnext_config *c, int64_t out)
{
    module *m = sequential_new(parent, "0");
    conv_spec patch = conv_square(c->in_channels, out, c->stem_patch_size, c->stem_patch_size, 0, 1);
    patch.bias = true;
    conv2d_new(m, "0", NULL, patch);
    norm_new(m, "1", c->norm_cfg, out);
    return m;
}

static module *down_new(module *parent, const char *name, const value *norm_cfg, int64_t in, int64_t out)
{
    module *m = sequential_new(parent, name);
    conv_spec halves = conv_square(in, out, 2, 2, 0, 1);
    halves.bias = true;
    norm_new(m, "0", norm_cfg, in);
    conv2d_new(m, "1", NULL, halves);
    return m;
}

static module *stage_new(module *m, module *parent, int64_t i, int64_t before, int64_t blocks)
{
    const convnext_config *c = m->config;
    const convnext *s = m->state;
    convnext_block_spec spec = {.channels = s->of.channels.at[i],
                                .linear = c->linear_pw_conv,
                                .grn = c->use_grn,
                                .with_cp = c->with_cp,
                                .layer_scale = c->layer_scale_init_value,
                                .norm_cfg = c->norm_cfg,
                                .act_cfg = c->act_cfg};
    module *stage = sequential_new(parent, module_index(m, i));
    for (int64_t k = 0; k < s->of.depths.at[i]; k++) {
        spec.drop_path = drop_path_rate(c->drop_path_rate, before + k, blocks);
        convnext_block_new(stage, module_index(m, k), spec);
    }
    return stage;
}

static void build_stages(module *m, convnext *s, const convnext_config *c)
{
    int64_t blocks = 0, before = 0, n = (int64_t)s->of.depths.n;
    for (int64_t i = 0; i < n; i++)
        blocks += s->of.depths.at[i];
    module *downs = module_new(m, "downsample_layers"), *stages = module_new(m, "stages");
    /* In mmcls they have PyTorch's epsilon, whatever norm_cfg says. */
    const value *between = is_old(m) ? module_literal(m, "dict(type='LN2d')") : c->norm_cfg;
    for (int64_t i = 0; i < n && !model_failed(m->model); i++) {
        int64_t channels = s->of.channels.at[i];
        s->down[i] = i ? down_new(downs, module_index(m, i), between, s->of.channels.at[i - 1], channels)
                       : stem_new(downs, c, channels);
        s->stage[i] = stage_new(m, stages, i, before, blocks);
        if (out_indices_has(c->out_indices, i))
            s->norm[i] = norm_new(m, module_text(m, "norm%lld", (long long)i), c->norm_cfg, channels);
        before += s->of.depths.at[i];
    }
}

static void build(module *m)
{
    const convnext_config *c = m->config;
    convnext *s = m->state = module_state(m, sizeof *s);
    if (!s || !named_arch_read(m, c->arch, known, sizeof known / sizeof *known, &size_table, &s->of) ||
        !check(m, c, &s->of))
        return;
    m->init_cfg = c->init_cfg;
    build_stages(m, s, c);
    if (model_failed(m->model))
        return;
    for (int64_t i = 0; i < c->frozen_stages; i++) {
        module_freeze(s->down[i]);
        module_freeze(s->stage[i]);
    }
    m->model->in_channels = (int)c->in_channels;
}

static features forward(module *m, graph *g, tensor *x)
{
    const convnext *s = m->state;
    features out = features_new(g, 0);
    for (size_t i = 0; i < s->of.depths.n; i++) {
        x = layer_run(s->stage[i], g, layer_run(s->down[i], g, x));
        if (s->norm[i])
            features_add(g, &out, layer_run(s->norm[i], g, x));
    }
    return out;
}

const kind kind_convnext = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_MMPRETRAIN,
    .name = "ConvNeXt",
    .about = "Depthwise 7x7 convolutions and layers over channels (arXiv:2201.03545, arXiv:2301.00808).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};

const kind kind_mmcls_convnext = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_MMCLS,
    .name = "ConvNeXt",
    .about = "mmpretrain.ConvNeXt as mmcls had it: other norms between stages, other initial weights, no GRN.",
    .fields = &old_table,
    .build = build,
    .as.backbone = {.forward = forward},
};
