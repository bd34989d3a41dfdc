/* Fields of FocalLoss, TverskyLoss and LovaszLoss that cannot be right. */
#include "model_test.h"

#define WITH_LOSS(text) TEST_RESNET("", ", loss_decode=dict(type=" text ")", "")

/* It is built, but not traced; the message has both. */
static void loss_refused(const char *text, const char *a, const char *b)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_not_equal(model_trace_loss(t.m, g, 1, 64, 64, &(trace_options){0}, &loss, &t.err), CSEG_OK);
    if (!strstr(t.err.text, a) || !strstr(t.err.text, b))
        fail_msg("%s\nlacks \"%s\" or \"%s\"", t.err.text, a, b);
    graph_free(g);
    test_end(&t);
}

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
    test_refused(WITH_LOSS("'LovaszLoss'"), CSEG_CONFIG, "reduction='none'", "test.py:4");
    test_refused(WITH_LOSS("'LovaszLoss', reduction='none', classes='some'"), CSEG_CONFIG, "classes", "test.py:4");
    test_refused(WITH_LOSS("'LovaszLoss', reduction='none', classes=[1, 'a']"), CSEG_CONFIG, "classes", "test.py:4");
    test_refused(WITH_LOSS("'LovaszLoss', reduction='none', classes=[]"), CSEG_CONFIG, "classes", "test.py:4");
    test_refused(WITH_LOSS("'LovaszLoss', reduction='none', loss_name=None"), CSEG_CONFIG, "loss_name", "not None");
    loss_refused(WITH_LOSS("'LovaszLoss', reduction='none', classes=[1, 4]"), "class 4", "4 classes");
    loss_refused(WITH_LOSS("'LovaszLoss', reduction='none', loss_type='binary'"), "one channel", "binary");
    loss_refused(WITH_LOSS("'FocalLoss', alpha=[0.5, 0.5]"), "alpha has 2 numbers", "4 classes");
    loss_refused(WITH_LOSS("'TverskyLoss', class_weight=[1, 1]"), "class_weight has 2 numbers", "4 classes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
