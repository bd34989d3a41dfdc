/* BoundaryLoss: binary cross-entropy on a map of borders, in which the few border pixels weigh as much as all others
 * together (Xu et al. 2022, arXiv:2206.02066). */
#include "model/losses/loss_config.h"

typedef struct boundary_config {
    loss_config loss;
} boundary_config;

static const field fields[] = {
    LOSS_FIELDS(boundary_config, "'loss_boundary'"),
};
static const field_table table = FIELD_TABLE(fields, boundary_config);

enum { OF_BATCH = 1 << 0 | 1 << 1 | 1 << 2 };

/* Returns the pixels with this label as numbers, and how many they are. */
static tensor *pixels_of(graph *g, tensor *target, double label, tensor **count)
{
    tensor *y = op_cast(g, op_compare_to(g, target, COMPARE_EQ, label), DT_F32);
    *count = op_reduce_sum(g, y, OF_BATCH, true);
    return y;
}

/* Pixels of each kind weigh the other kind's share. What is neither, as padding, weighs nothing, but counts in the
 * mean over all pixels. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const boundary_config *c = m->config;
    char place[512];
    if (!io->x || !io->target)
        return NULL;
    if (tensor_channels(io->x) != 1 || io->weight)
        return graph_fail(g, CSEG_UNSUPPORTED, "%sBoundaryLoss compares one channel with a map of borders, %s",
                          value_place(m->cfg, place),
                          io->weight ? "and weighs its pixels itself; leave out the sampler of its head, and "
                                       "seg_weight_map"
                                     : "but the logits have a channel for each class; it is a loss of PIDHead");
    tensor *borders, *others;
    tensor *border = pixels_of(g, io->target, 1, &borders), *other = pixels_of(g, io->target, 0, &others);
    tensor *all = op_binary(g, op_add(g, borders, others), op_fill(g, 3, (int64_t[]){1, 1, 1}, 1), BINARY_MAX);
    tensor *weight = op_add(g, op_mul(g, border, op_binary(g, others, all, BINARY_DIV)),
                            op_mul(g, other, op_binary(g, borders, all, BINARY_DIV)));
    tensor *x = op_reshape(g, io->x, 3, io->x->dim);
    tensor *loss = op_mul(g, op_sigmoid_cross_entropy(g, x, border, NULL), weight);
    return op_scale(g, op_reduce_mean(g, loss, OF_BATCH, false), (float)c->loss.loss_weight, 0);
}

/* Its labels are a map of its own. In a plain head of one channel they are the head's two classes. */
static loss_labels labels(const module *m, int64_t channels)
{
    (void)m;
    return (loss_labels){.classes = channels == 1 ? 2 : channels};
}

const kind kind_boundary_loss = {
    .family = FAMILY_LOSS,
    .name = "BoundaryLoss",
    .about = "Binary cross-entropy of one channel on a map of borders (1) and other pixels (0), each kind weighted by "
             "the other's share (arXiv:2206.02066).",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.forward = forward, .labels = labels},
};
