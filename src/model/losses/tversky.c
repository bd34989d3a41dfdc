/* TverskyLoss: as Dice, with a weight of its own for each way to be wrong (Salehi et al. 2017, arXiv:1706.05721). */
#include <math.h>

#include "model/losses/class_weight.h"
#include "model/losses/loss_config.h"
#include "model/losses/overlap.h"

typedef struct tversky_config {
    loss_config loss;
    double smooth, alpha, beta;
    const value *class_weight, *ignore_index;
} tversky_config;

static const field fields[] = {
    FIELD_RANGE(tversky_config, F_FLOAT, smooth, "1", 0, 1e6, "added to numerator and denominator"),
    FIELD(tversky_config, F_VALUE, class_weight, "None", "a number for each class, or a file that holds them"),
    LOSS_FIELDS(tversky_config, "'loss_tversky'"),
    FIELD(tversky_config, F_VALUE, ignore_index, "255", "a class or label that does not count"),
    FIELD_RANGE(tversky_config, F_FLOAT, alpha, "0.3", 0, 1, "weight of pixels wrongly taken for the class"),
    FIELD_RANGE(tversky_config, F_FLOAT, beta, "0.7", 0, 1, "weight of the class's missed pixels; 1 - alpha"),
};
static const field_table table = FIELD_TABLE(fields, tversky_config);

typedef struct tversky_state {
    floats weight; /* class weights; n == 0: none */
    int64_t ignored;
} tversky_state;

static void build(module *m)
{
    const tversky_config *c = m->config;
    tversky_state *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    loss_begin(m);
    if (fabs(c->alpha + c->beta - 1) > 1e-9)
        model_fail(m->model, CSEG_CONFIG, module_at(m, value_get(m->cfg, "beta") ? "beta" : "alpha"),
                   "alpha + beta must be 1, but is %g + %g", c->alpha, c->beta);
    if (overlap_read_ignored(m, c->ignore_index, &s->ignored))
        class_weight_read(m, c->class_weight, &s->weight);
}

enum { OF_IMAGE = 1 << 1 | 1 << 2 | 1 << 3, OF_CLASS = 1 << 1 | 1 << 2 };

/* The mean of images and classes, an ignored class included. The pixels that are both, missed and wrongly taken make
 * up the denominator: since alpha + beta = 1, that is alpha * prediction + beta * target. */
static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const tversky_config *c = m->config;
    const tversky_state *s = m->state;
    if (!io->x || !io->target)
        return NULL;
    if (io->weight)
        loss_weighs_no_pixels(m);
    int64_t classes = tensor_channels(io->x);
    float smooth = (float)c->smooth;
    tensor *p = overlap_counted(g, op_softmax(g, io->x), io->target, s->ignored);
    tensor *t = overlap_counted(g, overlap_one_hot(g, io->target, classes - 1, classes), io->target, s->ignored);
    tensor *hit = op_reduce_sum(g, op_mul(g, p, t), OF_CLASS, true);
    tensor *predicted = op_scale(g, op_reduce_sum(g, p, OF_CLASS, true), (float)c->alpha, 0);
    tensor *there = op_scale(g, op_reduce_sum(g, t, OF_CLASS, true), (float)c->beta, smooth);
    tensor *ratio = op_binary(g, op_scale(g, hit, 1, smooth), op_add(g, predicted, there), BINARY_DIV);
    tensor *miss = overlap_without(g, op_scale(g, ratio, -1, 1), s->ignored);
    if (s->weight.n)
        miss = op_mul(g, miss,
                      op_reshape(g, class_weight_trace(m, g, s->weight, classes), 4, (int64_t[]){1, 1, 1, classes}));
    return op_scale(g, op_reduce_mean(g, miss, 1 << 0 | OF_IMAGE, false), (float)c->loss.loss_weight, 0);
}

static loss_labels labels(const module *m, int64_t channels)
{
    int64_t ignored = ((const tversky_state *)m->state)->ignored;
    return (loss_labels){.classes = channels, .has_ignored = ignored >= 0, .ignored = ignored};
}

static bool of_batch(const module *m)
{
    (void)m;
    return true;
}

const kind kind_tversky_loss = {
    .family = FAMILY_LOSS,
    .name = "TverskyLoss",
    .about = "1 - overlap / (overlap + alpha * wrongly taken + beta * missed), the mean of all classes and images, "
             "after a softmax (arXiv:1706.05721).",
    .fields = &table,
    .build = build,
    .as.loss = {.forward = forward, .labels = labels, .of_batch = of_batch},
};
