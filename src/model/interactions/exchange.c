/* ChannelExchange and SpatialExchange of Open-CD: the two dates of a pair swap every n-th channel, or column, of their
 * maps (Fang et al. 2022, arXiv:2209.08290); and TwoIdentity, which leaves them as they are. */
#include <string.h>

#include "model/module.h"

typedef struct exchange_config {
    double p;
} exchange_config;

static const field fields[] = {
    FIELD_RANGE(exchange_config, F_FLOAT, p, "1/2", 1e-6, 1,
                "share that is swapped: every int(1 / p)-th, from the first on"),
};
static const field_table table = FIELD_TABLE(fields, exchange_config);

static void build(module *m)
{
    (void)m; /* it has no weights */
}

/* A mask that is 1 at every n-th place of one axis of x, and has one element along the others. */
static tensor *every_nth(module *m, graph *g, const tensor *x, int axis)
{
    int64_t n = (int64_t)(1 / ((const exchange_config *)m->config)->p), dim[4] = {1, 1, 1, 1};
    uint8_t *bytes = arena_alloc(g->mem, (size_t)x->dim[axis]);
    if (!bytes)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    dim[axis] = x->dim[axis];
    for (int64_t i = 0; i < dim[axis]; i++)
        bytes[i] = i % n == 0;
    return graph_const(g, DT_U8, 4, dim, bytes);
}

static void swap(module *m, graph *g, tensor *x[2], int axis)
{
    if (!x[0] || !x[1])
        return;
    tensor *mask = every_nth(m, g, x[0], axis), *first = x[0];
    x[0] = op_where(g, mask, x[1], first);
    x[1] = op_where(g, mask, first, x[1]);
}

static void swap_channels(module *m, graph *g, tensor *x[2])
{
    swap(m, g, x, 3);
}

static void swap_columns(module *m, graph *g, tensor *x[2])
{
    swap(m, g, x, 2);
}

static void keep(module *m, graph *g, tensor *x[2])
{
    (void)m, (void)g, (void)x;
}

const kind kind_channel_exchange = {
    .family = FAMILY_INTERACTION,
    .scopes = SCOPE_OPENCD,
    .name = "ChannelExchange",
    .about = "The dates swap channels of their maps (arXiv:2209.08290).",
    .fields = &table,
    .build = build,
    .as.interaction = {.forward = swap_channels},
};

const kind kind_spatial_exchange = {
    .family = FAMILY_INTERACTION,
    .scopes = SCOPE_OPENCD,
    .name = "SpatialExchange",
    .about = "The dates swap columns of their maps (arXiv:2209.08290).",
    .fields = &table,
    .build = build,
    .as.interaction = {.forward = swap_columns},
};

/* The class takes any argument. */
static const field_table nothing = {.any_more = true};

const kind kind_two_identity = {
    .family = FAMILY_INTERACTION,
    .scopes = SCOPE_OPENCD,
    .name = "TwoIdentity",
    .about = "The dates keep their maps: what None means.",
    .fields = &nothing,
    .build = build,
    .as.interaction = {.forward = keep},
};
