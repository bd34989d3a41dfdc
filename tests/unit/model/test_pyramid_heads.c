/* What heads and necks of pyramids (ASPP, UPer, FPN, JPU) refuse: fields that contradict each other, and maps that they
 * cannot take. */
#include "model_test.h"

#define MODEL(neck, head)                                                                                              \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),\n"  \
    "  " neck "decode_head=dict(channels=4, num_classes=3, " head "))\n"
#define SEPARABLE(fields) MODEL("", "type='DepthwiseSeparableASPPHead', in_channels=64, in_index=3, " fields)
#define JPU(fields) MODEL("neck=dict(type='JPU', mid_channels=4, " fields "),\n  ", "type='FCNHead', in_channels=16")
#define MAPS "in_channels=[8, 16, 32, 64], in_index=[0, 1, 2, 3], "

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(SEPARABLE("c1_in_channels=0, c1_channels=8"), CSEG_CONFIG, "c1_channels=8", "c1_in_channels=0");
    test_refused(SEPARABLE("c1_in_channels=8, c1_channels=0"), CSEG_CONFIG, "c1_channels=0", "test.py:2");
    test_refused(SEPARABLE("c1_in_channels=8"), CSEG_CONFIG, "c1_channels", "test.py:2");
    test_refused(MODEL("", "type='ASPPHead', in_channels=64, dilations=(1, 0)"), CSEG_CONFIG, "dilations", "test.py:2");
    test_refused(MODEL("", "type='ASPPHead', in_channels=64, c1_channels=8"), CSEG_CONFIG, "c1_channels", "channels");
    test_refused(MODEL("", "type='DepthwiseSeparableFCNHead', in_channels=64, num_convs=0"), CSEG_CONFIG, "num_convs",
                 "test.py:2");
    test_refused(MODEL("", "type='UPerHead', " MAPS "input_transform='multiple_select'"), CSEG_CONFIG, "UPerHead",
                 "leave input_transform out");
    test_refused(MODEL("", "type='FPNHead', " MAPS "feature_strides=[4, 8, 16]"), CSEG_CONFIG, "3 entries", "has 4");
    test_refused(MODEL("", "type='FPNHead', " MAPS "feature_strides=[4, 2, 16, 32]"), CSEG_CONFIG,
                 "feature_strides[1]=2", "finest map comes first");
}

static void levels_that_are_not_there(void **state)
{
    (void)state;
    test_refused(JPU("in_channels=(8, 16), start_level=2"), CSEG_CONFIG, "levels 2 to 1 of 2", "test.py:2");
    test_refused(JPU("in_channels=(8, 16), end_level=3"), CSEG_CONFIG, "levels 0 to 2 of 2", "test.py:2");
    test_refused(JPU("in_channels=(8, 16), dilations=()"), CSEG_CONFIG, "dilations", "empty");
}

static void maps_that_do_not_fit(void **state)
{
    (void)state;
    test_trace_refused(SEPARABLE("c1_in_channels=16, c1_channels=4"), "c1_in_channels=16",
                       "map 0 of backbone (ResNet)");
    test_trace_refused(JPU("in_channels=(8, 16, 32)"), "neck (JPU) has in_channels for 3 maps", "ResNet gives 4");
    test_trace_refused(JPU("in_channels=(8, 16, 32, 65)"), "neck (JPU) has in_channels[3]=65", "64 channels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(levels_that_are_not_there),
        cmocka_unit_test(maps_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
