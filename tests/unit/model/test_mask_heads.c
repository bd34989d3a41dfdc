/* Heads that classify masks: what MaskFormerHead and its parts refuse, and how their weights start. */
#include <math.h>

#include "model_test.h"

#define PIXELS "dict(type='mmdet.PixelDecoder', norm_cfg=dict(type='GN', num_groups=2))"
#define ENCODER(pos)                                                                                                   \
    "dict(type='mmdet.TransformerEncoderPixelDecoder', norm_cfg=dict(type='GN', num_groups=2),\n"                      \
    "  encoder=dict(num_layers=1, layer_cfg=layer), positional_encoding=dict(num_feats=" pos "))"
#define COSTS "[dict(type='mmdet.ClassificationCost'), dict(type='mmdet.DiceCost', pred_act=True)]"
#define TRAIN(assigner, costs, sampler)                                                                                \
    "dict(sampler=dict(type='" sampler "'), assigner=dict(type='" assigner "', match_costs=" costs "))"
#define MODEL(pixels, train, more)                                                                                     \
    "layer = dict(self_attn_cfg=dict(embed_dims=8, num_heads=2), ffn_cfg=dict(embed_dims=8))\n"                        \
    "decoder = dict(num_layers=2, layer_cfg=dict(layer, cross_attn_cfg=dict(embed_dims=8, num_heads=1)))\n"            \
    "model = dict(type='EncoderDecoder',\n"                                                                            \
    "  backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4),\n"                                 \
    "  decode_head=dict(dict(type='MaskFormerHead', in_channels=[4, 8, 16, 32], feat_channels=8, out_channels=8,\n"    \
    "    num_classes=3, num_queries=300, pixel_decoder=" pixels ", transformer_decoder=decoder,\n"                     \
    "    positional_encoding=dict(num_feats=4),\n"                                                                     \
    "    loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1, 1, 2, 0.1]),\n"                                 \
    "    loss_mask=dict(type='mmdet.FocalLoss'), loss_dice=dict(type='mmdet.DiceLoss'),\n"                             \
    "    train_cfg=" train ")" more "))\n"
#define GOOD TRAIN("mmdet.HungarianAssigner", COSTS, "mmdet.MaskPseudoSampler")

static void wrong_parts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        cseg_status code;
        const char *a, *b;
    } cases[] = {
        {MODEL("dict(type='PixelDecoder')", GOOD, ""), CSEG_UNSUPPORTED, "pixel decoder PixelDecoder", "mmdet."},
        {MODEL("dict(type='mmdet.PixelDecode')", GOOD, ""), CSEG_UNSUPPORTED, "mmdet.PixelDecode",
         "mmdet.PixelDecoder"},
        {MODEL(PIXELS, GOOD, ", out_channels=12"), CSEG_CONFIG, "out_channels=12", "embed_dims=8"},
        {MODEL(PIXELS, GOOD, ", positional_encoding=dict(num_feats=8)"), CSEG_CONFIG, "2 * num_feats=16", "decoder 8"},
        {MODEL(ENCODER("2"), GOOD, ""), CSEG_CONFIG, "2 * num_feats=4", "encoder 8"},
        {MODEL(PIXELS, GOOD, ", positional_encoding=dict(num_feat=4)"), CSEG_CONFIG, "num_feat", "num_feats"},
        {MODEL(PIXELS, GOOD, ", transformer_decoder=dict(decoder, layer_cfg=dict(layer))"), CSEG_CONFIG, "cross_attn",
         "embed_dims=256"},
        {MODEL(PIXELS, GOOD,
               ", transformer_decoder=dict(decoder, layer_cfg=dict(self_attn_cfg=dict(embed_dims=8,\n"
               "num_heads=2, batch_first=False)))"),
         CSEG_CONFIG, "test.py:11", "batch_first"},
        {MODEL(PIXELS, GOOD,
               ", transformer_decoder=dict(decoder, layer_cfg=dict(layer, cross_attn_cfg=dict(\n"
               "embed_dims=8, num_heads=2), ffn_cfg=dict(embed_dims=4)))"),
         CSEG_CONFIG, "ffn has embed_dims=4", "8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].text, cases[i].code, cases[i].a, cases[i].b);
}

static void wrong_losses_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        cseg_status code;
        const char *a, *b;
    } cases[] = {
        {MODEL(PIXELS, GOOD, ", loss_cls=dict(type='mmdet.CrossEntropyLoss')"), CSEG_CONFIG, "class_weight",
         "no object"},
        {MODEL(PIXELS, GOOD, ", loss_mask=dict(type='FocalLoss')"), CSEG_UNSUPPORTED, "mmdet.FocalLoss", "masks"},
        {MODEL(PIXELS, GOOD, ", loss_mask=dict(type='mmdet.DiceLoss')"), CSEG_CONFIG, "loss_mask", "pixel by pixel"},
        {MODEL(PIXELS, GOOD, ", loss_dice=dict(type='mmdet.DiceLoss', use_sigmoid=False)"), CSEG_UNSUPPORTED,
         "use_sigmoid=True", "activate=False"},
        {MODEL(PIXELS, GOOD, ", loss_dice=dict(type='mmdet.DiceLoss', reduction='sum')"), CSEG_CONFIG,
         "reduction='sum'", "mean"},
        {MODEL(PIXELS, GOOD, ", loss_mask=dict(type='mmdet.FocalLoss', activated=True)"), CSEG_CONFIG, "activated",
         "logits"},
        {TEST_RESNET("", ", loss_decode=dict(type='mmdet.DiceLoss')", ""), CSEG_UNSUPPORTED, "DiceLoss", "label map"},
        {MODEL(PIXELS, TRAIN("HungarianAssigner", COSTS, "mmdet.MaskPseudoSampler"), ""), CSEG_CONFIG, "assigner",
         "mmdet.HungarianAssigner"},
        {MODEL(PIXELS, TRAIN("mmdet.HungarianAssigner", COSTS, "OHEMPixelSampler"), ""), CSEG_CONFIG, "sampler",
         "mmdet.MaskPseudoSampler"},
        {MODEL(PIXELS, TRAIN("mmdet.HungarianAssigner", "[]", "mmdet.MaskPseudoSampler"), ""), CSEG_CONFIG,
         "match_costs", "empty"},
        {MODEL(PIXELS, TRAIN("mmdet.HungarianAssigner", "dict(type='mmdet.IoUCost')", "mmdet.MaskPseudoSampler"), ""),
         CSEG_UNSUPPORTED, "mmdet.IoUCost", "DiceCost"},
        {MODEL(PIXELS, TRAIN("mmdet.HungarianAssigner", "dict(type='FocalLossCost')", "mmdet.MaskPseudoSampler"), ""),
         CSEG_UNSUPPORTED, "FocalLossCost", "mmseg all but"},
        {MODEL(PIXELS,
               TRAIN("mmdet.HungarianAssigner", "dict(type='CrossEntropyLossCost', use_sigmoid=False)",
                     "mmdet.MaskPseudoSampler"),
               ""),
         CSEG_UNSUPPORTED, "use_sigmoid=True", "test.py"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].text, cases[i].code, cases[i].a, cases[i].b);
}

/* The model is built, as in the reference, but cannot learn. */
static void expect_no_training(const char *text, const char *a, const char *b)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_non_null(g);
    assert_true(model_trace_loss(t.m, g, 1, 64, 64, NULL, &loss, &t.err) != CSEG_OK);
    if (!strstr(t.err.text, a) || !strstr(t.err.text, b))
        fail_msg("%s\nlacks \"%s\" or \"%s\"", t.err.text, a, b);
    graph_free(g);
    test_end(&t);
}

static void training_needs_an_assigner(void **state)
{
    (void)state;
    expect_no_training(MODEL(PIXELS, "None", ""), "train_cfg", "assigner and sampler");
    expect_no_training(MODEL(PIXELS, GOOD, ", loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1, 2, 3])"),
                       "class_weight of loss_cls has 3 numbers", "num_classes=3");
    expect_no_training(
        MODEL(PIXELS, GOOD,
              ", loss_cls=dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, class_weight=[1, 2, 3, 1])"),
        "one class", "use_sigmoid=False");
    expect_no_training(MODEL(PIXELS, GOOD, ", loss_mask=dict(type='mmdet.CrossEntropyLoss')"), "loss_mask",
                       "use_sigmoid=True");
    test_trace_refused(MODEL(PIXELS, GOOD, ", in_channels=[4, 8, 16, 24]"), "in_channels[3] is 24", "32 channels");
}

/* Root of the mean of squares. */
static double spread(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    double sum = 0;
    assert_non_null(p);
    for (int64_t i = 0; i < p->count; i++)
        sum += pow((double)((const float *)p->data)[i], 2);
    return sqrt(sum / (double)p->count);
}

#define EXPECT_SPREAD(name, wanted) assert_true(fabs(spread(t.m, "decode_head." name) / (wanted)-1) < 0.15)

/* mmdet's init_weights() passes over the last pair of convolutions, and over the norms. */
static void weights_start_by_the_classes_rules(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL(ENCODER("4"), GOOD, ""));
    model_init_weights(t.m, 0);
    EXPECT_SPREAD("pixel_decoder.output_convs.0.conv.weight", sqrt(1.0 / (8 * 9))); /* Caffe2's Xavier: fan in */
    EXPECT_SPREAD("pixel_decoder.output_convs.2.conv.weight", sqrt(2.0 / (8 * 9))); /* ConvModule's: Kaiming, fan out */
    EXPECT_SPREAD("pixel_decoder.mask_feature.weight", sqrt(1.0 / (8 * 9)));
    EXPECT_SPREAD("pixel_decoder.encoder_in_proj.weight", sqrt(1.0 / 32));
    EXPECT_SPREAD("pixel_decoder.encoder.layers.0.ffn.layers.0.0.weight", sqrt(2.0 / (8 + 1024)));
    EXPECT_SPREAD("transformer_decoder.layers.1.cross_attn.attn.in_proj_weight", sqrt(2.0 / (8 + 24)));
    EXPECT_SPREAD("transformer_decoder.layers.1.ffn.layers.1.weight", sqrt(2.0 / (8 + 1024)));
    EXPECT_SPREAD("query_embed.weight", 1);
    EXPECT_SPREAD("mask_embed.0.weight", sqrt(1.0 / (3 * 8))); /* PyTorch's Linear */
    assert_true(spread(t.m, "decode_head.pixel_decoder.mask_feature.bias") == 0);
    assert_true(spread(t.m, "decode_head.transformer_decoder.layers.1.ffn.layers.0.0.bias") > 0);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_parts_are_refused),
        cmocka_unit_test(wrong_losses_are_refused),
        cmocka_unit_test(training_needs_an_assigner),
        cmocka_unit_test(weights_start_by_the_classes_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
