/* MultimodalEncoderDecoder: what it and its parts refuse, what learns, how weights start. */
#include "model_test.h"

#define TEXT(names)                                                                                                    \
    "dict(type='CLIPTextEncoder', " names ", templates=['a {}'], embed_dims=8, num_layers=1, num_heads=2,\n"           \
    "    output_dims=6)"
#define NAMES TEXT("vocabulary=['cat', 'dog']")
#define COSTS "assigner=dict(type='HungarianAssigner', match_costs=[dict(type='ClassificationCost')])"
#define MODEL(text, at, head, san, gen)                                                                                \
    "model = dict(dict(type='MultimodalEncoderDecoder', encoder_resolution=" at ",\n"                                  \
    "  image_encoder=dict(type='VisionTransformer', img_size=32, patch_pad=0, embed_dims=8, num_layers=1, "            \
    "num_heads=2,\n"                                                                                                   \
    "    mlp_ratio=1, out_origin=True, out_indices=(0,), output_cls_token=True),\n"                                    \
    "  text_encoder=" text ",\n"                                                                                       \
    "  decode_head=dict(dict(type='SideAdapterCLIPHead', num_classes=2, deep_supervision_idxs=[],\n"                   \
    "    san_cfg=dict(dict(clip_channels=8, embed_dims=8, num_queries=3, fusion_index=[0, 1],\n"                       \
    "      cfg_encoder=dict(num_encode_layer=1, num_heads=2, mlp_ratio=1), cfg_decoder=dict(num_heads=2, "             \
    "num_layers=1,\n"                                                                                                  \
    "      embed_channels=4, mlp_channels=4, num_mlp=2, rescale=False))" san "),\n"                                    \
    "    maskgen_cfg=dict(dict(sos_token_num=3, num_layers=1, embed_dims=8, num_heads=2, mlp_ratio=1, out_dims=6)" gen \
    "),\n"                                                                                                             \
    "    train_cfg=dict(num_points=8, " COSTS                                                                          \
    "), loss_decode=dict(type='CrossEntropyLoss', loss_name='loss_cls_ce'))" head ")))\n"

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        cseg_status code;
        const char *a, *b;
    } cases[] = {
        {"model = dict(type='MultimodalEncoderDecoder', image_encoder=None, text_encoder=None, decode_head=None)\n",
         CSEG_CONFIG, "asymetric_input", "encoder_resolution"},
        {MODEL(NAMES, "0", "", "", ""), CSEG_CONFIG, "encoder_resolution above 0", "asymetric_input"},
        {MODEL(NAMES, "(1, 1, 1)", "", "", ""), CSEG_CONFIG, "encoder_resolution", "two of them"},
        {MODEL(TEXT("vocabulary=['cat']"), "0.5", "", "", ""), CSEG_CONFIG, "num_classes=2", "1 classes"},
        {MODEL(TEXT("dataset_name='nowhere'"), "0.5", "", "", ""), CSEG_CONFIG, "nowhere", "vocabulary"},
        {MODEL(TEXT("vocabulary=['cat', 'dog'], dataset_name='voc'"), "0.5", "", "", ""), CSEG_CONFIG, "both", ""},
        {MODEL(TEXT("cat_bg=True"), "0.5", "", "", ""), CSEG_CONFIG, "neither", ""},
        {MODEL(TEXT("vocabulary=['cat', 1]"), "0.5", "", "", ""), CSEG_CONFIG, "vocabulary", "strings"},
        {MODEL(TEXT("vocabulary=['cat', '\xe7\x8c\xab']"), "0.5", "", "", ""), CSEG_UNSUPPORTED, "byte 2",
         "text_encoder"},
        {MODEL(NAMES, "0.5", "", ", num_queries=4", ""), CSEG_CONFIG, "num_queries=4", "sos_token_num=3"},
        {MODEL(NAMES, "0.5", "", "", ", num_heads=4"), CSEG_CONFIG, "num_heads", "4"},
        {MODEL(NAMES, "0.5", "", "", ", sos_token_format='learnable_token'"), CSEG_CONFIG, "sos_token_format",
         "cls_token"},
        {MODEL(NAMES, "0.5", ", loss_decode=dict(type='CrossEntropyLoss')", "", ""), CSEG_CONFIG, "loss_cls_ce", ""},
        {MODEL(NAMES, "0.5", ", loss_decode=dict(type='DiceLoss', loss_name='loss_mask_ce')", "", ""), CSEG_CONFIG,
         "loss_mask_ce", "DiceLoss"},
        {"model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18), decode_head=dict(\n"
         "  type='SideAdapterCLIPHead', num_classes=2, deep_supervision_idxs=[], train_cfg=None,\n"
         "  san_cfg=dict(cfg_encoder=dict(num_encode_layer=1, num_heads=2, mlp_ratio=1), "
         "cfg_decoder=dict(num_heads=1,\n"
         "    num_layers=1, embed_channels=4, mlp_channels=4, num_mlp=2, rescale=False)), maskgen_cfg=dict()))\n",
         CSEG_CONFIG, "SideAdapterCLIPHead", "MultimodalEncoderDecoder"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].text, cases[i].code, cases[i].a, cases[i].b);
}

static bool learns(const test_model *t, const char *name)
{
    const param *p = model_find(t->m, name);
    assert_non_null(p);
    return p->requires_grad;
}

static void frozen_parts_do_not_learn(void **state)
{
    (void)state;
    test_model t = test_build(MODEL(NAMES, "0.5", "", "", ", frozen_exclude=['proj']"), &(model_options){0});
    assert_true(learns(&t, "text_encoder.bg_embed"));
    assert_false(learns(&t, "text_encoder.logit_scale"));
    assert_false(learns(&t, "text_encoder.ln_final.weight"));
    assert_true(learns(&t, "decode_head.rec_with_attnbias.proj.weight"));
    assert_false(learns(&t, "decode_head.rec_with_attnbias.ln_post.weight"));
    assert_true(learns(&t, "decode_head.side_adapter_network.query_embed"));
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(frozen_parts_do_not_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
