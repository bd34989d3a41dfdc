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

bool out_indices_check(module *m, ints at, int64_t stages)
{
    const value *given = module_at(m, "out_indices");
    if (!at.n)
        model_fail(m->model, CSEG_CONFIG, given, "%s: out_indices is empty", m->class_name);
    for (size_t i = 0; i < at.n; i++)
        if (at.at[i] < 0 || at.at[i] >= stages)
            model_fail(m->model, CSEG_CONFIG, given, "%s: out_indices names stage %lld of %lld (0 to %lld)",
                       m->class_name, (long long)at.at[i], (long long)stages, (long long)stages - 1);
    if (model_failed(m->model))
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
