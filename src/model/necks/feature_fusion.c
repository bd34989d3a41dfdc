/* FeatureFusionNeck of Open-CD: fuses the maps of two dates. */
#include "model/module.h"

typedef struct fusion_config {
    const char *policy;
    ints out_indices;
} fusion_config;

static const field fields[] = {
    FIELD_CHOICE(fusion_config, policy, NULL, FUSION_POLICIES,
                 "of the dates' maps: beside each other (twice the channels), their sum, second minus first, or its "
                 "absolute value"),
    FIELD(fusion_config, F_INTS, out_indices, "(0, 1, 2, 3)",
          "maps that it gives, in this order; negative ones count from the end"),
    FIELD_IGNORED(in_channels, "the reference does not read it either"),
    FIELD_IGNORED(channels, "the reference does not read it either"),
};
static const field_table table = FIELD_TABLE(fields, fusion_config);

static void build(module *m)
{
    (void)m; /* it has no weights */
}

static features fuse(module *m, graph *g, features first, features second)
{
    const fusion_config *c = m->config;
    char place[512];
    features all = features_fused(g, first, second, c->policy), y = features_new(g, 0);
    for (size_t i = 0; i < c->out_indices.n; i++) {
        int64_t index = c->out_indices.at[i], at = index < 0 ? index + all.n : index;
        if (at < 0 || at >= all.n)
            graph_fail(g, CSEG_SHAPE, "%sneck (%s) gives map %lld, but there are %d",
                       value_place(module_at(m, "out_indices"), place), m->kind->name, (long long)index, all.n);
        else
            features_add(g, &y, all.at[at]);
    }
    return y;
}

const kind kind_feature_fusion_neck = {
    .family = FAMILY_NECK,
    .scopes = SCOPE_OPENCD,
    .name = "FeatureFusionNeck",
    .about = "Makes the maps of two dates one; behind a backbone that sees pairs.",
    .fields = &table,
    .build = build,
    .as.neck = {.fuse = fuse},
};
