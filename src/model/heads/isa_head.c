/* ISAHead: each pixel gathers from those that are a few steps apart over the whole map, then from those of its own
 * window (Huang et al. 2019, arXiv:1907.12273). */
#include "model/heads/decode_head.h"

typedef struct isa_config {
    head_config head;
    int64_t isa_channels;
    ints down_factor;
} isa_config;

static const field fields[] = {
    HEAD_FIELDS(isa_config),
    FIELD_RANGE(isa_config, F_INT, isa_channels, NULL, 1, 1 << 20, "channels by which pixels are compared"),
    FIELD_RANGE(isa_config, F_INTS, down_factor, "(8, 8)", 1, 1 << 16, "a window's height and width"),
};
static const field_table table = FIELD_TABLE(fields, isa_config);

typedef struct relation {
    module *attention, *project; /* project: a child of attention */
} relation;

typedef struct isa_head {
    decode_head base;
    module *in_conv, *out_conv;
    relation global, local;
} isa_head;

static relation relation_new(module *m, const char *name)
{
    const isa_config *c = m->config;
    const head_config *head = &c->head;
    relation r;
    r.attention = self_attention_new(m, name,
                                     (self_attention_spec){.key_in = head->channels,
                                                           .query_in = head->channels,
                                                           .channels = c->isa_channels,
                                                           .out = head->channels,
                                                           .key_query_convs = 2,
                                                           .value_out_convs = 1,
                                                           .key_query_norm = true,
                                                           .matmul_norm = true,
                                                           .conv_cfg = head->conv_cfg,
                                                           .norm_cfg = head->norm_cfg,
                                                           .act_cfg = head->act_cfg});
    r.project = head_conv(m, r.attention, "output_project", head->channels, head->channels, 1);
    return r;
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(isa_head)))
        return;
    const isa_config *c = m->config;
    isa_head *h = m->state;
    int64_t channels = c->head.channels;
    if (c->down_factor.n != 2)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "down_factor"),
                   "%s: down_factor is two numbers, a window's height and width, not %zu", m->name, c->down_factor.n);
    h->in_conv = head_conv(m, m, "in_conv", h->base.in_channels, channels, 3);
    h->global = relation_new(m, "global_relation");
    h->local = relation_new(m, "local_relation");
    h->out_conv = head_conv(m, m, "out_conv", 2 * channels, channels, 1);
}

/* Attention within each of so many maps. */
static tensor *relate(const relation *r, graph *g, tensor *x)
{
    return layer_run(r->project, g, self_attention_run(r->attention, g, x, x));
}

/* x [N,rows * lh,columns * lw,C], of windows lh x lw. */
static tensor *interlaced(const isa_head *h, graph *g, tensor *x, int64_t lh, int64_t lw)
{
    if (!x)
        return NULL;
    int64_t n = x->dim[0], c = x->dim[3], rows = x->dim[1] / lh, columns = x->dim[2] / lw;
    /* The pixels at one place of all windows are a map. */
    x = op_transpose(g, op_reshape(g, x, 6, (int64_t[]){n, rows, lh, columns, lw, c}), (int[]){0, 2, 4, 1, 3, 5});
    x = relate(&h->global, g, op_reshape(g, x, 4, (int64_t[]){n * lh * lw, rows, columns, c}));
    /* The pixels of one window are a map. */
    x = op_transpose(g, op_reshape(g, x, 6, (int64_t[]){n, lh, lw, rows, columns, c}), (int[]){0, 3, 4, 1, 2, 5});
    x = relate(&h->local, g, op_reshape(g, x, 4, (int64_t[]){n * rows * columns, lh, lw, c}));
    x = op_transpose(g, op_reshape(g, x, 6, (int64_t[]){n, rows, columns, lh, lw, c}), (int[]){0, 1, 3, 2, 4, 5});
    return op_reshape(g, x, 4, (int64_t[]){n, rows * lh, columns * lw, c});
}

static int64_t missing(int64_t size, int64_t window)
{
    return (window - size % window) % window;
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    const isa_config *c = m->config;
    isa_head *h = m->state;
    int64_t lh = c->down_factor.at[0], lw = c->down_factor.at[1];
    tensor *x = layer_run(h->in_conv, g, head_input(m, g, io));
    if (!x)
        return (head_out){0};
    int64_t more[] = {missing(x->dim[1], lh), missing(x->dim[2], lw)};
    tensor *y = interlaced(h, g, map_pad(g, x, more), lh, lw);
    for (int i = 0; i < 2; i++)
        if (more[i])
            y = op_slice(g, y, i + 1, more[i] / 2, x->dim[i + 1]);
    y = layer_run(h->out_conv, g, op_concat(g, (tensor *[]){y, x}, 2, -1));
    return (head_out){.logits = head_classify(m, g, y)};
}

const kind kind_isa_head = {
    .family = FAMILY_HEAD,
    .name = "ISAHead",
    .about = "Each pixel gathers from those at the same place of all windows, then from those of its own window "
             "(arXiv:1907.12273).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
