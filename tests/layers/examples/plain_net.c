/* PlainNet: one strided 3x3 convolution a stage. */
#include "model/backbones/out_indices.h"
#include "model/init.h"
#include "model/layers/layers.h"

typedef struct plain_config {
    int64_t in_channels;
    ints channels, out_indices;
    bool norm_eval;
    const char *pretrained;
    const value *norm_cfg, *init_cfg;
} plain_config;

static const field fields[] = {
    FIELD_RANGE(plain_config, F_INT, in_channels, "3", 1, 4096, "channels of an image"),
    FIELD_RANGE(plain_config, F_INTS, channels, "(32, 64, 128)", 1, 1 << 16, "of each stage"),
    FIELD_RANGE(plain_config, F_INTS, out_indices, "(0, 1, 2)", 0, 63, "stages whose maps are given"),
    FIELD(plain_config, F_VALUE, norm_cfg, "dict(type='BN')", "kind of normalisation"),
    FIELD(plain_config, F_BOOL, norm_eval, "False", "batch norms use their running statistics in training"),
    FIELD(plain_config, F_STR, pretrained, "None", "file, address or name of weights to start from"),
    FIELD(plain_config, F_VALUE, init_cfg, "None", "how the weights start"),
};
static const field_table table = FIELD_TABLE(fields, plain_config);

static void build(module *m)
{
    const plain_config *c = m->config;
    int64_t in = c->in_channels, stages = (int64_t)c->channels.n;
    if (!out_indices_check(m, c->out_indices, stages))
        return;
    init_choose(m, c->init_cfg, c->pretrained, "dict(type='Kaiming', layer='Conv2d')");
    module *list = sequential_new(m, "stages");
    for (int64_t i = 0; i < stages; i++) {
        conv_module_spec stage = {.conv = conv_square(in, c->channels.at[i], 3, 2, 1, 1), .norm_cfg = c->norm_cfg};
        conv_module_new(list, module_index(list, i), stage);
        in = c->channels.at[i];
    }
    if (c->norm_eval && list)
        norm_freeze_statistics(list);
    m->state = list;
    m->model->in_channels = (int)c->in_channels;
}

static features forward(module *m, graph *g, tensor *x)
{
    const plain_config *c = m->config;
    const module *list = m->state;
    features y = features_new(g, 0);
    for (size_t i = 0; i < list->children.n; i++) {
        x = op_relu(g, layer_run(list->children.at[i], g, x));
        if (out_indices_has(c->out_indices, (int64_t)i))
            features_add(g, &y, x);
    }
    return y;
}

const kind kind_plain_net = {
    .family = FAMILY_BACKBONE,
    .name = "PlainNet",
    .about = "A strided convolution a stage.",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward = forward},
};
