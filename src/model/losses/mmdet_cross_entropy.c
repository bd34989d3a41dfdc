/* mmdet's CrossEntropyLoss: of classes, or of masks with use_sigmoid. */
#include "model/losses/average.h"
#include "model/losses/class_weight.h"

typedef struct entropy_config {
    loss_config loss;
    bool use_sigmoid, use_mask;
    const char *reduction;
    const value *class_weight, *ignore_index;
} entropy_config;

static const field fields[] = {
    FIELD(entropy_config, F_BOOL, use_sigmoid, "False", "of masks: a sigmoid; False, of classes: a softmax"),
    FIELD(entropy_config, F_BOOL, use_mask, "False", "of mask heads that have a mask for each class: not supported"),
    FIELD(entropy_config, F_VALUE, class_weight, "None", "a number for each class, the one of no object last"),
    FIELD(entropy_config, F_VALUE, ignore_index, "None", "a class that teaches nothing; None: -100"),
    FIELD_IGNORED(avg_non_ignore, "heads that have this loss give the number to divide by"),
    MMDET_LOSS_FIELDS(entropy_config),
};
static const field_table table = FIELD_TABLE(fields, entropy_config);

typedef struct entropy_state {
    floats weight; /* of the classes; n == 0: none */
    int64_t ignored;
} entropy_state;

static void build(module *m)
{
    const entropy_config *c = m->config;
    entropy_state *s = m->state = module_state(m, sizeof *s);
    if (!s || !mmdet_loss_begin(m, c->reduction))
        return;
    s->ignored = -100;
    if (!value_is_none(c->ignore_index) && !value_integer(c->ignore_index, &s->ignored))
        model_fail(m->model, CSEG_CONFIG, c->ignore_index, "ignore_index is an int or None, not %s",
                   value_kind_name(c->ignore_index));
    if (c->use_mask)
        model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "use_mask"), "use_mask=True is not supported");
    if (value_is_list(c->class_weight))
        class_numbers_read(m, "class_weight", c->class_weight, &s->weight);
    else if (!value_is_none(c->class_weight))
        model_fail(m->model, CSEG_CONFIG, c->class_weight, "class_weight is a list of numbers, not %s",
                   value_kind_name(c->class_weight));
}

static tensor *of_classes(module *m, graph *g, const loss_io *io, tensor *class_weight)
{
    const entropy_config *c = m->config;
    const entropy_state *s = m->state;
    char place[512];
    if (c->use_sigmoid)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%s%s: a query has one class: set use_sigmoid=False (the reference stops there too)",
                          value_place(module_at(m, "use_sigmoid"), place), m->name);
    return losses_of_classes(g, io->x, io->target, class_weight, s->ignored);
}

static tensor *of_masks(module *m, graph *g, const loss_io *io)
{
    const entropy_config *c = m->config;
    const entropy_state *s = m->state;
    char place[512];
    if (!c->use_sigmoid)
        return graph_fail(g, CSEG_CONFIG, "%s%s: a mask has no classes for a softmax: set use_sigmoid=True",
                          value_place(m->cfg, place), m->name);
    if (s->weight.n || s->ignored == 0 || s->ignored == 1)
        return graph_fail(g, CSEG_UNSUPPORTED, "%s%s: of masks there are no class_weight and no ignored 0 or 1",
                          value_place(m->cfg, place), m->name);
    return io->rows ? op_scale(g, mask_rows_sums(g, io->rows, (masks_attr){.alpha = 0.5f}), 2, 0)
                    : op_sigmoid_cross_entropy(g, io->x, io->target, NULL);
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const entropy_config *c = m->config;
    const entropy_state *s = m->state;
    if (!io->rows && (!io->x || !io->target))
        return NULL;
    bool masks = io->rows || io->target->type == DT_F32;
    tensor *weight = s->weight.n && !masks ? class_weight_trace(m, g, s->weight, tensor_channels(io->x)) : NULL;
    tensor *each = masks ? of_masks(m, g, io) : of_classes(m, g, io, weight);
    return loss_averaged(g, each, loss_stands_for(io), io, c->reduction, c->loss.loss_weight);
}

const kind kind_mmdet_cross_entropy_loss = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_MMDET,
    .name = "CrossEntropyLoss",
    .about = "For heads that classify masks: cross-entropy of queries' classes, or of masks with use_sigmoid=True.",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET | LOSS_AVG_FACTOR | LOSS_MASKS, .forward = forward},
};
