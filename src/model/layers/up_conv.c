/* What UNet's decoder makes maps larger with. mmseg's InterpConv: a map resized, and a ConvModule before or behind;
 * DeconvModule: a transposed convolution, norm and activation. */
#include <string.h>

#include "model/layers/layers.h"

typedef struct interp_config {
    bool conv_first;
    int64_t kernel_size, stride, padding;
    const value *conv_cfg, *upsample_cfg;
} interp_config;

static const field interp_fields[] = {
    FIELD(interp_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(interp_config, F_BOOL, conv_first, "False", "the convolution comes before the resizing"),
    FIELD_RANGE(interp_config, F_INT, kernel_size, "1", 1, 63, "the convolution's"),
    FIELD_RANGE(interp_config, F_INT, stride, "1", 1, 64, "the convolution's"),
    FIELD_RANGE(interp_config, F_INT, padding, "0", 0, 63, "the convolution's"),
    FIELD(interp_config, F_VALUE, upsample_cfg, "dict(scale_factor=2, mode='bilinear', align_corners=False)",
          "how the map is resized"),
};
static const field_table interp_table = FIELD_TABLE(interp_fields, interp_config);

typedef struct resize_config {
    int64_t scale_factor;
    const char *mode;
    bool align_corners;
} resize_config;

static const field resize_fields[] = {
    FIELD_RANGE(resize_config, F_INT, scale_factor, NULL, 1, 64, "sides are multiplied by it"),
    FIELD_CHOICE(resize_config, mode, "'nearest'", RESIZE_MODES, "how values are interpolated"),
    FIELD(resize_config, F_BOOL, align_corners, "False", "corners of both maps lie on each other"),
    FIELD_FIXED(size, "None", "a map's size is known only when it is there"),
};
static const field_table resize_table = FIELD_TABLE(resize_fields, resize_config);

typedef struct deconv_config {
    int64_t kernel_size, scale_factor;
} deconv_config;

static const field deconv_fields[] = {
    FIELD_RANGE(deconv_config, F_INT, kernel_size, "4", 1, 63, "the transposed convolution's"),
    FIELD_RANGE(deconv_config, F_INT, scale_factor, "2", 1, 63, "its stride: sides are multiplied by it"),
};
static const field_table deconv_table = FIELD_TABLE(deconv_fields, deconv_config);

typedef struct up_conv {
    bool with_cp;
    module *list;
} up_conv;

static tensor *forward(module *m, graph *g, tensor *x)
{
    up_conv *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    x = layer_run(s->list, g, x);
    graph_pop_checkpoint(g, outer);
    return x;
}

static void interp_new(module *m, up_conv *s, const up_conv_spec *c)
{
    interp_config o;
    resize_config r;
    if (fields_parse(&interp_table, "InterpConv", c->upsample_cfg, NULL, m->model->mem, &o, &m->model->error) !=
            CSEG_OK ||
        fields_parse(&resize_table, "upsample_cfg", o.upsample_cfg, NULL, m->model->mem, &r, &m->model->error) !=
            CSEG_OK)
        return;
    s->list = sequential_new(m, "interp_upsample");
    for (int i = 0; i < 2; i++)
        if (o.conv_first == (i == 0))
            conv_module_new(
                s->list, module_index(m, i),
                (conv_module_spec){.conv = conv_square(c->in, c->out, o.kernel_size, o.stride, o.padding, 1),
                                   .conv_cfg = o.conv_cfg,
                                   .norm_cfg = c->norm_cfg,
                                   .act_cfg = c->act_cfg});
        else
            upsample_new(s->list, module_index(m, i), (double)r.scale_factor, r.mode, r.align_corners);
}

/* The reference builds norm and activation whatever their configs are, and stops at None. */
static void deconv_new(module *m, up_conv *s, const up_conv_spec *c)
{
    deconv_config o;
    if (fields_parse(&deconv_table, "DeconvModule", c->upsample_cfg, NULL, m->model->mem, &o, &m->model->error) !=
        CSEG_OK)
        return;
    int64_t beyond = o.kernel_size - o.scale_factor;
    if (beyond < 0 || beyond % 2)
        model_fail(m->model, CSEG_CONFIG, value_blame(c->upsample_cfg, "kernel_size"),
                   "DeconvModule: kernel_size is scale_factor or larger by an even number, not %lld with %lld",
                   (long long)o.kernel_size, (long long)o.scale_factor);
    else if (value_is_none(c->norm_cfg) || value_is_none(c->act_cfg))
        model_fail(m->model, CSEG_CONFIG, c->upsample_cfg,
                   "DeconvModule: %s is None, but it always has one; use "
                   "InterpConv",
                   value_is_none(c->norm_cfg) ? "norm_cfg" : "act_cfg");
    if (model_failed(m->model))
        return;
    conv_spec conv = conv_square(c->in, c->out, o.kernel_size, o.scale_factor, beyond / 2, 1);
    conv.bias = true;
    s->list = sequential_new(m, "deconv_upsamping");
    conv_transpose2d_new(s->list, "0", conv, 0);
    norm_new(s->list, "1", c->norm_cfg, c->out);
    act_new(s->list, "2", c->act_cfg);
}

static const struct {
    const char *type;
    void (*make)(module *m, up_conv *s, const up_conv_spec *c);
} types[] = {{"InterpConv", interp_new}, {"DeconvModule", deconv_new}};

module *up_conv_new(module *parent, const char *name, up_conv_spec c)
{
    module *m = module_new(parent, name);
    up_conv *s = module_state(m, sizeof *s);
    const char *type = value_type_name(c.upsample_cfg);
    if (!s)
        return NULL;
    m->state = s;
    m->forward = forward;
    s->with_cp = c.with_cp;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0) {
            m->class_name = types[i].type;
            types[i].make(m, s, &c);
            return model_failed(m->model) ? NULL : m;
        }
    model_fail(m->model, CSEG_UNSUPPORTED, value_blame(c.upsample_cfg, "type"),
               "%s: upsample_cfg of type %s is not supported; there are InterpConv and DeconvModule", parent->name,
               type ? type : "None");
    return NULL;
}
