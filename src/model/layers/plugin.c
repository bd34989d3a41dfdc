/* mmcv's plugin layers: blocks that a config puts into a ResNet. */
#include <string.h>

#include "model/layers/layers.h"

typedef struct plugin_config {
    double ratio, std, position_magnitude;
    const char *pooling_type, *mode, *attention_type;
    int64_t reduction, num_heads, position_embedding_dim, kv_stride, q_stride;
    bool use_scale, sub_sample, zeros_init;
    const value *postfix, *fusion_types, *conv_cfg, *norm_cfg;
} plugin_config;

#define POSTFIX FIELD(plugin_config, F_VALUE, postfix, "''", "a number or text behind the block's name")
#define PLUGIN(T, ...) FIELD(plugin_config, T, __VA_ARGS__)
#define PLUGIN_RANGE(T, ...) FIELD_RANGE(plugin_config, T, __VA_ARGS__)

static const field context_fields[] = {
    POSTFIX,
    PLUGIN_RANGE(F_FLOAT, ratio, NULL, 0, 64, "channels inside the block, relative to the map's"),
    FIELD_CHOICE(plugin_config, pooling_type, "'att'", "att|avg",
                 "how the map's pixels are averaged: weighted by a softmax, or equally"),
    PLUGIN(F_VALUE, fusion_types, "('channel_add', )",
           "a list of channel_add and channel_mul: what is done to each pixel with the average"),
};

static const field non_local_fields[] = {
    POSTFIX,
    PLUGIN_RANGE(F_INT, reduction, "2", 1, 1 << 20, "channels are divided by it where pixels are compared"),
    PLUGIN(F_BOOL, use_scale, "True", "embedded_gaussian: products are divided by the root of their channels"),
    FIELD_CHOICE(plugin_config, mode, "'embedded_gaussian'", "embedded_gaussian|dot_product|gaussian|concatenation",
                 "how two pixels are compared"),
    PLUGIN(F_BOOL, sub_sample, "False", "what is gathered is pooled 2x2 before"),
    PLUGIN(F_VALUE, conv_cfg, "dict(type='Conv2d')", "kind of convolution"),
    PLUGIN(F_VALUE, norm_cfg, "None", "kind of normalisation behind the last convolution"),
    PLUGIN_RANGE(F_FLOAT, std, "0.01", 0, 1e6, "of the projections at the start"),
    PLUGIN(F_BOOL, zeros_init, "True", "the last layer starts at zero"),
};

static const field attention_fields[] = {
    POSTFIX,
    FIELD_FIXED(spatial_range, "-1", "each pixel gathers from the whole map"),
    PLUGIN_RANGE(F_INT, num_heads, "9", 1, 1 << 20, "heads; channels that they do not share evenly are left out"),
    PLUGIN_RANGE(F_INT, position_embedding_dim, "-1", -1, 1 << 20,
                 "sines and cosines of a position; not above 0: as many as channels"),
    PLUGIN(F_FLOAT, position_magnitude, "1", "multiplies distances"),
    PLUGIN_RANGE(F_INT, kv_stride, "2", 1, 1 << 14, "of the pixels that are gathered"),
    PLUGIN_RANGE(F_INT, q_stride, "1", 1, 1 << 14, "of the pixels that gather; the result is resized"),
    PLUGIN(F_STR, attention_type, "'1111'",
           "four digits 0 or 1: query and key, query and position, key alone, position alone"),
};

static const field plain_fields[] = {POSTFIX};

static module *context_new(module *parent, const char *name, const value *cfg, const plugin_config *c, int64_t channels)
{
    context_block_spec s = {.channels = channels, .attention = strcmp(c->pooling_type, "att") == 0};
    return context_block_read(parent, cfg, c->ratio, c->fusion_types, &s) ? context_block_new(parent, name, s) : NULL;
}

static module *non_local(module *parent, const char *name, const value *cfg, const plugin_config *c, int64_t channels)
{
    (void)cfg;
    return non_local_new(parent, name,
                         (non_local_spec){.channels = channels,
                                          .reduction = c->reduction,
                                          .mode = c->mode,
                                          .use_scale = c->use_scale,
                                          .sub_sample = c->sub_sample,
                                          .std = c->std,
                                          .small_out = !c->zeros_init,
                                          .conv_cfg = c->conv_cfg,
                                          .norm_cfg = c->norm_cfg});
}

static bool read_terms(module *parent, const value *cfg, const plugin_config *c, bool terms[4])
{
    const char *digits = c->attention_type ? c->attention_type : "";
    if (strlen(digits) != 4 || strspn(digits, "01") != 4) {
        model_fail(parent->model, CSEG_CONFIG, value_blame(cfg, "attention_type"),
                   "attention_type is four digits 0 or 1, as in '1111', not '%s'", digits);
        return false;
    }
    for (int i = 0; i < 4; i++)
        terms[i] = digits[i] == '1';
    return true;
}

static module *attention(module *parent, const char *name, const value *cfg, const plugin_config *c, int64_t channels)
{
    general_attention_spec s = {.channels = channels,
                                .heads = c->num_heads,
                                .position_dim = c->position_embedding_dim > 0 ? c->position_embedding_dim : channels,
                                .magnitude = c->position_magnitude,
                                .q_stride = c->q_stride,
                                .kv_stride = c->kv_stride};
    if (!read_terms(parent, cfg, c, s.terms))
        return NULL;
    if (s.heads > channels)
        model_fail(parent->model, CSEG_CONFIG, value_blame(cfg, "num_heads"),
                   "GeneralizedAttention: %lld heads share %lld channels", (long long)s.heads, (long long)channels);
    if ((s.terms[1] || s.terms[3]) && s.position_dim % 4)
        model_fail(parent->model, CSEG_CONFIG, value_blame(cfg, "position_embedding_dim"),
                   "GeneralizedAttention: position_embedding_dim is %lld (-1: the map's channels), no multiple of 4",
                   (long long)s.position_dim);
    return general_attention_new(parent, name, s);
}

static module *criss_cross(module *parent, const char *name, const value *cfg, const plugin_config *c, int64_t channels)
{
    (void)cfg;
    (void)c;
    return criss_cross_new(parent, name, channels);
}

static const struct {
    const char *type, *abbreviation;
    field_table table;
    module *(*make)(module *parent, const char *name, const value *cfg, const plugin_config *c, int64_t channels);
} types[] = {
    {"ContextBlock", "context_block", FIELD_TABLE(context_fields, plugin_config), context_new},
    {"GeneralizedAttention", "gen_attention_block", FIELD_TABLE(attention_fields, plugin_config), attention},
    {"NonLocal2d", "nonlocal_block", FIELD_TABLE(non_local_fields, plugin_config), non_local},
    {"CrissCrossAttention", "criss_cross_attention", FIELD_TABLE(plain_fields, plugin_config), criss_cross},
};
enum { TYPES = sizeof types / sizeof *types };

static const char *name_of(module *parent, const char *abbreviation, const value *postfix)
{
    int64_t number;
    if (value_text(postfix))
        return module_text(parent, "%s%s", abbreviation, value_text(postfix));
    if (value_integer(postfix, &number))
        return module_text(parent, "%s%lld", abbreviation, (long long)number);
    model_fail(parent->model, CSEG_CONFIG, postfix, "postfix is a number or text, not %s", value_kind_name(postfix));
    return NULL;
}

static module *build(module *parent, const value *cfg, int type, int64_t channels)
{
    plugin_config c = {0};
    model *m = parent->model;
    if (fields_parse(&types[type].table, types[type].type, cfg, NULL, m->mem, &c, &m->error) != CSEG_OK)
        return NULL;
    const char *name = name_of(parent, types[type].abbreviation, c.postfix);
    if (name && module_child(parent, name)) {
        model_fail(m, CSEG_CONFIG, cfg, "%s has a %s already: give each plugin of a type its own postfix", parent->name,
                   name);
        return NULL;
    }
    return name ? types[type].make(parent, name, cfg, &c, channels) : NULL;
}

module *plugin_new(module *parent, const value *cfg, int64_t channels)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    const char *type = value_type_name(cfg);
    for (int i = 0; type && i < TYPES; i++)
        if (strcmp(types[i].type, type) == 0)
            return build(parent, cfg, i, channels);
    model_fail(parent->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: a plugin of type %s is not supported; there are ContextBlock, GeneralizedAttention, NonLocal2d and "
               "CrissCrossAttention",
               parent->name, type ? type : value_kind_name(cfg));
    return NULL;
}
