/* How weights start: the reference's rules, seen in what is drawn. */
#include <math.h>

#include "model_test.h"

typedef struct moments {
    double mean, std, largest;
} moments;

static moments moments_of(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    const float *v = p->data;
    moments r = {0};
    for (int64_t i = 0; i < p->count; i++) {
        r.mean += v[i] / (double)p->count;
        r.largest = fmax(r.largest, fabs(v[i]));
    }
    for (int64_t i = 0; i < p->count; i++)
        r.std += (v[i] - r.mean) * (v[i] - r.mean) / (double)p->count;
    r.std = sqrt(r.std);
    return r;
}

/* Mean 0 and this deviation, within 5 % (the tensors have thousands of elements). */
static void assert_spread(const model *m, const char *name, double std)
{
    moments r = moments_of(m, name);
    if (fabs(r.std - std) > 0.05 * std || fabs(r.mean) > 0.05 * std)
        fail_msg("%s: mean %g, std %g instead of %g", name, r.mean, r.std, std);
}

static void assert_all(const model *m, const char *name, float v)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    for (int64_t i = 0; i < p->count; i++)
        assert_true(((const float *)p->data)[i] == v);
}

static void as_the_reference_starts(void **state)
{
    (void)state;
    test_model t =
        test_build_ok("model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=50, base_channels=16),\n"
                      "  decode_head=dict(type='FCNHead', in_channels=512, channels=64, num_classes=40, num_convs=1,\n"
                      "    norm_cfg=dict(type='BN')))\n");
    model_init_weights(t.m, 1);
    /* Kaiming's normal by fan out for every convolution of the backbone. */
    assert_spread(t.m, "backbone.conv1.weight", sqrt(2.0 / (64 * 49)));
    assert_spread(t.m, "backbone.layer3.0.conv2.weight", sqrt(2.0 / (64 * 9)));
    assert_spread(t.m, "backbone.layer4.0.downsample.0.weight", sqrt(2.0 / 512));
    assert_all(t.m, "backbone.layer1.0.bn1.weight", 1);
    assert_all(t.m, "backbone.layer1.0.bn1.bias", 0);
    assert_all(t.m, "backbone.layer1.0.bn3.weight", 0); /* zero_init_residual */
    assert_all(t.m, "backbone.layer4.0.downsample.1.weight", 1);
    assert_all(t.m, "backbone.layer4.0.downsample.1.running_var", 1);
    assert_all(t.m, "backbone.layer4.0.downsample.1.running_mean", 0);
    /* The head's ConvModules their own, conv_seg the head's init_cfg. */
    assert_spread(t.m, "decode_head.convs.0.conv.weight", sqrt(2.0 / (64 * 9)));
    assert_spread(t.m, "decode_head.conv_cat.conv.weight", sqrt(2.0 / (64 * 9)));
    assert_all(t.m, "decode_head.convs.0.bn.weight", 1);
    assert_spread(t.m, "decode_head.conv_seg.weight", 0.01);
    assert_all(t.m, "decode_head.conv_seg.bias", 0);
    test_end(&t);
}

/* With weights to come the reference leaves PyTorch's own: Kaiming's uniform with slope sqrt(5). */
static void pretrained_backbones_start_as_pytorch(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(", depth=50", ", in_channels=256", ", pretrained='open-mmlab://x'"));
    model_init_weights(t.m, 1);
    double bound = 1 / sqrt(8 * 9);
    moments r = moments_of(t.m, "backbone.layer1.0.conv2.weight");
    assert_true(r.largest < bound && r.largest > 0.98 * bound);
    assert_true(fabs(r.std - bound / sqrt(3)) < 0.05 * bound);
    assert_all(t.m, "backbone.layer1.0.bn3.weight", 1);
    assert_int_equal(t.m->pretrained.n, 1);
    assert_string_equal(t.m->pretrained.at[0].module, "backbone");
    assert_string_equal(t.m->pretrained.at[0].checkpoint, "open-mmlab://x");
    test_end(&t);
}

static void pretrained_by_init_cfg(void **state)
{
    (void)state;
    test_model t = test_build_ok(
        TEST_RESNET(", init_cfg=dict(type='Pretrained', checkpoint='a.pth', prefix='backbone.')", "", ""));
    assert_int_equal(t.m->pretrained.n, 1);
    assert_string_equal(t.m->pretrained.at[0].module, "backbone");
    assert_string_equal(t.m->pretrained.at[0].checkpoint, "a.pth");
    assert_string_equal(t.m->pretrained.at[0].prefix, "backbone.");
    test_end(&t);
}

static void rules_of_init_cfg(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(
        ", init_cfg=[dict(type='TruncNormal', std=1.0, layer='Conv2d'),\n"
        "  dict(type='Uniform', a=2, b=3, bias=7, layer=['_BatchNorm'])]",
        ", channels=64, init_cfg=dict(type='Xavier', distribution='uniform', override=[dict(name='conv_seg', "
        "type='Constant', val=5, bias_prob=0.25)], layer='Conv2d')",
        ""));
    model_init_weights(t.m, 3);
    moments r = moments_of(t.m, "backbone.layer4.0.conv2.weight");
    assert_true(r.largest <= 2 && r.largest > 1.98);
    assert_true(fabs(r.std - 0.8796) < 0.01); /* of a normal cut at two deviations */
    r = moments_of(t.m, "backbone.layer4.0.bn1.weight");
    assert_true(r.mean > 2.3 && r.mean < 2.7);
    assert_all(t.m, "backbone.layer4.0.bn1.bias", 7);
    /* ConvModules below a plain Sequential keep what the head's init_cfg gave them. */
    double bound = sqrt(6.0 / (64 * 9 + 64 * 9));
    r = moments_of(t.m, "decode_head.convs.0.conv.weight");
    assert_true(r.largest < bound && r.largest > 0.98 * bound);
    assert_all(t.m, "decode_head.conv_seg.weight", 5);
    assert_all(t.m, "decode_head.conv_seg.bias", (float)-log(0.75 / 0.25));
    test_end(&t);
}

/* A list of auxiliary heads is a plain ModuleList in the reference, which its init_weights() does not enter. */
static void listed_auxiliary_heads_keep_pytorchs(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(
        "", ", channels=64, num_classes=40",
        ",\n  auxiliary_head=[dict(type='FCNHead', in_channels=32, in_index=2, channels=64, num_classes=40)]"));
    model_init_weights(t.m, 3);
    double bound = 1 / sqrt(64);
    moments r = moments_of(t.m, "auxiliary_head.0.conv_seg.weight");
    assert_true(r.largest < bound && r.largest > 0.98 * bound);
    assert_spread(t.m, "decode_head.conv_seg.weight", 0.01);
    test_end(&t);
}

static void seeds_decide(void **state)
{
    (void)state;
    const char *name = "backbone.layer2.0.conv1.weight";
    test_model a = test_build_ok(TEST_RESNET("", "", "")), b = test_build_ok(TEST_RESNET("", ", num_convs=2", ""));
    model_init_weights(a.m, 5);
    model_init_weights(b.m, 5);
    const param *p = model_find(a.m, name), *q = model_find(b.m, name);
    assert_memory_equal(p->data, q->data, (size_t)p->count * sizeof(float));
    model_init_weights(b.m, 6);
    assert_memory_not_equal(p->data, q->data, (size_t)p->count * sizeof(float));
    assert_memory_not_equal(p->data, model_find(a.m, "backbone.layer2.0.conv2.weight")->data,
                            (size_t)p->count * sizeof(float));
    test_end(&a);
    test_end(&b);
}

/* MSCAN's own rule: deviations by what a convolution gives, divided by its groups. */
static void mscan_starts_by_fan_out(void **state)
{
    (void)state;
    test_model t = test_build_ok("model = dict(type='EncoderDecoder', backbone=dict(type='MSCAN',\n"
                                 "    embed_dims=[32, 64, 160, 256], depths=[1, 1, 1, 1]),\n"
                                 "  decode_head=dict(type='FCNHead', in_channels=256, channels=8, num_classes=4))\n");
    model_init_weights(t.m, 1);
    assert_spread(t.m, "backbone.patch_embed1.proj.3.weight", sqrt(2.0 / (32 * 9)));
    assert_spread(t.m, "backbone.block4.0.attn.spatial_gating_unit.conv0.weight", sqrt(2.0 / 25));
    assert_spread(t.m, "backbone.block4.0.attn.spatial_gating_unit.conv2_2.weight", sqrt(2.0 / 21));
    assert_spread(t.m, "backbone.block3.0.mlp.fc2.weight", sqrt(2.0 / 160));
    assert_all(t.m, "backbone.block3.0.mlp.fc2.bias", 0);
    assert_all(t.m, "backbone.block3.0.layer_scale_1", 0.01f);
    assert_all(t.m, "backbone.norm3.weight", 1);
    test_end(&t);
}

static void mistakes_in_init_cfg(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", init_cfg=dict(type='Kaimin')", "", ""), CSEG_UNSUPPORTED, "Kaimin", "test.py:2");
    test_refused(TEST_RESNET("", ", init_cfg=dict(type='Normal', override=dict(name='conv_sag'))", ""), CSEG_CONFIG,
                 "conv_sag", "FCNHead");
    test_refused(TEST_RESNET(", init_cfg=dict(type='Xavier', layer='BatchNorm2d')", "", ""), CSEG_CONFIG, "one axis",
                 "bn1.weight");
}

/* Open-CD's backbones of two dates. Most start as PyTorch's layers do: within 1 / sqrt(fan in), evenly. */
static test_model of_dates(const char *backbone)
{
    char text[512];
    snprintf(text, sizeof text,
             "model = dict(type='DIEncoderDecoder', backbone=dict(%s), decode_head=dict(type='mmseg.FCNHead',\n"
             "  in_channels=8, channels=8, num_classes=2))\n",
             backbone);
    test_model t = test_build(text, &(model_options){.default_scope = SCOPE_OPENCD});
    if (!t.m)
        fail_msg("%s", t.err.text);
    model_init_weights(t.m, 1);
    return t;
}

static double evenly(double fan_in)
{
    return 1 / sqrt(3 * fan_in);
}

static void backbones_of_dates_start(void **state)
{
    (void)state;
    test_model t = of_dates("type='FC_Siam_diff', in_channels=3");
    assert_spread(t.m, "backbone.conv42.weight", evenly(128 * 9));
    assert_spread(t.m, "backbone.conv42d.weight", evenly(128 * 9));
    test_end(&t);
    t = of_dates("type='SNUNet_ECAM', in_channels=3");
    assert_spread(t.m, "backbone.conv2_1.conv1.weight", sqrt(2.0 / (128 * 9)));
    assert_spread(t.m, "backbone.Up3_0.up.weight", evenly(256 * 4));
    assert_spread(t.m, "backbone.conv4_0.conv2.bias", evenly(512 * 9));
    test_end(&t);
    t = of_dates("type='HAN', in_channels=3");
    assert_spread(t.m, "backbone.conv5.conv1.weight", sqrt(2.0 / (320 * 9)));
    assert_all(t.m, "backbone.row_attention_1.gamma", 0);
    assert_all(t.m, "backbone.cam_attention_1.attn.2.weight", 0.25f);
    test_end(&t);
    t = of_dates("type='LightCDNet', stage_repeat_num=[1, 1, 1]");
    assert_spread(t.m, "backbone.fusion_conv.stages.0.0.weight", evenly(24));
    test_end(&t);
    t = of_dates("type='TinyNet', widen_factor=2.0");
    assert_spread(t.m, "backbone.layer4.0.conv.0.conv.weight", sqrt(2.0 / 384));
    assert_all(t.m, "backbone.layer4.1.global_.0.bias", 0);
    assert_all(t.m, "backbone.layer4.1.layer_scale", 1e-6f);
    test_end(&t);
}

/* Those around a model of torchvision's start in that part as it does. */
static void backbones_around_torchvisions_start(void **state)
{
    (void)state;
    test_model t = of_dates("type='CGNet', pretrained=False");
    assert_spread(t.m, "backbone.down2.14.weight", sqrt(2.0 / (256 * 9)));
    assert_all(t.m, "backbone.down2.14.bias", 0);
    assert_spread(t.m, "backbone.conv_reduce_2.conv.weight", evenly(512 * 9));
    assert_all(t.m, "backbone.cgm_2.gamma", 0);
    test_end(&t);
    t = of_dates("type='IFN', pretrained=False");
    assert_spread(t.m, "backbone.encoder1.features.12.weight", sqrt(2.0 / (256 * 9)));
    assert_spread(t.m, "backbone.o2_conv2.0.weight", evenly(512 * 9));
    assert_spread(t.m, "backbone.trans_conv2.weight", evenly(256 * 4));
    test_end(&t);
    t = of_dates("type='TinyCD', in_channels=3, pretrained=False");
    assert_spread(t.m, "backbone._backbone.3.1.block.0.0.weight", sqrt(2.0 / 336));
    assert_all(t.m, "backbone._backbone.3.1.block.2.fc1.bias", 0);
    assert_spread(t.m, "backbone._up.1._convolution.3.weight", evenly(64));
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_reference_starts),
        cmocka_unit_test(pretrained_backbones_start_as_pytorch),
        cmocka_unit_test(pretrained_by_init_cfg),
        cmocka_unit_test(rules_of_init_cfg),
        cmocka_unit_test(listed_auxiliary_heads_keep_pytorchs),
        cmocka_unit_test(seeds_decide),
        cmocka_unit_test(mscan_starts_by_fan_out),
        cmocka_unit_test(mistakes_in_init_cfg),
        cmocka_unit_test(backbones_of_dates_start),
        cmocka_unit_test(backbones_around_torchvisions_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
