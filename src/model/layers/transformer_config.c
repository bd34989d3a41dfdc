#include "model/layers/transformer_config.h"

typedef struct attention_config {
    int64_t embed_dims, num_heads;
    double attn_drop, proj_drop;
    bool bias, batch_first;
    const value *dropout, *dropout_layer, *init_cfg;
} attention_config;

static const field attention_fields[] = {
    FIELD_RANGE(attention_config, F_INT, embed_dims, NULL, 1, 1 << 20, "channels"),
    FIELD_RANGE(attention_config, F_INT, num_heads, NULL, 1, 1 << 20, "heads, which share the channels evenly"),
    FIELD_RANGE(attention_config, F_FLOAT, attn_drop, "0.", 0, 1, "dropout of the attention's weights"),
    FIELD_RANGE(attention_config, F_FLOAT, proj_drop, "0.", 0, 1, "dropout of the result"),
    FIELD(attention_config, F_VALUE, dropout, "None", "old name of attn_drop, and of drop_prob in dropout_layer"),
    FIELD(attention_config, F_VALUE, dropout_layer, "dict(type='Dropout', drop_prob=0.)", "behind both"),
    FIELD(attention_config, F_BOOL, bias, "True", "of all projections"),
    FIELD(attention_config, F_BOOL, batch_first, "True", "must be True: sequences are [N, L, C]"),
    FIELD(attention_config, F_VALUE, init_cfg, "None", "how the weights start"),
    FIELD_FIXED(add_bias_kv, "False", "one more key and value, which are learnt: not supported"),
    FIELD_FIXED(add_zero_attn, "False", "one more key and value of zeros: not supported"),
    FIELD_FIXED(kdim, "None", "other channels of the keys: not supported"),
    FIELD_FIXED(vdim, "None", "other channels of the values: not supported"),
};
static const field_table attention_table = FIELD_TABLE(attention_fields, attention_config);

/* `dropout` sets two things, as mmcv's class does. */
static const value *old_dropout(module *m, attention_config *c)
{
    value *layer = value_is_none(c->dropout_layer) ? NULL : value_copy(m->model->mem, c->dropout_layer);
    if (!value_number(c->dropout, &c->attn_drop) || c->attn_drop < 0 || c->attn_drop > 1)
        model_fail(m->model, CSEG_CONFIG, c->dropout, "%s: dropout is a number from 0 to 1", m->name);
    else if (!layer || layer->kind != V_DICT)
        model_fail(m->model, CSEG_CONFIG, c->dropout,
                   "%s: dropout, the old name, needs a dropout_layer: take attn_drop instead", m->name);
    else if (!value_set(m->model->mem, layer, "drop_prob", value_copy(m->model->mem, c->dropout)))
        model_fail(m->model, CSEG_NO_MEMORY, NULL, "out of memory");
    return layer;
}

bool attention_spec_read(module *m, const value *cfg, attention_spec *out)
{
    attention_config c = {0};
    if (model_failed(m->model) ||
        fields_parse(&attention_table, "MultiheadAttention", cfg, NULL, m->model->mem, &c, &m->model->error) != CSEG_OK)
        return false;
    if (!c.batch_first)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "batch_first"), "%s: batch_first must be True", m->name);
    if (!value_is_none(c.dropout))
        c.dropout_layer = old_dropout(m, &c);
    *out = (attention_spec){.channels = c.embed_dims,
                            .heads = c.num_heads,
                            .bias = c.bias,
                            .attn_drop = c.attn_drop,
                            .proj_drop = c.proj_drop,
                            .dropout_layer = c.dropout_layer,
                            .init_cfg = c.init_cfg};
    return !model_failed(m->model);
}

typedef struct ffn_config {
    int64_t embed_dims, feedforward_channels, num_fcs;
    double ffn_drop, layer_scale_init_value;
    bool add_identity;
    const value *act_cfg, *dropout, *add_residual, *dropout_layer, *init_cfg;
} ffn_config;

static const field ffn_fields[] = {
    FIELD_RANGE(ffn_config, F_INT, embed_dims, "256", 1, 1 << 20, "channels"),
    FIELD_RANGE(ffn_config, F_INT, feedforward_channels, "1024", 1, 1 << 20, "channels in between"),
    FIELD_RANGE(ffn_config, F_INT, num_fcs, "2", 2, 64, "linear layers"),
    FIELD(ffn_config, F_VALUE, act_cfg, "dict(type='ReLU', inplace=True)", "behind all of them but the last"),
    FIELD_RANGE(ffn_config, F_FLOAT, ffn_drop, "0.", 0, 1, "dropout behind each"),
    FIELD(ffn_config, F_VALUE, dropout, "None", "old name of ffn_drop"),
    FIELD(ffn_config, F_VALUE, dropout_layer, "None", "before the input is added"),
    FIELD(ffn_config, F_BOOL, add_identity, "True", "the input is added"),
    FIELD(ffn_config, F_VALUE, add_residual, "None", "old name of add_identity"),
    FIELD(ffn_config, F_VALUE, init_cfg, "None", "how the weights start"),
    FIELD_RANGE(ffn_config, F_FLOAT, layer_scale_init_value, "0.", 0, 1e6, "learnt factors of the channels; 0: none"),
};
static const field_table ffn_table = FIELD_TABLE(ffn_fields, ffn_config);

/* The deprecated names, where they are given instead of the new ones. */
static void old_names(module *m, const value *cfg, ffn_config *c)
{
    if (value_get(cfg, "dropout") &&
        (value_get(cfg, "ffn_drop") || !value_number(c->dropout, &c->ffn_drop) || c->ffn_drop < 0 || c->ffn_drop > 1))
        model_fail(m->model, CSEG_CONFIG, value_get(cfg, "dropout"),
                   "%s: dropout is the old name of ffn_drop, a number from 0 to 1: set that alone", m->name);
    if (!value_get(cfg, "add_residual"))
        return;
    if (value_get(cfg, "add_identity"))
        model_fail(m->model, CSEG_CONFIG, value_get(cfg, "add_residual"),
                   "%s: add_residual is the old name of add_identity: set that alone", m->name);
    c->add_identity = value_true(c->add_residual);
}

bool ffn_spec_read(module *m, const value *cfg, ffn_spec *out)
{
    ffn_config c = {0};
    if (model_failed(m->model) ||
        fields_parse(&ffn_table, "FFN", cfg, NULL, m->model->mem, &c, &m->model->error) != CSEG_OK)
        return false;
    old_names(m, cfg, &c);
    *out = (ffn_spec){.channels = c.embed_dims,
                      .hidden = c.feedforward_channels,
                      .num_fcs = c.num_fcs,
                      .drop = c.ffn_drop,
                      .add_identity = c.add_identity,
                      .layer_scale = c.layer_scale_init_value,
                      .act_cfg = c.act_cfg,
                      .dropout_layer = c.dropout_layer,
                      .init_cfg = c.init_cfg};
    return !model_failed(m->model);
}
