#include "model/backbones/out_indices.h"

#include "base/log.h"

static void check_order(const module *m, ints at)
{
    char place[512];
    for (size_t i = 1; i < at.n; i++)
        if (at.at[i] <= at.at[i - 1]) {
            log_say(LOG_WARNING,
                    "%s%s: out_indices names stage %lld behind stage %lld, but maps are given in order of stages, each "
                    "once: in_index counts them so",
                    value_place(module_at(m, "out_indices"), place), m->class_name, (long long)at.at[i],
                    (long long)at.at[i - 1]);
            return;
        }
}

static bool check_range(module *m, ints at, const char *what, int64_t lowest, int64_t n)
{
    const value *given = module_at(m, "out_indices");
    if (!at.n)
        model_fail(m->model, CSEG_CONFIG, given, "%s: out_indices is empty", m->class_name);
    for (size_t i = 0; i < at.n; i++)
        if (at.at[i] < lowest || at.at[i] >= n)
            model_fail(m->model, CSEG_CONFIG, given, "%s: out_indices names %s %lld of %lld (%lld to %lld)",
                       m->class_name, what, (long long)at.at[i], (long long)n, (long long)lowest, (long long)n - 1);
    return !model_failed(m->model);
}

bool out_indices_check(module *m, ints at, int64_t stages)
{
    if (!check_range(m, at, "stage", 0, stages))
        return false;
    check_order(m, at);
    return true;
}

void out_indices_from_end(ints at, int64_t stages)
{
    for (size_t i = 0; i < at.n; i++)
        if (at.at[i] < 0)
            at.at[i] += stages;
}

bool out_indices_has(ints at, int64_t stage)
{
    for (size_t i = 0; i < at.n; i++)
        if (at.at[i] == stage)
            return true;
    return false;
}

bool out_maps_check(module *m, ints at, int64_t maps)
{
    return check_range(m, at, "map", -maps, maps);
}

features out_maps(graph *g, features x, ints at)
{
    features y = features_new(g, (int)at.n);
    for (int i = 0; i < y.n; i++) {
        int64_t k = at.at[i] < 0 ? at.at[i] + x.n : at.at[i];
        y.at[i] = k >= 0 && k < x.n ? x.at[k] : NULL; /* after an error x is short */
    }
    return y;
}
