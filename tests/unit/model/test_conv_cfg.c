/* What conv_cfg refuses, and how its convolutions start. */
#include "model_test.h"

#define CONV(cfg) TEST_RESNET(", conv_cfg=" cfg, "", "")

static void types_and_fields(void **state)
{
    (void)state;
    test_refused(CONV("dict(type='SAC')"), CSEG_UNSUPPORTED, "conv_cfg of type SAC", "ConvWS");
    test_refused(CONV("dict(type='Conv2d', padding_mode='edge')"), CSEG_CONFIG, "padding_mode", "reflect");
    test_refused(CONV("dict(type='ConvWS', padding_mode='reflect')"), CSEG_CONFIG, "padding_mode", "ConvWS");
    test_refused(CONV("dict(type='ConvWS', eps=-1)"), CSEG_CONFIG, "eps", "from 0");
}

/* The last convolution of a bottleneck of one channel. */
static void one_weight_has_no_deviation(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", type='ResNetV1c', in_channels=1, base_channels=1, stem_channels=2, conv_cfg=dict(type="
                             "'ConvWS'), depth=50",
                             ", in_channels=32", ""),
                 CSEG_CONFIG, "standardises", "one alone");
}

/* 64 x 64 pixels are 2 x 2 in the last stage. */
static void maps_too_small_for_their_border(void **state)
{
    (void)state;
    test_trace_refused(
        CONV("dict(type='Conv2d', padding_mode='reflect'), dilations=(1, 1, 1, 2), strides=(1, 2, 2, 2)"),
        "takes 2 lines of a map that has 2", "backbone.layer4");
    test_trace_refused(CONV("dict(type='Conv', padding_mode='circular'), dilations=(1, 1, 1, 4), strides=(1, 2, 2, 2)"),
                       "takes 4 lines of a map that has 2", "padding_mode");
}

/* init_cfg's Conv2d means ConvWS2d too, which derives from it. */
static void standardised_weights_start_as_others(void **state)
{
    (void)state;
    test_model t = test_build_ok(CONV("dict(type='ConvWS'), init_cfg=dict(type='Constant', val=2, layer='Conv2d')"));
    model_init_weights(t.m, 1);
    const param *p = model_find(t.m, "backbone.conv1.weight");
    assert_non_null(p);
    assert_true(((const float *)p->data)[0] == 2);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_fields),
        cmocka_unit_test(one_weight_has_no_deviation),
        cmocka_unit_test(maps_too_small_for_their_border),
        cmocka_unit_test(standardised_weights_start_as_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
