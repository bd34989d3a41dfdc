/* What MobileNetV3 and LRASPPHead refuse, and how MobileNetV3's convolutions start and freeze. */
#include "model_test.h"

#define MOBILENET(fields)                                                                                              \
    "model = dict(type='EncoderDecoder', backbone=dict(type='MobileNetV3', " fields "),\n"                             \
    "  decode_head=dict(type='FCNHead', in_channels=576, in_index=-1, channels=4, num_classes=3))\n"
#define LRASPP(fields)                                                                                                 \
    "model = dict(type='EncoderDecoder', backbone=dict(type='MobileNetV3'),\n"                                         \
    "  decode_head=dict(dict(type='LRASPPHead', in_channels=(16, 16, 576), in_index=(0, 1, 2), channels=4,\n"          \
    "    input_transform='multiple_select', num_classes=3), " fields "))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(MOBILENET("arch='medium'"), CSEG_CONFIG, "arch", "small");
    test_refused(MOBILENET("out_indices=(0, 13)"), CSEG_CONFIG, "stage 13 of 13", "test.py:1");
    test_refused(MOBILENET("arch='large', out_indices=(0, 17)"), CSEG_CONFIG, "out_indices", "from 0 to 16");
    test_refused(MOBILENET("frozen_stages=13"), CSEG_CONFIG, "frozen_stages=13", "0 to 12");
    test_refused(MOBILENET("reduction_factor=0"), CSEG_CONFIG, "reduction_factor", "from 1");
    test_refused(MOBILENET("reduction_factor=97"), CSEG_CONFIG, "reduction_factor=97", "none of 96");
    test_refused(MOBILENET("conv_cfg=dict(type='Conv2dAdaptivePadding', padding_mode='zeros')"), CSEG_CONFIG,
                 "padding_mode", "test.py:1");
    test_refused(MOBILENET("pretrained='a.pth', init_cfg=dict(type='Normal', layer='Conv2d')"), CSEG_CONFIG,
                 "pretrained", "init_cfg");
}

static void heads_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(LRASPP("input_transform='resize_concat'"), CSEG_CONFIG, "multiple_select", "test.py:3");
    test_refused(LRASPP("branch_channels=(4, 4, 4)"), CSEG_CONFIG, "branch_channels has 3 entries", "3 maps");
    test_refused(LRASPP("branch_channels=(4, ), in_channels=(16, 576), in_index=(0, 2)"), CSEG_CONFIG,
                 "branch_channels has 1", "at least two");
    test_trace_refused(LRASPP("align_corners=True"), "49 x 49", "larger image");
}

static const param *weight_of(const test_model *t, const char *name)
{
    const param *p = model_find(t->m, name);
    if (!p)
        fail_msg("no %s", name);
    return p;
}

/* layer4 is made with a stride, and has it taken away: its shortcut is still missing, its name the same. */
static void widths_are_those_of_the_paper(void **state)
{
    (void)state;
    test_model t = test_build_ok(MOBILENET("arch='large', reduction_factor=4, out_indices=(16, )"));
    assert_int_equal(weight_of(&t, "backbone.layer13.depthwise_conv.conv.weight")->dim[0], 168);
    assert_int_equal(weight_of(&t, "backbone.layer13.linear_conv.conv.weight")->dim[0], 40);
    assert_int_equal(weight_of(&t, "backbone.layer12.linear_conv.conv.weight")->dim[0], 112);
    assert_int_equal(weight_of(&t, "backbone.layer16.conv.weight")->dim[0], 960);
    assert_int_equal(weight_of(&t, "backbone.layer4.se.conv1.conv.weight")->dim[0], 24); /* 18 in eights */
    assert_null(model_find(t.m, "backbone.layer1.expand_conv.conv.weight"));
    test_end(&t);
}

/* An init_cfg that names Conv2d means Conv2dAdaptivePadding too, which derives from it. */
static void adaptive_convolutions_are_convolutions(void **state)
{
    (void)state;
    test_model t = test_build_ok(MOBILENET("init_cfg=dict(type='Constant', val=3, layer='Conv2d')"));
    model_init_weights(t.m, 1);
    assert_true(((const float *)weight_of(&t, "backbone.layer2.depthwise_conv.conv.weight")->data)[0] == 3);
    assert_true(((const float *)weight_of(&t, "backbone.layer3.depthwise_conv.conv.weight")->data)[0] == 3);
    test_end(&t);
}

static void frozen_layers_do_not_learn(void **state)
{
    (void)state;
    test_model t = test_build_ok(MOBILENET("frozen_stages=2"));
    assert_false(weight_of(&t, "backbone.layer0.conv.weight")->requires_grad);
    assert_false(weight_of(&t, "backbone.layer2.linear_conv.bn.weight")->requires_grad);
    assert_true(weight_of(&t, "backbone.layer3.linear_conv.bn.weight")->requires_grad);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),        cmocka_unit_test(heads_that_do_not_fit),
        cmocka_unit_test(widths_are_those_of_the_paper), cmocka_unit_test(adaptive_convolutions_are_convolutions),
        cmocka_unit_test(frozen_layers_do_not_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
