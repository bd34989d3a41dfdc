#include "model/losses/loss_config.h"

#include "base/log.h"

void loss_begin(module *m)
{
    if (!loss_name(m))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "loss_name"), "loss_name is a string, not None");
}

void loss_weighs_no_pixels(const module *loss)
{
    char place[512];
    log_warn_once(
        "%s%s weighs no pixels, as in the reference: the sampler of its head and seg_weight_map have no effect "
        "on it",
        value_place(loss->cfg, place), loss->kind->name);
}
