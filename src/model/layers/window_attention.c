/* Attention inside of the windows of a map, as Swin's WindowMSA and Twins' LocallyGroupedSelfAttention. */
#include <math.h>

#include "model/layers/layers.h"

typedef struct window_attention {
    window_attention_spec c;
    param *table; /* NULL: none */
    module *qkv, *attn_drop, *proj, *proj_drop;
} window_attention;

static void declare_table(module *m, window_attention *s)
{
    const int64_t *window = s->c.window, places = window[0] * window[1];
    int64_t rows = relative_position_rows(window, false);
    s->table = module_param(m, "relative_position_bias_table", 2, (int64_t[]){rows, s->c.heads}, INIT_ZERO, 0, 0);
    module_constant(m, "relative_position_index", 2, (int64_t[]){places, places}, s->c.index);
}

/* Pixels beyond the map are zeros before the projection: as keys and values they are its biases. */
static tensor *forward(module *m, graph *g, tensor *x)
{
    const window_attention *s = m->state;
    const window_attention_spec *c = &s->c;
    int64_t each = c->channels / c->heads;
    bool unseen = c->masked && x && x->dim[1] % c->window[0] && x->dim[2] % c->window[1];
    tensor *qkv = layer_run(s->qkv, g, x);
    attention_operands in = {.q = qkv, .k = qkv, .v = qkv, .table = s->table ? graph_param(g, s->table) : NULL};
    attention_attr a = {.heads = c->heads,
                        .scale = (float)(c->scale != 0 ? c->scale : 1 / sqrt((double)each)),
                        .from = {0, c->channels, 2 * c->channels},
                        .d = each,
                        .e = each,
                        .window = {c->window[0], c->window[1]},
                        .shift = {c->shift, c->shift},
                        .apart = -100,
                        .unseen = unseen,
                        .p = dropout_rate(s->attn_drop, g)};
    if (c->bias && !unseen)
        in.outside = graph_param(g, module_own(s->qkv, "bias"));
    for (int i = 0; i < 2 && s->table; i++)
        a.grid[i] = c->window[i];
    return layer_run(s->proj_drop, g, layer_run(s->proj, g, op_attention(g, &in, a)));
}

module *window_attention_new(module *parent, const char *name, window_attention_spec c)
{
    module *m = module_new(parent, name);
    window_attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    if (!attention_heads_fit(m, parent->cfg, c.channels, c.heads))
        return NULL;
    m->base = true;
    m->forward = forward;
    m->state = s;
    s->c = c;
    if (c.index)
        declare_table(m, s);
    s->qkv = linear_new(m, "qkv", c.channels, 3 * c.channels, c.bias);
    s->attn_drop = dropout_new(m, "attn_drop", c.attn_drop);
    s->proj = linear_new(m, "proj", c.channels, c.channels, true);
    s->proj_drop = dropout_new(m, "proj_drop", c.proj_drop);
    return model_failed(m->model) ? NULL : m;
}
