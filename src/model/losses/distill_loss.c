/* Losses of Open-CD that compare a student's logits with a teacher's, as segmentors with teachers have them (Liu et al.
 * 2025, arXiv:2502.13407). */
#include "model/losses/loss_config.h"

typedef struct distill_loss_config {
    loss_config loss;
    double temperature, pixel_weight;
} distill_loss_config;

#define COMMON                                                                                                         \
    FIELD_RANGE(distill_loss_config, F_FLOAT, temperature, "1.0", 1e-6, 1e6, "divides the logits before the softmax"), \
        LOSS_FIELDS(distill_loss_config, "'distill_loss'")

static const field fields[] = {COMMON};
static const field pixel_fields[] = {
    COMMON, FIELD(distill_loss_config, F_FLOAT, pixel_weight, "1.0", "multiplies the mean square of the difference")};
/* The classes take any other argument. */
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(distill_loss_config), .any_more = true};
static const field_table pixel_table = {.at = pixel_fields,
                                        .n = sizeof pixel_fields / sizeof *pixel_fields,
                                        .size = sizeof(distill_loss_config),
                                        .any_more = true};

static tensor *total(graph *g, tensor *x)
{
    return x ? op_reduce_sum(g, x, (1u << x->rank) - 1, false) : NULL;
}

/* The Kullback-Leibler divergence of x2 from x [N,H,W,K], softened, summed and divided by N. */
static tensor *divergence(const distill_loss_config *c, graph *g, const loss_io *io)
{
    float soft = (float)(1 / c->temperature), weight = (float)(c->loss.loss_weight * c->temperature * c->temperature);
    tensor *student = op_log_softmax(g, op_scale(g, io->x, soft, 0));
    tensor *teacher = op_log_softmax(g, op_scale(g, io->x2, soft, 0));
    tensor *share = op_unary(g, teacher, (unary_attr){.kind = UNARY_EXP});
    tensor *sum = total(g, op_mul(g, share, op_sub(g, teacher, student)));
    return sum ? op_scale(g, sum, weight / (float)io->x->dim[0], 0) : NULL;
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    return io->x && io->x2 ? divergence(m->config, g, io) : NULL;
}

static tensor *forward_pixel(module *m, graph *g, const loss_io *io)
{
    const distill_loss_config *c = m->config;
    if (!io->x || !io->x2)
        return NULL;
    tensor *square = op_unary(g, op_sub(g, io->x, io->x2), (unary_attr){.kind = UNARY_SQUARE});
    tensor *apart = op_scale(g, total(g, square), (float)(c->pixel_weight / (double)tensor_count(io->x)), 0);
    return op_add(g, divergence(c, g, io), apart);
}

const kind kind_distill_loss = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_OPENCD,
    .name = "DistillLoss",
    .about = "How far a student's classes are from a teacher's: the Kullback-Leibler divergence.",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.can = LOSS_TWO_INPUTS, .forward = forward},
};

const kind kind_distill_loss_with_pixel = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_OPENCD,
    .name = "DistillLossWithPixel",
    .about = "DistillLoss and the mean square of the logits' difference.",
    .fields = &pixel_table,
    .build = loss_begin,
    .as.loss = {.can = LOSS_TWO_INPUTS, .forward = forward_pixel},
};

const kind kind_distill_loss_change_star = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_OPENCD,
    .name = "DistillLossWithPixel_ChangeStar",
    .about = "DistillLossWithPixel for the two outputs of a ChangeStarHead, as one batch.",
    .fields = &pixel_table,
    .build = loss_begin,
    .as.loss = {.can = LOSS_TWO_INPUTS, .forward = forward_pixel},
};
