/* CrossEntropyLoss: softmax or sigmoid, averaged in MMSegmentation's several ways. */
#include <string.h>

#include "model/losses/average.h"
#include "model/losses/class_weight.h"
#include "model/losses/loss_config.h"

typedef struct entropy_config {
    loss_config loss;
    bool use_sigmoid, use_mask, avg_non_ignore;
    const char *reduction;
    const value *class_weight;
} entropy_config;

static const field fields[] = {
    FIELD(entropy_config, F_BOOL, use_sigmoid, "False", "a sigmoid for each class instead of a softmax over all"),
    FIELD(entropy_config, F_BOOL, use_mask, "False", "of mask heads: not supported"),
    FIELD_CHOICE(entropy_config, reduction, "'mean'", "none|mean|sum", "over pixels"),
    FIELD(entropy_config, F_VALUE, class_weight, "None", "a number for each class, or a file that holds them"),
    LOSS_FIELDS(entropy_config, "'loss_ce'"),
    FIELD(entropy_config, F_BOOL, avg_non_ignore, "False", "the mean leaves ignored pixels out"),
};
static const field_table table = FIELD_TABLE(fields, entropy_config);

typedef struct loss_state {
    floats weight; /* class weights; n == 0: none */
    loss_attr attr;
} loss_state;

/* With 'none' the sum of losses takes the mean over all elements, whatever else is set. */
static avg_mode averaging(const module *m, const entropy_config *c, bool weighted)
{
    if (strcmp(c->reduction, "sum") == 0)
        return AVG_SUM;
    if (strcmp(c->reduction, "none") == 0)
        return AVG_ALL;
    if (weighted && !c->use_sigmoid && !m->model->options.average_over_pixels)
        return AVG_CLASS_WEIGHT;
    return c->avg_non_ignore ? AVG_NON_IGNORED : AVG_ALL;
}

static void build(module *m)
{
    const entropy_config *c = m->config;
    loss_state *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    loss_begin(m);
    if (c->use_mask)
        model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "use_mask"), "use_mask=True is not supported");
    if (!class_weight_read(m, c->class_weight, &s->weight))
        return;
    s->attr = (loss_attr){.avg = averaging(m, c, s->weight.n > 0),
                          .avg_non_ignore = c->avg_non_ignore,
                          .scale = (float)c->loss.loss_weight};
}

/* Adds so many axes of 1 in front of t or, with `behind`, one after its last. */
static tensor *with_axes(graph *g, tensor *t, int rank, bool behind)
{
    int64_t dim[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    for (int i = 0; i < t->rank && i < rank; i++)
        dim[behind ? i : rank - t->rank + i] = t->dim[i];
    return op_reshape(g, t, rank, dim);
}

/* For each pixel: -sum over classes of class_weight * target * log softmax(x). */
static tensor *softmax_on_numbers(graph *g, const loss_io *io, tensor *class_weight)
{
    int rank = io->x->rank;
    tensor *y = op_mul(g, op_log_softmax(g, io->x), io->target);
    if (class_weight)
        y = op_mul(g, y, with_axes(g, class_weight, rank, false));
    return op_scale(g, op_reduce_sum(g, y, 1u << (rank - 1), false), -1, 0);
}

/* For a float target: whether, or how much, each class is there. As in MMSegmentation the mean is over the target's
 * elements, also for a softmax, unless the pixels' losses are averaged as they are. */
static tensor *on_numbers(module *m, graph *g, const loss_io *io, tensor *class_weight)
{
    const entropy_config *c = m->config;
    const loss_state *s = m->state;
    char place[512];
    bool plain = m->model->options.average_over_pixels && !c->avg_non_ignore;
    if (io->per_pixel || (class_weight && !c->use_sigmoid && s->attr.avg == AVG_CLASS_WEIGHT))
        return graph_fail(
            g, CSEG_UNSUPPORTED, "%s%s on a target of numbers: %s", value_place(m->cfg, place), m->kind->name,
            io->per_pixel ? "it gives no loss for each pixel"
                          : "a softmax takes no class_weight there; set use_sigmoid=True, or leave it out");
    tensor *y = c->use_sigmoid ? op_sigmoid_cross_entropy(g, io->x, io->target, class_weight)
                               : softmax_on_numbers(g, io, class_weight);
    if (y && io->weight)
        y = op_mul(g, y, io->weight->rank < y->rank ? with_axes(g, io->weight, y->rank, true) : io->weight);
    if (!y)
        return NULL;
    bool whole = c->use_sigmoid || (!plain && strcmp(c->reduction, "none") != 0);
    double count = s->attr.avg == AVG_SUM ? 1 : (double)tensor_count(whole ? io->target : y);
    return op_scale(g, op_reduce_sum(g, y, (1u << y->rank) - 1, false), (float)(c->loss.loss_weight / count), 0);
}

/* Divided by a number of the head's, as heads that classify masks have it: of the classes of their queries, or of masks
 * at points. */
static tensor *divided(module *m, graph *g, const loss_io *io, tensor *class_weight)
{
    const entropy_config *c = m->config;
    char place[512];
    bool masks = io->target->type == DT_F32;
    if (c->use_sigmoid != masks || (masks && class_weight) || strcmp(c->reduction, "sum") == 0)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%s%s: losses that are divided by a number of the head's are of masks with use_sigmoid=True "
                          "and without class_weight, or of classes with use_sigmoid=False, and have no reduction='sum'",
                          value_place(m->cfg, place), m->kind->name);
    tensor *each = masks ? op_sigmoid_cross_entropy(g, io->x, io->target, NULL)
                         : losses_of_classes(g, io->x, io->target, class_weight, io->ignore_index);
    return loss_averaged(g, each, 1, io, c->reduction, c->loss.loss_weight);
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const entropy_config *c = m->config;
    loss_state *s = m->state;
    char place[512];
    if (!io->x || !io->target)
        return NULL;
    tensor *class_weight = s->weight.n ? class_weight_trace(m, g, s->weight, tensor_channels(io->x)) : NULL;
    if (s->weight.n && !class_weight)
        return NULL;
    if (io->avg_factor)
        return divided(m, g, io, class_weight);
    if (io->target->type == DT_F32)
        return on_numbers(m, g, io, class_weight);
    if (io->per_pixel && c->use_sigmoid && tensor_channels(io->x) > 1)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%s%s with use_sigmoid=True gives each pixel a loss for each of its classes; a sampler of "
                          "pixels needs one. Give the sampler a thresh, or leave out use_sigmoid",
                          value_place(m->cfg, place), m->kind->name);
    loss_attr a = s->attr;
    a.ignore_index = io->ignore_index;
    if (io->per_pixel)
        a.avg = AVG_NONE;
    return c->use_sigmoid ? op_binary_cross_entropy(g, io->x, io->target, class_weight, io->weight, a)
                          : op_cross_entropy(g, io->x, io->target, class_weight, io->weight, a);
}

/* One channel under a sigmoid distinguishes two classes; a softmax over one channel is always 1. */
static loss_labels labels(const module *m, int64_t channels)
{
    bool sigmoid = ((const entropy_config *)m->config)->use_sigmoid;
    return (loss_labels){.classes = sigmoid && channels == 1 ? 2 : channels, .ignores_negative = sigmoid};
}

const kind kind_cross_entropy_loss = {
    .family = FAMILY_LOSS,
    .name = "CrossEntropyLoss",
    .about =
        "Softmax or sigmoid cross-entropy; averages over all pixels, ignored ones included, unless avg_non_ignore.",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_PER_PIXEL | LOSS_FLOAT_TARGET | LOSS_AVG_FACTOR, .forward = forward, .labels = labels},
};
