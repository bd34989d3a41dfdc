/* Any text as a whole config, read by its dialect: data, optimizer, schedules, hooks, evaluators, modes of testing. It
 * must be refused with a reason, or make sense. */
#include <math.h>
#include <stdlib.h>

#include "config/config.h"
#include "engine/infer/predict.h"
#include "engine/setup/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_experiment(const experiment *e)
{
    check(e->accumulate >= 1 && isfinite(e->lr_scale) && e->n_workflow >= 0 && e->n_validate >= 0);
    for (int i = 1; i < e->n_validate; i++)
        check(e->validate[i - 1].begin <= e->validate[i].begin);
    if (e->train.dataset)
        check(e->train.batch_size >= 1 && e->train.workers >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    cseg_error err = {.text = ""};
    value *cfg;
    experiment *e;
    predict_options how;
    preprocessor pre;
    arena *mem = arena_new();
    char *text = mem ? arena_strndup(mem, (const char *)data, n) : NULL;
    if (text && config_parse_text(text, "fuzz.py", mem, &cfg, &err) == CSEG_OK) {
        if (experiment_read(cfg, "fuzz.py", mem, &e, &err) == CSEG_OK) {
            check_experiment(e);
            if (predict_options_read(e->test_cfg, &how, &err) == CSEG_OK)
                check(how.mode == PREDICT_WHOLE || (how.stride_h >= 1 && how.stride_w >= 1));
            (void)build_preprocessor(e, mem, &pre, &err);
        } else {
            check(err.text[0] != 0);
        }
    }
    arena_free(mem);
    return 0;
}
