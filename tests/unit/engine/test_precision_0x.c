/* What makes training, and what makes testing, of the 0.x dialect use mixed precision: mmcv's register_optimizer_hook
 * and mmseg's tools/test.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/dialect/experiment.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static experiment *read_config(arena *mem, const char *lines)
{
    char text[1024];
    cseg_error err = {0};
    experiment *e = NULL;
    value *cfg;
    snprintf(text, sizeof text, "model = dict(type='EncoderDecoder')\ndata = dict(samples_per_gpu=2)\n%s", lines);
    if (config_parse_text(text, "some.py", mem, &cfg, &err) != CSEG_OK ||
        experiment_read(cfg, "some.py", mem, &e, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return e;
}

static void only_the_hook_counts_in_training_and_only_fp16_in_testing(void **state)
{
    (void)state;
    static const struct {
        const char *lines;
        bool train, test, unused;
        int accumulate;
    } cases[] = {
        {"optimizer_config = dict()\n", false, false, false, 1},
        {"optimizer_config = dict(type='OptimizerHook')\nfp16 = None\n", false, false, false, 1},
        /* MAE's */
        {"optimizer_config = dict()\nfp16 = dict(loss_scale='dynamic')\n", false, true, true, 1},
        {"fp16 = dict()\n", false, true, true, 1},
        /* fcn_r101-d8_fp16: the placeholder is what testing goes by */
        {"optimizer_config = dict(type='Fp16OptimizerHook', loss_scale=512.)\nfp16 = dict()\n", true, true, false, 1},
        {"optimizer_config = dict(type='Fp16OptimizerHook', loss_scale=512.)\n", true, false, false, 1},
        {"optimizer_config = dict(type='GradientCumulativeOptimizerHook', cumulative_iters=3)\nfp16 = dict()\n", false,
         true, true, 3},
        /* BEiT's */
        {"optimizer_config = dict(type='GradientCumulativeFp16OptimizerHook', cumulative_iters=2)\nfp16 = dict()\n",
         true, true, false, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        const experiment *e = read_config(mem, cases[i].lines);
        if (e->amp != cases[i].train || e->val_bf16 != cases[i].train || e->test_bf16 != cases[i].test ||
            (e->fp16_unused != NULL) != cases[i].unused || e->accumulate != cases[i].accumulate)
            fail_msg("amp %d, val %d, test %d, unused %d, accumulate %d: %s", e->amp, e->val_bf16, e->test_bf16,
                     e->fp16_unused != NULL, (int)e->accumulate, cases[i].lines);
        assert_null(e->optimizer_refused);
        arena_free(mem);
    }
}

/* The reference's registry has no such hook: a name with Fp16 in it is not enough. Testing needs no hook. */
static void other_hooks_are_refused_for_training(void **state)
{
    (void)state;
    arena *mem = arena_new();
    const experiment *e =
        read_config(mem, "optimizer_config = dict(\n    type='DistFp16Hook', use_fp16=True)\nfp16 = dict()\n");
    assert_false(e->amp);
    assert_true(e->test_bf16);
    assert_non_null(e->optimizer_refused);
    assert_non_null(strstr(e->optimizer_refused, "some.py:4: there is no optimizer hook 'DistFp16Hook' here"));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_hook_counts_in_training_and_only_fp16_in_testing),
        cmocka_unit_test(other_hooks_are_refused_for_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
