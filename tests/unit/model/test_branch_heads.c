/* Networks of several branches and their heads: what they refuse, and how their weights start. */
#include <math.h>

#include "model_test.h"

#define OHEM "dict(type='OhemCrossEntropy')"
#define DDR(backbone, head)                                                                                            \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='DDRNet', channels=8, ppm_channels=8)" backbone       \
    "),\n"                                                                                                             \
    "  decode_head=dict(dict(type='DDRHead', in_channels=32, channels=16, num_classes=4,\n"                            \
    "    loss_decode=[" OHEM ", " OHEM "])" head "))\n"

#define PID(backbone, head)                                                                                            \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='PIDNet', channels=8, ppm_channels=8)" backbone       \
    "),\n"                                                                                                             \
    "  decode_head=dict(dict(type='PIDHead', in_channels=32, channels=16, num_classes=4,\n"                            \
    "    loss_decode=[dict(type='CrossEntropyLoss'), " OHEM ", dict(type='BoundaryLoss'), " OHEM "])" head "))\n"
#define CGNET(backbone)                                                                                                \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='CGNet', num_channels=(8, 12, 16),\n"                 \
    "    num_blocks=(2, 2))" backbone "),\n"                                                                           \
    "  decode_head=dict(type='FCNHead', in_channels=32, in_index=2, channels=8, num_classes=4, num_convs=1))\n"

static void heads_name_their_losses_themselves(void **state)
{
    (void)state;
    test_refused(DDR("", ", loss_decode=" OHEM), CSEG_CONFIG, "loss_decode", "a list of 2 losses");
    test_refused(DDR("", ", loss_decode=[" OHEM "]"), CSEG_CONFIG, "loss_decode", "a list of 2 losses");
    test_refused(DDR("", ", sampler=dict(type='OHEMPixelSampler', thresh=0.7)"), CSEG_CONFIG, "sampler", "no use for");
    test_refused(DDR("", ", input_transform='resize_concat'"), CSEG_CONFIG, "input_transform", "DDRHead");
    test_refused(DDR("", ", norm_cfg=None"), CSEG_UNSUPPORTED, "norm_cfg", "decode_head");
    test_trace_refused(DDR("", ", in_channels=64"), "in_channels=64", "has 32 channels");
    test_refused(PID("", ", loss_decode=[" OHEM ", " OHEM "]"), CSEG_CONFIG, "loss_decode", "a list of 4 losses");
    test_refused(PID("", ", in_channels=3"), CSEG_CONFIG, "in_channels", "4 or more");
    test_trace_refused(PID("", ", in_channels=64"), "in_channels=64", "has 32 channels");
}

static void hard_pixels_need_what_can_be_counted(void **state)
{
    (void)state;
    test_refused(DDR("", ", loss_decode=[dict(type='OhemCrossEntropy', min_kept=-1), " OHEM "]"), CSEG_CONFIG,
                 "min_kept", "test.py");
    test_refused(DDR("", ", loss_decode=[dict(type='OhemCrossEntropy', class_weight='w.npy'), " OHEM "]"),
                 CSEG_UNSUPPORTED, "class_weight", "test.py");
    test_refused(DDR("", ", loss_decode=[dict(type='OhemCrossEntropy', loss_name=None), " OHEM "]"), CSEG_CONFIG,
                 "loss_name", "not None");
    test_refused(TEST_RESNET("", ", sampler=dict(type='OHEMPixelSampler'), loss_decode=" OHEM, ""), CSEG_UNSUPPORTED,
                 "OhemCrossEntropy", "set thresh");
}

/* It weighs no pixels: with a sampler that does, the trace fails. */
static void hard_pixels_are_not_chosen_twice(void **state)
{
    (void)state;
    test_model t =
        test_build_ok(TEST_RESNET("", ", sampler=dict(type='OHEMPixelSampler', thresh=0.7), loss_decode=" OHEM, ""));
    graph *g = graph_new(true);
    tensor *loss;
    assert_non_null(g);
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(t.err.text, "chooses its pixels itself"));
    graph_free(g);
    test_end(&t);
}

/* Each head says which maps it learns from beside its labels. */
static void heads_ask_for_maps_beside_their_labels(void **state)
{
    (void)state;
    test_model t = test_build_ok(PID("", ""));
    graph *g = graph_new(true);
    tensor *loss;
    int found = 0;
    assert_int_equal(t.m->beside.n, 1);
    assert_string_equal(t.m->beside.at[0].map.key, "gt_edge_map");
    assert_string_equal(t.m->beside.at[0].map.maker, "GenerateEdge");
    assert_non_null(g);
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_OK);
    for (size_t i = 0; i < g->inputs.n; i++)
        found += strcmp(g->inputs.at[i]->name, "gt_edge_map") == 0;
    assert_int_equal(found, 1);
    graph_free(g);
    test_end(&t);
    t = test_build_ok(DDR("", ""));
    assert_int_equal(t.m->beside.n, 0);
    test_end(&t);
}

static void borders_are_one_channel(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", ", loss_decode=dict(type='BoundaryLoss')", ""));
    graph *g = graph_new(true);
    tensor *loss;
    assert_non_null(g);
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_UNSUPPORTED);
    assert_non_null(strstr(t.err.text, "compares one channel"));
    graph_free(g);
    test_end(&t);
}

static void light_networks_refuse(void **state)
{
    (void)state;
    test_refused(CGNET(", num_channels=(8, 12)"), CSEG_CONFIG, "num_channels has 3 entries", "test.py");
    test_refused(CGNET(", reductions=(13, 16)"), CSEG_CONFIG, "reductions", "fewer than");
    test_refused(CGNET(", num_channels=(8, 13, 16)"), CSEG_CONFIG, "num_channels", "are even");
    test_refused(CGNET(", pretrained='a.pth', init_cfg=dict(type='Normal', layer='Conv2d')"), CSEG_CONFIG,
                 "init_cfg and pretrained", "test.py");
}

/* ---- initial weights ------------------------------------------------------------------------------------------- */

static const float *values(const model *m, const char *name, int64_t *n)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    *n = p->count;
    return p->data;
}

static double deviation(const model *m, const char *name)
{
    int64_t n;
    const float *v = values(m, name, &n);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i] / (double)n;
    return sqrt(sum);
}

static void assert_spread(const model *m, const char *name, double std)
{
    double got = deviation(m, name);
    if (fabs(got - std) > 0.1 * std)
        fail_msg("%s: std %g instead of %g", name, got, std);
}

/* Classes that write the loop over all convolutions themselves: their init_cfg has no effect. Biases stay as PyTorch
 * starts them, which is uniform up to 1 / sqrt(fan in). */
static void assert_kaiming(const char *config, const char *conv, double fan_out, const char *classifier,
                           double classifier_fan_out, double bias_bound)
{
    int64_t n;
    test_model t = test_build_ok(config);
    model_init_weights(t.m, 3);
    assert_spread(t.m, conv, sqrt(2 / fan_out));
    char name[128];
    snprintf(name, sizeof name, "%s.weight", classifier);
    assert_spread(t.m, name, sqrt(2 / classifier_fan_out));
    snprintf(name, sizeof name, "%s.bias", classifier);
    const float *bias = values(t.m, name, &n);
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)bias[i]));
    assert_true(largest > 0.5 * bias_bound && largest <= bias_bound);
    test_end(&t);
}

static void heads_start_by_kaiming(void **state)
{
    (void)state;
    const char *ddr = DDR("", ", channels=64, num_classes=40, init_cfg=dict(type='Normal', std=9, layer='Conv2d')");
    assert_kaiming(ddr, "decode_head.head.0.conv.weight", 64 * 9, "decode_head.conv_seg", 40, 1 / sqrt(64));
    const char *pid = PID("", ", in_channels=256, channels=64, num_classes=40");
    assert_kaiming(pid, "decode_head.p_head.conv.conv.weight", 64 * 9, "decode_head.p_cls_seg", 40, 1 / sqrt(64));
    assert_kaiming(ddr, "decode_head.aux_head.0.conv.weight", 64 * 9, "decode_head.aux_cls_seg", 40, 1 / sqrt(64));
}

static void slopes_start_at_zero(void **state)
{
    (void)state;
    static const char *const slopes[] = {"backbone.stem.0.activate.weight", "backbone.norm_prelu_2.1.weight",
                                         "backbone.level1.0.activate.weight",
                                         "backbone.level2.1.conv1x1.activate.weight"};
    test_model t = test_build_ok(CGNET(", num_channels=(32, 64, 128), reductions=(1, 1)"));
    model_init_weights(t.m, 3);
    for (size_t i = 0; i < sizeof slopes / sizeof *slopes; i++)
        assert_true(deviation(t.m, slopes[i]) == 0);
    assert_spread(t.m, "backbone.level2.1.conv1x1.conv.weight", sqrt(2.0 / 64));
    assert_spread(t.m, "backbone.level2.0.f_glo.fc.0.weight", sqrt(2.0 / 128));
    test_end(&t);
}

/* PIDNet notes the file that is to replace what is drawn; all else of init_cfg it cannot mean. */
static void files_come_behind_the_rule(void **state)
{
    (void)state;
    test_model t = test_build_ok(PID(", init_cfg=dict(type='Pretrained', checkpoint='a.pth')", ""));
    model_init_weights(t.m, 3);
    assert_int_equal(t.m->pretrained.n, 1);
    assert_string_equal(t.m->pretrained.at[0].module, "backbone");
    assert_string_equal(t.m->pretrained.at[0].checkpoint, "a.pth");
    assert_null(t.m->pretrained.at[0].prefix);
    assert_spread(t.m, "backbone.i_branch_layers.2.0.downsample.conv.weight", sqrt(2.0 / 128));
    assert_spread(t.m, "backbone.diff_2.conv.weight", sqrt(2.0 / (16 * 9)));
    test_end(&t);
    test_refused(PID(", init_cfg=dict(type='Kaiming', layer='Conv2d')", ""), CSEG_CONFIG, "init_cfg", "Pretrained");
    test_refused(PID(", init_cfg=[dict(type='Pretrained', checkpoint='a.pth')]", ""), CSEG_CONFIG, "init_cfg",
                 "Pretrained");
}

/* In DDRNet only ConvModules do so; the convolution of a shortcut starts as PyTorch's, uniform by fan in. */
static void backbones_start(void **state)
{
    (void)state;
    test_model t = test_build_ok(DDR(", channels=32", ", in_channels=128"));
    model_init_weights(t.m, 3);
    assert_spread(t.m, "backbone.context_branch_layers.0.0.conv1.conv.weight", sqrt(2.0 / (128 * 9)));
    assert_spread(t.m, "backbone.context_branch_layers.0.0.downsample.0.weight", 1 / sqrt(64) / sqrt(3));
    assert_spread(t.m, "backbone.spp.compression.conv.weight", sqrt(2.0 / 128));
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_name_their_losses_themselves),
        cmocka_unit_test(hard_pixels_need_what_can_be_counted),
        cmocka_unit_test(hard_pixels_are_not_chosen_twice),
        cmocka_unit_test(heads_ask_for_maps_beside_their_labels),
        cmocka_unit_test(borders_are_one_channel),
        cmocka_unit_test(light_networks_refuse),
        cmocka_unit_test(heads_start_by_kaiming),
        cmocka_unit_test(slopes_start_at_zero),
        cmocka_unit_test(files_come_behind_the_rule),
        cmocka_unit_test(backbones_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
