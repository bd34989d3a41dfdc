/* Aggregation_distribution of Open-CD: what both dates' maps hold on average says how much each channel of each date
 * counts (Fang et al. 2022, arXiv:2209.08290). */
#include "model/layers/layers.h"

typedef struct aggregation_config {
    int64_t channels, num_paths;
    const value *attn_channels, *act_cfg, *norm_cfg;
} aggregation_config;

static const field fields[] = {
    FIELD_RANGE(aggregation_config, F_INT, channels, NULL, 1, 1 << 20, "channels of a date's map"),
    FIELD_RANGE(aggregation_config, F_INT, num_paths, "2", 2, 2, "dates"),
    FIELD(aggregation_config, F_VALUE, attn_channels, "None",
          "channels of the average in between; None: a sixteenth of `channels`. At least 8"),
    FIELD(aggregation_config, F_VALUE, act_cfg, "dict(type='ReLU')", "kind of activation"),
    FIELD(aggregation_config, F_VALUE, norm_cfg, "dict(type='BN', requires_grad=True)", "kind of normalisation"),
};
static const field_table table = FIELD_TABLE(fields, aggregation_config);

typedef struct aggregation {
    module *reduce, *norm, *act, *select;
} aggregation;

static void build(module *m)
{
    const aggregation_config *c = m->config;
    aggregation *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t inner = 0;
    if (!value_is_none(c->attn_channels) &&
        (!value_integer(c->attn_channels, &inner) || inner < 0 || inner > 1 << 20)) {
        model_fail(m->model, CSEG_CONFIG, c->attn_channels, "%s: attn_channels is an int from 0 to %d, or None",
                   m->class_name, 1 << 20);
        return;
    }
    if (!inner)
        inner = c->channels / 16;
    if (inner < 8)
        inner = 8;
    s->reduce = conv2d_new(m, "fc_reduce", NULL, conv_square(c->channels, inner, 1, 1, 0, 1));
    s->norm = norm_new(m, "bn", c->norm_cfg, inner);
    s->act = act_new(m, "act", c->act_cfg);
    s->select = conv2d_new(m, "fc_select", NULL, conv_square(inner, c->channels * c->num_paths, 1, 1, 0, 1));
}

static void forward(module *m, graph *g, tensor *x[2])
{
    const aggregation *s = m->state;
    tensor *share[2];
    tensor *both = op_reduce_mean(g, op_add(g, x[0], x[1]), 1 << 1 | 1 << 2, true);
    both = layer_run(s->act, g, layer_run(s->norm, g, layer_run(s->reduce, g, both)));
    op_split(g, layer_run(s->select, g, both), 3, 2, NULL, share);
    for (int i = 0; i < 2; i++)
        x[i] = op_mul(g, x[i], op_sigmoid(g, share[i]));
}

const kind kind_aggregation_distribution = {
    .family = FAMILY_INTERACTION,
    .scopes = SCOPE_OPENCD,
    .name = "Aggregation_distribution",
    .about = "The average of both dates' maps says how much each channel of each counts (arXiv:2209.08290).",
    .fields = &table,
    .build = build,
    .as.interaction = {.forward = forward},
};
