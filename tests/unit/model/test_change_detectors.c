/* Open-CD's segmentors: what they see of a pair, and which parts they refuse. */
#include "model_test.h"

#define MODEL(backbone, more)                                                                                          \
    "model = dict(type='DIEncoderDecoder', backbone=dict(" backbone "),\n"                                             \
    "  decode_head=" HEAD more ")\n"
#define HEAD "dict(type='mmseg.FCNHead', in_channels=4, channels=4, num_convs=0, concat_input=False, num_classes=2)"

static void sees_both_dates(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("type='FC_EF', in_channels=6, base_channel=4", ""));
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->in_channels, 6);
    test_end(&t);
    t = test_build_ok(MODEL("type='opencd.FC_Siam_diff', in_channels=4, base_channel=4", ", backbone_inchannels=4"));
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->in_channels, 8);
    test_end(&t);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    test_refused(MODEL("type='FC_EF', in_channels=5", ""), CSEG_CONFIG, "in_channels=5", "even");
    test_refused(MODEL("type='FC_Siam_conc', in_channels=4, base_channel=4", ""), CSEG_CONFIG, "backbone_inchannels=3",
                 "takes 4");
    test_refused(MODEL("type='mmseg.ERFNet'", ""), CSEG_CONFIG, "ERFNet", "does not take two images");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='FC_Siam_conc', in_channels=3),\n"
                 "  decode_head=" HEAD ")\n",
                 CSEG_CONFIG, "FC_Siam_conc", "DIEncoderDecoder");
    test_refused("model = dict(type='DIEncoderDecoder', backbone=dict(type='FC_EF', in_channels=6),\n"
                 "  decode_head=[" HEAD "])\n",
                 CSEG_CONFIG, "decode_head", "not a list");
    test_refused("model = dict(type='DIEncoderDecoder', backbone=dict(type='FC_Siam_conc', in_channels=3),\n"
                 "  neck=dict(type='FeatureFusionNeck', policy='concat'), decode_head=" HEAD ")\n",
                 CSEG_CONFIG, "FeatureFusionNeck", "FC_Siam_conc has done so");
}

#define HEADED(head)                                                                                                   \
    "model = dict(type='DIEncoderDecoder', backbone=dict(type='IFN', pretrained=False), "                              \
    "decode_head=dict(num_classes=2, "                                                                                 \
    "loss_decode=dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True), " head "))\n"
#define ONE "out_channels=1, in_channels=1"

static void backbones_refuse_what_cannot_be(void **state)
{
    (void)state;
    test_refused(MODEL("type='HAN', in_channels=3, base_channel=5", ""), CSEG_CONFIG, "base_channel=5", "even");
    test_refused(MODEL("type='TinyNet', strip_kernel_size=(41, 30, 21, 11)", ""), CSEG_CONFIG, "strip_kernel_size",
                 "30");
    test_refused(MODEL("type='TinyNet', use_global=(True, False)", ""), CSEG_CONFIG, "use_global", "2 entries");
    test_refused(MODEL("type='LightCDNet', stage_repeat_num=[1, 1, 1, 1]", ""), CSEG_CONFIG, "stage_repeat_num", "4");
    test_refused(MODEL("type='TinyCD', in_channels=3, bkbn_name='resnet18'", ""), CSEG_CONFIG, "bkbn_name", "resnet18");
}

static void heads_refuse_what_cannot_be(void **state)
{
    (void)state;
    test_refused(HEADED("type='IdentityHead', in_channels=2, out_channels=1"), CSEG_CONFIG, "in_channels has 2",
                 "out_channels is 1");
    test_refused(HEADED("type='IdentityHead', channels=1, " ONE), CSEG_CONFIG, "channels", "IdentityHead");
    test_refused(HEADED("type='DSIdentityHead', " ONE), CSEG_CONFIG, "DSIdentityHead", "multiple_select");
    test_refused(HEADED("type='TinyHead', in_channels=[2, 2], in_index=[0, 1], channels=4, feature_strides=[2]"),
                 CSEG_CONFIG, "feature_strides", "1 entries");
    test_refused(HEADED("type='TinyHead', in_channels=[3, 2], in_index=[0, 1], channels=4, feature_strides=[2, 2], "
                        "priori_attn=True"),
                 CSEG_CONFIG, "priori_attn", "even");
}

/* One of several maps cannot be the answer. */
static void several_maps_do_not_answer(void **state)
{
    (void)state;
    test_model t = test_build_ok(
        HEADED("type='DSIdentityHead', in_channels=[1, 1], in_index=[0, 1], input_transform='multiple_select', "
               "out_channels=1"));
    graph *g = graph_new(false);
    tensor *logits;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, -1, &logits, &t.err), CSEG_CONFIG);
    assert_non_null(strstr(t.err.text, "auxiliary_head"));
    graph_free(g);
    test_end(&t);
}

#define SIAMESE(more) "model = dict(type='SiamEncoderDecoder', " more ")\n"
#define RESNET "backbone=dict(type='mmseg.ResNetV1c', depth=18, base_channels=8, stem_channels=8)"
#define FUSION "neck=dict(type='FeatureFusionNeck', policy='concat')"
#define NARROW "dict(type='mmseg.FCNHead', in_channels=128, channels=4, num_classes=2)"

static void shows_one_date_after_the_other(void **state)
{
    (void)state;
    test_model t = test_build_ok(SIAMESE(RESNET ", " FUSION ", decode_head=" NARROW));
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->in_channels, 6);
    test_end(&t);
    test_refused(SIAMESE(RESNET ", decode_head=" NARROW), CSEG_CONFIG, "SiamEncoderDecoder needs a neck",
                 "FeatureFusionNeck");
    test_refused(SIAMESE(RESNET
                         ", neck=dict(type='mmseg.FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4),"
                         " decode_head=" NARROW),
                 CSEG_CONFIG, "FPN", "one image");
    test_refused(SIAMESE("backbone=dict(type='IA_ResNetV1c', depth=18), " FUSION ", decode_head=" NARROW), CSEG_CONFIG,
                 "IA_ResNetV1c", "one after the other");
    test_refused(SIAMESE(RESNET ", backbone_inchannels=4, " FUSION ", decode_head=" NARROW), CSEG_CONFIG,
                 "backbone_inchannels=4", "takes 3");
}

#define INTERACTING(cfg)                                                                                               \
    MODEL("type='IA_ResNet', depth=18, base_channels=1, stem_channels=4, num_stages=2, strides=(1, 1), dilations=(1, " \
          "1),"                                                                                                        \
          " out_indices=(0, 1), interaction_cfg=" cfg,                                                                 \
          "")

static void refuses_interactions(void **state)
{
    (void)state;
    test_refused(INTERACTING("(None,)"), CSEG_CONFIG, "interaction_cfg", "each of the 2 stages");
    test_refused(INTERACTING("None"), CSEG_CONFIG, "interaction_cfg", "each of the 2 stages");
    test_refused(INTERACTING("(None, dict(type='ChannelExchanges'))"), CSEG_CONFIG, "interaction type",
                 "did you mean 'ChannelExchange'");
    test_refused(INTERACTING("(None, dict(type='SpatialExchange', p=0))"), CSEG_CONFIG, "SpatialExchange", "p");
    test_refused(INTERACTING("(dict(type='Aggregation_distribution', channels=1, attn_channels='x'), None)"),
                 CSEG_CONFIG, "attn_channels", "int");
}

#define WITH_HEAD(head) SIAMESE(RESNET ", " FUSION ", decode_head=dict(" head ")")
#define ALL_MAPS "in_channels=[8, 16, 32, 64], in_index=[0, 1, 2, 3], "

static void refuses_heads(void **state)
{
    (void)state;
    test_refused(WITH_HEAD("type='Changer', " ALL_MAPS "channels=7, num_classes=2"), CSEG_CONFIG, "channels=7 is odd",
                 "half");
    test_refused(WITH_HEAD("type='BITHead', in_channels=64, channels=8, num_heads=3, embed_dims=8, num_classes=2"),
                 CSEG_CONFIG, "decode_head: 8 channels", "3 heads");
    test_refused(WITH_HEAD("type='BITHead', in_channels=[32, 64], in_index=[2, 3], input_transform='resize_concat', "
                           "num_classes=2"),
                 CSEG_CONFIG, "input_transform", "one map of both dates");
    test_refused(WITH_HEAD("type='STAHead', " ALL_MAPS "channels=8, num_classes=2"), CSEG_CONFIG, "num_classes",
                 "STAHead");
}

#define STAR(more, inner, losses)                                                                                      \
    WITH_HEAD("type='ChangeStarHead', " ALL_MAPS "channels=8, num_classes=2, loss_decode=" losses                      \
              ", changemixin_cfg=dict(in_channels=16, inner_channels=" inner "), seg_head_cfg=dict(" more ")")
#define CE "dict(type='mmseg.CrossEntropyLoss')"

static void refuses_change_star(void **state)
{
    (void)state;
    test_refused(STAR("type='mmseg.UPerHead', " ALL_MAPS "channels=8", "4", CE), CSEG_CONFIG, "channels=8",
                 "inner_channels of changemixin_cfg is 4");
    test_refused(STAR("type='mmseg.UPerHead', " ALL_MAPS "channels=8", "8", "[" CE ", " CE "]"), CSEG_CONFIG,
                 "'loss_ce'", "loss_name");
    test_refused(STAR("type='mmseg.OCRHead', in_channels=8, in_index=0, channels=8, ocr_channels=4", "8", CE),
                 CSEG_UNSUPPORTED, "OCRHead", "seg_head_cfg");
    test_refused(STAR("type='FarSegHead', " ALL_MAPS "channels=8, fsr_channels=8", "8", CE), CSEG_CONFIG,
                 "in_channels has 5 entries", "not 4");
}

#define SCD(more, head)                                                                                                \
    "model = dict(type='SiamEncoderMultiDecoder', " RESNET more ", decode_head=dict(type='GeneralSCDHead', "           \
    "binary_cd_head=" NARROW ", " head "))\n"
#define SEMANTIC "semantic_cd_head=dict(type='mmseg.FCNHead', in_channels=64, channels=4, num_classes=5)"
#define BINARY_NECK "binary_cd_neck=dict(type='FeatureFusionNeck', policy='concat')"

static void has_three_maps(void **state)
{
    (void)state;
    test_model t = test_build_ok(SCD(", postprocess_pred_and_label='cover_semantic'", BINARY_NECK ", " SEMANTIC));
    assert_int_equal(t.m->n_heads, 3);
    assert_string_equal(t.m->heads.at[1].gt_key, "gt_semantic_seg_from");
    assert_string_equal(t.m->heads.at[2].name, "decode_head.semantic_cd_head.to");
    assert_int_equal(t.m->heads.at[2].num_classes, 6);
    assert_true(t.m->covers_unchanged);
    test_end(&t);
    test_refused(SCD(", " FUSION, BINARY_NECK ", " SEMANTIC), CSEG_CONFIG, "FeatureFusionNeck", "binary_cd_neck");
    test_refused(SCD(", auxiliary_head=" NARROW, BINARY_NECK ", " SEMANTIC), CSEG_CONFIG, "auxiliary_head",
                 "leave it out");
    test_refused(SCD("", SEMANTIC), CSEG_CONFIG, "binary_cd_neck", "GeneralSCDHead");
    test_refused(
        SCD("",
            "binary_cd_neck=dict(type='mmseg.MultiLevelNeck', in_channels=[8, 16, 32, 64], out_channels=8), " SEMANTIC),
        CSEG_CONFIG, "MultiLevelNeck", "not of two dates");
}

#define BAN(more, side, decoder)                                                                                       \
    "model = dict(type='BAN'" more ", image_encoder=dict(type='mmseg.VisionTransformer', img_size=16, patch_size=8, "  \
    "embed_dims=8, num_layers=1, num_heads=1),\n decode_head=dict(type='BitemporalAdapterHead', ban_cfg=dict("         \
    "clip_channels=8, " side "), ban_dec_cfg=dict(" decoder ")))\n"
#define SIDE(index)                                                                                                    \
    "fusion_index=" index ", side_enc_cfg=dict(type='mmseg.ResNet', depth=18, num_stages=2, "                          \
    "base_channels=8, strides=(1, 1), dilations=(1, 1), out_indices=(1,))"
#define BIT "type='BAN_BITHead', in_channels=16, channels=8, num_classes=2"
#define WHOLE ", asymetric_input=False"

static void refuses_ban(void **state)
{
    (void)state;
    test_model t = test_build_ok(BAN(WHOLE, SIDE("[0]"), BIT));
    assert_int_equal(t.m->in_channels, 6);
    test_end(&t);
    test_refused(BAN("", SIDE("[0]"), BIT), CSEG_CONFIG, "asymetric_input", "encoder_resolution");
    test_refused(BAN(", encoder_resolution=dict(mode='bilinear')", SIDE("[0]"), BIT), CSEG_CONFIG, "either a size",
                 "scale_factor");
    test_refused(BAN(WHOLE, SIDE("[1, 0]"), BIT), CSEG_CONFIG, "fusion_index", "in their order");
    test_refused(BAN(WHOLE, SIDE("[2]"), BIT), CSEG_CONFIG, "fusion_index", "there are 2");
    test_refused(BAN(WHOLE, "fusion_index=[0], side_enc_cfg=dict(type='mmseg.ERFNet')", BIT), CSEG_UNSUPPORTED,
                 "ERFNet", "stage by stage");
    test_refused(BAN(WHOLE, SIDE("[0]"), "type='mmdet.PixelDecoder', num_classes=2"), CSEG_UNSUPPORTED, "mask_decoder",
                 "PixelDecoder");
    test_refused(BAN(WHOLE, SIDE("[0]"), "type='BAN_BITHead'"), CSEG_CONFIG, "ban_dec_cfg", "num_classes");
    test_refused(SIAMESE(RESNET ", " FUSION ", decode_head=dict(type='BitemporalAdapterHead', ban_cfg=dict(" SIDE(
                     "[0]") "), ban_dec_cfg=dict(" BIT "))"),
                 CSEG_CONFIG, "BitemporalAdapterHead", "its place is a BAN");
    test_refused(
        "model = dict(type='BAN', asymetric_input=False, image_encoder=dict(type='mmseg.ERFNet'), decode_head=" NARROW
        ")\n",
        CSEG_CONFIG, "FCNHead", "two images");
    test_trace_refused(BAN(WHOLE, SIDE("[0, 1]"), BIT), "looks at 2 maps", "it gives 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_both_dates),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(backbones_refuse_what_cannot_be),
        cmocka_unit_test(heads_refuse_what_cannot_be),
        cmocka_unit_test(several_maps_do_not_answer),
        cmocka_unit_test(shows_one_date_after_the_other),
        cmocka_unit_test(refuses_interactions),
        cmocka_unit_test(refuses_heads),
        cmocka_unit_test(refuses_change_star),
        cmocka_unit_test(has_three_maps),
        cmocka_unit_test(refuses_ban),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
