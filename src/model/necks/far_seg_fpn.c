/* FarSegFPN of Open-CD: an FPN for two dates, with what each date's image holds as a whole behind its maps. */
#include "model/layers/layers.h"
#include "model/necks/fpn.h"

typedef struct far_seg_config {
    fpn_config fpn;
    const char *policy;
} far_seg_config;

static const field fields[] = {
    FPN_FIELDS,
    FIELD_CHOICE(far_seg_config, policy, "'concat'", FUSION_POLICIES,
                 "how the dates' maps become one, see FeatureFusionNeck"),
};
static const field_table table = FIELD_TABLE(fields, far_seg_config);

static features of_date(module *m, graph *g, features x)
{
    features y = fpn_forward(m, g, x);
    if (x.n)
        features_add(g, &y, op_adaptive_avg_pool(g, x.at[x.n - 1], 1, 1));
    y.from = m;
    return y;
}

static features fuse(module *m, graph *g, features first, features second)
{
    const far_seg_config *c = m->config;
    features date[2] = {of_date(m, g, first), of_date(m, g, second)};
    return features_fused(g, date[0], date[1], c->policy);
}

const kind kind_far_seg_fpn = {
    .family = FAMILY_NECK,
    .scopes = SCOPE_OPENCD,
    .name = "FarSegFPN",
    .about =
        "FPN for two dates, for FarSegHead: behind its maps it gives the average of the last map that it takes, and "
        "each map is made of both dates'.",
    .fields = &table,
    .build = fpn_build,
    .as.neck = {.fuse = fuse},
};
