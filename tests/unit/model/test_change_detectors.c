/* Open-CD's segmentors: what they see of a pair, and which parts they refuse. */
#include "model_test.h"

#define MODEL(backbone, more)                                                                                          \
    "model = dict(type='DIEncoderDecoder', backbone=dict(" backbone "),\n"                                             \
    "  decode_head=" HEAD more ")\n"
#define HEAD "dict(type='mmseg.FCNHead', in_channels=4, channels=4, num_convs=0, concat_input=False, num_classes=2)"

static void sees_both_dates(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("type='FC_EF', in_channels=6, base_channel=4", ""));
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->in_channels, 6);
    test_end(&t);
    t = test_build_ok(MODEL("type='opencd.FC_Siam_diff', in_channels=4, base_channel=4", ", backbone_inchannels=4"));
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->in_channels, 8);
    test_end(&t);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    test_refused(MODEL("type='FC_EF', in_channels=5", ""), CSEG_CONFIG, "in_channels=5", "even");
    test_refused(MODEL("type='FC_Siam_conc', in_channels=4, base_channel=4", ""), CSEG_CONFIG, "backbone_inchannels=3",
                 "takes 4");
    test_refused(MODEL("type='mmseg.ERFNet'", ""), CSEG_CONFIG, "ERFNet", "does not take two images");
    test_refused("model = dict(type='EncoderDecoder', backbone=dict(type='FC_Siam_conc', in_channels=3),\n"
                 "  decode_head=" HEAD ")\n",
                 CSEG_CONFIG, "FC_Siam_conc", "DIEncoderDecoder");
    test_refused("model = dict(type='DIEncoderDecoder', backbone=dict(type='FC_EF', in_channels=6),\n"
                 "  decode_head=[" HEAD "])\n",
                 CSEG_CONFIG, "decode_head", "not a list");
    test_refused("model = dict(type='DIEncoderDecoder', backbone=dict(type='FC_Siam_conc', in_channels=3),\n"
                 "  neck=dict(type='FeatureFusionNeck', policy='concat'), decode_head=" HEAD ")\n",
                 CSEG_CONFIG, "FeatureFusionNeck", "FC_Siam_conc has done so");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sees_both_dates),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
