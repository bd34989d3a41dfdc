/* Feature2Pyramid: maps of one size, as a plain transformer gives them, become a pyramid. */
#include "base/log.h"
#include "model/layers/layers.h"

enum { MAPS = 4 };

typedef struct pyramid_config {
    int64_t embed_dim;
    floats rescales;
    const value *norm_cfg;
} pyramid_config;

static const field fields[] = {
    FIELD_RANGE(pyramid_config, F_INT, embed_dim, NULL, 1, 1 << 20, "channels of each map"),
    FIELD(pyramid_config, F_FLOATS, rescales, "[4, 2, 1, 0.5]",
          "factors of the maps' sizes: 4, 2, 1 and 0.5, or 2, 1, 0.5 and 0.25"),
    FIELD(pyramid_config, F_VALUE, norm_cfg, "dict(type='SyncBN', requires_grad=True)",
          "kind of normalisation between the two convolutions of factor 4"),
};
static const field_table table = FIELD_TABLE(fields, pyramid_config);

typedef struct pyramid {
    module *by_four, *by_two; /* by_four NULL: the factors begin with 2 */
} pyramid;

/* Returns the place of factor `by` in the config's list, or -1. */
static int place_of(floats list, double by)
{
    for (size_t i = 0; i < list.n; i++)
        if (list.at[i] == by)
            return (int)i;
    return -1;
}

/* The first factor is 4 where there is one, else 2, and each of the others half of the one before, whatever the order
 * of the list is. */
static bool check(module *m, floats list)
{
    double by = place_of(list, 4) >= 0 ? 4 : 2;
    bool known = list.n == MAPS, ordered = true;
    for (int i = 0; i < MAPS && known; i++, by /= 2) {
        known = place_of(list, by) >= 0;
        ordered = ordered && list.at[i] == by;
    }
    char place[512];
    if (!known)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "rescales"),
                   "Feature2Pyramid: rescales are 4, 2, 1 and 0.5, or 2, 1, 0.5 and 0.25, one for each of four maps");
    else if (!ordered)
        log_say(LOG_WARNING,
                "%sFeature2Pyramid: rescales are in another order, but the first map becomes the largest and the last "
                "the smallest, as in the reference",
                value_place(module_at(m, "rescales"), place));
    return known;
}

static module *doubled(module *parent, const char *name, int64_t channels)
{
    conv_spec s = conv_square(channels, channels, 2, 2, 0, 1);
    s.bias = true;
    return conv_transpose2d_new(parent, name, s, 0);
}

static void build_by_four(module *m, pyramid *s, const pyramid_config *c)
{
    s->by_four = sequential_new(m, "upsample_4x");
    doubled(s->by_four, "0", c->embed_dim);
    norm_new(s->by_four, "1", c->norm_cfg, c->embed_dim);
    act_new(s->by_four, "2", module_literal(m, "dict(type='GELU')"));
    doubled(s->by_four, "3", c->embed_dim);
}

static void build_by_two(module *m, pyramid *s, const pyramid_config *c)
{
    s->by_two = sequential_new(m, "upsample_2x");
    doubled(s->by_two, "0", c->embed_dim);
}

/* Children are in the order of the list. */
static void build(module *m)
{
    const pyramid_config *c = m->config;
    pyramid *s = m->state = module_state(m, sizeof *s);
    if (!s || !check(m, c->rescales))
        return;
    for (int i = 0; i < MAPS; i++)
        if (c->rescales.at[i] == 4)
            build_by_four(m, s, c);
        else if (c->rescales.at[i] == 2)
            build_by_two(m, s, c);
}

static tensor *pooled(graph *g, tensor *x, int by)
{
    return op_max_pool(g, x, (pool_attr){.kernel = {by, by}, .stride = {by, by}});
}

static features forward(module *m, graph *g, features x)
{
    const pyramid *s = m->state;
    features out = features_new(g, 0);
    char place[512];
    int i = 0;
    if (x.n != MAPS) {
        graph_fail(g, CSEG_SHAPE, "%sneck (Feature2Pyramid) takes a map for each of four rescales, but %s gives %d",
                   value_place(module_at(m, "rescales"), place), x.from ? x.from->class_name : "the backbone", x.n);
        return out;
    }
    if (s->by_four)
        features_add(g, &out, layer_run(s->by_four, g, x.at[i++]));
    features_add(g, &out, layer_run(s->by_two, g, x.at[i++]));
    features_add(g, &out, x.at[i++]);
    for (int by = 2; i < MAPS; by *= 2)
        features_add(g, &out, pooled(g, x.at[i++], by));
    return out;
}

const kind kind_feature2pyramid = {
    .family = FAMILY_NECK,
    .name = "Feature2Pyramid",
    .about = "Maps of one size become a pyramid, by transposed convolutions and max pools.",
    .fields = &table,
    .build = build,
    .as.neck = {.forward = forward},
};
