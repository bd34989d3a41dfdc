/* Fields of DiceLoss that cannot be right in a release, and what it cannot do. */
#include "model_test.h"

#define WITH_LOSS(more) TEST_RESNET("", ", loss_decode=dict(dict(type='DiceLoss')" more ")", "")

static test_model dice(const char *text, bool by_class)
{
    return test_build(text, &(model_options){.dice_by_class = by_class});
}

static void keys_of_the_other_release_are_refused(void **state)
{
    (void)state;
    test_refused(WITH_LOSS(", smooth=0.5"), CSEG_CONFIG, "smooth", "0.x only");
    test_model t = dice(WITH_LOSS(", use_sigmoid=False"), true);
    assert_null(t.m);
    assert_non_null(strstr(t.err.text, "1.x only"));
    test_end(&t);
    t = dice(WITH_LOSS(", smooth=0.5, exponent=1"), true);
    assert_non_null(t.m);
    test_end(&t);
    test_refused(WITH_LOSS(", ignore_index='a'"), CSEG_CONFIG, "ignore_index", "an int or None");
    test_refused(WITH_LOSS(", loss_name=None"), CSEG_CONFIG, "loss_name", "not None");
    test_refused(WITH_LOSS(", class_weight=[1, 2, 3, 4]"), CSEG_CONFIG, "class_weight", "");
}

static void pixels_have_no_weights(void **state)
{
    (void)state;
    test_model t = test_build_ok(WITH_LOSS(""));
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 96, &(trace_options){.weight_map = true}, &loss, &t.err),
                     CSEG_UNSUPPORTED);
    assert_non_null(strstr(t.err.text, "seg_weight_map"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_of_the_other_release_are_refused),
        cmocka_unit_test(pixels_have_no_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
