/* mmseg's InterpConv: a map resized, and a ConvModule before or behind. */
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
    FIELD_CHOICE(resize_config, mode, "'nearest'", "nearest|bilinear", "how values are interpolated"),
    FIELD(resize_config, F_BOOL, align_corners, "False", "corners of both maps lie on each other"),
    FIELD_FIXED(size, "None", "a map's size is known only when it is there"),
};
static const field_table resize_table = FIELD_TABLE(resize_fields, resize_config);

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

static bool read_type(module *parent, const value *cfg)
{
    const char *type = value_type_name(cfg);
    if (type && strcmp(type, "InterpConv") == 0)
        return true;
    model_fail(parent->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: upsample_cfg of type %s is not supported; there is InterpConv", parent->name, type ? type : "None");
    return false;
}

module *up_conv_new(module *parent, const char *name, up_conv_spec c)
{
    module *m = module_new(parent, name);
    up_conv *s = module_state(m, sizeof *s);
    interp_config o;
    resize_config r;
    if (!s || !read_type(parent, c.upsample_cfg) ||
        fields_parse(&interp_table, "InterpConv", c.upsample_cfg, NULL, m->model->mem, &o, &m->model->error) !=
            CSEG_OK ||
        fields_parse(&resize_table, "upsample_cfg", o.upsample_cfg, NULL, m->model->mem, &r, &m->model->error) !=
            CSEG_OK)
        return NULL;
    m->class_name = "InterpConv";
    m->state = s;
    m->forward = forward;
    s->with_cp = c.with_cp;
    s->list = sequential_new(m, "interp_upsample");
    for (int i = 0; i < 2; i++)
        if (o.conv_first == (i == 0))
            conv_module_new(s->list, module_index(m, i),
                            (conv_module_spec){.conv = conv_square(c.in, c.out, o.kernel_size, o.stride, o.padding, 1),
                                               .conv_cfg = o.conv_cfg,
                                               .norm_cfg = c.norm_cfg,
                                               .act_cfg = c.act_cfg});
        else
            upsample_new(s->list, module_index(m, i), r.scale_factor, strcmp(r.mode, "nearest") == 0, r.align_corners);
    return model_failed(m->model) ? NULL : m;
}
