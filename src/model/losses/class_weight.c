#include "model/losses/class_weight.h"

bool class_numbers_read(module *m, const char *key, const value *list, floats *out)
{
    out->n = value_count(list);
    out->at = module_state(m, out->n * sizeof *out->at);
    for (size_t i = 0; out->at && i < out->n; i++)
        if (!value_number(value_item(list, i), &out->at[i]))
            model_fail(m->model, CSEG_CONFIG, value_item(list, i), "%s holds numbers, not %s", key,
                       value_kind_name(value_item(list, i)));
    return !model_failed(m->model);
}

bool class_weight_read(module *m, const value *v, floats *out)
{
    model *mod = m->model;
    const char *path = v && v->kind == V_STR ? value_text(v) : NULL;
    *out = (floats){0};
    if (value_is_none(v))
        return true;
    if (value_is_list(v))
        return class_numbers_read(m, "class_weight", v, out);
    if (!path)
        model_fail(mod, CSEG_CONFIG, v, "class_weight is a list of numbers or a file, not %s", value_kind_name(v));
    else if (!mod->options.read_numbers)
        model_fail(mod, CSEG_UNSUPPORTED, v, "class_weight from a file is not supported here");
    else
        mod->options.read_numbers(mod->options.read_arg, path, mod->mem, out, &mod->error);
    return !model_failed(mod);
}

tensor *class_weight_trace(module *m, graph *g, floats w, int64_t classes)
{
    return class_numbers_trace(m, g, "class_weight", w, classes);
}

tensor *class_numbers_trace(module *m, graph *g, const char *key, floats w, int64_t classes)
{
    char place[512];
    if ((int64_t)w.n != classes)
        return graph_fail(g, CSEG_CONFIG, "%s%s has %zu numbers for %lld classes",
                          value_place(module_at(m, key), place), key, w.n, (long long)classes);
    float *data = arena_array(g->mem, w.n, sizeof *data);
    if (!data)
        return graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < w.n; i++)
        data[i] = (float)w.at[i];
    return graph_const(g, DT_F32, 1, &classes, data);
}
