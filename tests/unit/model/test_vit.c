/* VisionTransformer: what is refused, how it starts, what learns. */
#include <math.h>

#include "model_test.h"

#include "model/param.h"

#define VIT(backbone, more)                                                                                            \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='VisionTransformer', img_size=64, embed_dims=32,\n"   \
    "    num_layers=2, num_heads=4)" backbone "),\n"                                                                   \
    "  decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1, num_classes=3)" more ")\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(VIT(", img_size=(64, 64, 3)", ""), CSEG_CONFIG, "img_size is", "test.py:2");
    test_refused(VIT(", img_size=(64, 8)", ""), CSEG_CONFIG, "img_size is smaller than a patch", "patch_size=16");
    test_refused(VIT(", num_heads=5", ""), CSEG_CONFIG, "32 channels do not divide into 5 heads", "layers.0.attn");
    test_refused(VIT(", patch_pad='around'", ""), CSEG_CONFIG, "patch_pad", "'corner', 'same'");
    test_refused(VIT(", patch_pad=(1, -1)", ""), CSEG_CONFIG, "patch_pad", "test.py:2");
    test_refused(VIT(", patch_pad=None", ""), CSEG_CONFIG, "patch_pad", "test.py:2");
    test_refused(VIT(", with_cls_token=False, output_cls_token=True", ""), CSEG_CONFIG, "output_cls_token=True",
                 "needs with_cls_token=True");
    test_refused(VIT(", out_indices=[-1]", ""), CSEG_CONFIG, "out_indices", "-1 of 2");
    test_refused(VIT(", out_indices=[]", ""), CSEG_CONFIG, "out_indices is empty", "");
    test_refused(VIT(", out_indices=2", ""), CSEG_CONFIG, "out_indices", "2 of 2");
    test_refused(VIT(", interpolate_mode='nearest'", ""), CSEG_CONFIG, "interpolate_mode", "bicubic");
    test_refused(VIT(", num_fcs=1", ""), CSEG_CONFIG, "num_fcs", "");
    test_refused(VIT(", norm_cfg=dict(type='BN')", ""), CSEG_CONFIG, "does not fit tokens", "LN");
    test_refused(VIT(", frozen_exclude='attn'", ""), CSEG_CONFIG, "frozen_exclude is a list", "['all']");
    test_refused(VIT(", pretrained='a.pth', init_cfg=dict(type='Pretrained', checkpoint='b.pth')", ""), CSEG_CONFIG,
                 "cannot both be set", "VisionTransformer");
}

/* Arguments that the class has in 1.x alone are refused in configs of 0.x, where patches have a bias. */
static void releases(void **state)
{
    (void)state;
    test_model t = test_build_ok(VIT("", ""));
    assert_null(model_find(t.m, "backbone.patch_embed.projection.bias"));
    test_end(&t);
    t = test_build(VIT("", ""), &(model_options){.patches_have_bias = true});
    assert_non_null(t.m);
    assert_non_null(model_find(t.m, "backbone.patch_embed.projection.bias"));
    test_end(&t);
    t = test_build(VIT(", pre_norm=True", ""), &(model_options){.patches_have_bias = true});
    assert_null(t.m);
    assert_non_null(strstr(t.err.text, "VisionTransformer has pre_norm in configs of MMSegmentation 1.x only"));
    test_end(&t);
}

static void class_tokens_that_nobody_reads(void **state)
{
    (void)state;
    test_trace_refused(VIT(", output_cls_token=True", ""), "decode_head (FCNHead) takes maps alone",
                       "output_cls_token=False");
    test_trace_refused(
        VIT(", output_cls_token=True", ", neck=dict(type='FPN', in_channels=[32], out_channels=32, num_outs=1)"),
        "neck (FPN) takes maps alone", "backbone (VisionTransformer)");
}

static const param *find(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    return p;
}

static void assert_start(const model *m, const char *name, init_rule rule, float a, float b)
{
    const param_start *s = param_start_of(find(m, name));
    if (s->rule != rule || s->a != a || s->b != b || s->fan_out)
        fail_msg("%s starts by rule %d (%g, %g)", name, s->rule, (double)s->a, (double)s->b);
}

static void as_the_reference_starts(void **state)
{
    (void)state;
    test_model t = test_build_ok(VIT(", patch_bias=True, final_norm=True", ""));
    assert_start(t.m, "backbone.pos_embed", INIT_TRUNC_NORMAL, 0.02f, 0);
    assert_start(t.m, "backbone.cls_token", INIT_TRUNC_NORMAL, 0.02f, 0);
    assert_start(t.m, "backbone.patch_embed.projection.weight", INIT_KAIMING_NORMAL, 0, 0);
    assert_start(t.m, "backbone.patch_embed.projection.bias", INIT_ZERO, 0, 0);
    assert_start(t.m, "backbone.layers.1.attn.attn.in_proj_weight", INIT_XAVIER_UNIFORM, 1, 0);
    assert_start(t.m, "backbone.layers.1.attn.attn.out_proj.weight", INIT_TRUNC_NORMAL, 0.02f, 0);
    assert_start(t.m, "backbone.layers.1.attn.attn.out_proj.bias", INIT_ZERO, 0, 0);
    assert_start(t.m, "backbone.layers.0.ffn.layers.0.0.weight", INIT_TRUNC_NORMAL, 0.02f, 0);
    assert_start(t.m, "backbone.layers.0.ffn.layers.0.0.bias", INIT_NORMAL, 0, 1e-6f);
    assert_start(t.m, "backbone.layers.0.ffn.layers.1.bias", INIT_NORMAL, 0, 1e-6f);
    assert_start(t.m, "backbone.ln1.weight", INIT_CONSTANT, 1, 0);
    test_end(&t);
    /* Under a rule of the config the class's own does not apply; out_proj is a Linear, too. */
    t = test_build_ok(VIT(", init_cfg=dict(type='Constant', val=0.5, bias=0.25, layer='Linear')", ""));
    assert_start(t.m, "backbone.pos_embed", INIT_ZERO, 0, 0);
    assert_start(t.m, "backbone.layers.1.attn.attn.out_proj.weight", INIT_CONSTANT, 0.5f, 0);
    assert_start(t.m, "backbone.layers.1.ffn.layers.1.bias", INIT_CONSTANT, 0.25f, 0);
    assert_start(t.m, "backbone.patch_embed.projection.weight", INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    test_end(&t);
}

static void weights_of_a_file(void **state)
{
    (void)state;
    test_model t = test_build_ok(VIT(", init_cfg=dict(type='Pretrained_Part', checkpoint='clip.pth')", ""));
    assert_int_equal(t.m->pretrained.n, 1);
    assert_string_equal(t.m->pretrained.at[0].module, "backbone");
    assert_string_equal(t.m->pretrained.at[0].checkpoint, "clip.pth");
    assert_string_equal(t.m->pretrained.at[0].prefix, "image_encoder.");
    assert_start(t.m, "backbone.pos_embed", INIT_ZERO, 0, 0);
    test_end(&t);
    t = test_build_ok(VIT(", pretrained='jx.pth'", ""));
    assert_int_equal(t.m->pretrained.n, 1);
    assert_null(t.m->pretrained.at[0].prefix);
    test_end(&t);
    test_refused(VIT(", init_cfg=dict(type='Pretrained_Part')", ""), CSEG_CONFIG, "Pretrained_Part", "checkpoint");
}

static void what_learns(void **state)
{
    (void)state;
    test_model t = test_build_ok(VIT(", frozen_exclude=['pos_embed', 'ffn.layers.1']", ""));
    assert_true(find(t.m, "backbone.pos_embed")->requires_grad);
    assert_true(find(t.m, "backbone.layers.1.ffn.layers.1.bias")->requires_grad);
    assert_false(find(t.m, "backbone.cls_token")->requires_grad);
    assert_false(find(t.m, "backbone.layers.1.ffn.layers.0.0.bias")->requires_grad);
    assert_false(find(t.m, "backbone.layers.1.ln1.weight")->requires_grad);
    assert_true(find(t.m, "decode_head.conv_seg.weight")->requires_grad);
    test_end(&t);
    t = test_build_ok(VIT(", frozen_exclude=[]", ""));
    assert_false(find(t.m, "backbone.pos_embed")->requires_grad);
    test_end(&t);
    t = test_build_ok(VIT("", ""));
    assert_true(find(t.m, "backbone.cls_token")->requires_grad);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(releases),
        cmocka_unit_test(class_tokens_that_nobody_reads),
        cmocka_unit_test(as_the_reference_starts),
        cmocka_unit_test(weights_of_a_file),
        cmocka_unit_test(what_learns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
