/* MissLoss: the share of probability that a pixel's own class does not get. */
#include "model/losses/loss_config.h"

typedef struct miss_config {
    loss_config loss;
} miss_config;

static const field fields[] = {
    LOSS_FIELDS(miss_config, "'loss_miss'"),
};
static const field_table table = FIELD_TABLE(fields, miss_config);

/* The mean over all pixels, ignored ones included. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const miss_config *c = m->config;
    tensor *own = op_pick(g, op_softmax(g, io->x), io->target);
    tensor *counts = op_cast(g, op_compare_to(g, io->target, COMPARE_NE, (double)io->ignore_index), DT_F32);
    tensor *miss = op_mul(g, op_scale(g, own, -1, 1), counts);
    if (io->weight)
        miss = op_mul(g, miss, io->weight);
    miss = op_scale(g, miss, (float)c->loss.loss_weight, 0);
    return io->per_pixel ? miss : op_reduce_mean(g, miss, 1 << 0 | 1 << 1 | 1 << 2, false);
}

static loss_labels labels(const module *m, int64_t channels)
{
    (void)m;
    return (loss_labels){.classes = channels};
}

const kind kind_miss_loss = {
    .family = FAMILY_LOSS,
    .name = "MissLoss",
    .about = "The probability that a pixel's own class does not get.",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.can = LOSS_PER_PIXEL, .forward = forward, .labels = labels},
};
