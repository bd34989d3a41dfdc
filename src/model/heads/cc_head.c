/* CCHead: each pixel gathers from its row and its column, and from all others the second time (Huang et al. 2019,
 * arXiv:1811.11721). */
#include "model/heads/fcn_head.h"

typedef struct cc_config {
    head_config head;
    fcn_fields fcn;
    int64_t recurrence;
} cc_config;

static const field fields[] = {
    HEAD_FIELDS(cc_config),
    FCN_FIELDS(cc_config),
    FIELD_RANGE(cc_config, F_INT, recurrence, "2", 0, 64, "times that pixels gather, with the same weights"),
};
static const field_table table = FIELD_TABLE(fields, cc_config);

static void build(module *m)
{
    const cc_config *c = m->config;
    if (!fcn_begin(m, &c->fcn, 2))
        return;
    fcn_head *h = m->state;
    h->block = criss_cross_new(m, "cca", c->head.channels);
    h->rounds = c->recurrence;
}

const kind kind_cc_head = {
    .family = FAMILY_HEAD,
    .name = "CCHead",
    .about = "Each pixel gathers from its row and its column, more than once, between two convolutions "
             "(arXiv:1811.11721).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
