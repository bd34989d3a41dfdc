/* FPN: a top-down path that adds coarse maps to fine ones (Lin et al. 2017, arXiv:1612.03144); and TinyFPN of Open-CD:
 * the same with depthwise blocks, and with a first map that may pass by. */
#include <string.h>

#include "model/init.h"
#include "model/layers/layers.h"
#include "model/necks/fpn.h"
#include "model/necks/neck_inputs.h"

static const field fields[] = {FPN_FIELDS};
static const field_table table = FIELD_TABLE(fields, fpn_config);

static const field tiny_fields[] = {
    FPN_FIELDS,
    FIELD_CHOICE(fpn_config, custom_block, "'tinyblock'", "tinyblock|conv",
                 "behind the laterals: a depthwise and a 1x1 convolution with BN and ReLU6, or a ConvModule"),
    FIELD(fpn_config, F_BOOL, exist_early_x, "False",
          "one more map stands in front of in_channels', and is the first that it gives, as it is"),
    FIELD(fpn_config, F_BOOL, early_x_for_fpn, "False", "that map is the first of in_channels itself"),
};
static const field_table tiny_table = FIELD_TABLE(tiny_fields, fpn_config);

typedef struct upsample_config {
    const char *mode;
    const value *align_corners;
    double scale_factor;
} upsample_config;

static const field upsample_fields[] = {
    FIELD_CHOICE(upsample_config, mode, "'nearest'", RESIZE_MODES, "how values are interpolated"),
    FIELD(upsample_config, F_VALUE, align_corners, "None",
          "corners of both maps lie on each other; of 'bilinear' and 'bicubic' only"),
    FIELD_RANGE(upsample_config, F_FLOAT, scale_factor, "0", 0, 64, "0: to the size of the finer map"),
};
static const field_table upsample_table = FIELD_TABLE(upsample_fields, upsample_config);

typedef enum { EXTRA_POOL, EXTRA_ON_INPUT, EXTRA_ON_LATERAL, EXTRA_ON_OUTPUT } extra_source;

typedef struct fpn {
    int start, end; /* levels of the input that are used */
    extra_source extra;
    upsample_config upsample;
    module *lateral_convs, *fpn_convs;
} fpn;

static void read_extra(module *m, fpn *f, const fpn_config *c)
{
    static const char *const names[] = {
        [EXTRA_ON_INPUT] = "on_input", [EXTRA_ON_LATERAL] = "on_lateral", [EXTRA_ON_OUTPUT] = "on_output"};
    const char *text = value_text(c->add_extra_convs);
    for (int i = EXTRA_ON_INPUT; text && i <= EXTRA_ON_OUTPUT; i++)
        if (strcmp(names[i], text) == 0)
            f->extra = (extra_source)i;
    if (c->add_extra_convs && c->add_extra_convs->kind == V_BOOL) {
        if (value_true(c->add_extra_convs))
            f->extra = c->extra_convs_on_inputs ? EXTRA_ON_INPUT : EXTRA_ON_OUTPUT;
    } else if (f->extra == EXTRA_POOL) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "add_extra_convs"),
                   "FPN: add_extra_convs is False, True, 'on_input', 'on_lateral' or 'on_output'");
    }
}

static void check_levels(module *m, fpn *f, const fpn_config *c)
{
    int ins = (int)c->in_channels.n, outs = (int)c->num_outs;
    f->start = (int)c->start_level;
    f->end = c->end_level == -1 ? ins : (int)c->end_level;
    if (f->end > ins || f->start >= f->end)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "start_level"),
                   "FPN: levels %d to %d of %d maps are none that could be used", f->start, f->end - 1, ins);
    else if (c->end_level == -1 ? outs < f->end - f->start : outs != f->end - f->start)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "num_outs"),
                   "FPN: num_outs=%d does not fit the %d levels that are used%s", outs, f->end - f->start,
                   c->end_level == -1 ? "" : "; with an end_level no further maps are made");
}

static void check_upsample(module *m, const upsample_config *c)
{
    if (c->align_corners && strcmp(c->mode, "nearest") == 0)
        model_fail(m->model, CSEG_CONFIG, c->align_corners,
                   "FPN: upsample_cfg has align_corners, which mode='nearest' does not take; leave it out, or set "
                   "mode='bilinear'");
    else if (c->align_corners && c->align_corners->kind != V_BOOL)
        model_fail(m->model, CSEG_CONFIG, c->align_corners,
                   "FPN: align_corners of upsample_cfg is True or False, not %s", value_kind_name(c->align_corners));
}

static void conv_module(module *list, const fpn_config *c, bool lateral, int64_t in, int64_t kernel, int64_t stride)
{
    bool norm = !lateral || !c->no_norm_on_lateral;
    conv_module_new(list, list ? module_index(list, (int64_t)list->children.n) : NULL,
                    (conv_module_spec){.conv = conv_square(in, c->out_channels, kernel, stride, kernel / 2, 1),
                                       .conv_cfg = c->conv_cfg,
                                       .norm_cfg = norm ? c->norm_cfg : NULL,
                                       .act_cfg = c->act_cfg});
}

/* What stands behind a lateral, or makes a further map at half the size. */
static void output_conv(module *list, const fpn_config *c, int64_t in, int64_t stride)
{
    if (!c->custom_block || strcmp(c->custom_block, "conv") == 0) {
        conv_module(list, c, false, in, 3, stride);
        return;
    }
    inverted_residual_new(list, list ? module_index(list, (int64_t)list->children.n) : NULL,
                          (inverted_residual_spec){.in = in,
                                                   .out = c->out_channels,
                                                   .stride = stride,
                                                   .dilation = 1,
                                                   .expand = 1,
                                                   .gap = true,
                                                   .norm_cfg = module_literal(list, "dict(type='BN')"),
                                                   .act_cfg = module_literal(list, "dict(type='ReLU6')")});
}

void fpn_build(module *m)
{
    const fpn_config *c = m->config;
    fpn *f = m->state = module_state(m, sizeof *f);
    if (!f)
        return;
    model *mod = m->model;
    if (fields_parse(&upsample_table, "upsample_cfg", c->upsample_cfg, NULL, mod->mem, &f->upsample, &mod->error) !=
        CSEG_OK)
        return;
    check_upsample(m, &f->upsample);
    read_extra(m, f, c);
    check_levels(m, f, c);
    if (model_failed(mod))
        return;
    m->init_cfg = c->init_cfg;
    f->lateral_convs = module_new(m, "lateral_convs");
    f->fpn_convs = module_new(m, "fpn_convs");
    for (int i = f->start; i < f->end; i++) {
        conv_module(f->lateral_convs, c, true, c->in_channels.at[i], 1, 1);
        output_conv(f->fpn_convs, c, c->out_channels, 1);
    }
    int64_t extra = f->extra == EXTRA_POOL ? 0 : c->num_outs - (f->end - f->start);
    for (int64_t i = 0; i < extra; i++) {
        int64_t in = i == 0 && f->extra == EXTRA_ON_INPUT ? c->in_channels.at[f->end - 1] : c->out_channels;
        output_conv(f->fpn_convs, c, in, 2);
    }
}

static tensor *upsample(const fpn *f, graph *g, tensor *x, const tensor *like)
{
    if (!x || !like)
        return NULL;
    resize_attr a = resize_by(f->upsample.mode, value_true(f->upsample.align_corners));
    a.h = like->dim[1];
    a.w = like->dim[2];
    double scale = f->upsample.scale_factor;
    if (scale > 0) {
        a.h = (int64_t)((double)x->dim[1] * scale);
        a.w = (int64_t)((double)x->dim[2] * scale);
        a.scale_h = a.scale_w = scale;
    }
    return op_resize(g, x, a);
}

/* Maps beyond the levels that there are. */
static void add_extra(module *m, graph *g, features x, tensor *last_lateral, features *out)
{
    const fpn_config *c = m->config;
    fpn *f = m->state;
    tensor *source = f->extra == EXTRA_ON_INPUT     ? x.at[f->end - 1]
                     : f->extra == EXTRA_ON_LATERAL ? last_lateral
                                                    : out->at[out->n - 1];
    bool first = true;
    for (int i = out->n; i < (int)c->num_outs; i++, first = false) {
        tensor *y;
        if (f->extra == EXTRA_POOL)
            y = op_max_pool(g, source, (pool_attr){.kernel = {1, 1}, .stride = {2, 2}});
        else
            y = layer_run(f->fpn_convs->children.at[i], g,
                          !first && c->relu_before_extra_convs ? op_relu(g, source) : source);
        features_add(g, out, source = y);
    }
}

features fpn_forward(module *m, graph *g, features x)
{
    fpn *f = m->state;
    const fpn_config *c = m->config;
    features out = features_new(g, 0), given = features_new(g, 0), lateral = features_new(g, f->end - f->start);
    if (c->exist_early_x && x.n) {
        features_add(g, &given, x.at[0]);
        x = c->early_x_for_fpn ? x : features_from(x, 1);
    }
    if (!neck_inputs_fit(m, g, x, c->in_channels))
        return out;
    int n = lateral.n;
    for (int i = 0; i < n; i++)
        lateral.at[i] = layer_run(f->lateral_convs->children.at[i], g, x.at[f->start + i]);
    for (int i = n - 1; i > 0; i--)
        lateral.at[i - 1] = op_add(g, lateral.at[i - 1], upsample(f, g, lateral.at[i], lateral.at[i - 1]));
    for (int i = 0; i < n; i++)
        features_add(g, &out, layer_run(f->fpn_convs->children.at[i], g, lateral.at[i]));
    if (out.n && out.n == n) /* unless memory ran out */
        add_extra(m, g, x, lateral.at[n - 1], &out);
    return given.n ? features_joined(g, given, out) : out;
}

const kind kind_fpn = {
    .family = FAMILY_NECK,
    .name = "FPN",
    .about = "A top-down way that adds coarse maps to fine ones (arXiv:1612.03144).",
    .fields = &table,
    .build = fpn_build,
    .as.neck = {.forward = fpn_forward},
};

const kind kind_tiny_fpn = {
    .family = FAMILY_NECK,
    .scopes = SCOPE_OPENCD,
    .name = "TinyFPN",
    .about = "FPN with depthwise blocks; a map of both dates may pass by (TinyCDv2).",
    .fields = &tiny_table,
    .build = fpn_build,
    .as.neck = {.forward = fpn_forward},
};
