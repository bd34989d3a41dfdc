/* Backbones of two paths: what they refuse, and which maps they give. */
#include "model/backbones/out_indices.h"
#include "model_test.h"

#define BISENET1(fields)                                                                                               \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='BiSeNetV1', spatial_channels=(4, 4, 4, 4),\n"        \
    "    context_channels=(4, 8, 16), out_channels=8,\n"                                                               \
    "    backbone_cfg=dict(type='ResNet', depth=18, base_channels=2, stem_channels=4)), " fields "),\n"                \
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=4, num_classes=3))\n"

#define BISENET2(fields)                                                                                               \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='BiSeNetV2', detail_channels=(4, 4, 8),\n"            \
    "    semantic_channels=(2, 4, 4, 8), bga_channels=8), " fields "),\n"                                              \
    "  decode_head=dict(type='FCNHead', in_channels=8, in_index=0, channels=4, num_classes=3))\n"

#define FASTSCNN(fields)                                                                                               \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='FastSCNN', downsample_dw_channels=(2, 4),\n"         \
    "    global_in_channels=4, global_block_channels=(4, 4, 4), global_out_channels=8, higher_in_channels=4,\n"        \
    "    lower_in_channels=8, fusion_out_channels=4), " fields "),\n"                                                  \
    "  decode_head=dict(type='FCNHead', in_channels=4, in_index=2, channels=4, num_classes=3))\n"

static void bisenet_v1_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(BISENET1("spatial_channels=(4, 4, 4)"), CSEG_CONFIG, "spatial_channels has 4 entries", "not 3 and 3");
    test_refused(BISENET1("context_channels=(4, 8)"), CSEG_CONFIG, "context_channels 3", "not 4 and 2");
    test_refused(BISENET1("context_channels=(5, 8, 16)"), CSEG_CONFIG, "context_channels[1] = 8", "4 + 5");
    test_refused(BISENET1("in_channels=4"), CSEG_CONFIG, "in_channels is 4", "the ResNet of backbone_cfg takes 3");
    test_refused(BISENET1("backbone_cfg=None"), CSEG_CONFIG, "backbone must be a dict", "test.py");
    test_refused(BISENET1("pretrained='a.pth'"), CSEG_CONFIG, "pretrained", "test.py");
    test_refused(BISENET1("backbone_cfg=dict(type='ChangeExtraResNet', depth=18, in_channels=2)"), CSEG_CONFIG,
                 "backbone.context_path.backbone: ChangeExtraResNet sees pairs", "test.py");
    test_trace_refused(BISENET1("backbone_cfg=dict(type='ResNet', depth=18, out_indices=(1, 2, 3))"), "takes 4 maps",
                       "ResNet gives 3");
    test_trace_refused(BISENET1("context_channels=(4, 8, 32)"), "32 in context_channels for map 3 of ResNet",
                       "has 16 channels");
}

static void bisenet_v2_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(BISENET2("detail_channels=()"), CSEG_CONFIG, "semantic_channels", "not 4 and 0");
    test_refused(BISENET2("semantic_channels=(4, 4, 8)"), CSEG_CONFIG, "one entry more", "not 3 and 3");
    test_refused(BISENET2("bga_channels=16"), CSEG_CONFIG, "bga_channels = 16", "ends with 8");
    test_refused(BISENET2("semantic_channels=(2, 4, 4, 4)"), CSEG_CONFIG, "semantic_channels with 4", "test.py");
    test_refused(BISENET2("semantic_channels=(1, 4, 4, 8)"), CSEG_CONFIG, "stage1.convs.0", "no parameter");
    test_refused(BISENET2("out_indices=(0, 5)"), CSEG_CONFIG, "names map 5 of 5", "-5 to 4");
    test_refused(BISENET2("out_indices=(-6, )"), CSEG_CONFIG, "names map -6 of 5", "-5 to 4");
    test_refused(BISENET2("semantic_channels=(8, ) * 17, detail_channels=(8, ) * 16"), CSEG_CONFIG, "at most 16",
                 "not 17 and 16");
}

static void fast_scnn_fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(FASTSCNN("downsample_dw_channels=(2, 4, 8)"), CSEG_CONFIG, "has two entries", "not 3");
    test_refused(FASTSCNN("global_block_channels=(4, 4)"), CSEG_CONFIG, "there are 3 groups", "2 entries");
    test_refused(FASTSCNN("global_block_strides=(2, 2)"), CSEG_CONFIG, "there are 3 groups", "global_block_strides 2");
    test_refused(FASTSCNN("global_block_strides=(2, 3, 1)"), CSEG_CONFIG, "global_block_strides", "from 1 to 2");
    test_refused(FASTSCNN("global_block_channels=(4, 4, 6)"), CSEG_CONFIG, "a multiple of 4", "not 6");
    test_refused(FASTSCNN("higher_in_channels=8"), CSEG_CONFIG, "higher_in_channels=8", "global_in_channels=4");
    test_refused(FASTSCNN("lower_in_channels=4"), CSEG_CONFIG, "lower_in_channels=4", "global_out_channels=8");
    test_refused(FASTSCNN("fusion_out_channels=3"), CSEG_CONFIG, "fusion_out_channels=3", "lower_in_channels=8");
    test_refused(FASTSCNN("out_indices=(3, )"), CSEG_CONFIG, "out_indices", "-3 to 2");
    test_refused(FASTSCNN("pretrained='a.pth'"), CSEG_CONFIG, "pretrained", "test.py");
}

/* In the order of the config, from the end if negative, repeated if it says so. */
static void maps_in_the_order_of_the_config(void **state)
{
    (void)state;
    test_model t = test_build_ok(BISENET1("out_indices=(2, 0, -2, 2)"));
    graph *g = graph_new(false);
    features f = backbone_run(module_child(t.m->root, "backbone"), g,
                              graph_input(g, "img", DT_F32, 4, (int64_t[]){1, 64, 64, 3}));
    assert_int_equal(f.n, 4);
    static const int64_t side[] = {4, 8, 8, 4}, channels[] = {4, 8, 4, 4};
    for (int i = 0; i < f.n; i++) {
        assert_int_equal(f.at[i]->dim[1], side[i]);
        assert_int_equal(f.at[i]->dim[3], channels[i]);
    }
    assert_ptr_equal(f.at[0], f.at[3]);
    graph_free(g);
    test_end(&t);
    test_refused(BISENET1("out_indices=()"), CSEG_CONFIG, "out_indices is empty", "test.py:3");
    test_refused(BISENET1("out_indices=(0, 3)"), CSEG_CONFIG, "out_indices", "-3 to 2");
    test_refused(BISENET1("out_indices=(0, -4)"), CSEG_CONFIG, "out_indices", "-3 to 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bisenet_v1_fields_that_do_not_fit),
        cmocka_unit_test(bisenet_v2_fields_that_do_not_fit),
        cmocka_unit_test(fast_scnn_fields_that_do_not_fit),
        cmocka_unit_test(maps_in_the_order_of_the_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
