/* KLDivLoss: compares two softmaxes, as for distillation. As in the reference, it takes the prediction's probabilities
 * where the Kullback-Leibler divergence has their logarithms. */
#include <string.h>

#include "model/losses/loss_config.h"

typedef struct kl_div_config {
    loss_config loss; /* has no loss_weight */
    double temperature;
    const char *reduction;
} kl_div_config;

static const field fields[] = {
    FIELD(kl_div_config, F_FLOAT, temperature, "1.0", "both sides are divided by it before their softmax"),
    FIELD_CHOICE(kl_div_config, reduction, "'mean'", "none|mean|sum",
                 "within each image, which are averaged; none is mean"),
    LOSS_NAME_FIELD(kl_div_config, "'loss_kld'"),
};
static const field_table table = FIELD_TABLE(fields, kl_div_config);

static void build(module *m)
{
    const kl_div_config *c = m->config;
    loss_begin(m);
    if (c->temperature == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "temperature"), "temperature divides, and cannot be 0");
}

static tensor *forward(module *m, graph *g, const loss_io *io)
{
    const kl_div_config *c = m->config;
    float t = (float)c->temperature;
    if (!io->x || !io->target)
        return NULL;
    tensor *target = op_scale(g, io->target, 1 / t, 0);
    tensor *miss = op_sub(g, op_log_softmax(g, target), op_softmax(g, op_scale(g, io->x, 1 / t, 0)));
    tensor *sum = op_reduce_sum(g, op_mul(g, op_softmax(g, target), miss), (1u << io->x->rank) - 1, false);
    int64_t count = strcmp(c->reduction, "sum") == 0 ? io->x->dim[0] : tensor_count(io->x);
    return op_scale(g, sum, t * t / (float)count, 0);
}

const kind kind_kl_div_loss = {
    .family = FAMILY_LOSS,
    .name = "KLDivLoss",
    .about = "Compares the softmax of a prediction with the softmax of a target of the same shape: a loss_se_decode of "
             "EncHead. (The reference knows it where custom_imports names mmseg.models.losses.kldiv_loss.)",
    .fields = &table,
    .build = build,
    .as.loss = {.can = LOSS_FLOAT_TARGET, .forward = forward},
};
