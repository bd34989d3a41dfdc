/* Necks and heads of vision transformers: what is refused, and how they start. */
#include <math.h>

#include "model_test.h"

#include "model/param.h"

/* Behind a ViT with two layers' maps of 32 channels: a neck ("" for none) and a head. */
#define MODEL(backbone, neck, head)                                                                                    \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='VisionTransformer', img_size=64, embed_dims=32,\n"   \
    "    num_layers=4, num_heads=4, out_indices=(0, 1))" backbone "),\n" neck "  decode_head=dict(" head               \
    ", num_classes=3))\n"
#define NECK(text) "  neck=dict(" text "),\n"
#define FCN "type='FCNHead', in_channels=8, channels=8, num_convs=1"
#define FOUR ", out_indices=(0, 1, 2, 3), output_cls_token=True"
#define DPT(more)                                                                                                      \
    "**dict(dict(type='DPTHead', in_channels=[32] * 4, in_index=[0, 1, 2, 3], input_transform='multiple_select',\n"    \
    "    embed_dims=32, channels=8, post_process_channels=[8, 8, 8, 16])" more ")"
#define SEGMENTER(more)                                                                                                \
    "**dict(dict(type='SegmenterMaskTransformerHead', in_channels=32, channels=8, num_layers=1, num_heads=2,\n"        \
    "    embed_dims=16)" more ")"

static void necks_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(MODEL("", NECK("type='MultiLevelNeck', in_channels=[32, 32], out_channels=8"), FCN), CSEG_CONFIG,
                 "4 scales for the 2 maps", "test.py:3");
    test_trace_refused(MODEL("", NECK("type='MultiLevelNeck', in_channels=[32], out_channels=8"), FCN),
                       "in_channels for 1 maps", "gives 2");
    test_trace_refused(MODEL("", NECK("type='MLANeck', in_channels=[32, 16], out_channels=8"), FCN),
                       "in_channels[1]=16", "32 channels");
    test_refused(
        MODEL("", NECK("type='MLANeck', in_channels=[32, 32], out_channels=8, norm_layer=dict(type='BN')"), FCN),
        CSEG_CONFIG, "does not fit tokens", "test.py:3");
}

static void heads_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(MODEL("", "", "type='SETRUPHead', in_channels=32, channels=8, kernel_size=2"), CSEG_CONFIG,
                 "kernel_size is 1 or 3", "test.py:3");
    test_refused(MODEL("", "", "type='SETRMLAHead', in_channels=[32, 32], in_index=[0, 1], channels=8, mla_channels=8"),
                 CSEG_CONFIG, "channels is 8", "make 16");
    test_refused(MODEL("", "", SEGMENTER(", init_cfg=dict(type='Normal', layer='Linear')")), CSEG_CONFIG, "init_std",
                 "test.py:4");
    test_refused(MODEL("", "", SEGMENTER(", in_channels=[32], in_index=[0], input_transform='resize_concat'")),
                 CSEG_CONFIG, "takes one map", "test.py:4");
    test_refused(
        MODEL("", "", SEGMENTER(", out_channels=1, loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)")),
        CSEG_CONFIG, "each of the 3 classes", "out_channels");
    test_refused(MODEL("", "", SEGMENTER(", num_heads=3")), CSEG_CONFIG, "16 channels do not divide into 3 heads", "");
}

static void what_dpt_takes(void **state)
{
    (void)state;
    test_refused(MODEL(FOUR, "", DPT(", input_transform='resize_concat'")), CSEG_CONFIG, "takes 4 maps",
                 "'multiple_select'");
    test_refused(MODEL(FOUR, "", DPT(", in_channels=[32] * 3, in_index=[0, 1, 2]")), CSEG_CONFIG, "takes 4 maps",
                 "test.py:4");
    test_refused(MODEL(FOUR, "", DPT(", post_process_channels=[8, 8, 8]")), CSEG_CONFIG, "a list of 4 numbers", "");
    test_refused(MODEL(FOUR, "", DPT(", embed_dims=16")), CSEG_CONFIG, "in_channels[0]=32", "embed_dims=16");
    test_refused(MODEL(FOUR, "", DPT(", expand_channels=True")), CSEG_CONFIG, "expand_channels", "fractions");
    test_trace_refused(MODEL(", out_indices=(0, 1, 2, 3)", "", DPT("")), "4 maps alone", "output_cls_token=True");
    test_trace_refused(MODEL(", output_cls_token=True", "", DPT("")), "takes 4 maps", "gives 2 maps;");
}

static void assert_start(const model *m, const char *name, init_rule rule, float a, float b)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    const param_start *s = param_start_of(p);
    if (s->rule != rule || s->a != a || s->b != b)
        fail_msg("%s starts by rule %d (%g, %g)", name, s->rule, (double)s->a, (double)s->b);
}

static void as_the_reference_starts(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("",
                                       NECK("type='MultiLevelNeck', in_channels=[32, 32], out_channels=8,\n"
                                            "    scales=[2, 1], norm_cfg=dict(type='BN')"),
                                       FCN));
    assert_start(t.m, "neck.lateral_convs.1.conv.weight", INIT_XAVIER_UNIFORM, 1, 0);
    assert_start(t.m, "neck.convs.0.conv.weight", INIT_XAVIER_UNIFORM, 1, 0);
    assert_start(t.m, "neck.convs.0.bn.weight", INIT_CONSTANT, 1, 0);
    test_end(&t);
    t = test_build_ok(MODEL("", "", SEGMENTER(", init_std=0.5")));
    assert_start(t.m, "decode_head.cls_emb", INIT_TRUNC_NORMAL, 0.5f, 0);
    assert_start(t.m, "decode_head.patch_proj.weight", INIT_TRUNC_NORMAL, 0.5f, 0);
    assert_start(t.m, "decode_head.dec_proj.bias", INIT_ZERO, 0, 0);
    assert_start(t.m, "decode_head.layers.0.attn.attn.in_proj_weight", INIT_XAVIER_UNIFORM, 1, 0);
    assert_start(t.m, "decode_head.layers.0.attn.attn.out_proj.weight", INIT_TRUNC_NORMAL, 0.5f, 0);
    assert_start(t.m, "decode_head.layers.0.ffn.layers.1.weight", INIT_TRUNC_NORMAL, 0.5f, 0);
    assert_start(t.m, "decode_head.layers.0.ffn.layers.1.bias", INIT_ZERO, 0, 0);
    assert_start(t.m, "decode_head.mask_norm.weight", INIT_CONSTANT, 1, 0);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(necks_that_do_not_fit),
        cmocka_unit_test(heads_that_do_not_fit),
        cmocka_unit_test(what_dpt_takes),
        cmocka_unit_test(as_the_reference_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
