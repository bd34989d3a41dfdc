/* What plugin layers of a ResNet refuse, where they go, and how they start. */
#include <math.h>

#include "model_test.h"

#define PLUGINS(plugins, more)                                                                                         \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='ResNet', depth=50, base_channels=8,\n"               \
    "    stem_channels=8, plugins=[" plugins "])" more "),\n"                                                          \
    "  decode_head=dict(type='FCNHead', in_channels=256, channels=4, num_classes=3))\n"
#define AFTER_2(cfg) PLUGINS("dict(cfg=dict(" cfg "), position='after_conv2')", "")

static void lists_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(PLUGINS("", ", plugins=dict(type='ContextBlock')"), CSEG_CONFIG, "list of dicts", "test.py:2");
    test_refused(PLUGINS("'ContextBlock'", ""), CSEG_CONFIG, "a plugin is a dict", "test.py:2");
    test_refused(PLUGINS("dict(position='after_conv2')", ""), CSEG_CONFIG, "needs a `cfg`", "test.py:2");
    test_refused(PLUGINS("dict(cfg=dict(type='NonLocal2d'))", ""), CSEG_CONFIG, "position", "after_conv1");
    test_refused(PLUGINS("dict(cfg=dict(type='NonLocal2d'), position='after_conv4')", ""), CSEG_CONFIG, "position",
                 "after_conv1");
    test_refused(PLUGINS("dict(cfg=dict(type='NonLocal2d'), position='after_conv1', stages=(True, ))", ""), CSEG_CONFIG,
                 "each of 4 stages", "test.py:2");
    test_refused(PLUGINS("", ", depth=18"), CSEG_CONFIG, "plugins need bottlenecks", "test.py:2");
    test_refused(PLUGINS("dict(cfg=dict(type='NonLocal2d'), position='after_conv3'),\n"
                         "dict(cfg=dict(type='NonLocal2d'), position='after_conv2')",
                         ""),
                 CSEG_CONFIG, "has a nonlocal_block already", "postfix");
    /* MMSegmentation makes them for 8 planes, though the map has other channels: it would stop there. */
    test_refused(PLUGINS("dict(cfg=dict(type='NonLocal2d'), position='after_conv1')",
                         ", type='ResNeXt', groups=2, base_width=8"),
                 CSEG_CONFIG, "8 planes", "has 16 channels");
}

static void types_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(AFTER_2("type='DropBlock'"), CSEG_UNSUPPORTED, "DropBlock", "there are ContextBlock");
    test_refused(AFTER_2("type='NonLocal2d', in_channels=8"), CSEG_CONFIG, "in_channels", "test.py:2");
    test_refused(AFTER_2("type='NonLocal2d', postfix=[1]"), CSEG_CONFIG, "postfix is a number or text", "test.py:2");
    test_refused(AFTER_2("type='ContextBlock'"), CSEG_CONFIG, "ratio", "test.py:2");
    test_refused(AFTER_2("type='ContextBlock', ratio=0.01"), CSEG_CONFIG, "leaves none", "test.py:2");
    test_refused(AFTER_2("type='ContextBlock', ratio=0.5, fusion_types=()"), CSEG_CONFIG, "fusion_types", "test.py:2");
    test_refused(AFTER_2("type='GeneralizedAttention'"), CSEG_CONFIG, "9 heads share 8 channels", "test.py");
    test_refused(AFTER_2("type='GeneralizedAttention', num_heads=2, attention_type='111'"), CSEG_CONFIG, "four digits",
                 "'111'");
    test_refused(AFTER_2("type='GeneralizedAttention', num_heads=2, position_embedding_dim=6"), CSEG_CONFIG,
                 "position_embedding_dim is 6", "multiple of 4");
    test_refused(AFTER_2("type='GeneralizedAttention', num_heads=2, spatial_range=3"), CSEG_CONFIG, "spatial_range",
                 "test.py:2");
}

/* As in MMSegmentation, where both sides are taken for one another.*/
static void terms_that_need_square_maps(void **state)
{
    (void)state;
    test_model t = test_build_ok(AFTER_2("type='GeneralizedAttention', num_heads=2, attention_type='1100'"));
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, -1, &logits, &t.err), CSEG_OK);
    graph_free(g);
    g = graph_new(false);
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 96, -1, &logits, &t.err), CSEG_SHAPE);
    assert_non_null(strstr(t.err.text, "'1100' needs square maps"));
    graph_free(g);
    test_end(&t);
}

static const float *values_of(const test_model *t, const char *name, int64_t count)
{
    const param *p = model_find(t->m, name);
    if (!p)
        fail_msg("no %s", name);
    assert_int_equal(p->count, count);
    return p->data;
}

static void stages_and_names(void **state)
{
    (void)state;
    test_model t = test_build_ok(PLUGINS("dict(cfg=dict(type='ContextBlock', ratio=0.5, postfix='_x'),\n"
                                         "  position='after_conv3', stages=(False, 1, False, False))",
                                         ""));
    assert_null(model_find(t.m, "backbone.layer1.0.context_block_x.conv_mask.weight"));
    assert_non_null(model_find(t.m, "backbone.layer2.3.context_block_x.conv_mask.weight"));
    assert_null(model_find(t.m, "backbone.layer3.0.context_block_x.conv_mask.weight"));
    test_end(&t);
}

static void check_all(const float *v, int64_t n, float low, float high)
{
    float least = INFINITY, most = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        least = fminf(least, v[i]);
        most = fmaxf(most, v[i]);
    }
    assert_true(least >= low && most <= high);
    if (low < high) /* they fill their range */
        assert_true(most - least > 0.7f * (high - low));
}

/* GeneralizedAttention keeps its own rule whatever init_cfg the backbone has: Caffe2's. */
static void attention_starts_as_the_identity(void **state)
{
    (void)state;
    test_model t = test_build_ok(AFTER_2("type='GeneralizedAttention', num_heads=2"));
    model_init_weights(t.m, 1);
    float weight = sqrtf(3.0f / 8), bias = sqrtf(1.0f / 8); /* 8 channels, 4 a head */
    check_all(values_of(&t, "backbone.layer1.0.gen_attention_block.query_conv.weight", 64), 64, -weight, weight);
    check_all(values_of(&t, "backbone.layer1.0.gen_attention_block.proj_conv.bias", 8), 8, 0, 0);
    check_all(values_of(&t, "backbone.layer4.0.gen_attention_block.geom_bias", 64), 64, -bias / sqrtf(8),
              bias / sqrtf(8));
    check_all(values_of(&t, "backbone.layer1.0.gen_attention_block.gamma", 1), 1, 0, 0);
    test_end(&t);
}

/* zeros_init and std are obeyed where the backbone's weights come from a file; else the class starts itself again. */
static void non_local_blocks_start_twice(void **state)
{
    (void)state;
    const char *out = "backbone.layer1.0.nonlocal_block.conv_out.conv.weight";
    test_model t = test_build_ok(AFTER_2("type='NonLocal2d', zeros_init=False, std=5.0"));
    model_init_weights(t.m, 1);
    check_all(values_of(&t, out, 32), 32, 0, 0);
    test_end(&t);
    t = test_build_ok(PLUGINS("dict(cfg=dict(type='NonLocal2d', zeros_init=False, std=5.0), position='after_conv2')",
                              ", init_cfg=dict(type='Pretrained', checkpoint='weights.pth')"));
    model_init_weights(t.m, 1);
    assert_true(values_of(&t, out, 32)[0] != 0);
    test_end(&t);
    t = test_build_ok(PLUGINS("dict(cfg=dict(type='NonLocal2d', zeros_init=False, std=5.0), position='after_conv2')",
                              ", pretrained='weights.pth'"));
    model_init_weights(t.m, 1);
    const float *v = values_of(&t, out, 32);
    float most = 0;
    for (int i = 0; i < 32; i++)
        most = fmaxf(most, fabsf(v[i]));
    assert_true(most > 5 && most < 25);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_do_not_fit),
        cmocka_unit_test(types_that_do_not_fit),
        cmocka_unit_test(terms_that_need_square_maps),
        cmocka_unit_test(stages_and_names),
        cmocka_unit_test(attention_starts_as_the_identity),
        cmocka_unit_test(non_local_blocks_start_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
