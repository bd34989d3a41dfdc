/* mmdet's FocalLoss of masks. */
#include "model/losses/average.h"

typedef struct focal_config {
    loss_config loss;
    bool use_sigmoid, activated;
    double gamma, alpha;
    const char *reduction;
} focal_config;

static const field fields[] = {
    FIELD(focal_config, F_BOOL, use_sigmoid, "True", "must be True: the reference has no other form"),
    FIELD_RANGE(focal_config, F_FLOAT, gamma, "2.0", 0, 64, "power of the probability that the right answer lacks"),
    FIELD(focal_config, F_FLOAT, alpha, "0.25", "share of the mask against what is outside"),
    FIELD(focal_config, F_BOOL, activated, "False", "must be False: masks are logits, not probabilities"),
    MMDET_LOSS_FIELDS(focal_config),
};
static const field_table table = FIELD_TABLE(fields, focal_config);

static void build(module *m)
{
    const focal_config *c = m->config;
    if (!mmdet_loss_begin(m, c->reduction))
        return;
    if (!c->use_sigmoid)
        model_fail(m->model, CSEG_UNSUPPORTED, module_at(m, "use_sigmoid"),
                   "FocalLoss has a sigmoid only; set use_sigmoid=True");
    if (c->activated)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "activated"),
                   "FocalLoss gets the masks' logits here, which are no probabilities: leave activated=True out");
}

/* The same of masks that are not written at the label map's size. */
static tensor *of_rows(const focal_config *c, graph *g, const loss_io *io)
{
    masks_attr a = {.alpha = (float)c->alpha, .gamma = (float)c->gamma};
    return loss_averaged(g, mask_rows_sums(g, io->rows, a), loss_stands_for(io), io, c->reduction, c->loss.loss_weight);
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const focal_config *c = m->config;
    char place[512];
    if (io->rows)
        return of_rows(c, g, io);
    if (!io->x || !io->target)
        return NULL;
    if (io->target->type != DT_F32)
        return graph_fail(g, CSEG_UNSUPPORTED,
                          "%s%s: mmdet.FocalLoss is of masks here; for classes there is "
                          "mmdet.CrossEntropyLoss",
                          value_place(m->cfg, place), m->name);
    tensor *y = io->target, *p = op_sigmoid(g, io->x);
    tensor *miss = op_add(g, op_mul(g, op_scale(g, p, -1, 1), y), op_mul(g, p, op_scale(g, y, -1, 1)));
    tensor *share = op_scale(g, y, (float)(2 * c->alpha - 1), (float)(1 - c->alpha));
    tensor *each = op_mul(g, op_sigmoid_cross_entropy(g, io->x, y, NULL), share);
    each = op_mul(g, each, op_unary(g, miss, (unary_attr){.kind = UNARY_POW, .alpha = (float)c->gamma}));
    return loss_averaged(g, each, 1, io, c->reduction, c->loss.loss_weight);
}

const kind kind_mmdet_focal_loss = {
    .family = FAMILY_LOSS,
    .scopes = SCOPE_MMDET,
    .name = "FocalLoss",
    .about = "For heads that classify masks: binary cross-entropy, in which what is right already counts little "
             "(arXiv:1708.02002).",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET | LOSS_AVG_FACTOR | LOSS_MASKS, .forward = forward},
};
