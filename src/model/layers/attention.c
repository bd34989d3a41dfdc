/* mmcv's MultiheadAttention, around torch.nn.MultiheadAttention. */
#include <math.h>

#include "model/layers/layers.h"

typedef struct attention {
    param *weight, *bias; /* in_proj: those of queries, keys and values, stacked */
    module *out, *attn_drop, *proj_drop, *drop_path;
    int64_t channels, heads;
    bool bare;
} attention;

/* Declares torch.nn.MultiheadAttention under the name "attn". */
static void declare(module *m, attention *s, const attention_spec *c)
{
    module *attn = module_new(m, "attn");
    if (!attn)
        return;
    attn->class_name = "MultiheadAttention";
    int64_t dim[2] = {3 * c->channels, c->channels};
    s->weight = module_param(attn, "in_proj_weight", 2, dim, INIT_XAVIER_UNIFORM, 1, 0);
    if (c->bias)
        s->bias = module_param(attn, "in_proj_bias", 1, dim, INIT_ZERO, 0, 0);
    s->out = linear_new(attn, "out_proj", c->channels, c->channels, c->bias);
    if (!s->out)
        return;
    s->out->class_name = "NonDynamicallyQuantizableLinear";
    if (c->bias)
        param_start_of(module_own(s->out, "bias"))->rule = INIT_ZERO;
    s->attn_drop = dropout_new(attn, "dropout", c->attn_drop);
}

bool attention_heads_fit(module *m, const value *at, int64_t channels, int64_t heads)
{
    bool fit = heads > 0 && channels % heads == 0;
    if (!fit)
        model_fail(m->model, CSEG_CONFIG, at, "%s: %lld channels do not divide into %lld heads", m->name,
                   (long long)channels, (long long)heads);
    return fit;
}

module *attention_new(module *parent, const char *name, attention_spec c)
{
    module *m = module_new(parent, name);
    attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    if (!attention_heads_fit(m, parent->cfg, c.channels, c.heads))
        return NULL;
    m->class_name = "MultiheadAttention";
    m->base = true;
    m->init_cfg = c.init_cfg;
    m->state = s;
    s->channels = c.channels;
    s->heads = c.heads;
    s->bare = c.bare;
    declare(m, s, &c);
    s->proj_drop = dropout_new(m, "proj_drop", c.proj_drop);
    s->drop_path = dropout_layer_new(m, "dropout_layer", c.dropout_layer);
    return model_failed(m->model) ? NULL : m;
}

/* Projects x [N,L,C] by `count` parts from `first` on, of queries (0), keys (1) and values (2): [N,L,count*C]. */
static tensor *project(const attention *s, graph *g, tensor *x, int first, int count)
{
    tensor *w = graph_param(g, s->weight), *b = s->bias ? graph_param(g, s->bias) : NULL;
    if (count < 3) {
        w = op_slice(g, w, 0, first * s->channels, count * s->channels);
        b = b ? op_slice(g, b, 0, first * s->channels, count * s->channels) : NULL;
    }
    return op_linear(g, x, w, b);
}

/* Projects queries, keys and values; those with the same input share one product and lie side by side in its result. */
static attention_operands project_all(const attention *s, graph *g, const attention_inputs *in, int64_t from[3])
{
    tensor *x[3] = {in->query, in->key, in->value}, *out[3];
    for (int i = 0; i < 3;) {
        int count = 1;
        while (i + count < 3 && x[i + count] == x[i])
            count++;
        tensor *all = project(s, g, x[i], i, count);
        for (int j = 0; j < count; j++) {
            out[i + j] = all;
            from[i + j] = j * s->channels;
        }
        i += count;
    }
    return (attention_operands){.q = out[0], .k = out[1], .v = out[2], .bias = in->mask, .mask = in->hidden};
}

static tensor *attend(const attention *s, graph *g, const attention_inputs *in)
{
    int64_t each = s->channels / s->heads;
    attention_attr a = {.heads = s->heads,
                        .d = each,
                        .e = each,
                        .scale = (float)(1 / sqrt((double)each)),
                        .p = dropout_rate(s->attn_drop, g)};
    attention_operands all = project_all(s, g, in, a.from);
    return layer_run(s->out, g, op_attention(g, &all, a));
}

static bool same_shape(const tensor *a, const tensor *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i] == b->dim[i];
    return same;
}

/* Fills in missing inputs, and adds the positions. */
static bool complete(graph *g, attention_inputs *in)
{
    if (!in->query)
        return false;
    in->key = in->key ? in->key : in->query;
    in->value = in->value ? in->value : in->key;
    in->identity = in->identity ? in->identity : in->query;
    if (!in->key_pos && in->query_pos && same_shape(in->query_pos, in->key))
        in->key_pos = in->query_pos;
    bool same = in->query == in->key && in->query_pos == in->key_pos;
    if (in->query_pos)
        in->query = op_add(g, in->query, in->query_pos);
    if (same)
        in->key = in->query;
    else if (in->key_pos)
        in->key = op_add(g, in->key, in->key_pos);
    return in->query && in->key;
}

tensor *attention_run(module *m, graph *g, attention_inputs in)
{
    const attention *s = m->state;
    graph_push_scope(g, m->name);
    tensor *y = NULL;
    if (complete(g, &in)) {
        y = layer_run(s->proj_drop, g, attend(s, g, &in));
        y = layer_run(s->drop_path, g, y);
        y = s->bare ? y : op_add(g, in.identity, y);
    }
    graph_pop_scope(g);
    return y;
}
