/* What the backbones HRNet, UNet, ERFNet and MobileNetV2 refuse, and what they make of their fields. */
#include "model_test.h"

#define UNET(fields)                                                                                                   \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='UNet', base_channels=4, num_stages=3,\n"             \
    "    strides=(1, 1, 1), enc_num_convs=(1, 1, 1), dec_num_convs=(1, 1), downsamples=(True, True),\n"                \
    "    enc_dilations=(1, 1, 1), dec_dilations=(1, 1)), " fields "),\n"                                               \
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_classes=3))\n"
#define MOBILENET(fields)                                                                                              \
    "model = dict(type='EncoderDecoder', backbone=dict(type='MobileNetV2', " fields "),\n"                             \
    "  decode_head=dict(type='FCNHead', in_channels=320, channels=4, num_classes=3))\n"

#define HRNET(third, fourth)                                                                                           \
    "model = dict(type='EncoderDecoder', backbone=dict(type='HRNet', extra=dict(\n"                                    \
    "    stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(4,)),\n"        \
    "    stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(8, 8)),\n"         \
    "    stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1,) * 3, num_channels=" third "),\n"    \
    "    stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1,) * 4, num_channels=" fourth "))),\n" \
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_classes=3))\n"

/* A branch that changes its channels goes on from the coarsest branch, as in the reference. */
static void hrnet_branches_that_do_not_meet(void **state)
{
    (void)state;
    test_trace_refused(HRNET("(8, 8, 8)", "(4, 8, 8, 8)"), "branch 0 has maps of 4 x 4", "coarsest branch may change");
    test_trace_refused(HRNET("(4, 8, 8)", "(4, 8, 8, 8)"), "branch 0 has maps of 8 x 8", "backbone.stage3.0");
    test_model t = test_build_ok(HRNET("(8, 4, 8)", "(8, 4, 2, 8)"));
    test_end(&t);
}

static void unet_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(UNET("strides=(1, 1)"), CSEG_CONFIG, "strides has 2 entries", "has 3");
    test_refused(UNET("downsamples=(True, True, True)"), CSEG_CONFIG, "downsamples has 3 entries", "has 2");
    test_refused(UNET("dec_num_convs=(1, )"), CSEG_CONFIG, "dec_num_convs has 1 entries", "has 2");
    test_refused(UNET("strides=(1, 3, 1)"), CSEG_CONFIG, "strides", "from 1 to 2");
    test_refused(UNET("dcn=dict(type='DCN')"), CSEG_CONFIG, "dcn", "test.py");
    test_refused(UNET("upsample_cfg=dict(type='CARAFE')"), CSEG_UNSUPPORTED, "CARAFE", "InterpConv and DeconvModule");
    test_refused(UNET("upsample_cfg=dict(type='DeconvModule', kernel_size=5)"), CSEG_CONFIG, "even number", "5 with 2");
    test_refused(UNET("upsample_cfg=dict(type='DeconvModule', kernel_size=1)"), CSEG_CONFIG, "even number", "1 with 2");
    test_refused(UNET("upsample_cfg=dict(type='DeconvModule'), act_cfg=None"), CSEG_CONFIG, "act_cfg is None",
                 "test.py:3");
    test_refused(UNET("conv_cfg=dict(type='deconv', output_padding=(1, 0, 1))"), CSEG_CONFIG, "output_padding",
                 "3 numbers");
    test_refused(UNET("upsample_cfg=dict(type='InterpConv', scale_factor=2)"), CSEG_CONFIG, "scale_factor", "test.py");
    test_refused(UNET("upsample_cfg=dict(type='InterpConv', upsample_cfg=dict(mode='nearest'))"), CSEG_CONFIG,
                 "scale_factor", "test.py");
    test_refused(UNET("pretrained='a.pth', init_cfg=dict(type='Normal', layer='Conv2d')"), CSEG_CONFIG, "pretrained",
                 "init_cfg");
}

/* Seven halvings do not go into 64 pixels; a convolution that strides undoes the upsampling. */
static void unet_maps_that_do_not_meet(void **state)
{
    (void)state;
    test_trace_refused(UNET("num_stages=8, strides=[1] * 8, enc_num_convs=[1] * 8, dec_num_convs=[1] * 7,\n"
                            "  downsamples=[True] * 7, enc_dilations=[1] * 8, dec_dilations=[1] * 7"),
                       "multiples of 128", "64 x 64");
    test_trace_refused(UNET("upsample_cfg=dict(type='InterpConv', stride=2)"), "upsample_cfg doubles", "backbone");
    test_trace_refused(UNET("upsample_cfg=dict(type='DeconvModule', scale_factor=4)"), "64 x 64 of its map",
                       "one of 32 x 32");
    test_trace_refused(UNET("upsample_cfg=None"), "upsample_cfg doubles", "test.py:1");
    test_trace_refused(UNET("conv_cfg=dict(type='deconv', output_padding=1)"), "output padding 1 x 1", "backbone");
}

#define ERFNET(fields)                                                                                                 \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ERFNet', " fields "),\n"                                  \
    "  decode_head=dict(type='FCNHead', in_channels=16, channels=4, num_classes=3))\n"

static void erfnet_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(ERFNET("enc_downsample_channels=(16, )"), CSEG_CONFIG, "1 entries", "at least 2");
    test_refused(ERFNET("enc_stage_non_bottlenecks=(5, 8, 4)"), CSEG_CONFIG, "enc_stage_non_bottlenecks has 3",
                 "has 2");
    test_refused(ERFNET("enc_non_bottleneck_channels=(64, )"), CSEG_CONFIG, "enc_non_bottleneck_channels has 1",
                 "has 2");
    test_refused(ERFNET("dec_upsample_channels=(64, )"), CSEG_CONFIG, "dec_upsample_channels has 1", "test.py:1");
    test_refused(ERFNET("dec_stages_non_bottleneck=(2, 2, 2)"), CSEG_CONFIG, "dec_stages_non_bottleneck has 3",
                 "has 2");
    test_refused(ERFNET("dec_non_bottleneck_channels=(64, )"), CSEG_CONFIG, "dec_non_bottleneck_channels has 1",
                 "has 2");
    test_refused(ERFNET("enc_stage_non_bottlenecks=(5, 7)"), CSEG_CONFIG, "do not divide the 7 blocks", "test.py:1");
    test_refused(ERFNET("enc_downsample_channels=(16, 64, 64)"), CSEG_CONFIG, "64 follows on 64", "test.py:1");
    test_refused(ERFNET("in_channels=16"), CSEG_CONFIG, "16 follows on 16", "maxima");
}

static void mobilenet_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(MOBILENET("strides=(1, 2, 2)"), CSEG_CONFIG, "7 layers", "strides has 3");
    test_refused(MOBILENET("dilations=(1, ) * 8"), CSEG_CONFIG, "7 layers", "dilations 8");
    test_refused(MOBILENET("strides=(1, 2, 2, 4, 1, 2, 1)"), CSEG_CONFIG, "strides", "from 1 to 2");
    test_refused(MOBILENET("out_indices=(1, 7)"), CSEG_CONFIG, "out_indices", "test.py:1");
    test_refused(MOBILENET("frozen_stages=7"), CSEG_CONFIG, "frozen_stages", "from -1 to 6");
}

static int64_t channels_of(const char *text, const char *name)
{
    test_model t = test_build_ok(text);
    const param *p = model_find(t.m, name);
    assert_non_null(p);
    int64_t n = p->dim[0];
    test_end(&t);
    return n;
}

/* Rounded to multiples of 8, but not to less than nine tenths. */
static void mobilenet_is_widened_in_eights(void **state)
{
    (void)state;
    assert_int_equal(channels_of(MOBILENET("widen_factor=0.1"), "backbone.conv1.conv.weight"), 8);
    assert_int_equal(channels_of(MOBILENET("widen_factor=0.35"), "backbone.conv1.conv.weight"), 16); /* of 11.2 */
    assert_int_equal(channels_of(MOBILENET("widen_factor=0.75"), "backbone.layer2.1.conv.2.conv.weight"), 24); /* 18 */
    assert_int_equal(channels_of(MOBILENET("widen_factor=1.4"), "backbone.layer7.0.conv.2.conv.weight"), 448);
}

/* The first convolution's norm moves its statistics though it does not learn; frozen layers do neither. */
static void mobilenet_stages_are_frozen(void **state)
{
    (void)state;
    test_model t = test_build_ok(MOBILENET("frozen_stages=1"));
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, &(trace_options){0}, &loss, &t.err), CSEG_OK);
    int moving = 0, fixed = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        moving += g->nodes.at[i]->op == OP_batch_norm_train;
        fixed += g->nodes.at[i]->op == OP_batch_norm;
    }
    assert_int_equal(fixed, 2); /* of layer1's two convolutions */
    assert_true(moving > 40);
    assert_false(model_find(t.m, "backbone.conv1.conv.weight")->requires_grad);
    assert_false(model_find(t.m, "backbone.layer1.0.conv.0.conv.weight")->requires_grad);
    assert_true(model_find(t.m, "backbone.layer2.0.conv.0.conv.weight")->requires_grad);
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hrnet_branches_that_do_not_meet),  cmocka_unit_test(unet_fields_that_do_not_fit),
        cmocka_unit_test(erfnet_fields_that_do_not_fit),    cmocka_unit_test(unet_maps_that_do_not_meet),
        cmocka_unit_test(mobilenet_fields_that_do_not_fit), cmocka_unit_test(mobilenet_is_widened_in_eights),
        cmocka_unit_test(mobilenet_stages_are_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
