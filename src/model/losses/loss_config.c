#include "model/losses/loss_config.h"

void loss_begin(module *m)
{
    if (!loss_name(m))
        model_fail(m->model, CSEG_CONFIG, module_at(m, "loss_name"), "loss_name is a string, not None");
}
