/* Groups by a parameter's depth in the backbone, against those of mmseg's LearningRateDecayOptimizerConstructor; which
 * constructors each dialect knows; what they refuse. */
#include "../model/model_test.h"

#include <math.h>

#include "engine/dialect/experiment.h"
#include "engine/train/optim/constructor.h"

#define CONVNEXT                                                                                                       \
    "type='mmpretrain.ConvNeXt', arch=dict(depths=[1, 1, 4, 1], channels=[4, 4, 4, 4]), out_indices=[2, 3],\n"         \
    "    gap_before_final_norm=False, frozen_stages=1"
#define MODEL(backbone, channels)                                                                                      \
    "model = dict(type='EncoderDecoder', backbone=dict(" backbone "),\n"                                               \
    "  decode_head=dict(type='FCNHead', in_channels=" channels ", channels=4, num_convs=1, num_classes=2))\n"

#define OLD "optimizer_config = dict()\n"

typedef struct wanted {
    const char *name;
    double lr, weight_decay;
    int64_t n;
    const char *first, *last;
} wanted;
static const wanted by_stage[] = {
    {"layer_0_no_decay", 0.00078125, 0.0, 9, "backbone.downsample_layers.1.0.weight",
     "backbone.downsample_layers.3.1.bias"},
    {"layer_0_decay", 0.00078125, 0.05, 3, "backbone.downsample_layers.1.1.weight",
     "backbone.downsample_layers.3.1.weight"},
    {"layer_2_no_decay", 0.003125, 0.0, 6, "backbone.stages.1.0.gamma", "backbone.stages.1.0.pointwise_conv2.bias"},
    {"layer_2_decay", 0.003125, 0.05, 3, "backbone.stages.1.0.depthwise_conv.weight",
     "backbone.stages.1.0.pointwise_conv2.weight"},
    {"layer_3_no_decay", 0.00625, 0.0, 24, "backbone.stages.2.0.gamma", "backbone.stages.2.3.pointwise_conv2.bias"},
    {"layer_3_decay", 0.00625, 0.05, 12, "backbone.stages.2.0.depthwise_conv.weight",
     "backbone.stages.2.3.pointwise_conv2.weight"},
    {"layer_4_no_decay", 0.0125, 0.0, 6, "backbone.stages.3.0.gamma", "backbone.stages.3.0.pointwise_conv2.bias"},
    {"layer_4_decay", 0.0125, 0.05, 3, "backbone.stages.3.0.depthwise_conv.weight",
     "backbone.stages.3.0.pointwise_conv2.weight"},
    {"layer_7_no_decay", 0.1, 0.0, 7, "backbone.norm2.weight", "decode_head.conv_cat.conv.bias"},
    {"layer_7_decay", 0.1, 0.05, 3, "decode_head.conv_seg.weight", "decode_head.conv_cat.conv.weight"},
};
static const wanted by_layer[] = {
    {"layer_2_no_decay", 0.003125, 0.0, 9, "backbone.downsample_layers.1.0.weight",
     "backbone.stages.1.0.pointwise_conv2.bias"},
    {"layer_2_decay", 0.003125, 0.05, 4, "backbone.downsample_layers.1.1.weight",
     "backbone.stages.1.0.pointwise_conv2.weight"},
    {"layer_3_no_decay", 0.00625, 0.0, 21, "backbone.downsample_layers.2.0.weight",
     "backbone.stages.2.2.pointwise_conv2.bias"},
    {"layer_3_decay", 0.00625, 0.05, 10, "backbone.downsample_layers.2.1.weight",
     "backbone.stages.2.2.pointwise_conv2.weight"},
    {"layer_6_no_decay", 0.05, 0.0, 9, "backbone.downsample_layers.3.0.weight",
     "backbone.stages.3.0.pointwise_conv2.bias"},
    {"layer_6_decay", 0.05, 0.05, 4, "backbone.downsample_layers.3.1.weight",
     "backbone.stages.3.0.pointwise_conv2.weight"},
    {"layer_4_no_decay", 0.0125, 0.0, 6, "backbone.stages.2.3.gamma", "backbone.stages.2.3.pointwise_conv2.bias"},
    {"layer_4_decay", 0.0125, 0.05, 3, "backbone.stages.2.3.depthwise_conv.weight",
     "backbone.stages.2.3.pointwise_conv2.weight"},
    {"layer_7_no_decay", 0.1, 0.0, 7, "backbone.norm2.weight", "decode_head.conv_cat.conv.bias"},
    {"layer_7_decay", 0.1, 0.05, 3, "decode_head.conv_seg.weight", "decode_head.conv_cat.conv.weight"},
};

static cseg_status build(const test_model *t, const char *dict, const char *paramwise, const group_rules *rules,
                         optimizer **o, cseg_error *err)
{
    value *cfg = NULL, *groups = NULL;
    assert_int_equal(config_parse_literal(dict, "optimizer", t->mem, &cfg, err), CSEG_OK);
    assert_int_equal(config_parse_literal(paramwise, "paramwise_cfg", t->mem, &groups, err), CSEG_OK);
    return optimizer_build(cfg, groups, rules, t->m, t->mem, o, err);
}

static void check(const test_model *t, const char *paramwise, const group_rules *rules, const wanted *w, int n)
{
    optimizer *o = NULL;
    cseg_error err;
    int64_t at = 0;
    if (build(t, "dict(type='AdamW', lr=0.1, weight_decay=0.05)", paramwise, rules, &o, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(o->n_groups, n);
    assert_int_equal(o->n_paced, rules->tells_base ? n + 1 : n);
    for (int i = 0; i < n; i++) {
        const optim_group *g = &o->groups[i];
        assert_string_equal(g->name, w[i].name);
        assert_true(fabs(g->lr - w[i].lr) < 1e-12 && g->initial_lr == g->lr);
        assert_true(fabs(g->lr_scale - w[i].lr / 0.1) < 1e-9 && g->weight_decay == w[i].weight_decay);
        assert_true(g->first == at && g->n == w[i].n);
        assert_string_equal(o->entries[at].p->name, w[i].first);
        at += g->n;
        assert_string_equal(o->entries[at - 1].p->name, w[i].last);
        assert_int_equal(o->entries[at - 1].group, i);
    }
    assert_int_equal(at, o->n_entries);
}

static void groups_are_the_references(void **state)
{
    (void)state;
    static const group_constructor *const dialects[] = {group_constructors_mmcv, group_constructors_mmengine};
    test_model t = test_build_ok(MODEL(CONVNEXT, "4"));
    for (int i = 0; i < 2; i++) {
        const group_rules *rules = group_constructor_find(dialects[i], "LearningRateDecayOptimizerConstructor");
        check(&t, "dict(num_layers=6, decay_rate=0.5, decay_type='stage_wise')", rules, by_stage,
              sizeof by_stage / sizeof *by_stage);
        check(&t, "dict(num_layers=6, decay_rate=0.5)", rules, by_layer, sizeof by_layer / sizeof *by_layer);
        rules = group_constructor_find(dialects[i], "LayerDecayOptimizerConstructor");
        check(&t, "dict(num_layers=6, layer_decay_rate=0.5)", rules, by_layer, sizeof by_layer / sizeof *by_layer);
    }
    test_end(&t);
}

/* Figures of get_layer_id_for_vit and get_layer_id_for_convnext. */
static void depths_are_the_references(void **state)
{
    (void)state;
    static const struct {
        depth_count how;
        const char *name;
        int64_t depth;
    } cases[] = {
        {DEPTH_OF_TRANSFORMER, "backbone.cls_token", 0},
        {DEPTH_OF_TRANSFORMER, "backbone.pos_embed", 0},
        {DEPTH_OF_TRANSFORMER, "backbone.patch_embed.projection.weight", 0},
        {DEPTH_OF_TRANSFORMER, "backbone.layers.0.ln1.weight", 1},
        {DEPTH_OF_TRANSFORMER, "backbone.layers.11.attn.qkv.weight", 12},
        {DEPTH_OF_TRANSFORMER, "backbone.norm1.weight", 13},
        {DEPTH_OF_TRANSFORMER, "decode_head.conv_seg.weight", 13},
        {DEPTH_OF_LAYERS, "backbone.stages.2.26.gamma", 11},
        {DEPTH_OF_LAYERS, "backbone.downsample_layers.3.1.weight", 12},
        {DEPTH_OF_LAYERS, "backbone.norm3.weight", 13},
        {DEPTH_OF_LAYERS, "backbone.stages.4.0.gamma", -1},
        {DEPTH_OF_STAGES, "backbone.downsample_layers.3.1.weight", 0},
        {DEPTH_OF_STAGES, "backbone.stages.3.0.gamma", 4},
        {DEPTH_OF_STAGES, "backbone.norm3.weight", 13},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (depth_of_param(cases[i].how, cases[i].name, 12) != cases[i].depth)
            fail_msg("%s", cases[i].name);
}

static void refused(const test_model *t, const char *constructor, const char *paramwise, const char *complaint)
{
    optimizer *o = NULL;
    cseg_error err;
    const group_rules *rules = group_constructor_find(group_constructors_mmengine, constructor);
    assert_int_not_equal(build(t, "dict(type='SGD', lr=0.1)", paramwise, rules, &o, &err), CSEG_OK);
    if (!strstr(err.text, complaint))
        fail_msg("%s lacks: %s", err.text, complaint);
}

static void what_has_no_depth_is_refused(void **state)
{
    (void)state;
    static const char decay[] = "LearningRateDecayOptimizerConstructor", layer[] = "LayerDecayOptimizerConstructor";
    test_model t = test_build_ok(MODEL(CONVNEXT, "4"));
    refused(&t, decay, "dict(num_layers=6, decay_rate=0.5, decay_type='stagewise')", "there is no decay_type");
    refused(&t, decay, "dict(num_layers=6)", "decay_rate");
    refused(&t, decay, "dict(decay_rate=0.5)", "num_layers");
    refused(&t, layer, "dict(num_layers=6, decay_rate=0.5)", "layer_decay_rate");
    refused(&t, layer, "None", "paramwise_cfg is described by a dict");
    test_end(&t);
    t = test_build_ok(MODEL("type='ResNet', depth=18, base_channels=8, stem_channels=8", "64"));
    refused(&t, decay, "dict(num_layers=6, decay_rate=0.5)", "for ConvNeXt, BEiT and MAE");
    refused(&t, decay, "dict(num_layers=6, decay_rate=0.5, decay_type='stage_wise')", "the backbone is ResNet");
    test_end(&t);
}

static void dialects_know_their_constructors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool known;
        depth_rule depth;
    } cases[] = {
        {OLD "optimizer = dict(type='SGD')\n", true, DEPTH_NONE},
        {OLD "optimizer = dict(type='SGD', constructor='DefaultOptimizerConstructor')\n", true, DEPTH_NONE},
        {OLD "optimizer = dict(type='SGD', constructor='LayerDecayOptimizerConstructor')\n", true, DEPTH_LAYER_DECAY},
        {OLD "optimizer = dict(type='SGD', constructor='DefaultOptimWrapperConstructor')\n", false, DEPTH_NONE},
        {"optim_wrapper = dict(optimizer=dict(type='SGD'))\n", true, DEPTH_NONE},
        {"optim_wrapper = dict(optimizer=dict(type='SGD'), constructor='LearningRateDecayOptimizerConstructor')\n",
         true, DEPTH_DECAY},
        {"optim_wrapper = dict(optimizer=dict(type='SGD'), constructor='OwnConstructor')\n", false, DEPTH_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        value *cfg = NULL;
        cseg_error err;
        experiment e;
        assert_non_null(mem);
        assert_int_equal(config_parse_text(cases[i].text, "some.py", mem, &cfg, &err), CSEG_OK);
        experiment_begin(cfg, &e);
        assert_true((e.groups != NULL) == cases[i].known);
        if (e.groups)
            assert_int_equal(e.groups->depth, cases[i].depth);
        arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_are_the_references),
        cmocka_unit_test(depths_are_the_references),
        cmocka_unit_test(what_has_no_depth_is_refused),
        cmocka_unit_test(dialects_know_their_constructors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
