/* HuasdorffDisstanceLoss (spelt as in the reference): squares of errors, each weighted by how deep its pixel lies
 * inside of what is labelled or predicted (Ma et al. 2020, "How Distance Transform Maps Boost Segmentation CNNs"). */
#include "model/losses/loss_config.h"

typedef struct hausdorff_config {
    loss_config loss;
    const char *reduction;
    int64_t ignore_index;
} hausdorff_config;

static const field fields[] = {
    FIELD_CHOICE(hausdorff_config, reduction, "'mean'", "none|mean|sum", "no effect: there is one number to reduce"),
    FIELD_FIXED(class_weight, "None", "the reference asks of it as many axes as there are classes, and stops at any"),
    FIELD(hausdorff_config, F_INT, ignore_index, "255", "label that counts as 0, whatever the head's ignore_index"),
    LOSS_FIELDS(hausdorff_config, "'loss_huasdorff_disstance'"),
};
static const field_table table = FIELD_TABLE(fields, hausdorff_config);

/* x [N,H,W,classes-1] is of all classes but 0. In the reference an ignore_index that is a class takes the loss of the
 * class before it once more. */
static tensor *without(graph *g, tensor *x, int64_t ignored, int64_t classes)
{
    if (ignored < 2 || ignored >= classes)
        return x;
    float *times = arena_array(g->mem, (size_t)classes, sizeof *times);
    if (!times)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (int64_t i = 1; i < classes; i++)
        times[i] = (float)((i != ignored) + (i == ignored - 1));
    return op_mul(g, x, graph_const(g, DT_F32, 4, (int64_t[]){1, 1, 1, classes - 1}, times + 1));
}

static bool check(module *m, graph *g, const loss_io *io)
{
    const hausdorff_config *c = m->config;
    char place[512];
    if (io->x->rank != 4 || tensor_channels(io->x) < 2)
        graph_fail(g, CSEG_UNSUPPORTED,
                   "%sHuasdorffDisstanceLoss measures distances in maps of at least two channels, %s",
                   value_place(m->cfg, place),
                   io->x->rank != 4 ? "and its head gives it points" : "and its head gives it one");
    else if (c->ignore_index == 1)
        graph_fail(g, CSEG_UNSUPPORTED,
                   "%signore_index=1: the reference stops at the loss of class 1, which is the first",
                   value_place(module_at(m, "ignore_index"), place));
    else
        return true;
    return false;
}

/* The target is the label itself, not whether it is the class, and an object is all that is not 0: so the reference has
 * it, and distances are the same for all classes. They have no gradient. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const hausdorff_config *c = m->config;
    const int32_t zero = 0;
    if (!io->x || !io->target || !check(m, g, io))
        return NULL;
    if (io->weight)
        loss_weighs_no_pixels(m);
    int64_t classes = tensor_channels(io->x);
    const int64_t *n = io->x->dim;
    tensor *p = op_softmax(g, io->x);
    tensor *label = op_where(g, op_compare_to(g, io->target, COMPARE_NE, (double)c->ignore_index), io->target,
                             graph_const(g, DT_I32, 3, (int64_t[]){1, 1, 1}, &zero));
    tensor *depth = op_add(g, op_distance_transform(g, label), op_distance_transform(g, op_argmax(g, p)));
    tensor *target = op_reshape(g, op_cast(g, label, DT_F32), 4, (int64_t[]){n[0], n[1], n[2], 1});
    tensor *miss = op_sub(g, op_slice(g, p, 3, 1, classes - 1), target);
    miss = op_unary(g, miss, (unary_attr){.kind = UNARY_SQUARE});
    miss = without(g, miss, c->ignore_index, classes);
    miss = op_mul(g, op_reduce_sum(g, miss, 1 << 3, false), depth);
    return op_scale(g, op_reduce_mean(g, miss, 1 << 0 | 1 << 1 | 1 << 2, false),
                    (float)(c->loss.loss_weight / (double)classes), 0);
}

static loss_labels labels(const module *m, int64_t channels)
{
    const hausdorff_config *c = m->config;
    return (loss_labels){.classes = channels, .has_ignored = true, .ignored = c->ignore_index};
}

static bool of_batch(const module *m)
{
    (void)m;
    return true;
}

const kind kind_hausdorff_loss = {
    .family = FAMILY_LOSS,
    .name = "HuasdorffDisstanceLoss",
    .about = "Squares of the errors of all classes but 0, after a softmax, weighted by the squares of the distances to "
             "the nearest pixel of class 0, in the label map and in the prediction.",
    .fields = &table,
    .build = loss_begin,
    .as.loss = {.forward = forward, .labels = labels, .of_batch = of_batch},
};
