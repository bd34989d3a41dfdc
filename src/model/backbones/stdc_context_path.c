/* STDCContextPathNet: a backbone's maps, refined on the way back from the deepest and joined with the shallowest (Fan
 * et al. 2021, arXiv:2104.13188). */
#include <string.h>

#include "model/backbones/inner_backbone.h"
#include "model/layers/layers.h"

typedef struct fusion_config {
    int64_t in_channels, out_channels, scale_factor;
    const value *norm_cfg, *act_cfg, *init_cfg;
} fusion_config;

static const field fusion_fields[] = {
    FIELD_RANGE(fusion_config, F_INT, in_channels, NULL, 1, 1 << 20, "of the two maps that are joined"),
    FIELD_RANGE(fusion_config, F_INT, out_channels, NULL, 1, 1 << 20, "of the joined map"),
    FIELD_RANGE(fusion_config, F_INT, scale_factor, "4", 1, 1 << 20, "divides the channels inside of its gate"),
    FIELD(fusion_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(fusion_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(fusion_config, F_VALUE, init_cfg, "None", "how its weights start"),
};
static const field_table fusion_table = FIELD_TABLE(fusion_fields, fusion_config);

typedef struct path_config {
    ints last_in_channels;
    int64_t out_channels;
    const char *upsample_mode;
    const value *backbone_cfg, *ffm_cfg, *align_corners, *norm_cfg, *init_cfg;
} path_config;

static const field fields[] = {
    FIELD(path_config, F_VALUE, backbone_cfg, NULL, "the backbone, of any kind"),
    FIELD_RANGE(path_config, F_INTS, last_in_channels, "(1024, 512)", 1, 1 << 20,
                "of the backbone's maps that are refined, the last map first"),
    FIELD_RANGE(path_config, F_INT, out_channels, "128", 1, 1 << 20, "of the refined maps"),
    FIELD(path_config, F_VALUE, ffm_cfg, "dict(in_channels=512, out_channels=256, scale_factor=4)",
          "how the first map and the second refined one are joined: in_channels, out_channels, scale_factor, norm_cfg, "
          "act_cfg"),
    FIELD_CHOICE(path_config, upsample_mode, "'nearest'", RESIZE_MODES, "how refined maps are resized"),
    FIELD(path_config, F_VALUE, align_corners, "None", "of bilinear and bicubic resizing; None is False"),
    FIELD(path_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation behind resized maps"),
    FIELD(path_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, path_config);

typedef struct path_net {
    module *inner, *refine, *convs, *whole, *fusion;
    resize_attr how; /* refined maps are resized */
    int64_t joined;  /* channels that ffm_cfg expects */
} path_net;

static void read_resize(module *m, path_net *s, const path_config *c)
{
    const value *align = c->align_corners;
    s->how = resize_by(c->upsample_mode, align && value_true(align));
    if (align && s->how.nearest)
        model_fail(m->model, CSEG_CONFIG, align,
                   "STDCContextPathNet: align_corners is of bilinear and bicubic resizing; leave it out with "
                   "upsample_mode='nearest'");
    else if (align && align->kind != V_BOOL)
        model_fail(m->model, CSEG_CONFIG, align, "STDCContextPathNet: align_corners is a bool or None, not %s",
                   value_kind_name(align));
}

/* mmseg's FeatureFusionModule of STDC. */
static void fusion_new(module *m, path_net *s, const path_config *c)
{
    model *mod = m->model;
    fusion_config f;
    if (fields_parse(&fusion_table, "ffm_cfg", c->ffm_cfg, NULL, mod->mem, &f, &mod->error) != CSEG_OK)
        return;
    if (f.out_channels < f.scale_factor)
        model_fail(mod, CSEG_CONFIG, c->ffm_cfg, "STDCContextPathNet: scale_factor=%lld leaves none of %lld channels",
                   (long long)f.scale_factor, (long long)f.out_channels);
    int64_t out = f.out_channels, inside = out / f.scale_factor;
    s->joined = f.in_channels;
    s->fusion = gated_conv_new(m, "ffm", true);
    if (!s->fusion)
        return;
    s->fusion->init_cfg = f.init_cfg;
    conv_module_spec conv = {.conv = conv_square(f.in_channels, out, 1, 1, 0, 1)};
    conv.norm_cfg = f.norm_cfg;
    conv.act_cfg = f.act_cfg;
    conv_module_new(s->fusion, "conv0", conv);
    module *gate = sequential_new(s->fusion, "attention");
    conv_module_spec down = {.conv = conv_square(out, inside, 1, 1, 0, 1), .bias = BIAS_NO, .act_cfg = f.act_cfg};
    conv_module_spec up = {.conv = conv_square(inside, out, 1, 1, 0, 1), .bias = BIAS_NO};
    conv_module_new(gate, "1", down);
    conv_module_new(gate, "2", up);
}

static void build(module *m)
{
    const path_config *c = m->config;
    path_net *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    m->init_cfg = c->init_cfg;
    read_resize(m, s, c);
    if (c->last_in_channels.n < 2) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "last_in_channels"),
                   "STDCContextPathNet: last_in_channels has at least two entries, not %zu", c->last_in_channels.n);
        return;
    }
    conv_module_spec conv = {.norm_cfg = c->norm_cfg, .act_cfg = module_literal(m, "dict(type='ReLU')")};
    s->inner = inner_backbone_new(m, module_at(m, "backbone_cfg"));
    s->refine = module_list_new(m, "arms");
    s->convs = module_list_new(m, "convs");
    for (size_t i = 0; i < c->last_in_channels.n; i++) {
        const char *name = module_index(m, (int64_t)i);
        attention_refinement_new(s->refine, name, c->last_in_channels.at[i], c->out_channels);
        conv.conv = conv_square(c->out_channels, c->out_channels, 3, 1, 1, 1);
        conv_module_new(s->convs, name, conv);
    }
    conv.conv = conv_square(c->last_in_channels.at[0], c->out_channels, 1, 1, 0, 1);
    s->whole = conv_module_new(m, "conv_avg", conv);
    fusion_new(m, s, c);
}

static bool check_maps(const module *m, graph *g, features x)
{
    const path_config *c = m->config;
    const path_net *s = m->state;
    int refined = (int)c->last_in_channels.n;
    char place[512];
    if (x.n <= refined) {
        graph_fail(g, CSEG_SHAPE,
                   "%sSTDCContextPathNet refines the last %d of more maps, but %s of backbone_cfg gives %d",
                   value_place(module_at(m, "last_in_channels"), place), refined, s->inner->class_name, x.n);
        return false;
    }
    for (int i = 0; i < refined; i++)
        inner_backbone_map(m, g, x, x.n - 1 - i, "last_in_channels", c->last_in_channels.at[i]);
    if (x.at[0] && tensor_channels(x.at[0]) + c->out_channels != s->joined)
        graph_fail(g, CSEG_SHAPE,
                   "%sSTDCContextPathNet: ffm_cfg has in_channels=%lld, but the first map of %s has %lld channels and "
                   "out_channels is %lld",
                   value_place(module_at(m, "ffm_cfg"), place), (long long)s->joined, s->inner->class_name,
                   (long long)tensor_channels(x.at[0]), (long long)c->out_channels);
    return g->error.code == CSEG_OK;
}

/* What the backbone's first map and the second refined one make together. */
static tensor *fused(const module *m, graph *g, tensor *first, tensor *second)
{
    const path_net *s = m->state;
    char place[512];
    if (first && second && (first->dim[1] != second->dim[1] || first->dim[2] != second->dim[2]))
        return graph_fail(
            g, CSEG_SHAPE,
            "%sSTDCContextPathNet joins the first map of %s, of %lld x %lld, with the second refined one, "
            "of %lld x %lld: backbone_cfg gives one map more than last_in_channels has entries, which are "
            "two",
            value_place(module_at(m, "last_in_channels"), place), s->inner->class_name, (long long)first->dim[1],
            (long long)first->dim[2], (long long)second->dim[1], (long long)second->dim[2]);
    return layer_run(s->fusion, g, op_concat(g, (tensor *[]){first, second}, 2, -1));
}

/* The backbone's first map, the refined ones, and what the first of all and the second refined one make together. */
static features forward(module *m, graph *g, tensor *img)
{
    path_net *s = m->state;
    features x = backbone_run(s->inner, g, img), out = features_new(g, 0);
    if (!check_maps(m, g, x))
        return out;
    features_add(g, &out, x.at[0]);
    tensor *deepest = x.at[x.n - 1];
    tensor *y = resize_like_by(g, layer_run(s->whole, g, op_adaptive_avg_pool(g, deepest, 1, 1)), deepest, s->how);
    for (int i = 0; i < (int)s->refine->children.n; i++) {
        int at = x.n - 1 - i;
        y = op_add(g, layer_run(s->refine->children.at[i], g, x.at[at]), y);
        y = layer_run(s->convs->children.at[i], g, resize_like_by(g, y, x.at[at - 1], s->how));
        features_add(g, &out, y);
    }
    features_add(g, &out, out.n > 2 ? fused(m, g, x.at[0], out.at[2]) : NULL);
    return out;
}

const kind kind_stdc_context_path_net = {
    .family = FAMILY_BACKBONE,
    .name = "STDCContextPathNet",
    .about = "A backbone's maps, refined on the way back from the deepest and joined with the shallowest "
             "(arXiv:2104.13188).",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
