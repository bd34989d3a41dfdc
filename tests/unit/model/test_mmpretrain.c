/* Backbones of mmpretrain and mmcls: their names, sizes, what they refuse, how they start and which blocks skip. */
#include <math.h>

#include "model/layers/layers.h"
#include "model_test.h"

#define MODEL(backbone, more)                                                                                          \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(" backbone ")" more "),\n"                                 \
    "  decode_head=dict(type='FCNHead', in_channels=16, channels=4, num_convs=1, num_classes=3,\n"                     \
    "    dropout_ratio=0))\n"
#define SMALL ", arch=dict(depths=[1, 3], channels=[8, 16]), gap_before_final_norm=False, out_indices=1"
#define CONVNEXT(more) MODEL("type='mmpretrain.ConvNeXt'" SMALL, more)
#define OLD_CONVNEXT(more) MODEL("type='mmcls.ConvNeXt'" SMALL, more)

static void convnext_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(CONVNEXT(", arch='tinny'"), CSEG_CONFIG, "did you mean 'tiny'?", "huge, or a dict");
    test_refused(CONVNEXT(", arch=3"), CSEG_CONFIG, "arch is a name or a dict, not", "test.py:1");
    test_refused(CONVNEXT(", arch=dict(depths=[1, 1])"), CSEG_CONFIG, "channels", "ConvNeXt's arch");
    test_refused(CONVNEXT(", arch=dict(depths=[1, 1], channels=[8])"), CSEG_CONFIG, "2 depths and 1 channels", "arch");
    test_refused(CONVNEXT(", gap_before_final_norm=True"), CSEG_CONFIG, "set it to False", "gap_before_final_norm");
    test_refused(CONVNEXT(", out_indices=-1"), CSEG_CONFIG, "stage 3 of 2", "out_indices");
    test_refused(CONVNEXT(", frozen_stages=3"), CSEG_CONFIG, "frozen_stages=3", "2 stages");
    test_refused(CONVNEXT(", norm_cfg=dict(type='BN')"), CSEG_CONFIG, "LN2d only", "not BN");
    test_refused(OLD_CONVNEXT(", use_grn=True"), CSEG_CONFIG, "use_grn", "test.py:1");
    test_refused(MODEL("type='ConvNeXt'" SMALL, ""), CSEG_UNSUPPORTED, "another is mmpretrain.ConvNeXt", "test.py:1");
}

#define POOLFORMER(more)                                                                                               \
    MODEL("type='mmpretrain.PoolFormer', arch=dict(layers=[1, 3], embed_dims=[8, 16]), out_indices=2", more)

static void poolformer_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(POOLFORMER(", arch='s13'"), CSEG_CONFIG, "there is no arch 's13', did you mean 's12'?", "m48");
    test_refused(POOLFORMER(", arch=dict(layers=[1, 1], embed_dims=[8])"), CSEG_CONFIG, "2 layers, 1 embed_dims",
                 "arch");
    test_refused(POOLFORMER(", arch=dict(layers=[1] * 5, embed_dims=[8] * 5)"), CSEG_CONFIG, "4 mlp_ratios", "arch");
    test_refused(POOLFORMER(", pool_size=2"), CSEG_CONFIG, "must be odd, not 2", "pool_size");
    test_refused(POOLFORMER(", out_indices=-1"), CSEG_CONFIG, "stage 6 of 3", "out_indices");
    test_refused(POOLFORMER(", frozen_stages=4"), CSEG_CONFIG, "frozen_stages=4", "3 parts");
    test_refused(POOLFORMER(", in_channels=6"), CSEG_CONFIG, "in_channels", "test.py:1");
    test_refused(MODEL("type='mmseg.PoolFormer'", ""), CSEG_UNSUPPORTED, "another is mmpretrain.PoolFormer",
                 "test.py:1");
}

static test_model built(const char *text)
{
    test_model t = test_build_ok(text);
    model_init_weights(t.m, 1);
    return t;
}

static double largest(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    double most = 0;
    assert_non_null(p);
    for (int64_t i = 0; i < p->count; i++)
        most = fmax(most, fabs((double)((const float *)p->data)[i]));
    return most;
}

/* mmpretrain draws from a normal distribution with deviation 0.02, mmcls leaves it to PyTorch: +-1 / sqrt(fan in). */
static void convnext_starts_as_its_scope_says(void **state)
{
    (void)state;
    static const char *const text[] = {CONVNEXT(""), OLD_CONVNEXT(""),
                                       MODEL("type='ConvNeXt', _scope_='mmcls'" SMALL, "")};
    for (int i = 0; i < 3; i++) {
        test_model t = built(text[i]);
        double first = largest(t.m, "backbone.stages.1.0.pointwise_conv1.weight");
        double bias = largest(t.m, "backbone.downsample_layers.0.0.bias");
        if (i == 0)
            assert_true(first > 0.05 && first < 0.12 && bias == 0);
        else
            assert_true(first > 0.2 && first <= 0.25 && bias > 0);
        assert_true(largest(t.m, "backbone.stages.1.2.gamma") == 1e-6f);
        assert_true(largest(t.m, "backbone.norm1.weight") == 1);
        test_end(&t);
    }
}

static void convnext_is_as_large_as_its_arch_says(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("type='mmpretrain.ConvNeXt'", ", arch='nano', gap_before_final_norm=False"));
    assert_int_equal(model_find(t.m, "backbone.stages.2.7.pointwise_conv2.weight")->dim[0], 320);
    assert_null(model_find(t.m, "backbone.stages.2.8.gamma"));
    assert_int_equal(model_find(t.m, "backbone.norm3.weight")->dim[0], 640); /* out_indices=-1 */
    assert_null(model_find(t.m, "backbone.norm2.weight"));
    test_end(&t);
}

/* How many nodes of a training step skip an image's block. */
static int skips(const char *text)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(true);
    tensor *loss = NULL;
    int n = 0;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_OK);
    for (size_t i = 0; i < g->nodes.n; i++)
        n += strcmp(op_name(g->nodes.at[i]->op), "dropout") == 0;
    graph_free(g);
    test_end(&t);
    return n;
}

/* The first block never skips; a frozen stage is in evaluation mode. */
static void frozen_stages_never_skip(void **state)
{
    (void)state;
    assert_int_equal(skips(CONVNEXT("")), 0);
    assert_int_equal(skips(CONVNEXT(", drop_path_rate=0.3")), 3);
    assert_int_equal(skips(CONVNEXT(", drop_path_rate=0.3, frozen_stages=1")), 3);
    assert_int_equal(skips(CONVNEXT(", drop_path_rate=0.3, frozen_stages=2")), 0);
}

/* The first block's probability is 0; two places of dropout in each of the four blocks. */
static void poolformers_frozen_parts_drop_nothing(void **state)
{
    (void)state;
    assert_int_equal(skips(POOLFORMER("")), 0);
    assert_int_equal(skips(POOLFORMER(", drop_path_rate=0.3")), 6);
    assert_int_equal(skips(POOLFORMER(", drop_path_rate=0.3, drop_rate=0.1")), 14);
    assert_int_equal(skips(POOLFORMER(", drop_path_rate=0.3, drop_rate=0.1, frozen_stages=1")), 12);
    assert_int_equal(skips(POOLFORMER(", drop_path_rate=0.3, drop_rate=0.1, frozen_stages=3")), 0);
}

static void poolformer_starts_as_pytorch_does(void **state)
{
    (void)state;
    static const char *const text[] = {POOLFORMER(""),
                                       MODEL("type='mmcls.PoolFormer', arch=dict(layers=[1, 3], embed_dims=[8, 16], "
                                             "layer_scale_init_value=1e-5), out_indices=2",
                                             "")};
    for (int i = 0; i < 2; i++) {
        test_model t = built(text[i]);
        double first = largest(t.m, "backbone.network.2.0.mlp.fc1.weight");
        assert_true(first > 0.2 && first <= 0.25 && largest(t.m, "backbone.patch_embed.proj.bias") > 0);
        assert_true(largest(t.m, "backbone.network.2.2.layer_scale_2") == 1e-5f);
        assert_false(model_find(t.m, "backbone.patch_embed.proj.weight")->requires_grad); /* frozen_stages is 0 */
        assert_true(model_find(t.m, "backbone.network.0.0.layer_scale_1")->requires_grad);
        test_end(&t);
    }
}

/* torch.linspace(0, 0.4, 18), to the bit. */
static void probabilities_grow_as_torch_spaces_them(void **state)
{
    (void)state;
    static const float wanted[18] = {0,
                                     0.0235294122f,
                                     0.0470588244f,
                                     0.0705882385f,
                                     0.0941176489f,
                                     0.117647059f,
                                     0.141176477f,
                                     0.164705887f,
                                     0.188235298f,
                                     0.211764708f,
                                     0.235294119f,
                                     0.258823544f,
                                     0.282352954f,
                                     0.305882365f,
                                     0.329411775f,
                                     0.352941185f,
                                     0.376470596f,
                                     0.400000006f};
    for (int i = 0; i < 18; i++)
        assert_true((float)drop_path_rate(0.4, i, 18) == wanted[i]);
    assert_true(drop_path_rate(0.4, 0, 1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convnext_fields_that_do_not_fit),
        cmocka_unit_test(poolformer_fields_that_do_not_fit),
        cmocka_unit_test(poolformers_frozen_parts_drop_nothing),
        cmocka_unit_test(poolformer_starts_as_pytorch_does),
        cmocka_unit_test(convnext_starts_as_its_scope_says),
        cmocka_unit_test(convnext_is_as_large_as_its_arch_says),
        cmocka_unit_test(frozen_stages_never_skip),
        cmocka_unit_test(probabilities_grow_as_torch_spaces_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
