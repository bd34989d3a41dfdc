/* mmcv's NonLocal2d (Wang et al. 2018, arXiv:1711.07971), and its disentangled form (Yin et al. 2020,
 * arXiv:2006.06668): likeness without the means, and beside it one mask that all pixels share. */
#include <math.h>
#include <string.h>

#include "model/init.h"
#include "model/layers/layers.h"

typedef struct non_local {
    non_local_spec spec;
    int64_t inner; /* channels of what is compared and gathered */
    module *g, *out;
    module *theta, *phi; /* NULL: the map itself is compared */
    param *pair;         /* concatenation: [1, 2 * inner, 1, 1], of a query and a key beside each other; else NULL */
    module *mask;        /* disentangled; else NULL */
} non_local;

static bool has_mode(const non_local *s, const char *mode)
{
    return strcmp(s->spec.mode, mode) == 0;
}

static module *project(const non_local_spec *c, module *m, const char *name, int64_t in, int64_t out,
                       const value *norm_cfg)
{
    return conv_module_new(
        m, name,
        (conv_module_spec){.conv = conv_square(in, out, 1, 1, 0, 1), .conv_cfg = c->conv_cfg, .norm_cfg = norm_cfg});
}

/* With sub_sample, the class has the projection in a Sequential with the pool. */
static module *project_pooled(const non_local_spec *c, module *m, const char *name, int64_t in, int64_t out)
{
    return c->sub_sample ? project(c, sequential_new(m, name), "0", in, out, NULL) : project(c, m, name, in, out, NULL);
}

static tensor *pooled(const non_local *s, graph *g, tensor *x)
{
    return s->spec.sub_sample ? op_max_pool(g, x, (pool_attr){.kernel = {2, 2}, .stride = {2, 2}}) : x;
}

/* A map's pixels as a sequence [N,L,C], projected where there is a layer, less their mean where `centred`; `keys`:
 * pooled where the block pools. */
static tensor *sequence(const non_local *s, module *layer, graph *g, tensor *x, bool keys, bool centred)
{
    tensor *y = layer ? layer_run(layer, g, x) : x;
    y = keys ? pooled(s, g, y) : y;
    y = y ? op_reshape(g, y, 3, (int64_t[]){y->dim[0], -1, y->dim[3]}) : NULL;
    return centred ? op_sub(g, y, op_reduce_mean(g, y, 1 << 1, true)) : y;
}

/* concat_project and ReLU of a query beside a key is a sum: each half of the weights takes one of them. */
static tensor *pair_likeness(const non_local *s, graph *g, tensor *query, tensor *key)
{
    tensor *weight = op_reshape(g, graph_param(g, s->pair), 2, (int64_t[]){1, 2 * s->inner});
    tensor *of_query = op_linear(g, query, op_slice(g, weight, 1, 0, s->inner), NULL);
    tensor *of_key = op_linear(g, key, op_slice(g, weight, 1, s->inner, s->inner), NULL);
    return op_relu(g, op_add(g, of_query, op_transpose(g, of_key, (int[]){0, 2, 1})));
}

/* What each pixel (query) takes of the values of each other one (key), [N,L,inner]. */
static tensor *gather(const non_local *s, graph *g, tensor *query, tensor *key, tensor *values)
{
    if (!query || !key)
        return NULL;
    float keys = (float)key->dim[1];
    if (has_mode(s, "concatenation"))
        return op_matmul(g, op_scale(g, pair_likeness(s, g, query, key), 1 / keys, 0), values, false, false);
    /* Without a softmax, the sum over keys comes first: [inner, inner] instead of a likeness of all pairs. */
    if (has_mode(s, "dot_product"))
        return op_matmul(g, query, op_scale(g, op_matmul(g, key, values, true, false), 1 / keys, 0), false, false);
    double by = 1;
    if (has_mode(s, "embedded_gaussian"))
        by = (s->spec.use_scale ? sqrt((double)s->inner) : 1) * (s->spec.disentangled ? s->spec.temperature : 1);
    return op_attention(g, &(attention_operands){.q = query, .k = key, .v = values},
                        (attention_attr){.scale = (float)(1 / by)});
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    non_local *s = m->state;
    bool centred = s->spec.disentangled;
    tensor *values = sequence(s, s->g, g, x, true, false);
    /* What the disentangled block compares loses its mean where it lies: if that is the map itself, the map does. */
    if (centred && !s->theta && x)
        x = op_sub(g, x, op_reduce_mean(g, x, 1 << 1 | 1 << 2, true));
    tensor *query = sequence(s, s->theta, g, x, false, centred), *key = sequence(s, s->phi, g, x, true, centred);
    tensor *y = gather(s, g, query, key, values);
    if (s->mask) {
        tensor *mask = op_softmax(g, op_transpose(g, sequence(s, s->mask, g, x, true, false), (int[]){0, 2, 1}));
        y = op_add(g, y, op_matmul(g, mask, values, false, false));
    }
    if (!y)
        return NULL;
    y = op_reshape(g, y, 4, (int64_t[]){x->dim[0], x->dim[1], x->dim[2], s->inner});
    return op_add(g, x, layer_run(s->out, g, y));
}

static void start(non_local *s, float std, bool small_out)
{
    module *small[] = {s->g, s->theta, s->phi}, *last = s->out->children.at[s->out->children.n - 1];
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        if (small[i])
            init_layer(module_child(small[i], "conv"), INIT_NORMAL, 0, std, false);
    init_layer(last, small_out ? INIT_NORMAL : INIT_ZERO, 0, small_out ? std : 0, false);
}

/* What is projected starts small, and the block as the identity: its last layer gives zeros. */
static void init(module *m)
{
    start(m->state, 0.01f, false);
}

module *non_local_new(module *parent, const char *name, non_local_spec c)
{
    module *m = module_new(parent, name);
    non_local *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "NonLocal2d";
    m->state = s;
    m->forward = forward;
    m->init = init;
    s->spec = c;
    s->inner = c.channels / c.reduction > 1 ? c.channels / c.reduction : 1;
    s->g = project_pooled(&s->spec, m, "g", c.channels, s->inner);
    s->out = project(&s->spec, m, "conv_out", s->inner, c.channels, c.norm_cfg);
    if (!has_mode(s, "gaussian")) {
        s->theta = project(&s->spec, m, "theta", c.channels, s->inner, NULL);
        s->phi = project_pooled(&s->spec, m, "phi", c.channels, s->inner);
    }
    if (has_mode(s, "concatenation")) {
        conv_module_spec pair = {.conv = conv_square(2 * s->inner, 1, 1, 1, 0, 1), .bias = BIAS_NO};
        module *conv = conv_module_new(m, "concat_project", pair);
        s->pair = conv ? module_own(module_child(conv, "conv"), "weight") : NULL;
    }
    if (c.disentangled)
        s->mask = pointwise_conv_new(m, "conv_mask", c.channels, 1);
    if (model_failed(m->model))
        return NULL;
    start(s, c.std > 0 ? (float)c.std : 0.01f, c.small_out);
    return m;
}
