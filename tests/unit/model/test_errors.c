/* What a model's dict can have wrong: one message each, with the place and the way out. */
#include "model_test.h"

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", contract_dilatation=True", "", ""), CSEG_CONFIG, "contract_dilation", "test.py:2");
    test_refused(TEST_RESNET("", ", num_class=3", ""), CSEG_CONFIG, "num_classes", "test.py:4");
    test_refused(TEST_RESNET("", "", ", auxilary_head=None"), CSEG_CONFIG, "auxiliary_head", "test.py");
}

static void variants_fix_their_stem(void **state)
{
    (void)state;
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, deep_stem=False),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=512, channels=8, num_classes=4))\n",
                 CSEG_CONFIG, "deep_stem", "test.py:1");
}

static void unknown_types(void **state)
{
    (void)state;
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1e', depth=18),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=512, channels=8, num_classes=4))\n",
                 CSEG_CONFIG, "ResNetV1e", "did you mean 'ResNetV1");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='VPD'),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=512, channels=8, num_classes=4))\n",
                 CSEG_UNSUPPORTED, "VPD is not implemented", "HRNet");
    test_refused(TEST_RESNET("", ", type='VPDDepthHead'", ""), CSEG_UNSUPPORTED, "VPDDepthHead is not implemented",
                 "Head");
    test_refused(TEST_RESNET(", type='Foo'", "", ""), CSEG_CONFIG, "there is no backbone type 'Foo'", "test.py:2");
    test_refused("model = dict(type='EncoderDecodr')\n", CSEG_CONFIG, "EncoderDecodr", "'EncoderDecoder'");
    test_refused("model = dict(backbone=1)\n", CSEG_CONFIG, "type", "segmentor");
    test_refused("model = dict(type='EncoderDecoder', backbone=3, decode_head=dict())\n", CSEG_CONFIG, "backbone",
                 "must be a dict");
}

static void values_out_of_range(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", strides=(1, 2, 2)", "", ""), CSEG_CONFIG, "strides has 3", "num_stages=4");
    test_refused(TEST_RESNET(", num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1)", "", ""), CSEG_CONFIG,
                 "out_indices", "stage 3");
    test_refused(TEST_RESNET(", multi_grid=(1, )", "", ""), CSEG_CONFIG, "multi_grid", "2 blocks");
    test_refused(TEST_RESNET(", style='tensorflow'", "", ""), CSEG_CONFIG, "style", "caffe");
    test_refused(TEST_RESNET("", ", in_index=[0, 1]", ""), CSEG_CONFIG, "in_channels has 1", "in_index has 2");
    test_refused(TEST_RESNET("", ", out_channels=3", ""), CSEG_CONFIG, "out_channels", "num_classes");
    test_refused(TEST_RESNET("", ", dilation=0", ""), CSEG_CONFIG, "dilation", "test.py");
    test_refused(TEST_RESNET(", depth=19", "", ""), CSEG_CONFIG, "depth", "test.py");
}

static void what_is_not_supported_says_so(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", dcn=dict(type='DCNv2'), stage_with_dcn=(False, True, True, True)", "", ""),
                 CSEG_UNSUPPORTED, "stage 2 has deformable convolutions", "mmcv-lite");
    test_refused(TEST_RESNET(", dcn=dict(type='DCN'), stage_with_dcn=(False, True)", "", ""), CSEG_CONFIG,
                 "for each of 4 stages", "stage_with_dcn");
    test_model no_stage = test_build_ok(TEST_RESNET(", dcn=dict(type='DCN')", "", "")); /* by default none has it */
    test_end(&no_stage);
    test_refused(TEST_RESNET(", plugins=[dict()]", "", ""), CSEG_CONFIG, "plugins need bottlenecks", "test.py:2");
    test_refused(TEST_RESNET(", conv_cfg=dict(type='DCN')", "", ""), CSEG_UNSUPPORTED, "DCN", "Conv2d");
    test_refused(TEST_RESNET(", norm_cfg=dict(type='FRN')", "", ""), CSEG_UNSUPPORTED, "FRN", "SyncBN");
    test_refused(TEST_RESNET("", ", act_cfg=dict(type='RReLU')", ""), CSEG_UNSUPPORTED, "RReLU", "LeakyReLU");
    test_refused(TEST_RESNET("",
                             ", sampler=dict(type='OHEMPixelSampler', thresh=0.7), num_classes=2, out_channels=1, "
                             "loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)",
                             ""),
                 CSEG_CONFIG, "of which the head has one channel", "test.py");
    test_refused(TEST_RESNET("", ", loss_decode=dict(type='CrossEntropyLoss', use_mask=True)", ""), CSEG_UNSUPPORTED,
                 "use_mask", "test.py");
    test_refused(TEST_RESNET("", ", loss_decode=dict(type='CrossEntropyLoss', class_weight='w.npy')", ""),
                 CSEG_UNSUPPORTED, "class_weight", "test.py");
}

static void heads_that_there_are_not(void **state)
{
    (void)state;
    test_refused(TEST_RESNET("", "", ", test_cfg=dict(mode='whole', head_index=1)"), CSEG_CONFIG, "head_index",
                 "0 to 0");
    test_refused("model = dict(type='EncoderDecoderMultiHead', backbone=dict(type='ResNet', depth=18),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=512, channels=8, num_classes=4))\n",
                 CSEG_CONFIG, "list of heads", "test.py:2");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18), decode_head=[])\n",
                 CSEG_CONFIG, "no decode_head", "test.py");
}

static void settings_in_two_places(void **state)
{
    (void)state;
    test_model t = test_build(TEST_RESNET("", "", ", test_cfg=dict(mode='whole')"), NULL);
    assert_non_null(t.m);
    model_options o = {.test_cfg = t.m->test_cfg};
    test_model twice = test_build(TEST_RESNET("", "", ", test_cfg=dict(mode='whole')"), &o);
    assert_null(twice.m);
    assert_non_null(strstr(twice.err.text, "test_cfg"));
    test_end(&twice);
    test_end(&t);
    test_refused(TEST_RESNET(", pretrained='a.pth'", "", ", pretrained='b.pth'"), CSEG_CONFIG, "pretrained", "test.py");
    test_refused(TEST_RESNET(", pretrained='a.pth', init_cfg=dict(type='Kaiming')", "", ""), CSEG_CONFIG, "init_cfg",
                 "pretrained");
}

static void pairs_need_a_backbone_that_sees_them(void **state)
{
    (void)state;
    test_refused("model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ResNet', depth=18),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=1024, channels=8, num_classes=2))\n",
                 CSEG_CONFIG, "ChangeExtraResNet", "pairs");
    test_refused("model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ChangeExtraResNet', depth=18),\n"
                 "  decode_head=None)\n",
                 CSEG_CONFIG, "no decode_head", "test.py:2");
}

static void channels_that_do_not_meet(void **state)
{
    (void)state;
    const char *fpn = "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18),\n"
                      "  neck=dict(type='FPN', in_channels=[64, 128, 256, 256], out_channels=8, num_outs=4),\n"
                      "  decode_head=dict(type='FCNHead', in_channels=8, channels=8, num_classes=4))\n";
    test_trace_refused(TEST_RESNET(", base_channels=16", "", ""), "in_channels=64", "has 128 channels");
    test_trace_refused(TEST_RESNET(", base_channels=16", "", ""), "decode_head (FCNHead)", "backbone (ResNet)");
    test_trace_refused(TEST_RESNET(", out_indices=(2, 3)", "", ""), "takes map 3", "backbone (ResNet) gives 2");
    test_trace_refused(fpn, "in_channels[3]=256", "has 512 channels");
}

static void heads_out_of_range_are_refused(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, 1, &logits, &t.err), CSEG_USAGE);
    assert_non_null(strstr(t.err.text, "no head 1"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(variants_fix_their_stem),
        cmocka_unit_test(unknown_types),
        cmocka_unit_test(values_out_of_range),
        cmocka_unit_test(what_is_not_supported_says_so),
        cmocka_unit_test(heads_that_there_are_not),
        cmocka_unit_test(settings_in_two_places),
        cmocka_unit_test(pairs_need_a_backbone_that_sees_them),
        cmocka_unit_test(channels_that_do_not_meet),
        cmocka_unit_test(heads_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
