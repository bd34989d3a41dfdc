/* ChangeExtraResNet: a ResNet that sees both dates of a pair with the same weights. */
#include "model/backbones/resnet.h"

static const field fields[] = {
    RESNET_FIELDS, RESNET_STEM_FIELDS,
    FIELD(resnet_config, F_BOOL, use_IN1, "False",
          "an instance norm instead of the stem's first norm: takes each date's brightness and contrast out")};
static const field_table table = FIELD_TABLE(fields, resnet_config);

static void build(module *m)
{
    const resnet_config *c = m->config;
    resnet_build(m);
    if (model_failed(m->model))
        return;
    m->model->in_channels = 2 * (int)c->in_channels;
    m->model->dates = 2;
}

/* Runs the dates one after the other, so that batch norms take the statistics of one date at a time. */
static void forward_pair(module *m, graph *g, tensor *x, features date[2])
{
    const resnet_config *c = m->config;
    for (int i = 0; i < 2; i++)
        date[i] = resnet_forward(m, g, x ? op_slice(g, x, 3, i * c->in_channels, c->in_channels) : NULL);
}

const kind kind_change_extra_resnet = {
    .family = FAMILY_BACKBONE,
    .scopes = SCOPE_MMSEG | SCOPE_OPENCD,
    .name = "ChangeExtraResNet",
    .about = "A ResNet with shared weights for the two dates of a pair: the image has 2 x in_channels channels, the "
             "first date's first. Gives each stage's map of the first date, then those of the second.",
    .fields = &table,
    .build = build,
    .as.backbone = {.forward_pair = forward_pair},
};
