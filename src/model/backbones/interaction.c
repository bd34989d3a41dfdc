#include "model/backbones/interaction.h"

#include "model/backbones/out_indices.h"

module *interactions_new(module *m, const value *cfg, int64_t stages)
{
    if (!m || model_failed(m->model))
        return NULL;
    if (!value_is_list(cfg) || (int64_t)value_count(cfg) != stages) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "interaction_cfg"),
                   "%s: interaction_cfg is a list with a dict or None for each of the %lld stages", m->class_name,
                   (long long)stages);
        return NULL;
    }
    module *list = module_new(m, "ccs");
    for (int64_t i = 0; i < stages; i++) {
        const value *one = value_item(cfg, (size_t)i);
        if (value_is_none(one))
            one = module_literal(m, "dict(type='TwoIdentity')");
        module_build(list, module_index(m, i), FAMILY_INTERACTION, one, NULL);
    }
    return model_failed(m->model) ? NULL : list;
}

static void interact(module *m, graph *g, tensor *x[2])
{
    graph_push_scope(g, m->name);
    m->kind->as.interaction.forward(m, g, x);
    graph_pop_scope(g);
}

features interactions_run(module *list, module *m, graph *g, tensor *first, tensor *second, ints out_indices,
                          backbone_stage *stage)
{
    features out = features_new(g, 0);
    tensor *x[2] = {first, second};
    for (size_t i = 0; i < list->children.n; i++) {
        for (int date = 0; date < 2; date++)
            x[date] = stage(m, g, (int64_t)i, x[date]);
        interact(list->children.at[i], g, x);
        if (out_indices_has(out_indices, (int64_t)i))
            features_add(g, &out, op_concat(g, x, 2, -1));
    }
    return out;
}
