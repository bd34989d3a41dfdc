/* LightHamHead: several maps joined, and seen through a factorisation of the image's pixels by few bases, which starts
 * from random ones (Guo et al. 2022, arXiv:2209.08575; Geng et al. 2021, arXiv:2109.04553). */
#include <math.h>

#include "model/heads/decode_head.h"
#include "model/init.h"

typedef struct ham_options {
    int64_t MD_S, MD_R, train_steps, eval_steps;
    bool rand_init;
} ham_options;

static const field option_fields[] = {
    FIELD_RANGE(ham_options, F_INT, MD_S, "1", 1, 1 << 16, "groups of channels, each with bases of its own"),
    FIELD_RANGE(ham_options, F_INT, MD_R, "64", 1, 1 << 16, "bases"),
    FIELD_RANGE(ham_options, F_INT, train_steps, "6", 0, 1024, "steps of the factorisation in training"),
    FIELD_RANGE(ham_options, F_INT, eval_steps, "7", 0, 1024, "steps of the factorisation in testing"),
    FIELD_IGNORED(inv_t, "the class sets it to 1"),
    FIELD(ham_options, F_BOOL, rand_init, "True", "bases are drawn anew for each image; else once, for all"),
};
static const field_table option_table = FIELD_TABLE(option_fields, ham_options);

typedef struct ham_config {
    head_config head;
    int64_t ham_channels;
    const value *ham_kwargs;
} ham_config;

static const field fields[] = {
    HEAD_FIELDS(ham_config),
    FIELD_RANGE(ham_config, F_INT, ham_channels, "512", 1, 1 << 20, "channels of the map that is factorised"),
    FIELD(ham_config, F_VALUE, ham_kwargs, "dict()",
          "dict of MD_S (groups of channels), MD_R (bases), train_steps and eval_steps of the factorisation, "
          "rand_init (bases are drawn for each image)"),
};
static const field_table table = FIELD_TABLE(fields, ham_config);

typedef struct ham_head {
    decode_head base;
    ham_options options;
    module *squeeze, *ham_in, *ham_out, *align;
    param *bases; /* [MD_S, D, MD_R], each of length 1, with rand_init=False; else NULL */
} ham_head;

static bool read_options(module *m, ham_options *o)
{
    const ham_config *c = m->config;
    model *own = m->model;
    if (fields_parse(&option_table, "ham_kwargs", c->ham_kwargs, NULL, own->mem, o, &own->error) != CSEG_OK)
        return false;
    if (c->ham_channels % o->MD_S)
        model_fail(own, CSEG_CONFIG, module_at(m, "ham_kwargs"), "%s: MD_S=%lld does not divide ham_channels=%lld",
                   m->name, (long long)o->MD_S, (long long)c->ham_channels);
    return !model_failed(own);
}

/* The reference draws them in the first forward pass, so a fresh model of it does not have them in its state dict yet.
 */
static param *bases_new(module *ham, const ham_options *o, int64_t channels)
{
    param *p = module_buffer(ham, "bases", DT_F32, 3, (int64_t[]){o->MD_S, channels / o->MD_S, o->MD_R}, 0);
    if (!p)
        return NULL;
    init_set(p, INIT_UNIFORM_UNIT, 0, 1, false);
    param_set_late(p);
    return p;
}

static void build(module *m)
{
    if (!head_selects_maps(m) || !head_begin(m, sizeof(ham_head)))
        return;
    const ham_config *c = m->config;
    ham_head *h = m->state;
    int64_t ham = c->ham_channels;
    if (!read_options(m, &h->options))
        return;
    h->squeeze = head_conv(m, m, "squeeze", h->base.in_channels, ham, 1);
    module *hamburger = module_new(m, "hamburger");
    conv_module_spec bread = {.conv = conv_square(ham, ham, 1, 1, 0, 1)};
    h->ham_in = conv_module_new(hamburger, "ham_in", bread);
    if (!h->options.rand_init)
        h->bases = bases_new(module_new(hamburger, "ham"), &h->options, ham);
    bread.norm_cfg = c->head.norm_cfg;
    h->ham_out = conv_module_new(hamburger, "ham_out", bread);
    h->align = head_conv(m, m, "align", ham, c->head.channels, 1);
}

/* One multiplicative update of v: v * over / under, where no number is negative. */
static tensor *updated(graph *g, tensor *v, tensor *over, tensor *under)
{
    return op_binary(g, op_mul(g, v, over), op_scale(g, under, 1, 1e-6f), BINARY_DIV);
}

/* The shares [B,N,R] that bases [B,D,R] have in pixels [B,N,D], fitted once more. */
static tensor *fit_shares(graph *g, tensor *x, tensor *bases, tensor *shares)
{
    tensor *gram = op_matmul(g, bases, bases, true, false);
    return updated(g, shares, op_matmul(g, x, bases, false, false), op_matmul(g, shares, gram, false, false));
}

static tensor *fit_bases(graph *g, tensor *x, tensor *bases, tensor *shares)
{
    tensor *gram = op_matmul(g, shares, shares, true, false);
    return updated(g, bases, op_matmul(g, x, shares, true, false), op_matmul(g, bases, gram, false, false));
}

/* Random bases [B,D,R], each of length 1. */
static tensor *draw_bases(graph *g, int64_t n, int64_t d, int64_t r)
{
    tensor *bases = op_uniform(g, 3, (int64_t[]){n, d, r});
    tensor *size = op_reduce_sum(g, op_unary(g, bases, (unary_attr){.kind = UNARY_SQUARE}), 1u << 1, true);
    size = op_unary(g, size, (unary_attr){.kind = UNARY_SQRT});
    return op_binary(g, bases, op_unary(g, size, (unary_attr){.kind = UNARY_CLAMP, .alpha = 1e-12f, .beta = INFINITY}),
                     BINARY_DIV);
}

/* The kept bases, [B,D,R]: those of the groups, again and again. */
static tensor *kept_bases(graph *g, param *p, int64_t n)
{
    int64_t groups = p->dim[0], dim[4] = {n / groups, groups, p->dim[1], p->dim[2]};
    tensor *bases = op_reshape(g, graph_param(g, p), 4, (int64_t[]){1, dim[1], dim[2], dim[3]});
    return op_reshape(g, op_broadcast(g, bases, dim), 3, (int64_t[]){n, dim[2], dim[3]});
}

/* Non-negative pixels [B,N,D] as sums of MD_R bases. The gradient passes through all steps. */
static tensor *factorised(const ham_head *h, graph *g, tensor *x)
{
    const ham_options *o = &h->options;
    if (!x)
        return NULL;
    tensor *bases = h->bases ? kept_bases(g, h->bases, x->dim[0]) : draw_bases(g, x->dim[0], x->dim[2], o->MD_R);
    tensor *shares = op_softmax(g, op_matmul(g, x, bases, false, false));
    int64_t steps = g->train ? o->train_steps : o->eval_steps;
    for (int64_t i = 0; i < steps; i++) {
        shares = fit_shares(g, x, bases, shares);
        bases = fit_bases(g, x, bases, shares);
    }
    return op_matmul(g, fit_shares(g, x, bases, shares), bases, false, true);
}

/* The same of a map [N,H,W,C], whose groups of channels are factorised one by one. */
static tensor *factorised_map(const ham_head *h, graph *g, tensor *x)
{
    static const int swap[] = {0, 2, 1, 3};
    if (!x)
        return NULL;
    int64_t n = x->dim[0], size = x->dim[1] * x->dim[2], groups = h->options.MD_S, channels = x->dim[3] / groups;
    int64_t dim[4] = {n, x->dim[1], x->dim[2], x->dim[3]};
    if (groups > 1)
        x = op_transpose(g, op_reshape(g, x, 4, (int64_t[]){n, size, groups, channels}), swap);
    tensor *y = factorised(h, g, op_reshape(g, x, 3, (int64_t[]){n * groups, size, channels}));
    if (groups > 1)
        y = op_transpose(g, op_reshape(g, y, 4, (int64_t[]){n, groups, size, channels}), swap);
    return op_reshape(g, y, 4, dim);
}

static head_out forward(module *m, graph *g, const head_io *io)
{
    ham_head *h = m->state;
    features in = head_inputs(m, g, io);
    features sized = features_new(g, 0);
    for (int i = 0; i < in.n; i++)
        features_add(g, &sized, resize_like(g, in.at[i], in.at[0], m->head->align_corners));
    if (!sized.n)
        return (head_out){0};
    tensor *x = layer_run(h->squeeze, g, op_concat(g, sized.at, sized.n, -1));
    tensor *y = factorised_map(h, g, op_relu(g, layer_run(h->ham_in, g, x)));
    y = op_relu(g, op_add(g, x, layer_run(h->ham_out, g, y)));
    return (head_out){.logits = head_classify(m, g, layer_run(h->align, g, y))};
}

const kind kind_ham_head = {
    .family = FAMILY_HEAD,
    .name = "LightHamHead",
    .about = "Several maps joined, their pixels as sums of a few bases (SegNeXt, arXiv:2209.08575).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
