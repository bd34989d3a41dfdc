/* What ICNet and ICNeck refuse, and how ICNet's weights start. */
#include "model_test.h"

#define ICNET(fields)                                                                                                  \
    "small = dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4)\n"                                     \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='ICNet', backbone_cfg=small, layer_channels=(8, "     \
    "32),\n"                                                                                                           \
    "    light_branch_middle_channels=4, psp_out_channels=4, out_channels=(4, 8, 8)), " fields "),\n"                  \
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_classes=3))\n"
#define ICNECK(fields)                                                                                                 \
    "small = dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4)\n"                                     \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ICNet', backbone_cfg=small, layer_channels=(8, 32),\n"    \
    "    light_branch_middle_channels=4, psp_out_channels=4, out_channels=(4, 8, 8)),\n"                               \
    "  neck=dict(dict(type='ICNeck', in_channels=(4, 8, 8), out_channels=4), " fields "),\n"                           \
    "  decode_head=dict(type='FCNHead', in_channels=4, in_index=2, channels=4, num_classes=3))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(ICNET("layer_channels=(8, )"), CSEG_CONFIG, "layer_channels has 1", "two stages");
    test_refused(ICNET("out_channels=(8, 8)"), CSEG_CONFIG, "out_channels has 2", "3 branches");
    test_refused(ICNET("backbone_cfg=None"), CSEG_CONFIG, "backbone_cfg is a dict", "test.py:3");
    test_refused(ICNET("backbone_cfg=dict(type='MobileNetV2')"), CSEG_CONFIG, "MobileNetV2", "deep_stem");
    test_refused(ICNET("backbone_cfg=dict(small, type='ResNet')"), CSEG_CONFIG, "ResNet", "deep_stem");
    test_refused(ICNET("backbone_cfg=dict(small, num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(1, ))"),
                 CSEG_CONFIG, "four stages", "test.py");
    test_refused(ICNET("in_channels=4"), CSEG_CONFIG, "in_channels=4, its backbone 3", "test.py:3");
    test_refused(ICNECK("in_channels=(4, 8)"), CSEG_CONFIG, "fuses 3 maps", "has 2");
}

static void maps_that_do_not_fit(void **state)
{
    (void)state;
    test_trace_refused(ICNET("layer_channels=(9, 32)"), "takes 9 channels", "conv_sub2");
    test_trace_refused(ICNECK("in_channels=(4, 8, 9)"), "neck", "9");
}

static float first_of(const test_model *t, const char *name)
{
    const param *p = model_find(t->m, name);
    if (!p)
        fail_msg("no %s", name);
    return ((const float *)p->data)[0];
}

/* ICNet's rule reaches the branch of the whole image, a plain sequence; its backbone and the convolutions that are its
 * own attributes have rules of their own. */
static void weights_start_by_the_nearest_rule(void **state)
{
    (void)state;
    test_model t = test_build_ok(ICNET("init_cfg=dict(type='Constant', val=3, layer='Conv2d')"));
    model_init_weights(t.m, 1);
    assert_true(first_of(&t, "backbone.conv_sub1.0.conv.weight") == 3);
    assert_true(first_of(&t, "backbone.psp_modules.0.1.conv.weight") == 3);
    assert_true(first_of(&t, "backbone.conv_sub2.conv.weight") != 3);
    assert_true(first_of(&t, "backbone.backbone.stem.0.weight") != 3);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(maps_that_do_not_fit),
        cmocka_unit_test(weights_start_by_the_nearest_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
