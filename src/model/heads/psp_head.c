/* PSPHead: the input beside its own averages over coarser and coarser grids (Zhao et al. 2017, arXiv:1612.01105). */
#include "model/heads/decode_head.h"

typedef struct psp_config {
    head_config head;
    ints pool_scales;
} psp_config;

static const field fields[] = {
    HEAD_FIELDS(psp_config),
    FIELD_RANGE(psp_config, F_INTS, pool_scales, "(1, 2, 3, 6)", 1, 256, "sides of the grids"),
};
static const field_table table = {fields, sizeof fields / sizeof *fields, sizeof(psp_config), false};

enum { SCALES_MAX = 16 };
typedef struct psp_head {
    decode_head base;
    module *grid[SCALES_MAX]; /* 1x1 convolution of each grid */
    module *bottleneck;
} psp_head;

static module *conv_module(module *parent, const char *name, const head_config *c, int64_t in, int64_t kernel)
{
    return conv_module_new(parent, name,
                           (conv_module_spec){.conv = conv_square(in, c->channels, kernel, 1, kernel / 2, 1),
                                              .conv_cfg = c->conv_cfg,
                                              .norm_cfg = c->norm_cfg,
                                              .act_cfg = c->act_cfg});
}

static void build(module *m)
{
    if (!head_begin(m, sizeof(psp_head)))
        return;
    const psp_config *c = m->config;
    psp_head *h = m->state;
    int64_t in = h->base.in_channels, n = (int64_t)c->pool_scales.n;
    if (n > SCALES_MAX) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "pool_scales"), "PSPHead: at most %d pool_scales", SCALES_MAX);
        return;
    }
    module *list = module_new(m, "psp_modules");
    for (int64_t i = 0; i < n; i++) /* a Sequential of the pool, "0", and the convolution, "1" */
        h->grid[i] = conv_module(module_new(list, module_index(m, i)), "1", &c->head, in, 1);
    h->bottleneck = conv_module(m, "bottleneck", &c->head, in + n * c->head.channels, 3);
}

static tensor *forward(module *m, graph *g, features x)
{
    const psp_config *c = m->config;
    psp_head *h = m->state;
    tensor *all[1 + SCALES_MAX] = {head_input(m, g, x)};
    if (!all[0])
        return NULL;
    int n = (int)c->pool_scales.n;
    for (int i = 0; i < n; i++) {
        int64_t side = c->pool_scales.at[i];
        tensor *y = layer_run(h->grid[i], g, op_adaptive_avg_pool(g, all[0], side, side));
        all[1 + i] = op_resize_to(g, y, all[0]->dim[1], all[0]->dim[2], c->head.align_corners);
    }
    return head_classify(m, g, layer_run(h->bottleneck, g, op_concat(g, all, 1 + n, -1)));
}

const kind kind_psp_head = {
    .family = FAMILY_HEAD,
    .name = "PSPHead",
    .about = "The input beside its averages over grids of several sizes (arXiv:1612.01105).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = forward},
};
