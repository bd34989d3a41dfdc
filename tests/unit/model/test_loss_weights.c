/* What losses do with the weights of pixels, of a map or of a sampler, and which losses a head can have. */
#include "model_test.h"

#include "base/log.h"

#define WITH_LOSSES(list, more) TEST_RESNET("", ", loss_decode=[" list "]" more, "")
#define SAMPLER ", sampler=dict(type='OHEMPixelSampler', min_kept=100)"
#define SURE_SAMPLER ", sampler=dict(type='OHEMPixelSampler', thresh=0.7)"
#define CE "dict(type='CrossEntropyLoss')"
#define TVERSKY "dict(type='TverskyLoss')"
#define LOVASZ "dict(type='LovaszLoss', reduction='none')"
#define HAUSDORFF "dict(type='HuasdorffDisstanceLoss')"
#define DICE "dict(type='DiceLoss')"

static int n_warned;

static void listen(void *arg, log_level level, const char *text)
{
    (void)arg;
    n_warned += level == LOG_WARNING && strstr(text, "test.py:4: ") && strstr(text, "weighs no pixels");
}

/* Traces the losses twice; returns how many warnings there were. */
static int warnings_of(const char *text, bool by_class, bool weight_map, const char *name)
{
    test_model t = test_build(text, &(model_options){.dice_by_class = by_class});
    if (!t.m)
        fail_msg("%s", t.err.text);
    n_warned = 0;
    log_set_sink(listen, NULL);
    for (int i = 0; i < 2; i++) {
        graph *g = graph_new(true);
        tensor *loss = NULL;
        trace_options data = {.weight_map = weight_map};
        if (model_trace_loss(t.m, g, 2, 64, 96, &data, &loss, &t.err) != CSEG_OK)
            fail_msg("%s: %s", name, t.err.text);
        graph_free(g);
    }
    log_set_sink(NULL, NULL);
    test_end(&t);
    return n_warned;
}

static void what_passes_over_them_says_so_once(void **state)
{
    (void)state;
    assert_int_equal(warnings_of(WITH_LOSSES(CE, ""), false, true, "obeyed"), 0);
    assert_int_equal(warnings_of(WITH_LOSSES(CE ", " TVERSKY, ""), false, false, "none"), 0);
    assert_int_equal(warnings_of(WITH_LOSSES(CE ", " TVERSKY, ""), false, true, "a map"), 1);
    assert_int_equal(warnings_of(WITH_LOSSES(CE ", " LOVASZ, SURE_SAMPLER), false, false, "a sampler"), 1);
    assert_int_equal(warnings_of(WITH_LOSSES(CE ", " HAUSDORFF, SURE_SAMPLER), false, false, "a sampler"), 1);
    assert_int_equal(warnings_of(WITH_LOSSES(CE ", " DICE, SURE_SAMPLER), true, false, "dice of 0.x"), 1);
}

static void dice_of_1x_stops_at_them(void **state)
{
    (void)state;
    test_model t = test_build_ok(WITH_LOSSES(CE ", " DICE, SURE_SAMPLER));
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 96, NULL, &loss, &t.err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(t.err.text, "cannot weigh pixels"));
    graph_free(g);
    test_end(&t);
}

/* A loss of the batch says nothing about which pixels are hard. */
static void samplers_compare_the_others(void **state)
{
    (void)state;
    warnings_of(WITH_LOSSES(CE ", " TVERSKY ", " LOVASZ ", " HAUSDORFF, SAMPLER), false, false, "behind");
    warnings_of(WITH_LOSSES(TVERSKY ", " CE ", " DICE, SAMPLER), true, false, "in front");
    test_refused(WITH_LOSSES(TVERSKY, SAMPLER), CSEG_UNSUPPORTED, "TverskyLoss gives none", "set thresh");
    test_refused(WITH_LOSSES(LOVASZ ", " HAUSDORFF, SAMPLER), CSEG_UNSUPPORTED, "gives none", "set thresh");
    test_refused(WITH_LOSSES(CE ", " DICE, SAMPLER), CSEG_UNSUPPORTED, "DiceLoss gives none", "set thresh");
    test_refused(WITH_LOSSES(CE ", dict(type='LovaszLoss', per_image=True)", SAMPLER), CSEG_UNSUPPORTED,
                 "LovaszLoss gives none", "set thresh");
}

static void what_no_head_can_compute_is_refused(void **state)
{
    (void)state;
    test_refused(WITH_LOSSES("dict(type='KLDivLoss')", ""), CSEG_UNSUPPORTED, "test.py:4", "loss_se_decode of EncHead");
    test_refused(WITH_LOSSES(CE ", dict(type='SiLogLoss')", ""), CSEG_UNSUPPORTED, "test.py:4", "SiLogLoss compares");
    test_refused(WITH_LOSSES("dict(type='KLDivLoss', temperature=0)", ""), CSEG_CONFIG, "test.py:4", "cannot be 0");
    test_refused(WITH_LOSSES("dict(type='KLDivLoss', loss_weight=2.0)", ""), CSEG_CONFIG, "test.py:4", "loss_weight");
    test_refused(WITH_LOSSES("dict(type='HuasdorffDisstanceLoss', class_weight=[1, 2, 3, 4])", ""), CSEG_CONFIG,
                 "test.py:4", "class_weight");
    test_refused(TEST_RESNET("", ", num_classes=2, out_channels=1, threshold=0.5, loss_decode=" HAUSDORFF, ""),
                 CSEG_CONFIG, "test.py:4", "has a sigmoid");
    test_model t = test_build_ok(WITH_LOSSES("dict(type='HuasdorffDisstanceLoss', ignore_index=1)", ""));
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 1, 64, 64, NULL, &loss, &t.err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(t.err.text, "ignore_index=1"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_over_them_says_so_once),
        cmocka_unit_test(dice_of_1x_stops_at_them),
        cmocka_unit_test(samplers_compare_the_others),
        cmocka_unit_test(what_no_head_can_compute_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
