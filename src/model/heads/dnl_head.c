/* DNLHead: each pixel gathers from all others, by likeness and by a mask that all share (Yin et al. 2020,
 * arXiv:2006.06668). */
#include "model/heads/fcn_head.h"

typedef struct dnl_config {
    head_config head;
    fcn_fields fcn;
    int64_t reduction;
    bool use_scale;
    const char *mode;
    double temperature;
} dnl_config;

static const field fields[] = {
    HEAD_FIELDS(dnl_config),
    FCN_FIELDS(dnl_config),
    FIELD_RANGE(dnl_config, F_INT, reduction, "2", 1, 1 << 20, "channels are divided by it where pixels are compared"),
    FIELD(dnl_config, F_BOOL, use_scale, "True",
          "embedded_gaussian: products are divided by the root of their channels"),
    FIELD_CHOICE(dnl_config, mode, "'embedded_gaussian'", "embedded_gaussian|dot_product|gaussian|concatenation",
                 "how two pixels are compared"),
    FIELD(dnl_config, F_FLOAT, temperature, "0.05", "embedded_gaussian: products are divided by it"),
};
static const field_table table = FIELD_TABLE(fields, dnl_config);

static void build(module *m)
{
    const dnl_config *c = m->config;
    if (!fcn_begin(m, &c->fcn, 2))
        return;
    if (c->temperature == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "temperature"), "%s: temperature divides; it may not be 0",
                   m->name);
    ((fcn_head *)m->state)->block = non_local_new(m, "dnl_block",
                                                  (non_local_spec){.channels = c->head.channels,
                                                                   .reduction = c->reduction,
                                                                   .mode = c->mode,
                                                                   .use_scale = c->use_scale,
                                                                   .disentangled = true,
                                                                   .temperature = c->temperature,
                                                                   .conv_cfg = c->head.conv_cfg,
                                                                   .norm_cfg = c->head.norm_cfg});
}

const kind kind_dnl_head = {
    .family = FAMILY_HEAD,
    .name = "DNLHead",
    .about = "Each pixel gathers from all others, by likeness without the means and by a mask that all share "
             "(arXiv:2006.06668).",
    .fields = &table,
    .build = build,
    .as.head = {.forward = fcn_forward, .features = fcn_features},
};
