/* ICNeck: ICNet's maps fused two by two, the coarse into the fine (Zhao et al. 2018, arXiv:1704.08545). */
#include "model/layers/layers.h"
#include "model/necks/neck_inputs.h"

typedef struct ic_neck_config {
    ints in_channels;
    int64_t out_channels;
    bool align_corners;
    const value *conv_cfg, *norm_cfg, *act_cfg, *init_cfg;
} ic_neck_config;

enum { MAPS = 3 };

static const field fields[] = {
    FIELD_RANGE(ic_neck_config, F_INT_LIST, in_channels, "(64, 256, 256)", 1, 1 << 20,
                "channels of the three maps, from the finest to the coarsest"),
    FIELD_RANGE(ic_neck_config, F_INT, out_channels, "128", 1, 1 << 20, "channels of the maps that it gives"),
    FIELD(ic_neck_config, F_VALUE, conv_cfg, "None", "kind of convolution"),
    FIELD(ic_neck_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(ic_neck_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(ic_neck_config, F_BOOL, align_corners, "False", "of all resizing"),
    FIELD(ic_neck_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, ic_neck_config);

/* MMSegmentation's CascadeFeatureFusion. */
typedef struct fusion {
    module *low, *high;
} fusion;

typedef struct ic_neck {
    fusion of_24, of_12; /* the quarter image's map into the half's; that into the whole image's */
} ic_neck;

static fusion fusion_new(module *neck, const char *name, int64_t low, int64_t high)
{
    const ic_neck_config *c = neck->config;
    module *m = module_new(neck, name);
    conv_module_spec s = {.conv = conv_square(low, c->out_channels, 3, 1, 2, 2),
                          .conv_cfg = c->conv_cfg,
                          .norm_cfg = c->norm_cfg,
                          .act_cfg = c->act_cfg};
    fusion f = {.low = conv_module_new(m, "conv_low", s)};
    s.conv = conv_square(high, c->out_channels, 1, 1, 0, 1);
    f.high = conv_module_new(m, "conv_high", s);
    if (m)
        m->base = true;
    return f;
}

static void build(module *m)
{
    const ic_neck_config *c = m->config;
    ic_neck *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    if (c->in_channels.n != MAPS) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "in_channels"), "ICNeck fuses %d maps, but in_channels has %zu",
                   MAPS, c->in_channels.n);
        return;
    }
    m->init_cfg = c->init_cfg;
    s->of_24 = fusion_new(m, "cff_24", c->in_channels.at[2], c->in_channels.at[1]);
    s->of_12 = fusion_new(m, "cff_12", c->out_channels, c->in_channels.at[0]);
}

/* Sets *guide to the coarse map at the fine one's size, on which an auxiliary head is trained. */
static tensor *fuse(const fusion *f, graph *g, tensor *low, tensor *high, bool align_corners, tensor **guide)
{
    *guide = layer_run(f->low, g, low && high ? resize_like(g, low, high, align_corners) : NULL);
    return op_relu(g, op_add(g, *guide, layer_run(f->high, g, high)));
}

/* The two guides, then the map. */
static features forward(module *m, graph *g, features x)
{
    const ic_neck_config *c = m->config;
    const ic_neck *s = m->state;
    features out = features_new(g, 0);
    tensor *of_24, *of_12;
    if (!neck_inputs_fit(m, g, x, c->in_channels))
        return out;
    tensor *y = fuse(&s->of_24, g, x.at[2], x.at[1], c->align_corners, &of_24);
    y = fuse(&s->of_12, g, y, x.at[0], c->align_corners, &of_12);
    features_add(g, &out, of_24);
    features_add(g, &out, of_12);
    features_add(g, &out, y);
    return out;
}

const kind kind_ic_neck = {
    .family = FAMILY_NECK,
    .name = "ICNeck",
    .about = "Fuses ICNet's three maps, the coarse into the fine (arXiv:1704.08545).",
    .fields = &table,
    .build = build,
    .as.neck = {.forward = forward},
};
