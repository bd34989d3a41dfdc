/* What ResNeXt and ResNeSt refuse, and how wide their grouped convolutions are. */
#include "model_test.h"

#define BACKBONE(fields)                                                                                               \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(base_channels=4, stem_channels=4), " fields "),\n"         \
    "  decode_head=dict(type='FCNHead', in_channels=128, channels=4, num_classes=3))\n"

static void depths_that_there_are_not(void **state)
{
    (void)state;
    test_refused(BACKBONE("type='ResNeXt', depth=200"), CSEG_CONFIG, "depth", "from 50 to 152");
    test_refused(BACKBONE("type='ResNeXt', depth=60"), CSEG_CONFIG, "50, 101 or 152, not 60", "test.py:1");
    test_refused(BACKBONE("type='ResNeSt', depth=34"), CSEG_CONFIG, "depth", "from 50 to 200");
    test_refused(BACKBONE("type='ResNeSt', depth=60"), CSEG_CONFIG, "50, 101, 152 or 200, not 60", "test.py:1");
    test_refused(BACKBONE("type='ResNet', depth=50, groups=2"), CSEG_CONFIG, "groups", "test.py:1");
}

/* As the reference computes them: 49 * (1 / 49) is just below 1. */
static void widths_that_leave_nothing(void **state)
{
    (void)state;
    test_refused(BACKBONE("type='ResNeXt', depth=50, groups=2, base_width=1, base_channels=49"), CSEG_CONFIG,
                 "base_width=1", "leaves no channels");
    test_refused(BACKBONE("type='ResNeSt', depth=50, radix=33"), CSEG_CONFIG, "radix", "from 1 to 32");
    test_refused(BACKBONE("type='ResNeSt', depth=50, deep_stem=True"), CSEG_CONFIG, "deep_stem", "test.py:1");
}

static void check_weight(const char *text, const char *name, int64_t out, int64_t in)
{
    test_model t = test_build_ok(text);
    const param *p = model_find(t.m, name);
    assert_non_null(p);
    assert_int_equal(p->dim[0], out);
    assert_int_equal(p->dim[1], in);
    test_end(&t);
}

/* base_width is that of base_channels=64: 32x4d has 32 groups of 4 channels. Without groups it counts for nothing. */
static void groups_have_their_width(void **state)
{
    (void)state;
    check_weight(BACKBONE("type='ResNeXt', depth=50, base_channels=64, groups=32, base_width=4"),
                 "backbone.layer1.0.conv2.weight", 128, 4);
    check_weight(BACKBONE("type='ResNeXt', depth=50, base_channels=64, groups=32, base_width=4"),
                 "backbone.layer2.0.conv2.weight", 256, 8);
    check_weight(BACKBONE("type='ResNeXt', depth=50, base_width=4"), "backbone.layer2.0.conv2.weight", 8, 8);
    check_weight(BACKBONE("type='ResNeSt', depth=200, groups=2, base_width=4"), "backbone.layer2.23.conv2.conv.weight",
                 32, 4);
    /* channels that weigh the maps: at least 32 */
    check_weight(BACKBONE("type='ResNeSt', depth=50"), "backbone.layer1.0.conv2.fc1.weight", 32, 4);
    check_weight(BACKBONE("type='ResNeSt', depth=50, base_channels=64"), "backbone.layer2.0.conv2.fc1.weight", 64, 128);
}

/* Their blocks are not the Bottleneck that zero_init_residual is about: the last norm starts at one. */
static void last_norms_start_at_one(void **state)
{
    (void)state;
    test_model t = test_build_ok(BACKBONE("type='ResNeXt', depth=50, zero_init_residual=True"));
    model_init_weights(t.m, 1);
    const param *p = model_find(t.m, "backbone.layer1.0.bn3.weight");
    assert_non_null(p);
    assert_true(((const float *)p->data)[0] == 1);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depths_that_there_are_not),
        cmocka_unit_test(widths_that_leave_nothing),
        cmocka_unit_test(groups_have_their_width),
        cmocka_unit_test(last_norms_start_at_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
