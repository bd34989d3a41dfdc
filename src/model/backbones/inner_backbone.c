#include "model/backbones/inner_backbone.h"

module *inner_backbone_new(module *parent, const value *cfg)
{
    module *inner = module_build(parent, "backbone", FAMILY_BACKBONE, cfg, NULL);
    if (inner && !inner->kind->as.backbone.forward) {
        model_fail(inner->model, CSEG_CONFIG, cfg, "%s: %s sees pairs of images; one that sees one image is needed",
                   inner->name, inner->class_name);
        return NULL;
    }
    return inner;
}

tensor *inner_backbone_map(const module *m, graph *g, features x, int index, const char *key, int64_t channels)
{
    char place[512];
    tensor *t = index >= 0 && index < x.n ? x.at[index] : NULL;
    if (t && tensor_channels(t) != channels)
        return graph_fail(g, CSEG_SHAPE, "%s%s (%s) has %lld in %s for map %d of %s, which has %lld channels",
                          value_place(module_at(m, key), place), m->name, m->class_name, (long long)channels, key,
                          index, x.from ? x.from->class_name : "", (long long)tensor_channels(t));
    return t;
}
