/* MissLoss: the share of probability that a pixel's own class does not get. */
#include "model/model.h"

typedef struct miss_config {
    double loss_weight;
    const char *loss_name;
} miss_config;

static const field fields[] = {
    FIELD(miss_config, F_FLOAT, loss_weight, "1.0", "multiplies the loss"),
    FIELD(miss_config, F_STR, loss_name, "'loss_miss'", "in logs; only those with loss in it are learnt from"),
};
static const field_table table = FIELD_TABLE(fields, miss_config);

static void build(module *m)
{
    if (!((const miss_config *)m->config)->loss_name)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "loss_name"), "loss_name is a string, not None");
}

/* The mean over all pixels, ignored ones included. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const miss_config *c = m->config;
    tensor *own = op_pick(g, op_softmax(g, io->x), io->target);
    tensor *counts = op_cast(g, op_compare_to(g, io->target, COMPARE_NE, (double)io->ignore_index), DT_F32);
    tensor *miss = op_mul(g, op_scale(g, own, -1, 1), counts);
    if (io->weight)
        miss = op_mul(g, miss, io->weight);
    miss = op_scale(g, miss, (float)c->loss_weight, 0);
    return io->per_pixel ? miss : op_reduce_mean(g, miss, 1 << 0 | 1 << 1 | 1 << 2, false);
}

static const char *loss_name(const module *m)
{
    return ((const miss_config *)m->config)->loss_name;
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
    .build = build,
    .as.loss = {.can = LOSS_PER_PIXEL, .forward = forward, .loss_name = loss_name, .labels = labels},
};
