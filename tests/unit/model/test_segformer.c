/* MixVisionTransformer and SegformerHead: fields that do not fit, and how transformers of maps start. */
#include <math.h>

#include "model_test.h"

#include "model/param.h"

#define SEGFORMER(backbone, head)                                                                                      \
    "model = dict(type='EncoderDecoder', backbone=dict(type='MixVisionTransformer', embed_dims=8,\n"                   \
    "    num_layers=[1, 1, 1, 1], num_heads=[1, 2, 3, 4]" backbone "),\n"                                              \
    "  decode_head=dict(type='SegformerHead', in_channels=[8, 16], in_index=[0, 1], channels=8, num_classes=3" head    \
    "))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(SEGFORMER(", num_stages=3", ""), CSEG_CONFIG, "num_stages is 3, but num_layers has 4", "test.py:2");
    test_refused(SEGFORMER(", sr_ratios=[8, 4]", ""), CSEG_CONFIG, "num_stages is 4, but sr_ratios has 2", "test.py:2");
    test_refused(SEGFORMER(", strides=4", ""), CSEG_CONFIG, "strides", "list");
    test_refused(SEGFORMER(", out_indices=(0, 4)", ""), CSEG_CONFIG, "out_indices names stage 4 of 4", "test.py:2");
    test_refused(SEGFORMER(", norm_cfg=dict(type='BN')", ""), CSEG_CONFIG, "norm_cfg of type BN", "tokens");
    test_refused(SEGFORMER("", ", interpolate_mode='area'"), CSEG_CONFIG, "interpolate_mode", "bilinear");
    test_refused(SEGFORMER("", ", input_transform='resize_concat'"), CSEG_CONFIG, "selects its maps", "test.py:3");
}

static param_start start_of(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    return *param_start_of(p);
}

static void starts(const model *m, const char *name, init_rule rule, double a, double b)
{
    param_start s = start_of(m, name);
    if (s.rule != rule || s.a != (float)a || s.b != (float)b)
        fail_msg("%s starts by rule %d with %g and %g", name, s.rule, (double)s.a, (double)s.b);
}

/* Attentions' joint projection is no linear layer: it stays as PyTorch starts it. */
static void as_the_class_starts_them(void **state)
{
    (void)state;
    test_model t = test_build_ok(SEGFORMER("", ""));
    starts(t.m, "backbone.layers.0.0.projection.weight", INIT_NORMAL, 0, sqrt(2.0 / (7 * 7 * 8)));
    starts(t.m, "backbone.layers.0.0.projection.bias", INIT_ZERO, 0, 0);
    starts(t.m, "backbone.layers.1.1.0.attn.sr.weight", INIT_NORMAL, 0, sqrt(2.0 / (4 * 4 * 16)));
    starts(t.m, "backbone.layers.1.1.0.ffn.layers.1.weight", INIT_NORMAL, 0, sqrt(2.0 / 9));
    starts(t.m, "backbone.layers.1.1.0.attn.norm.weight", INIT_CONSTANT, 1, 0);
    starts(t.m, "backbone.layers.1.1.0.attn.attn.out_proj.weight", INIT_TRUNC_NORMAL, 0.02, 0);
    starts(t.m, "backbone.layers.1.1.0.attn.attn.in_proj_weight", INIT_XAVIER_UNIFORM, 1, 0);
    test_end(&t);
}

/* An init_cfg replaces the class's rule, and `layer` may name a class's base. An empty one leaves PyTorch's. */
static void an_init_cfg_replaces_the_rule(void **state)
{
    (void)state;
    test_model t = test_build_ok(SEGFORMER(", init_cfg=dict(type='TruncNormal', std=0.5, layer='Linear')", ""));
    starts(t.m, "backbone.layers.1.1.0.attn.attn.out_proj.weight", INIT_TRUNC_NORMAL, 0.5, 0);
    starts(t.m, "backbone.layers.1.1.0.attn.sr.weight", INIT_KAIMING_UNIFORM, sqrt(5), 0);
    test_end(&t);
    t = test_build_ok(SEGFORMER(", init_cfg=dict()", ""));
    starts(t.m, "backbone.layers.1.1.0.attn.attn.out_proj.weight", INIT_KAIMING_UNIFORM, sqrt(5), 0);
    test_end(&t);
    t = test_build_ok(
        "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4,\n"
        "    stem_channels=4), decode_head=dict(type='FCNHead', in_channels=32, channels=8, num_convs=1,\n"
        "    num_classes=3, conv_cfg=dict(type='ConvAWS'),\n"
        "    init_cfg=dict(type='Normal', std=0.5, layer='Conv2d')))\n");
    starts(t.m, "decode_head.convs.0.conv.weight", INIT_NORMAL, 0, 0.5);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(as_the_class_starts_them),
        cmocka_unit_test(an_init_cfg_replaces_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
