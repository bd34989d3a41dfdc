/* NLHead: each pixel gathers from all others (Wang et al. 2018, arXiv:1711.07971). */
#include "model/heads/fcn_head.h"

typedef struct nl_config {
    head_config head;
    fcn_fields fcn;
    int64_t reduction;
    bool use_scale;
    const char *mode;
} nl_config;

static const field fields[] = {
    HEAD_FIELDS(nl_config),
    FCN_FIELDS(nl_config),
    FIELD_RANGE(nl_config, F_INT, reduction, "2", 1, 1 << 20, "channels are divided by it where pixels are compared"),
    FIELD(nl_config, F_BOOL, use_scale, "True",
          "embedded_gaussian: products are divided by the root of their channels"),
    FIELD_CHOICE(nl_config, mode, "'embedded_gaussian'", "embedded_gaussian|dot_product|gaussian|concatenation",
                 "how two pixels are compared"),
};
static const field_table table = FIELD_TABLE(fields, nl_config);

static void build(module *m)
{
    const nl_config *c = m->config;
    if (!fcn_begin(m, &c->fcn, 2))
        return;
    ((fcn_head *)m->state)->block = non_local_new(m, "nl_block",
                                                  (non_local_spec){.channels = c->head.channels,
                                                                   .reduction = c->reduction,
                                                                   .mode = c->mode,
                                                                   .use_scale = c->use_scale,
                                                                   .conv_cfg = c->head.conv_cfg,
                                                                   .norm_cfg = c->head.norm_cfg});
}

const kind kind_nl_head = {
    .family = FAMILY_HEAD,
    .name = "NLHead",
    .about = "Each pixel gathers from all others, between two convolutions (arXiv:1711.07971).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
