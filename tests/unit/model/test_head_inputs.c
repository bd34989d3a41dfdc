/* What heads, necks and their layers cannot be made of, as in the reference: maps for a head that takes one, norms that
 * do not fit what they get, activations and borders that their classes do not know. */
#include "model_test.h"

#define BACKBONE "model = dict(type='EncoderDecoder',\n  backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
#define HEAD(more) BACKBONE "  decode_head=dict(channels=8, num_classes=4, " more "))\n"
#define FCN(more) HEAD("type='FCNHead', in_channels=64, num_convs=1, " more)
#define FPN(upsample)                                                                                                  \
    BACKBONE "  neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=8, num_outs=4,\n"                      \
             "    upsample_cfg=dict(" upsample ")),\n"                                                                 \
             "  decode_head=dict(type='FCNHead', in_channels=8, channels=8, num_classes=4))\n"
#define POINTS(more)                                                                                                   \
    "model = dict(type='CascadeEncoderDecoder', num_stages=2, backbone=dict(type='ResNet', depth=18, "                 \
    "base_channels=8),\n  decode_head=[dict(type='FCNHead', in_channels=64, channels=8, num_classes=4),\n"             \
    "    dict(type='PointHead', in_channels=[8], in_index=[0], channels=8, num_classes=4, " more ")],\n"               \
    "  train_cfg=dict(num_points=4, oversample_ratio=2, importance_sample_ratio=0.5),\n"                               \
    "  test_cfg=dict(mode='whole', subdivision_steps=1, subdivision_num_points=4, scale_factor=2))\n"

typedef struct refused {
    const char *text, *says, *and_says;
} refused;

static void check(const refused *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        test_refused(cases[i].text, CSEG_CONFIG, cases[i].says, cases[i].and_says);
        test_refused(cases[i].text, CSEG_CONFIG, "test.py:", "");
    }
}
#define CHECK(cases) check(cases, sizeof(cases) / sizeof(cases)[0])

static void maps_are_as_many_as_a_head_takes(void **state)
{
    (void)state;
    static const refused cases[] = {
        {HEAD("type='FCNHead', in_channels=[32, 64], in_index=[2, 3]"), "several inputs need", "resize_concat"},
        {HEAD("type='PSPHead', in_channels=64, in_index=3, input_transform='resize_concat'"),
         "in_channels must be a list", "PSPHead"},
        {HEAD("type='PSPHead', in_channels=[32, 64], in_index=[2, 3], input_transform='multiple_select'"),
         "PSPHead takes one map", "resize_concat"},
        {HEAD("type='UPerHead', in_channels=64, in_index=3"), "in_channels must be a list",
         "UPerHead takes several maps"},
        {HEAD("type='PSPHead', in_channels=64, in_index=3, pool_scales=3"), "pool_scales", "a list or tuple of ints"},
    };
    CHECK(cases);
}

static void norms_fit_what_they_get(void **state)
{
    (void)state;
    static const refused cases[] = {
        {FCN("norm_cfg=dict(type='LN')"), "type LN does not fit a map", "LN2d"},
        {FCN("norm_cfg=dict(type='BN1d')"), "type BN1d does not fit a map", "SyncBN"},
        {POINTS("norm_cfg=dict(type='BN')"), "type BN does not fit points", "BN1d"},
        {POINTS("norm_cfg=dict(type='IN')"), "type IN does not fit points", "IN1d"},
    };
    CHECK(cases);
}

static void layers_know_their_arguments(void **state)
{
    (void)state;
    static const refused cases[] = {
        {FCN("act_cfg=dict(type='Clamp')"), "Clamp cannot be", "HSigmoid"},
        {FCN("act_cfg=dict(type='Tanh', inplace=True)"), "Tanh has no key 'inplace'", ""},
        {FCN("act_cfg=dict(type='HSigmoid', divisor=0)"), "divisor may not be 0", "decode_head"},
        {HEAD("type='DepthwiseSeparableFCNHead', in_channels=64, act_cfg=dict(type='ReLU', slope=1)"),
         "ReLU has no key 'slope'", ""},
        {FCN("conv_cfg=dict(type='Conv2d', padding_mode='mirror')"), "padding_mode", "replicate"},
        {FPN("mode='nearest', align_corners=False"), "align_corners", "mode='bilinear'"},
        {FPN("mode='bilinear', align_corners=1"), "align_corners", "True or False"},
        {HEAD("type='EncHead', in_channels=[64], in_index=[3], loss_se_decode=dict(type='CrossEntropyLoss')"),
         "loss_se_decode", "use_sigmoid=True"},
        {HEAD("type='FCNHead', in_channels=64, out_channels=3"), "out_channels is num_classes, or 1", "num_classes=4"},
    };
    CHECK(cases);
}

/* A border cannot be taken of fewer lines than it has. */
static void borders_need_maps(void **state)
{
    (void)state;
    cseg_error err = {.text = ""};
    test_model t = test_build_ok(FCN("dilation=3, norm_cfg=dict(type='BN'),\n"
                                     "conv_cfg=dict(type='Conv2d', padding_mode='reflect')"));
    graph *g = graph_new(false);
    tensor *y = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 96, 96, -1, &y, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "padding_mode='reflect' takes 3 lines of a map that has 3"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_are_as_many_as_a_head_takes),
        cmocka_unit_test(norms_fit_what_they_get),
        cmocka_unit_test(layers_know_their_arguments),
        cmocka_unit_test(borders_need_maps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
