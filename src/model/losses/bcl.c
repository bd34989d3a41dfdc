/* BCLLoss of Open-CD: pixels that did not change shall have a distance of 0, those that did one beyond a margin; both
 * count the same however many there are (Chen & Shi 2020, STANet). */
#include <math.h>

#include "model/losses/loss_config.h"

typedef struct bcl_config {
    loss_config loss;
    double margin, ignore_index;
} bcl_config;

static const field fields[] = {
    FIELD(bcl_config, F_FLOAT, margin, "2.0", "distance from which on a changed pixel teaches nothing"),
    FIELD(bcl_config, F_FLOAT, ignore_index, "255",
          "added to the numbers of pixels that the sums are divided by, as the reference does; the label that teaches "
          "nothing is 255"),
    LOSS_FIELDS(bcl_config, "'bcl_loss'"),
};
/* The class takes any other argument. */
static const field_table table = {
    .at = fields, .n = sizeof fields / sizeof *fields, .size = sizeof(bcl_config), .any_more = true};

enum { IGNORED = 255 }; /* whatever ignore_index says: in the reference that lands in the place of eps */

static tensor *total(graph *g, tensor *x)
{
    return x ? op_reduce_sum(g, x, (1u << x->rank) - 1, false) : NULL;
}

static tensor *square(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE});
}

/* The mean of `error` over the pixels of which `part` is 1, with `more` added to their number. */
static tensor *mean_of(graph *g, tensor *error, tensor *part, double more)
{
    return op_binary(g, total(g, error), op_scale(g, total(g, part), 1, (float)more), BINARY_DIV);
}

/* x [N,H,W,1], target i32 [N,H,W]: 0 or 1. Ignored pixels count among the unchanged ones, but have no error. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const bcl_config *c = m->config;
    if (!io->x || !io->target)
        return NULL;
    if (io->weight)
        loss_weighs_no_pixels(m);
    if (tensor_channels(io->x) != 1)
        return graph_fail(g, CSEG_SHAPE, "%s compares one distance a pixel with the label, but gets %lld",
                          m->kind->name, (long long)tensor_channels(io->x));
    tensor *x = op_reshape(g, io->x, 3, io->target->dim);
    tensor *counts = op_cast(g, op_compare_to(g, io->target, COMPARE_NE, IGNORED), DT_F32);
    tensor *changed = op_mul(g, op_cast(g, io->target, DT_F32), counts), *same = op_scale(g, changed, -1, 1);
    tensor *near = op_mul(g, op_mul(g, same, counts), square(g, x));
    tensor *lacking =
        op_unary(g, op_scale(g, x, -1, (float)c->margin), (unary_attr){.kind = UNARY_CLAMP, .beta = INFINITY});
    tensor *far = op_mul(g, changed, square(g, lacking));
    tensor *sum = op_add(g, mean_of(g, near, same, c->ignore_index), mean_of(g, far, changed, c->ignore_index));
    return op_scale(g, sum, (float)c->loss.loss_weight, 0);
}

/* The labels themselves are the numbers that count. */
static loss_labels labels(const module *m, int64_t channels)
{
    (void)m, (void)channels;
    return (loss_labels){.classes = 2, .has_ignored = true, .ignored = IGNORED};
}

static bool of_batch(const module *m)
{
    (void)m;
    return true;
}

const kind kind_bcl_loss = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_OPENCD,
    .name = "BCLLoss",
    .about = "Distances of pixels that changed shall lie beyond a margin, those of others be 0 (STANet's).",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.forward = forward, .labels = labels, .of_batch = of_batch},
};
