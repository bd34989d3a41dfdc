/* BEiT, MAE and Feature2Pyramid: fields that do not fit, how they start, images of another size. */
#include <math.h>

#include "base/log.h"

#include "model_test.h"

#include "model/param.h"

#define MODEL(backbone, more)                                                                                          \
    "model = dict(type='EncoderDecoder', backbone=dict(" backbone ", img_size=32, embed_dims=8, num_layers=4,\n"       \
    "    num_heads=2" more "),\n"                                                                                      \
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n"
#define PYRAMID(more)                                                                                                  \
    "model = dict(type='EncoderDecoder', backbone=dict(type='BEiT', img_size=32, embed_dims=8, num_layers=4,\n"        \
    "    num_heads=2, out_indices=[0, 1, 2, 3]), neck=dict(type='Feature2Pyramid', embed_dim=8" more "),\n"            \
    "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_convs=1, num_classes=3))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(MODEL("type='BEiT'", ", patch_size=64"), CSEG_CONFIG, "smaller than a patch", "test.py:1");
    test_refused(MODEL("type='BEiT'", ", mlp_ratio=0"), CSEG_CONFIG, "mlp_ratio", "test.py:2");
    test_refused(MODEL("type='BEiT'", ", out_indices=[1, -1]"), CSEG_CONFIG, "out_indices names stage -1", "test.py:2");
    test_refused(MODEL("type='MAE'", ", qv_bias=True"), CSEG_CONFIG, "qv_bias", "test.py:2");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='BEiT', embed_dims=8, num_heads=3),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_classes=3))\n",
                 CSEG_CONFIG, "8 channels do not divide into 3 heads", "test.py:1");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='BEiT', img_size=(32, 32, 32)),\n"
                 "  decode_head=dict(type='FCNHead', in_channels=768, channels=4, num_classes=3))\n",
                 CSEG_CONFIG, "img_size is a whole number, or (height, width)", "test.py:1");
    test_refused(PYRAMID(", rescales=[8, 4, 2, 1]"), CSEG_CONFIG, "4, 2, 1 and 0.5", "test.py:2");
    test_refused(PYRAMID(", rescales=[4, 2, 1]"), CSEG_CONFIG, "one for each of four maps", "test.py:2");
    test_refused(PYRAMID(", rescales=[4, 2, 1, 1]"), CSEG_CONFIG, "one for each of four maps", "test.py:2");
}

static void trace_refused(const char *config, int64_t h, int64_t w, const char *complaint)
{
    test_model t = test_build_ok(config);
    graph *g = graph_new(false);
    tensor *logits;
    cseg_error err;
    assert_int_not_equal(model_trace_logits(t.m, g, 1, h, w, -1, &logits, &err), CSEG_OK);
    if (!strstr(err.text, complaint))
        fail_msg("%s\nlacks: %s", err.text, complaint);
    graph_free(g);
    test_end(&t);
}

static void images_of_another_size(void **state)
{
    (void)state;
    trace_refused(MODEL("type='BEiT'", ""), 32, 48, "2 x 3 patches, but the tables of positions are those of 2 x 2");
    trace_refused("model = dict(type='EncoderDecoder', backbone=dict(type='BEiT', img_size=32, embed_dims=8,\n"
                  "    num_layers=1, num_heads=2), neck=dict(type='Feature2Pyramid', embed_dim=8),\n"
                  "  decode_head=dict(type='FCNHead', in_channels=8, channels=4, num_classes=3))\n",
                  32, 32, "takes a map for each of four rescales, but BEiT gives 1");
}

static char said[4096];

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(said, sizeof said, "%s", text);
}

/* The state dict is in the order of the list, the maps are not. */
static void factors_in_another_order(void **state)
{
    (void)state;
    said[0] = 0;
    log_set_sink(hear, NULL);
    test_model t = test_build_ok(PYRAMID(", rescales=[0.5, 1, 2, 4]"));
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(said, "rescales are in another order"));
    size_t two = 0, four = 0;
    for (size_t i = 0; i < t.m->params.n; i++) {
        two = strcmp(t.m->params.at[i]->name, "neck.upsample_2x.0.weight") == 0 ? i : two;
        four = strcmp(t.m->params.at[i]->name, "neck.upsample_4x.0.weight") == 0 ? i : four;
    }
    assert_true(two && two < four);
    test_end(&t);
}

static void starts(const model *m, const char *name, init_rule rule, double a, double b)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    param_start s = *param_start_of(p);
    if (s.rule != rule || fabs(s.a - a) > 1e-8 || fabs(s.b - b) > 1e-12)
        fail_msg("%s starts by rule %d with %g and %g", name, s.rule, (double)s.a, (double)s.b);
}

#define TABLE "backbone.layers.2.attn.relative_position_bias_table"
#define PROJECTION "backbone.layers.2.attn.proj.weight"
#define LAST "backbone.layers.2.ffn.layers.1.weight"

/* As mmseg 1.2.2 starts them: an init_cfg reaches what is below, and without one the tables stay at 0. */
static void as_the_classes_start_them(void **state)
{
    (void)state;
    static const char *const configs[] = {MODEL("type='BEiT'", ""), MODEL("type='MAE'", "")};
    for (int i = 0; i < 2; i++) {
        test_model t = test_build_ok(configs[i]);
        starts(t.m, "backbone.cls_token", INIT_TRUNC_NORMAL, 0.02f, 0);
        starts(t.m, "backbone.patch_embed.projection.weight", INIT_KAIMING_NORMAL, 0, 0);
        starts(t.m, TABLE, INIT_ZERO, 0, 0);
        starts(t.m, PROJECTION, INIT_TRUNC_NORMAL, 0.02f, 0);
        starts(t.m, "backbone.layers.2.ffn.layers.1.bias", INIT_NORMAL, 0, 1e-6f);
        starts(t.m, "backbone.layers.2.gamma_1", INIT_CONSTANT, 0.1f, 0);
        if (i == 0)
            starts(t.m, "backbone.layers.2.attn.q_bias", INIT_ZERO, 0, 0);
        else
            starts(t.m, "backbone.pos_embed", INIT_ZERO, 0, 0);
        test_end(&t);
    }
}

static void with_an_init_cfg(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("type='BEiT'", ", init_cfg=dict(type='TruncNormal', std=0.3, layer='Linear')"));
    starts(t.m, "backbone.cls_token", INIT_ZERO, 0, 0);
    starts(t.m, "backbone.patch_embed.projection.weight", INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    starts(t.m, TABLE, INIT_TRUNC_NORMAL, 0.02f, 0);
    starts(t.m, PROJECTION, INIT_TRUNC_NORMAL, 0.3f, 0);
    test_end(&t);
    t = test_build_ok(MODEL("type='MAE'", ", init_cfg=dict()"));
    starts(t.m, TABLE, INIT_ZERO, 0, 0);
    starts(t.m, PROJECTION, INIT_TRUNC_NORMAL, 0.02f, 0);
    starts(t.m, "backbone.layers.2.ffn.layers.1.bias", INIT_ZERO, 0, 0);
    test_end(&t);
}

/* What a file lacks: MAE's last projections are the smaller, the deeper they are. */
static void with_a_file(void **state)
{
    (void)state;
    static const char *const configs[] = {
        MODEL("type='MAE'", ", pretrained='mae.pth'"),
        MODEL("type='MAE'", ", init_cfg=dict(type='Pretrained', checkpoint='mae.pth')"),
        MODEL("type='BEiT'", ", pretrained='beit.pth'")};
    for (int i = 0; i < 3; i++) {
        test_model t = test_build_ok(configs[i]);
        double std = i < 2 ? 0.02 / sqrt(6) : 0.02f;
        assert_int_equal(t.m->pretrained.n, 1);
        starts(t.m, PROJECTION, INIT_TRUNC_NORMAL, std, 0);
        starts(t.m, LAST, INIT_TRUNC_NORMAL, std, 0);
        starts(t.m, "backbone.layers.2.ffn.layers.0.0.weight", INIT_TRUNC_NORMAL, 0.02f, 0);
        starts(t.m, TABLE, INIT_ZERO, 0, 0);
        starts(t.m, "backbone.cls_token", INIT_ZERO, 0, 0);
        test_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),   cmocka_unit_test(images_of_another_size),
        cmocka_unit_test(factors_in_another_order), cmocka_unit_test(as_the_classes_start_them),
        cmocka_unit_test(with_an_init_cfg),         cmocka_unit_test(with_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
