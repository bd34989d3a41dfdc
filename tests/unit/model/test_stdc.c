/* STDCNet, STDCContextPathNet and STDCHead: what they refuse, which labels the head takes, how its kernels start. */
#include "model_test.h"

#define STDC(net, path, head)                                                                                          \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='STDCContextPathNet',\n"                              \
    "    backbone_cfg=dict(dict(type='STDCNet', stdc_type='STDCNet1', in_channels=3, channels=(2, 4, 8, 8, 16),\n"     \
    "      bottleneck_type='cat', norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU')), " net "),\n"                   \
    "    last_in_channels=(16, 8), out_channels=4, ffm_cfg=dict(in_channels=12, out_channels=4)), " path "),\n"        \
    "  decode_head=dict(type='FCNHead', in_channels=4, in_index=3, channels=4, num_convs=1, num_classes=3),\n"         \
    "  auxiliary_head=dict(dict(type='STDCHead', in_channels=8, in_index=0, channels=4, num_convs=1,\n"                \
    "    num_classes=2), " head "))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(STDC("stdc_type='STDCNet3'", "", ""), CSEG_CONFIG, "stdc_type", "STDCNet1");
    test_refused(STDC("channels=(8, 8, 8)", "", ""), CSEG_CONFIG, "channels has 5 entries", "not 3");
    test_refused(STDC("channels=(2, 4, 8, 12, 16)", "", ""), CSEG_CONFIG, "12 channels cannot be halved 3 times",
                 "test.py");
    test_refused(STDC("num_convs=1", "", ""), CSEG_CONFIG, "num_convs", "from 2 to 16");
    test_refused(STDC("", "last_in_channels=(16, )", ""), CSEG_CONFIG, "at least two", "not 1");
    test_refused(STDC("", "align_corners=False", ""), CSEG_CONFIG, "align_corners is of bilinear", "test.py");
    test_refused(STDC("", "align_corners=1, upsample_mode='bilinear'", ""), CSEG_CONFIG, "a bool or None", "int");
    test_refused(STDC("", "upsample_mode='area'", ""), CSEG_CONFIG, "upsample_mode", "bicubic");
    test_refused(STDC("", "ffm_cfg=dict(in_channels=12, out_channels=3, scale_factor=4)", ""), CSEG_CONFIG,
                 "scale_factor=4 leaves none of 3", "test.py");
    test_refused(STDC("", "ffm_cfg=dict(in_channels=12)", ""), CSEG_CONFIG, "out_channels", "ffm_cfg");
    test_refused(STDC("", "", "boundary_threshold=None"), CSEG_CONFIG, "boundary_threshold", "test.py");
}

static void maps_that_do_not_meet(void **state)
{
    (void)state;
    test_trace_refused(STDC("", "last_in_channels=(16, 8, 8)", ""), "refines the last 3 of more maps",
                       "STDCNet of backbone_cfg gives 3");
    test_trace_refused(STDC("", "last_in_channels=(16, 4)", ""), "4 in last_in_channels for map 1 of STDCNet",
                       "8 channels");
    test_trace_refused(STDC("",
                            "backbone_cfg=dict(type='ResNet', depth=18, base_channels=2, stem_channels=2),\n"
                            "  ffm_cfg=dict(in_channels=6, out_channels=4)",
                            ""),
                       "first map of ResNet, of 16 x 16", "refined one, of 8 x 8");
    test_trace_refused(STDC("", "ffm_cfg=dict(in_channels=16, out_channels=4)", ""), "ffm_cfg has in_channels=16",
                       "out_channels is 4");
}

static void kernels_start_as_constants(void **state)
{
    (void)state;
    test_model t = test_build_ok(STDC("", "", ""));
    model_init_weights(t.m, 3);
    const param *fusion = model_find(t.m, "auxiliary_head.fusion_kernel");
    const param *laplacian = model_find(t.m, "auxiliary_head.laplacian_kernel");
    assert_non_null(fusion);
    assert_non_null(laplacian);
    assert_int_equal(fusion->role, PARAM_TRAINED);
    assert_int_equal(laplacian->role, PARAM_BUFFER);
    assert_false(fusion->requires_grad);
    for (int i = 0; i < 3; i++)
        assert_true(((const float *)fusion->data)[i] == ((float[]){0.6f, 0.3f, 0.1f})[i]);
    for (int i = 0; i < 9; i++)
        assert_true(((const float *)laplacian->data)[i] == (i == 4 ? 8 : -1));
    test_end(&t);
}

/* The head learns borders between any labels, so none is outside of its two classes. */
static void it_takes_any_label(void **state)
{
    (void)state;
    test_model t = test_build_ok(STDC("", "", ""));
    assert_int_equal(t.m->labels.n, 1);
    assert_string_equal(t.m->labels.at[0].head->name, "decode_head");
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(maps_that_do_not_meet),
        cmocka_unit_test(kernels_start_as_constants),
        cmocka_unit_test(it_takes_any_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
