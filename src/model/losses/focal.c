/* FocalLoss: binary cross-entropy of each class, in which what is right already counts little (Lin et al. 2017,
 * arXiv:1708.02002). */
#include "model/losses/class_weight.h"
#include "model/losses/loss_config.h"

typedef struct focal_config {
    loss_config loss;
    bool use_sigmoid;
    double gamma;
    const value *alpha, *class_weight;
    const char *reduction;
} focal_config;

static const field fields[] = {
    FIELD(focal_config, F_BOOL, use_sigmoid, "True", "must be True: the reference has no other form"),
    FIELD_RANGE(focal_config, F_FLOAT, gamma, "2.0", 0, 64, "power of the probability that the right answer lacks"),
    FIELD(focal_config, F_VALUE, alpha, "0.5", "share of a class against all others; a number, or one for each class"),
    FIELD_CHOICE(focal_config, reduction, "'mean'", "none|mean|sum", "over pixels and classes; none is mean"),
    FIELD(focal_config, F_VALUE, class_weight, "None", "a number for each class"),
    LOSS_FIELDS(focal_config, "'loss_focal'"),
};
static const field_table table = FIELD_TABLE(fields, focal_config);

typedef struct focal_state {
    floats alpha; /* of each class; n == 0: one_alpha */
    floats weight;
    double one_alpha;
} focal_state;

static void build(module *m)
{
    const focal_config *c = m->config;
    focal_state *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    loss_begin(m);
    if (!c->use_sigmoid)
        model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "use_sigmoid"),
                   "FocalLoss has a sigmoid for each class only; set use_sigmoid=True");
    if (value_is_list(c->alpha))
        class_numbers_read(m, "alpha", c->alpha, &s->alpha);
    else if (!value_number(c->alpha, &s->one_alpha))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "alpha"), "alpha is a number or a list of them, not %s",
                   value_kind_name(c->alpha));
    if (!model_failed(m->model))
        class_weight_read(m, c->class_weight, &s->weight);
}

/* Numbers of classes [K], or [1], as a shape that is repeated over the axes in front. */
static tensor *along(graph *g, tensor *numbers, int rank)
{
    int64_t dim[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    if (numbers)
        dim[rank - 1] = numbers->dim[0];
    return op_reshape(g, numbers, rank, dim);
}

/* alpha for the class itself, 1 - alpha for what is of another. */
static tensor *share(module *m, graph *g, tensor *y)
{
    const focal_state *s = m->state;
    int rank = y->rank;
    if (!s->alpha.n)
        return op_scale(g, y, (float)(2 * s->one_alpha - 1), (float)(1 - s->one_alpha));
    tensor *a = along(g, class_numbers_trace(m, g, "alpha", s->alpha, tensor_channels(y)), rank);
    return op_add(g, op_mul(g, op_scale(g, a, 2, -1), y), op_scale(g, a, -1, 1));
}

/* The loss of each pixel and class, before pixels are weighed. */
static tensor *of_elements(module *m, graph *g, tensor *x, tensor *y)
{
    const focal_config *c = m->config;
    const focal_state *s = m->state;
    tensor *p = op_sigmoid(g, x);
    tensor *miss = op_add(g, op_mul(g, op_scale(g, p, -1, 1), y), op_mul(g, p, op_scale(g, y, -1, 1)));
    tensor *loss = op_mul(g, op_sigmoid_cross_entropy(g, x, y, NULL), share(m, g, y));
    loss = op_mul(g, loss, op_unary(g, miss, (unary_attr){.kind = UNARY_POW, .alpha = (float)c->gamma}));
    if (s->weight.n)
        loss = op_mul(g, loss, along(g, class_weight_trace(m, g, s->weight, tensor_channels(x)), y->rank));
    return loss;
}

/* With one channel the label 1 is its class, and 0 the rest. (0.x stops at the label 1.) */
static tensor *classes_of(graph *g, const loss_io *io)
{
    if (io->target->type == DT_F32)
        return io->target;
    if (tensor_channels(io->x) > 1)
        return op_one_hot(g, io->target, tensor_channels(io->x));
    return op_reshape(g, op_cast(g, op_compare_to(g, io->target, COMPARE_EQ, 1), DT_F32), io->x->rank, io->x->dim);
}

/* Ignored pixels have no loss, but count in the mean. Of a target of numbers the largest is the label. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const focal_config *c = m->config;
    if (!io->x || !io->target)
        return NULL;
    int rank = io->x->rank;
    int64_t dim[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    tensor *y = classes_of(g, io), *loss = y ? of_elements(m, g, io->x, y) : NULL;
    tensor *label = io->target->type == DT_F32 ? op_argmax(g, io->target) : io->target;
    tensor *counts = op_cast(g, op_compare_to(g, label, COMPARE_NE, (double)io->ignore_index), DT_F32);
    if (io->weight)
        counts = op_mul(g, counts, io->weight);
    for (int i = 0; counts && i < counts->rank; i++)
        dim[i] = counts->dim[i];
    loss = op_reduce_sum(g, op_mul(g, loss, op_reshape(g, counts, rank, dim)), (1u << rank) - 1, false);
    double n = c->reduction[0] == 's' ? 1 : (double)tensor_count(io->x);
    return op_scale(g, loss, (float)(c->loss.loss_weight / n), 0);
}

static loss_labels labels(const module *m, int64_t channels)
{
    (void)m;
    return (loss_labels){.classes = channels == 1 ? 2 : channels};
}

const kind kind_focal_loss = {
    .family = FAMILY_LOSS,
    .name = "FocalLoss",
    .about = "Sigmoid cross-entropy of each class, in which what is right already counts little; a mean over all "
             "pixels and classes, ignored pixels included (arXiv:1708.02002).",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET, .forward = forward, .labels = labels},
};
