/* DiceLoss: 1 - 2 * overlap / (prediction + target) (Milletari et al. 2016, arXiv:1606.04797). The two releases of the
 * reference have different losses of this name; model_options.dice_by_class chooses. */
#include <string.h>

#include "model/losses/average.h"
#include "model/losses/class_weight.h"
#include "model/losses/loss_config.h"
#include "model/losses/overlap.h"

typedef struct dice_config {
    loss_config loss;
    bool use_sigmoid, activate, naive_dice;
    const char *reduction;
    const value *ignore_index, *class_weight;
    double eps, smooth, exponent;
} dice_config;

static const field fields[] = {
    FIELD(dice_config, F_BOOL, use_sigmoid, "True", "a sigmoid for each class instead of a softmax over all; 1.x"),
    FIELD(dice_config, F_BOOL, activate, "True", "False: the logits are taken as they are; 1.x"),
    FIELD_CHOICE(dice_config, reduction, "'mean'", "none|mean|sum", "over images; 0.x: no effect"),
    FIELD(dice_config, F_BOOL, naive_dice, "False", "sums in the denominator are of values, not of squares; 1.x"),
    LOSS_FIELDS(dice_config, "'loss_dice'"),
    FIELD(dice_config, F_VALUE, ignore_index, "255", "a class that does not count; 0.x: also a label without overlap"),
    FIELD_RANGE(dice_config, F_FLOAT, eps, "1e-3", 0, 1e6, "added to the denominator; 1.x"),
    FIELD_RANGE(dice_config, F_FLOAT, smooth, "1", 0, 1e6, "added to numerator and denominator; 0.x"),
    FIELD_RANGE(dice_config, F_FLOAT, exponent, "2", 1e-3, 64, "of the predictions in the denominator; 0.x"),
    FIELD(dice_config, F_VALUE, class_weight, "None", "a number for each class, or a file that holds them; 0.x"),
};
static const field_table table = FIELD_TABLE(fields, dice_config);

typedef struct dice_state {
    int64_t ignored; /* -1: None, or none that could be a class or a label */
    floats weight;   /* class weights; n == 0: none */
} dice_state;

/* Refuses keys that only the other release has. */
static void refuse_others(module *m, bool by_class)
{
    static const char *const keys[2][5] = {{"smooth", "exponent", "class_weight", NULL},
                                           {"use_sigmoid", "activate", "naive_dice", "eps", NULL}};
    module_refuse(m, keys[by_class], by_class ? "1.x" : "0.x");
}

static void build(module *m)
{
    const dice_config *c = m->config;
    dice_state *s = m->state = module_state(m, sizeof *s);
    if (!s)
        return;
    loss_begin(m);
    refuse_others(m, m->model->options.dice_by_class);
    if (overlap_read_ignored(m, c->ignore_index, &s->ignored))
        class_weight_read(m, c->class_weight, &s->weight);
}

static tensor *divide(graph *g, tensor *a, tensor *b)
{
    return op_binary(g, a, b, BINARY_DIV);
}

static tensor *square(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE});
}

enum { OF_IMAGE = 1 << 1 | 1 << 2 | 1 << 3, OF_CLASS = 1 << 1 | 1 << 2 };

/* 1.x: one ratio for each image, over all its classes -> [N]. */
static tensor *of_images(module *m, graph *g, const loss_io *io)
{
    const dice_config *c = m->config;
    const dice_state *s = m->state;
    int64_t classes = tensor_channels(io->x);
    tensor *p = io->x;
    if (c->activate && c->use_sigmoid)
        p = op_sigmoid(g, p);
    else if (c->activate && classes > 1)
        p = op_softmax(g, p);
    p = overlap_without(g, p, s->ignored);
    tensor *t = overlap_without(g, overlap_one_hot(g, io->target, classes, classes), s->ignored);
    tensor *hit = op_scale(g, op_reduce_sum(g, op_mul(g, p, t), OF_IMAGE, false), 2, 0);
    float eps = (float)c->eps;
    tensor *size = op_add(g, op_reduce_sum(g, c->naive_dice ? p : square(g, p), OF_IMAGE, false),
                          op_reduce_sum(g, t, OF_IMAGE, false));
    if (c->naive_dice)
        return op_scale(g, divide(g, op_scale(g, hit, 1, eps), op_scale(g, size, 1, eps)), -1, 1);
    return op_scale(g, divide(g, hit, op_scale(g, size, 1, 2 * eps)), -1, 1);
}

/* 0.x: a ratio for each class of an image, after a softmax, and their mean -> [N]. The mean counts an ignored class
 * too. A pixel with an ignored label is no overlap, but counts as target of the last class. */
static tensor *of_classes(module *m, graph *g, const loss_io *io)
{
    const dice_config *c = m->config;
    const dice_state *s = m->state;
    int64_t classes = tensor_channels(io->x);
    float smooth = (float)c->smooth;
    tensor *p = op_softmax(g, io->x), *t = overlap_one_hot(g, io->target, classes - 1, classes);
    tensor *hit = overlap_counted(g, op_mul(g, p, t), io->target, s->ignored);
    tensor *power = op_unary(g, p, (unary_attr){.kind = UNARY_POW, .alpha = (float)c->exponent});
    tensor *above = op_scale(g, op_reduce_sum(g, hit, OF_CLASS, true), 2, smooth);
    tensor *below = op_scale(g, op_reduce_sum(g, op_add(g, power, t), OF_CLASS, true), 1, smooth);
    tensor *miss = overlap_without(g, op_scale(g, divide(g, above, below), -1, 1), s->ignored);
    if (s->weight.n)
        miss = op_mul(g, miss,
                      op_reshape(g, class_weight_trace(m, g, s->weight, classes), 4, (int64_t[]){1, 1, 1, classes}));
    return op_reduce_mean(g, miss, OF_IMAGE, false);
}

/* Of masks, divided by a number of the head's. */
static tensor *of_masks(module *m, graph *g, const loss_io *io)
{
    const dice_config *c = m->config;
    const dice_state *s = m->state;
    char place[512];
    if (m->model->options.dice_by_class || s->ignored >= 0 || (c->activate && !c->use_sigmoid) ||
        strcmp(c->reduction, "sum") == 0)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%sDiceLoss of masks has no classes: set ignore_index=None, use_sigmoid=True, and no "
                          "reduction='sum'",
                          value_place(m->cfg, place));
    tensor *each = dice_of_masks(g, io, c->activate, c->naive_dice, c->eps);
    return loss_averaged(g, each, 1, io, c->reduction, c->loss.loss_weight);
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const dice_config *c = m->config;
    const dice_state *s = m->state;
    char place[512];
    bool by_class = m->model->options.dice_by_class;
    if (!io->x || !io->target)
        return NULL;
    if (io->avg_factor)
        return of_masks(m, g, io);
    if (io->weight && by_class)
        loss_weighs_no_pixels(m);
    else if (io->weight)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%sDiceLoss cannot weigh pixels: its sums are over whole images. Leave out the sampler of "
                          "its head, and seg_weight_map",
                          value_place(m->cfg, place));
    if (!by_class && tensor_channels(io->x) == 1 && s->ignored == 0)
        return graph_fail(g, CSEG_CONFIG, "%signore_index=0 leaves no class: the logits have one channel",
                          value_place(module_at(m, "ignore_index"), place));
    tensor *y = by_class ? of_classes(m, g, io) : of_images(m, g, io);
    bool sum = !by_class && strcmp(c->reduction, "sum") == 0;
    y = sum ? op_reduce_sum(g, y, 1 << 0, false) : op_reduce_mean(g, y, 1 << 0, false);
    return op_scale(g, y, (float)c->loss.loss_weight, 0);
}

/* With one channel the reference compares it with label 0; label 1 is the rest. */
static loss_labels labels(const module *m, int64_t channels)
{
    bool by_class = m->model->options.dice_by_class;
    int64_t ignored = ((const dice_state *)m->state)->ignored;
    return (loss_labels){.classes = channels == 1 && !by_class ? 2 : channels,
                         .has_ignored = by_class && ignored >= 0,
                         .ignored = ignored};
}

static bool of_batch(const module *m)
{
    return m->model->options.dice_by_class;
}

const kind kind_dice_loss = {
    .family = FAMILY_LOSS,
    .name = "DiceLoss",
    .about = "1 - 2 * overlap / (prediction + target), over all classes of an image (1.x) or for each class (0.x) "
             "(arXiv:1606.04797).",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET | LOSS_AVG_FACTOR, .forward = forward, .labels = labels, .of_batch = of_batch},
};
