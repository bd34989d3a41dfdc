/* mmcv's MultiheadAttention, around torch.nn.MultiheadAttention. */
#include <math.h>

#include "model/layers/layers.h"

typedef struct attention {
    param *weight, *bias; /* in_proj: those of queries, keys and values, stacked */
    module *out, *attn_drop, *proj_drop, *drop_path;
    int64_t channels, heads;
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

module *attention_new(module *parent, const char *name, attention_spec c)
{
    module *m = module_new(parent, name);
    attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    if (c.heads < 1 || c.channels % c.heads) {
        model_fail(m->model, CSEG_CONFIG, parent->cfg, "%s: %lld channels do not divide into %lld heads", m->name,
                   (long long)c.channels, (long long)c.heads);
        return NULL;
    }
    m->class_name = "MultiheadAttention";
    m->base = true;
    m->init_cfg = c.init_cfg;
    m->state = s;
    s->channels = c.channels;
    s->heads = c.heads;
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

/* Fills q, k, v [N,L,C]; parts with the same input share one product. */
static void project_all(const attention *s, graph *g, const attention_inputs *in, tensor *out[3])
{
    tensor *x[3] = {in->query, in->key, in->value};
    for (int i = 0; i < 3;) {
        int count = 1;
        while (i + count < 3 && x[i + count] == x[i])
            count++;
        tensor *all = project(s, g, x[i], i, count);
        for (int j = 0; j < count; j++)
            out[i + j] = count == 1 ? all : op_slice(g, all, 2, j * s->channels, s->channels);
        i += count;
    }
}

/* [N,L,C] -> [N,heads,L,C/heads] */
static tensor *split(const attention *s, graph *g, tensor *x)
{
    if (!x)
        return NULL;
    x = op_reshape(g, x, 4, (int64_t[]){x->dim[0], x->dim[1], s->heads, s->channels / s->heads});
    return op_transpose(g, x, (int[]){0, 2, 1, 3});
}

static tensor *merge(const attention *s, graph *g, tensor *x)
{
    x = op_transpose(g, x, (int[]){0, 2, 1, 3});
    return x ? op_reshape(g, x, 3, (int64_t[]){x->dim[0], x->dim[1], s->channels}) : NULL;
}

static tensor *attend(const attention *s, graph *g, const attention_inputs *in)
{
    tensor *part[3];
    project_all(s, g, in, part);
    float scale = (float)(1 / sqrt((double)(s->channels / s->heads)));
    tensor *q = split(s, g, part[0]), *k = split(s, g, part[1]), *v = split(s, g, part[2]);
    if (!in->mask && !dropout_acts(s->attn_drop, g))
        return layer_run(s->out, g, merge(s, g, op_attention(g, q, k, v, scale)));
    tensor *alike = op_matmul(g, op_scale(g, q, scale, 0), k, false, true); /* [N,heads,queries,keys] */
    if (in->mask)
        alike = op_add(g, alike, in->mask);
    tensor *share = layer_run(s->attn_drop, g, op_softmax(g, alike));
    return layer_run(s->out, g, merge(s, g, op_matmul(g, share, v, false, false)));
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
        y = op_add(g, in.identity, layer_run(s->drop_path, g, y));
    }
    graph_pop_scope(g);
    return y;
}
