/* mmdet's DiceLoss: 1 - 2 * overlap / (mask + target), for each mask. */
#include "model/losses/average.h"

typedef struct dice_config {
    loss_config loss;
    bool use_sigmoid, activate, naive_dice;
    const char *reduction;
    double eps;
} dice_config;

static const field fields[] = {
    FIELD(dice_config, F_BOOL, use_sigmoid, "True", "of the logits; must be True where activate is"),
    FIELD(dice_config, F_BOOL, activate, "True", "False: the logits are taken as they are"),
    FIELD(dice_config, F_BOOL, naive_dice, "False", "sums in the denominator are of values, not of squares"),
    FIELD_RANGE(dice_config, F_FLOAT, eps, "1e-3", 0, 1e6, "added to the denominator; naive: to the numerator too"),
    MMDET_LOSS_FIELDS(dice_config),
};
static const field_table table = FIELD_TABLE(fields, dice_config);

static void build(module *m)
{
    const dice_config *c = m->config;
    if (mmdet_loss_begin(m, c->reduction) && c->activate && !c->use_sigmoid)
        model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "use_sigmoid"),
                   "DiceLoss has no other activation than the sigmoid: set use_sigmoid=True, or activate=False");
}

static tensor *sum_of_masks(graph *g, tensor *x)
{
    return op_reduce_sum(g, x, 1u << 1, true);
}

/* Sets of each mask, [M,1]: what lies inside, the mask's size, the target's size. */
static void sums_of_pixels(graph *g, const loss_io *io, bool activate, bool naive, tensor *sum[3])
{
    const unary_attr square = {.kind = UNARY_SQUARE};
    tensor *p = activate ? op_sigmoid(g, io->x) : io->x, *y = io->target;
    sum[0] = sum_of_masks(g, op_mul(g, p, y));
    sum[1] = sum_of_masks(g, naive ? p : op_unary(g, p, square));
    sum[2] = sum_of_masks(g, naive ? y : op_unary(g, y, square));
}

tensor *dice_of_masks(graph *g, const loss_io *io, bool activate, bool naive, double eps)
{
    const masks_attr how = {.overlap = true, .squared = !naive, .raw = !activate};
    tensor *part[3];
    if (io->rows)
        op_split(g, mask_rows_sums(g, io->rows, how), 1, 3, NULL, part);
    else
        sums_of_pixels(g, io, activate, naive, part);
    tensor *both = op_scale(g, part[0], 2, naive ? (float)eps : 0);
    tensor *sum = op_scale(g, op_add(g, part[1], part[2]), 1, (float)(naive ? eps : 2 * eps));
    return op_scale(g, op_binary(g, both, sum, BINARY_DIV), -1, 1);
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const dice_config *c = m->config;
    char place[512];
    if (!io->rows && (!io->x || !io->target))
        return NULL;
    if (!io->rows && (io->target->type != DT_F32 || io->x->rank != 2))
        return graph_fail(g, CSEG_UNSUPPORTED, "%s%s: mmdet.DiceLoss compares masks, not classes",
                          value_place(m->cfg, place), m->name);
    tensor *each = dice_of_masks(g, io, c->activate, c->naive_dice, c->eps);
    return loss_averaged(g, each, 1, io, c->reduction, c->loss.loss_weight);
}

const kind kind_mmdet_dice_loss = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_MMDET,
    .name = "DiceLoss",
    .about = "For heads that classify masks: 1 - 2 * overlap / (mask + target) of each mask (arXiv:1606.04797).",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET | LOSS_AVG_FACTOR | LOSS_MASKS, .forward = forward},
};
