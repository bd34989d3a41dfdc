#include "model/layers/deform_layer.h"

#include <math.h>

#include "model/init.h"

typedef struct deform_config {
    int64_t embed_dims, num_heads, num_levels, num_points;
    double dropout, value_proj_ratio;
    bool batch_first;
} deform_config;

static const field fields[] = {
    FIELD_RANGE(deform_config, F_INT, embed_dims, "256", 1, 1 << 20, "channels"),
    FIELD_RANGE(deform_config, F_INT, num_heads, "8", 1, 1 << 20, "heads, which share the channels evenly"),
    FIELD_RANGE(deform_config, F_INT, num_levels, "4", 1, DEFORM_LEVELS, "maps that are read"),
    FIELD_RANGE(deform_config, F_INT, num_points, "4", 1, 1 << 10, "places that a head of a token reads of a map"),
    FIELD_IGNORED(im2col_step, "how the work is cut in CUDA"),
    FIELD_RANGE(deform_config, F_FLOAT, dropout, "0.1", 0, 1, "of the result, before the input is added"),
    FIELD(deform_config, F_BOOL, batch_first, "True", "must be True: sequences are [N, L, C]"),
    FIELD_IGNORED(norm_cfg, "the class has no norm"),
    FIELD_IGNORED(init_cfg, "the class starts its weights itself"),
    FIELD_RANGE(deform_config, F_FLOAT, value_proj_ratio, "1.0", 0, 1024, "channels of the values, times embed_dims"),
};
static const field_table table = FIELD_TABLE(fields, deform_config);

typedef struct deform_layer {
    deform_config c;
    module *offsets, *shares, *value, *out, *dropout;
} deform_layer;

/* Each head looks in a direction of its own, each further point a step further. */
static void start_offsets(module *m, const deform_layer *s)
{
    const deform_config *c = &s->c;
    int64_t places = c->num_levels * c->num_points;
    float *at = module_state(m, (size_t)(c->num_heads * places * 2) * sizeof *at);
    for (int64_t i = 0; at && i < c->num_heads * places; i++) {
        float angle = (float)(i / places) * (float)(2 * 3.14159265358979323846 / (double)c->num_heads);
        float x = cosf(angle), y = sinf(angle), most = fmaxf(fabsf(x), fabsf(y));
        at[2 * i] = x / most * (float)(i % c->num_points + 1);
        at[2 * i + 1] = y / most * (float)(i % c->num_points + 1);
    }
    if (at)
        init_values(module_own(s->offsets, "bias"), at);
}

/* The class's own init_weights(), which its constructor calls too. */
static void init(module *m)
{
    const deform_layer *s = m->state;
    init_layer(s->offsets, INIT_ZERO, 0, 0, false);
    start_offsets(m, s);
    init_layer(s->shares, INIT_ZERO, 0, 0, false);
    init_layer(s->value, INIT_XAVIER_UNIFORM, 1, 0, false);
    init_layer(s->out, INIT_XAVIER_UNIFORM, 1, 0, false);
}

static bool check(module *m, const value *cfg, const deform_config *c, int64_t values)
{
    if (!c->batch_first)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "batch_first"), "%s: batch_first must be True", m->name);
    else if (c->embed_dims % c->num_heads || values < 1 || values % c->num_heads)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "num_heads"),
                   "%s: %lld channels, or %lld of values, do not divide into %lld heads", m->name,
                   (long long)c->embed_dims, (long long)values, (long long)c->num_heads);
    return !model_failed(m->model);
}

module *deform_attention_new(module *parent, const char *name, const value *cfg)
{
    module *m = module_new(parent, name);
    deform_layer *s = module_state(m, sizeof *s);
    if (!s || fields_parse(&table, "MultiScaleDeformableAttention", cfg, NULL, m->model->mem, &s->c,
                           &m->model->error) != CSEG_OK)
        return NULL;
    const deform_config *c = &s->c;
    int64_t values = (int64_t)((double)c->embed_dims * c->value_proj_ratio);
    int64_t places = c->num_heads * c->num_levels * c->num_points;
    m->class_name = "MultiScaleDeformableAttention";
    m->base = true;
    m->cfg = cfg;
    m->state = s;
    if (!check(m, cfg, c, values))
        return NULL;
    s->offsets = linear_new(m, "sampling_offsets", c->embed_dims, places * 2, true);
    s->shares = linear_new(m, "attention_weights", c->embed_dims, places, true);
    s->value = linear_new(m, "value_proj", c->embed_dims, values, true);
    s->out = linear_new(m, "output_proj", values, c->embed_dims, true);
    s->dropout = dropout_new(m, "dropout", c->dropout);
    if (model_failed(m->model))
        return NULL;
    m->init = init;
    init(m);
    return model_failed(m->model) ? NULL : m;
}

int64_t deform_attention_channels(const module *m)
{
    return ((const deform_layer *)m->state)->c.embed_dims;
}

tensor *deform_attention_run(module *m, graph *g, tensor *x, tensor *pos, const deform_maps *maps)
{
    const deform_layer *s = m->state;
    const deform_config *c = &s->c;
    if (!x || !maps->at)
        return NULL;
    graph_push_scope(g, m->name);
    int64_t n = x->dim[0], length = x->dim[1], values = module_own(s->out, "weight")->dim[1];
    tensor *query = pos ? op_add(g, x, pos) : x;
    tensor *values_of =
        op_reshape(g, layer_run(s->value, g, x), 4, (int64_t[]){n, length, c->num_heads, values / c->num_heads});
    tensor *offset = op_reshape(g, layer_run(s->offsets, g, query), 6,
                                (int64_t[]){n, length, c->num_heads, c->num_levels, c->num_points, 2});
    tensor *share = op_reshape(g, layer_run(s->shares, g, query), 4,
                               (int64_t[]){n, length, c->num_heads, c->num_levels * c->num_points});
    share = op_reshape(g, op_softmax(g, share), 5, (int64_t[]){n, length, c->num_heads, c->num_levels, c->num_points});
    tensor *y = layer_run(s->out, g, op_deform_attention(g, values_of, maps->at, offset, share, maps->sizes));
    y = op_add(g, x, layer_run(s->dropout, g, y));
    graph_pop_scope(g);
    return y;
}
