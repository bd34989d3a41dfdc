/* Mask2FormerHead: what it and its pixel decoder refuse, and how their weights start. */
#include <math.h>

#include "model_test.h"

#define PIXELS(attn, more)                                                                                             \
    "dict(dict(type='mmdet.MSDeformAttnPixelDecoder', norm_cfg=dict(type='GN', num_groups=2),\n"                       \
    "  encoder=dict(num_layers=2, layer_cfg=dict(self_attn_cfg=dict(" attn "), ffn_cfg=dict(embed_dims=8))),\n"        \
    "  positional_encoding=dict(num_feats=4))" more ")"
#define ATTN "embed_dims=8, num_heads=4, num_levels=3, num_points=2"
#define MODEL(pixels, more)                                                                                            \
    "attn = dict(embed_dims=8, num_heads=2)\n"                                                                         \
    "model = dict(type='EncoderDecoder',\n"                                                                            \
    "  backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4),\n"                                 \
    "  decode_head=dict(dict(type='Mask2FormerHead', in_channels=[4, 8, 16, 32], feat_channels=8, out_channels=8,\n"   \
    "    num_classes=3, num_queries=300, pixel_decoder=" pixels ",\n"                                                  \
    "    transformer_decoder=dict(num_layers=2,\n"                                                                     \
    "      layer_cfg=dict(self_attn_cfg=attn, cross_attn_cfg=attn, ffn_cfg=dict(embed_dims=8))),\n"                    \
    "    positional_encoding=dict(num_feats=4),\n"                                                                     \
    "    loss_cls=dict(type='mmdet.CrossEntropyLoss', class_weight=[1, 1, 2, 0.1]),\n"                                 \
    "    train_cfg=dict(num_points=16, sampler=dict(type='mmdet.MaskPseudoSampler'),\n"                                \
    "      assigner=dict(type='mmdet.HungarianAssigner', match_costs=dict(type='mmdet.ClassificationCost'))))" more    \
    "))\n"
#define GOOD PIXELS(ATTN, "")

static void wrong_parts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *a, *b;
    } cases[] = {
        {MODEL("dict(type='mmdet.PixelDecoder', norm_cfg=dict(type='GN', num_groups=2))", ""), "one map",
         "MSDeformAttnPixelDecoder"},
        {MODEL(GOOD, ", type='MaskFormerHead'"), "several sizes", "mmdet.PixelDecoder"},
        {MODEL(GOOD, ", feat_channels=12"), "feat_channels=12", "embed_dims=8"},
        {MODEL(GOOD, ", positional_encoding=dict(num_feats=8)"), "2 * num_feats=16", "decoder 8"},
        {MODEL(PIXELS(ATTN, ", positional_encoding=dict(num_feats=2)"), ""), "2 * num_feats=4", "encoder 8"},
        {MODEL(GOOD, ", num_transformer_feat_level=2"), "num_transformer_feat_level=2", "num_levels"},
        {MODEL(PIXELS("embed_dims=8, num_heads=4, num_levels=5", ""), ", num_transformer_feat_level=5"), "num_levels",
         "4 of in_channels"},
        {MODEL(PIXELS("embed_dims=8, num_heads=4", ""), ""), "num_levels", "in_channels"},
        {MODEL(PIXELS("embed_dims=8, num_heads=3, num_levels=3", ""), ""), "8 channels", "3 heads"},
        {MODEL(PIXELS(ATTN ", batch_first=False", ""), ""), "batch_first", "True"},
        {MODEL(PIXELS(ATTN, ", strides=[4, 8]"), ""), "strides has 2", "4 maps"},
        {MODEL(GOOD, ", train_cfg=dict(num_points=0, sampler=dict(type='mmdet.MaskPseudoSampler'),\n"
                     "assigner=dict(type='mmdet.HungarianAssigner',\n"
                     "match_costs=dict(type='mmdet.ClassificationCost')))"),
         "num_points", "0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].text, CSEG_CONFIG, cases[i].a, cases[i].b);
    test_trace_refused(MODEL(GOOD, ", in_channels=[4, 8, 16, 24]"), "in_channels[3] is 24", "32 channels");
    test_trace_refused(MODEL(PIXELS(ATTN, ", num_outs=2"), ""), "2 maps", "look at 3");
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

#define EXPECT_SPREAD(name, wanted) assert_true(fabs(spread(t.m, "decode_head." name) / (wanted)-1) < 0.2)

static void weights_start_by_the_classes_rules(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL(GOOD, ""));
    model_init_weights(t.m, 0);
    EXPECT_SPREAD("pixel_decoder.input_convs.0.conv.weight", sqrt(2.0 / (32 + 8)));
    EXPECT_SPREAD("pixel_decoder.output_convs.0.conv.weight", sqrt(1.0 / (8 * 9))); /* Caffe2's Xavier: fan in */
    EXPECT_SPREAD("pixel_decoder.mask_feature.weight", sqrt(1.0 / 8));
    EXPECT_SPREAD("pixel_decoder.encoder.layers.0.ffn.layers.0.0.weight", sqrt(2.0 / (8 + 1024)));
    EXPECT_SPREAD("pixel_decoder.encoder.layers.1.self_attn.value_proj.weight", sqrt(2.0 / (8 + 8)));
    EXPECT_SPREAD("transformer_decoder.layers.1.cross_attn.attn.in_proj_weight", sqrt(2.0 / (8 + 24)));
    EXPECT_SPREAD("query_feat.weight", 1);
    assert_true(spread(t.m, "decode_head.pixel_decoder.encoder.layers.1.self_attn.attention_weights.weight") == 0);
    assert_true(spread(t.m, "decode_head.pixel_decoder.encoder.layers.1.self_attn.sampling_offsets.weight") == 0);
    /* Heads look right, down, left and up; the second point is twice as far. */
    static const float right_down_left_up[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
    const float *at =
        model_find(t.m, "decode_head.pixel_decoder.encoder.layers.0.self_attn.sampling_offsets.bias")->data;
    for (int head = 0; head < 4; head++)
        for (int place = 0; place < 3 * 2; place++)
            for (int axis = 0; axis < 2; axis++, at++)
                assert_true(fabsf(*at - right_down_left_up[head][axis] * (float)(place % 2 + 1)) < 1e-6f);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_parts_are_refused),
        cmocka_unit_test(weights_start_by_the_classes_rules),
    };
    return cmocka_run_group_tests_name("mask2former", tests, NULL, NULL);
}
