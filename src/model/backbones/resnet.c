/* ResNet, ResNetV1c and ResNetV1d (arXiv:1512.03385, arXiv:1812.01187), and Open-CD's variants of them, in which two
 * dates interact (arXiv:2209.08290). */
#include "model/backbones/resnet.h"

#include <string.h>

#include "model/backbones/block_plugins.h"
#include "model/backbones/out_indices.h"
#include "model/init.h"

static const struct {
    int64_t depth;
    bool bottleneck;
    int64_t blocks[RESNET_STAGES];
} architectures[] = {{18, false, {2, 2, 2, 2}},  {34, false, {3, 4, 6, 3}},  {50, true, {3, 4, 6, 3}},
                     {101, true, {3, 4, 23, 3}}, {152, true, {3, 8, 36, 3}}, {200, true, {3, 24, 36, 3}}};
enum { BLOCKS_MAX = 36 };

/* Those of grouped convolutions have bottlenecks only, and only those of split attention 200 layers. */
static bool has_architecture(const resnet_config *c, size_t i)
{
    return (architectures[i].bottleneck || !c->groups) && (architectures[i].depth != 200 || c->radix);
}

static int find_architecture(module *m, const resnet_config *c)
{
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++)
        if (architectures[i].depth == c->depth && has_architecture(c, i))
            return (int)i;
    model_fail(m->model, CSEG_CONFIG, module_at(m, "depth"), "%s: depth is %s, not %lld", m->class_name,
               c->radix    ? "50, 101, 152 or 200"
               : c->groups ? "50, 101 or 152"
                           : "18, 34, 50, 101 or 152",
               (long long)c->depth);
    return -1;
}

static void check_lengths(module *m, const resnet_config *c, int architecture)
{
    model *mod = m->model;
    if ((int64_t)c->strides.n != c->num_stages || (int64_t)c->dilations.n != c->num_stages)
        model_fail(mod, CSEG_CONFIG, module_at(m, "strides"),
                   "%s: num_stages=%lld, but strides has %zu entries and dilations %zu", m->class_name,
                   (long long)c->num_stages, c->strides.n, c->dilations.n);
    out_indices_check(m, c->out_indices, c->num_stages);
    if (c->frozen_stages > c->num_stages)
        model_fail(mod, CSEG_CONFIG, module_at(m, "frozen_stages"), "%s: frozen_stages=%lld of %lld stages",
                   m->class_name, (long long)c->frozen_stages, (long long)c->num_stages);
    int64_t last = architectures[architecture].blocks[c->num_stages - 1];
    if (c->multi_grid.n && (int64_t)c->multi_grid.n < last)
        model_fail(mod, CSEG_CONFIG, module_at(m, "multi_grid"), "%s: multi_grid has %zu entries for %lld blocks",
                   m->class_name, c->multi_grid.n, (long long)last);
}

/* Channels of the 3x3 convolutions, which the reference computes so. */
static int64_t block_width(const resnet_config *c, int64_t planes)
{
    if (c->groups <= 1)
        return planes;
    return (int64_t)((double)planes * ((double)c->base_width / (double)c->base_channels)) * c->groups;
}

/* dcn alone changes nothing: it is for the stages that stage_with_dcn names. */
static void check_dcn(module *m, const resnet_config *c)
{
    const value *in = c->stage_with_dcn;
    if (!c->dcn)
        return;
    if (!value_is_list(in) || (int64_t)value_count(in) != c->num_stages) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "stage_with_dcn"),
                   "%s: with dcn, stage_with_dcn is a list with an entry for each of %lld stages", m->class_name,
                   (long long)c->num_stages);
        return;
    }
    for (size_t i = 0; i < value_count(in); i++)
        if (value_true(value_item(in, i)))
            model_fail(m->model, CSEG_UNSUPPORTED, c->dcn,
                       "%s: stage %zu has deformable convolutions (dcn). They are compiled operators of the full mmcv, "
                       "which neither mmcv-lite nor cseg has, so what they compute could be compared with nothing. "
                       "Leave dcn out to train without them; a checkpoint that was trained with them has no other use",
                       m->class_name, i + 1);
}

static void check(module *m, const resnet_config *c, int architecture)
{
    check_dcn(m, c);
    block_plugins_check(m, c->plugins, c->num_stages, architecture < 0 || architectures[architecture].bottleneck);
    if (block_width(c, c->base_channels) < 1)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "base_width"),
                   "%s: base_width=%lld of base_channels=%lld leaves no channels", m->class_name,
                   (long long)c->base_width, (long long)c->base_channels);
    check_lengths(m, c, architecture);
}

/* use_IN1: an instance norm with gamma and beta, under the name that mmcv gives it. */
static const value *first_norm(module *m, const resnet_config *c)
{
    if (!c->use_IN1)
        return c->norm_cfg;
    value *cfg = value_new(m->model->mem, V_DICT, (where){0});
    value *type = value_str(m->model->mem, "IN", (where){0}), *affine = value_bool(m->model->mem, true, (where){0});
    if (!cfg || !type || !affine || !value_set(m->model->mem, cfg, "type", type) ||
        !value_set(m->model->mem, cfg, "affine", affine)) {
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
        return NULL;
    }
    return cfg;
}

static void build_deep_stem(module *m, resnet *r, const resnet_config *c)
{
    int64_t half = c->stem_channels / 2, in[] = {c->in_channels, half, half}, out[] = {half, half, c->stem_channels};
    r->stem = sequential_new(m, "stem");
    for (int i = 0; i < 3; i++) {
        conv2d_new(r->stem, module_index(m, 3 * i), c->conv_cfg, conv_square(in[i], out[i], 3, i ? 1 : 2, 1, 1));
        norm_new(r->stem, module_index(m, 3 * i + 1), i ? c->norm_cfg : first_norm(m, c), out[i]);
        relu_new(r->stem, module_index(m, 3 * i + 2));
    }
}

static void build_stem(module *m, resnet *r, const resnet_config *c)
{
    const value *norm = first_norm(m, c);
    r->conv1 = conv2d_new(m, "conv1", c->conv_cfg, conv_square(c->in_channels, c->stem_channels, 7, 2, 3, 1));
    r->norm1 = norm_new(m, norm_name(m, norm, "1"), norm, c->stem_channels);
}

/* Sets the dilation of each block in a stage. */
static void stage_dilations(const resnet_config *c, int64_t stage, int64_t blocks, int64_t *out)
{
    int64_t d = c->dilations.at[stage];
    bool grid = c->multi_grid.n && stage == c->num_stages - 1;
    for (int64_t i = 0; i < blocks; i++)
        out[i] = grid ? c->multi_grid.at[i] : d;
    if (!grid && d > 1 && c->contract_dilation)
        out[0] = d / 2;
}

static void build_stages(module *m, resnet *r, const resnet_config *c, int architecture)
{
    bool bottleneck = architectures[architecture].bottleneck;
    res_block_spec s = {.bottleneck = bottleneck,
                        .in = c->stem_channels,
                        .caffe = strcmp(c->style, "caffe") == 0,
                        .avg_down = c->avg_down,
                        .groups = c->groups,
                        .radix = c->radix,
                        .reduction = c->reduction_factor,
                        .avg_down_stride = c->avg_down_stride,
                        .with_cp = c->with_cp,
                        .plugins = c->plugins,
                        .conv_cfg = c->conv_cfg,
                        .norm_cfg = c->norm_cfg};
    if (c->zero_init_residual && !c->pretrained && !(c->init_cfg && value_true(c->init_cfg)))
        s.init = res_block_zero_init(bottleneck);
    for (int64_t i = 0; i < c->num_stages; i++) {
        int64_t blocks = architectures[architecture].blocks[i], dilation[BLOCKS_MAX];
        stage_dilations(c, i, blocks, dilation);
        s.planes = c->base_channels << i;
        s.width = block_width(c, s.planes);
        s.stride = c->strides.at[i];
        s.stage = i;
        r->layer[i] = res_layer_new(m, module_text(m, "layer%d", (int)i + 1), s, blocks, dilation);
        s.in = s.planes * res_block_expansion(bottleneck);
    }
}

static void freeze(resnet *r, const resnet_config *c)
{
    if (c->frozen_stages >= 0) {
        module_freeze(r->stem);
        module_freeze(r->conv1);
        module_freeze(r->norm1);
    }
    for (int64_t i = 0; i < c->frozen_stages; i++)
        module_freeze(r->layer[i]);
}

void resnet_build(module *m)
{
    const resnet_config *c = m->config;
    int architecture = find_architecture(m, c);
    resnet *r = m->state = module_state(m, sizeof *r);
    if (!r)
        return;
    check(m, c, architecture);
    init_choose(m, c->init_cfg, c->pretrained,
                "[dict(type='Kaiming', layer='Conv2d'),"
                " dict(type='Constant', val=1, layer=['_BatchNorm', 'GroupNorm'])]");
    if (model_failed(m->model))
        return;
    if (c->deep_stem)
        build_deep_stem(m, r, c);
    else
        build_stem(m, r, c);
    build_stages(m, r, c, architecture);
    if (model_failed(m->model))
        return;
    freeze(r, c);
    if (c->norm_eval)
        norm_freeze_statistics(m);
    m->model->in_channels = (int)c->in_channels;
}

void resnet_build_interacting(module *m)
{
    const resnet_config *c = m->config;
    resnet_build(m);
    if (!model_failed(m->model))
        ((resnet *)m->state)->interactions = interactions_new(m, c->interaction_cfg, c->num_stages);
}

/* The stem is part of the first stage. */
static tensor *run_stage(module *m, graph *g, int64_t i, tensor *x)
{
    const resnet *r = m->state;
    if (i == 0) {
        x = r->stem ? layer_run(r->stem, g, x) : op_relu(g, layer_run(r->norm1, g, layer_run(r->conv1, g, x)));
        x = op_max_pool(g, x, (pool_attr){.kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1}});
    }
    return layer_run(r->layer[i], g, x);
}

void resnet_stages(const module *m, backbone_stages *out)
{
    const resnet_config *c = m->config;
    *out = (backbone_stages){.run = run_stage, .n = c->num_stages, .only = c->out_indices.at[c->out_indices.n - 1]};
    for (int64_t i = 0; i < out->n; i++) {
        out->channels[i] = c->base_channels << i;
        out->heads[i] = 1 << i;
    }
}

features resnet_forward(module *m, graph *g, tensor *x)
{
    const resnet_config *c = m->config;
    features out = features_new(g, 0);
    for (int64_t i = 0; i < c->num_stages; i++) {
        x = run_stage(m, g, i, x);
        if (out_indices_has(c->out_indices, i))
            features_add(g, &out, x);
    }
    return out;
}

features resnet_forward_both(module *m, graph *g, tensor *first, tensor *second)
{
    const resnet_config *c = m->config;
    return interactions_run(((resnet *)m->state)->interactions, m, g, first, second, c->out_indices, run_stage);
}

const resnet *resnet_of(const module *m)
{
    return m && m->kind && m->kind->family == FAMILY_BACKBONE && m->kind->as.backbone.forward == resnet_forward
               ? m->state
               : NULL;
}

static const field fields[] = {RESNET_FIELDS, RESNET_STEM_FIELDS};
static const field_table table = FIELD_TABLE(fields, resnet_config);
/* The variants fix the stem, as their classes do. */
static const field variant_fields[] = {RESNET_FIELDS};
static const field_table variant_table = FIELD_TABLE(variant_fields, resnet_config);

static void set_v1c(module *m)
{
    ((resnet_config *)m->config)->deep_stem = true;
}

static void set_v1d(module *m)
{
    resnet_config *c = m->config;
    c->deep_stem = c->avg_down = true;
}

static void build_v1c(module *m)
{
    set_v1c(m);
    resnet_build(m);
}

static void build_v1d(module *m)
{
    set_v1d(m);
    resnet_build(m);
}

const kind kind_resnet = {
    .family = FAMILY_BACKBONE,
    .name = "ResNet",
    .about = "Residual networks of 18 to 152 layers (arXiv:1512.03385).",
    .fields = &table,
    .build = resnet_build,
    .as.backbone = {.forward = resnet_forward, .stages = resnet_stages},
};

const kind kind_resnet_v1c = {
    .family = FAMILY_BACKBONE,
    .name = "ResNetV1c",
    .about = "ResNet with deep_stem=True (arXiv:1812.01187).",
    .fields = &variant_table,
    .build = build_v1c,
    .as.backbone = {.forward = resnet_forward, .stages = resnet_stages},
};

const kind kind_resnet_v1d = {
    .family = FAMILY_BACKBONE,
    .name = "ResNetV1d",
    .about = "ResNet with deep_stem=True and avg_down=True (arXiv:1812.01187).",
    .fields = &variant_table,
    .build = build_v1d,
    .as.backbone = {.forward = resnet_forward, .stages = resnet_stages},
};

/* ---- Open-CD's ------------------------------------------------------------------------------------------------- */

static const field ia_fields[] = {RESNET_FIELDS, RESNET_STEM_FIELDS, INTERACTION_FIELD(resnet_config)};
static const field_table ia_table = FIELD_TABLE(ia_fields, resnet_config);
static const field ia_variant_fields[] = {RESNET_FIELDS, INTERACTION_FIELD(resnet_config)};
static const field_table ia_variant_table = FIELD_TABLE(ia_variant_fields, resnet_config);

static void build_ia_v1c(module *m)
{
    set_v1c(m);
    resnet_build_interacting(m);
}

static void build_ia_v1d(module *m)
{
    set_v1d(m);
    resnet_build_interacting(m);
}

const kind kind_ia_resnet = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IA_ResNet",
    .about = "ResNet for two dates that interact behind its stages: gives both dates' maps along the channels "
             "(arXiv:2209.08290).",
    .fields = &ia_table,
    .build = resnet_build_interacting,
    .as.backbone = {.forward_both = resnet_forward_both},
};

const kind kind_ia_resnet_v1c = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IA_ResNetV1c",
    .about = "IA_ResNet with deep_stem=True.",
    .fields = &ia_variant_table,
    .build = build_ia_v1c,
    .as.backbone = {.forward_both = resnet_forward_both},
};

const kind kind_ia_resnet_v1d = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_OPENCD,
    .name = "IA_ResNetV1d",
    .about = "IA_ResNet with deep_stem=True and avg_down=True.",
    .fields = &ia_variant_table,
    .build = build_ia_v1d,
    .as.backbone = {.forward_both = resnet_forward_both},
};
