/* Fields of FocalLoss and TverskyLoss that cannot be right. */
#include "model_test.h"

#define WITH_LOSS(text) TEST_RESNET("", ", loss_decode=dict(type=" text ")", "")

static void impossible_fields_are_refused(void **state)
{
    (void)state;
    test_refused(WITH_LOSS("'FocalLoss', use_sigmoid=False"), CSEG_UNSUPPORTED, "use_sigmoid=True", "test.py:4");
    test_refused(WITH_LOSS("'FocalLoss', alpha='a'"), CSEG_CONFIG, "alpha is a number or a list", "test.py:4");
    test_refused(WITH_LOSS("'FocalLoss', alpha=[1, 'a']"), CSEG_CONFIG, "alpha holds numbers", "test.py:4");
    test_refused(WITH_LOSS("'FocalLoss', loss_name=None"), CSEG_CONFIG, "loss_name", "not None");
    test_refused(WITH_LOSS("'TverskyLoss', alpha=0.3, beta=0.6"), CSEG_CONFIG, "alpha + beta must be 1", "test.py:4");
    test_refused(WITH_LOSS("'TverskyLoss', ignore_index='a'"), CSEG_CONFIG, "an int or None", "test.py:4");
    test_refused(WITH_LOSS("'TverskyLoss', loss_name=None"), CSEG_CONFIG, "loss_name", "not None");
    test_trace_refused(WITH_LOSS("'FocalLoss', alpha=[0.5, 0.5]"), "alpha has 2 numbers", "4 classes");
    test_trace_refused(WITH_LOSS("'TverskyLoss', class_weight=[1, 1]"), "class_weight has 2 numbers", "4 classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
