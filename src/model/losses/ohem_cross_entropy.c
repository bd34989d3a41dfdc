/* OhemCrossEntropy: cross-entropy over the hard pixels alone, as PIDNet and DDRNet learn (arXiv:2206.02066). */
#include "model/losses/class_weight.h"
#include "model/losses/hard_pixels.h"
#include "model/losses/loss_config.h"

typedef struct ohem_loss_config {
    loss_config loss;
    int64_t ignore_label, min_kept;
    double thres;
    const value *class_weight;
} ohem_loss_config;

static const field fields[] = {
    FIELD_RANGE(ohem_loss_config, F_INT, ignore_label, "255", INT32_MIN, INT32_MAX,
                "label that teaches nothing, whatever the head's ignore_index"),
    FIELD(ohem_loss_config, F_FLOAT, thres, "0.7", "pixels learn whose class has a smaller probability"),
    FIELD_RANGE(ohem_loss_config, F_INT, min_kept, "100000", 0, 1 << 30,
                "so many pixels of the batch learn in any case, at least one"),
    LOSS_FIELDS(ohem_loss_config, "'loss_ohem'"),
    FIELD(ohem_loss_config, F_VALUE, class_weight, "None", "a number for each class, or a file that holds them"),
};
static const field_table table = FIELD_TABLE(fields, ohem_loss_config);

static void build(module *m)
{
    const ohem_loss_config *c = m->config;
    floats *weight = m->state = module_state(m, sizeof *weight);
    if (!weight)
        return;
    loss_begin(m);
    class_weight_read(m, c->class_weight, weight);
}

/* The labels, with the loss's own ignored one in place of the head's: that is left out too, unless it is a class. */
static tensor *own_labels(graph *g, const loss_io *io, int32_t ignore_label)
{
    bool is_class = io->ignore_index >= 0 && io->ignore_index < tensor_channels(io->x);
    if (is_class || io->ignore_index == ignore_label)
        return io->target;
    return op_where(g, op_compare_to(g, io->target, COMPARE_NE, (double)io->ignore_index), io->target,
                    graph_const(g, DT_I32, 3, (int64_t[]){1, 1, 1}, &ignore_label));
}

/* The mean is over the hard pixels, whatever the weights of their classes. Without any it is 0. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const ohem_loss_config *c = m->config;
    const floats *w = m->state;
    char place[512];
    if (!io->x || !io->target)
        return NULL;
    if (io->weight)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%sOhemCrossEntropy chooses its pixels itself and weighs none. Leave out the sampler of its "
                          "head, and seg_weight_map",
                          value_place(m->cfg, place));
    tensor *class_weight = w->n ? class_weight_trace(m, g, *w, tensor_channels(io->x)) : NULL;
    if (w->n && !class_weight)
        return NULL;
    loss_io own = {.x = io->x, .target = own_labels(g, io, (int32_t)c->ignore_label), .ignore_index = c->ignore_label};
    tensor *valid = op_compare_to(g, own.target, COMPARE_NE, (double)c->ignore_label);
    tensor *hard = op_cast(g, hard_pixels(g, &own, valid, c->thres, c->min_kept > 1 ? c->min_kept : 1), DT_F32);
    loss_attr a = {.ignore_index = c->ignore_label, .avg = AVG_SUM, .scale = (float)c->loss.loss_weight};
    tensor *sum = op_cross_entropy(g, own.x, own.target, class_weight, hard, a);
    tensor *count = op_reduce_sum(g, hard, 1 << 0 | 1 << 1 | 1 << 2, false);
    return op_binary(g, sum, op_binary(g, count, op_fill(g, 0, NULL, 1), BINARY_MAX), BINARY_DIV);
}

static loss_labels labels(const module *m, int64_t channels)
{
    const ohem_loss_config *c = m->config;
    return (loss_labels){.classes = channels, .has_ignored = true, .ignored = c->ignore_label};
}

const kind kind_ohem_cross_entropy = {
    .family = FAMILY_LOSS,
    .name = "OhemCrossEntropy",
    .about = "Softmax cross-entropy, averaged over hard pixels: those whose class has a probability below thres, and "
             "at least min_kept (arXiv:2206.02066). Without any it is 0.",
    .fields = &table,
    .build = build,
    .as.loss = {.forward = forward, .labels = labels},
};
