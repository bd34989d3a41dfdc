/* SiLogLoss: the error of logarithms, less half of what all have in common (Eigen et al. 2014, arXiv:1406.2283). */
#include <float.h>
#include <math.h>
#include <string.h>

#include "model/losses/loss_config.h"

typedef struct silog_config {
    loss_config loss;
    const char *reduction;
    double eps;
} silog_config;

static const field fields[] = {
    FIELD_CHOICE(silog_config, reduction, "'mean'", "none|mean|sum", "over images; none is mean"),
    LOSS_FIELDS(silog_config, "'loss_silog'"),
    FIELD_RANGE(silog_config, F_FLOAT, eps, "1e-6", 1e-30, 1e6,
                "what the prediction is at least; a target that is not above it does not count"),
};
static const field_table table = FIELD_TABLE(fields, silog_config);

static tensor *log_of(graph *g, tensor *x, float eps)
{
    x = op_unary(g, x, (unary_attr){.kind = UNARY_CLAMP, .alpha = eps, .beta = INFINITY});
    return op_unary(g, x, (unary_attr){.kind = UNARY_LOG});
}

static tensor *square(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE});
}

/* The loss of each image [N]. Where there is no error the root has no slope, and the reference's gradient is NaN: below
 * the smallest number nothing is learnt. */
static tensor *of_images(graph *g, tensor *x, tensor *target, float eps)
{
    uint32_t of_image = (1u << x->rank) - 2;
    tensor *counts = op_cast(g, op_compare_to(g, target, COMPARE_GT, (double)eps), DT_F32);
    tensor *n = op_unary(g, op_reduce_sum(g, counts, of_image, false),
                         (unary_attr){.kind = UNARY_CLAMP, .alpha = eps, .beta = INFINITY});
    tensor *miss = op_mul(g, op_sub(g, log_of(g, target, eps), log_of(g, x, eps)), counts);
    tensor *squares = op_binary(g, op_reduce_sum(g, square(g, miss), of_image, false), n, BINARY_DIV);
    tensor *mean = op_binary(g, op_reduce_sum(g, miss, of_image, false), n, BINARY_DIV);
    tensor *rest = op_sub(g, squares, op_scale(g, square(g, mean), 0.5F, 0));
    rest = op_unary(g, rest, (unary_attr){.kind = UNARY_CLAMP, .alpha = FLT_MIN, .beta = INFINITY});
    return op_unary(g, rest, (unary_attr){.kind = UNARY_SQRT});
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const silog_config *c = m->config;
    if (!io->x || !io->target)
        return NULL;
    tensor *y = of_images(g, io->x, io->target, (float)c->eps);
    y = strcmp(c->reduction, "sum") == 0 ? op_reduce_sum(g, y, 1 << 0, false) : op_reduce_mean(g, y, 1 << 0, false);
    return op_scale(g, y, (float)c->loss.loss_weight, 0);
}

const kind kind_silog_loss = {
    .family = FAMILY_LOSS,
    .name = "SiLogLoss",
    .about = "The root of the squared errors of logarithms, less half of the square of their mean, against a target of "
             "the same shape: a loss_se_decode of EncHead (arXiv:1406.2283).",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.can = LOSS_FLOAT_TARGET, .forward = forward},
};
