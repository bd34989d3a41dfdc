#include "model/heads/mask_losses.h"

#include <string.h>

#include "model/losses/class_weight.h"

static module *build_loss(module *m, const char *name, const value *cfg, unsigned needs)
{
    module *loss = module_build(m, name, FAMILY_LOSS, cfg, NULL);
    if (loss && needs & ~loss->kind->as.loss.can)
        model_fail(m->model, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
                   "%s: %s compares a label map with logits; masks take mmdet's losses: mmdet.%s", m->name,
                   loss->kind->name, loss->kind->name);
    return loss;
}

void mask_losses_build(module *m, mask_losses *l, const value *cls, const value *mask, const value *dice)
{
    const value *weight = value_get(cls, "class_weight");
    l->cls = build_loss(m, "loss_cls", cls, LOSS_AVG_FACTOR);
    l->mask = build_loss(m, "loss_mask", mask, LOSS_AVG_FACTOR | LOSS_MASKS);
    l->dice = build_loss(m, "loss_dice", dice, LOSS_AVG_FACTOR | LOSS_MASKS);
    if (model_failed(m->model))
        return;
    if (!value_is_list(weight))
        model_fail(m->model, CSEG_CONFIG, value_blame(cls, "class_weight"),
                   "%s: loss_cls needs class_weight, a number for each class and a last one for no object", m->name);
    else
        class_numbers_read(m, "class_weight", weight, &l->class_weight);
    if (l->mask && strcmp(l->mask->kind->name, "DiceLoss") == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "loss_mask"),
                   "%s: loss_mask compares pixel by pixel, which DiceLoss does not", m->name);
}

/* The weights of all queries' classes, summed. */
static tensor *weight_of_all(module *m, const mask_losses *l, graph *g, const mask_losses_io *io)
{
    int64_t classes = tensor_channels(io->scores);
    char place[512];
    if ((int64_t)l->class_weight.n != classes)
        return graph_fail(g, CSEG_CONFIG,
                          "%s%s: class_weight of loss_cls has %zu numbers, but %lld are needed: one for each of "
                          "num_classes=%lld and a last one for no object",
                          value_place(module_at(l->cls, "class_weight"), place), m->name, l->class_weight.n,
                          (long long)classes, (long long)classes - 1);
    tensor *weight = class_numbers_trace(m, g, "class_weight", l->class_weight, classes);
    if (!weight)
        return NULL;
    tensor *each =
        op_mul(g, op_one_hot(g, io->pairs->classes, classes), op_reshape(g, weight, 3, (int64_t[]){1, 1, classes}));
    return op_reduce_sum(g, each, 7, false);
}

static void add(module *m, graph *g, const char *prefix, int layer, const char *name, tensor *loss)
{
    const char *full = layer < 0 ? name : module_text(m, "d%d.%s", layer, name);
    if (full)
        model_add_loss(m->model, g, prefix, full, loss);
}

void mask_losses_add(module *m, const mask_losses *l, graph *g, const char *prefix, int layer, const mask_losses_io *io)
{
    const mask_pairs *p = io->pairs;
    if (!io->scores || !p->weight || (!io->rows && (!io->masks || !io->targets)))
        return;
    int64_t n = tensor_count(p->weight);
    int64_t pixels = io->rows ? io->rows->label->dim[1] * io->rows->label->dim[2] : io->masks->dim[1];
    tensor *rows = op_reshape(g, p->weight, 1, &n);
    loss_io cls = {
        .x = io->scores, .target = p->classes, .ignore_index = -100, .avg_factor = weight_of_all(m, l, g, io)};
    loss_io dice = {
        .x = io->masks, .target = io->targets, .rows = io->rows, .weight = rows, .avg_factor = p->avg_factor};
    loss_io mask = dice;
    mask.avg_factor = op_scale(g, p->avg_factor, (float)pixels, 0);
    add(m, g, prefix, layer, "loss_cls", loss_run(l->cls, g, &cls));
    add(m, g, prefix, layer, "loss_mask", loss_run(l->mask, g, &mask));
    add(m, g, prefix, layer, "loss_dice", loss_run(l->dice, g, &dice));
}
