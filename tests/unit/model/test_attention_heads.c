/* How the heads that gather over pixels start, and what they refuse. */
#include <math.h>

#include "model_test.h"

#define HEAD(more)                                                                                                     \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4, stem_channels=4)," \
    "  decode_head=dict(num_classes=3, " more "))\n"
#define ANN(more) HEAD("type='ANNHead', channels=8, project_channels=4, " more)
#define MAPS "in_channels=[16, 32], in_index=(2, 3)"

static void starts(const test_model *t, const char *name, init_rule rule, float a, float b)
{
    char full[128];
    snprintf(full, sizeof full, "decode_head.%s", name);
    const param *p = model_find(t->m, full);
    if (!p)
        fail_msg("no %s", full);
    const param_start *s = param_start_of(p);
    if (s->rule != rule || s->a != a || s->b != b)
        fail_msg("%s starts by rule %d with %g, %g", full, s->rule, s->a, s->b);
}

static void non_local_blocks_start_as_the_identity(void **state)
{
    (void)state;
    test_model t = test_build_ok(HEAD("type='NLHead', mode='concatenation', in_channels=32, channels=16"));
    starts(&t, "nl_block.g.conv.weight", INIT_NORMAL, 0, 0.01f);
    starts(&t, "nl_block.g.conv.bias", INIT_ZERO, 0, 0);
    starts(&t, "nl_block.theta.conv.weight", INIT_NORMAL, 0, 0.01f);
    starts(&t, "nl_block.phi.conv.weight", INIT_NORMAL, 0, 0.01f);
    starts(&t, "nl_block.conv_out.conv.weight", INIT_ZERO, 0, 0);
    starts(&t, "nl_block.concat_project.conv.weight", INIT_KAIMING_NORMAL, 0, 0);
    test_end(&t);
    t = test_build_ok(HEAD("type='DNLHead', in_channels=32, channels=16, norm_cfg=dict(type='BN')"));
    starts(&t, "dnl_block.conv_out.conv.weight", INIT_KAIMING_NORMAL, 0, 0);
    starts(&t, "dnl_block.conv_out.bn.weight", INIT_ZERO, 0, 0);
    starts(&t, "dnl_block.conv_mask.weight", INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    test_end(&t);
}

static void factors_start_at_zero(void **state)
{
    (void)state;
    test_model t = test_build_ok(HEAD("type='DAHead', pam_channels=4, in_channels=32, channels=16"));
    starts(&t, "pam.gamma.scale", INIT_CONSTANT, 0, 0);
    starts(&t, "cam.gamma.scale", INIT_CONSTANT, 0, 0);
    test_end(&t);
    t = test_build_ok(HEAD("type='CCHead', in_channels=32, channels=16"));
    starts(&t, "cca.gamma.scale", INIT_CONSTANT, 0, 0);
    assert_int_equal(model_find(t.m, "decode_head.cca.query_conv.weight")->dim[0], 2);
    test_end(&t);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        cseg_status code;
        const char *says;
    } cases[] = {
        {HEAD("type='NLHead', num_convs=3, in_channels=32, channels=16"), CSEG_CONFIG, "num_convs"},
        {HEAD("type='NLHead', reduction=0, in_channels=32, channels=16"), CSEG_CONFIG, "reduction"},
        {HEAD("type='NLHead', mode='cosine', in_channels=32, channels=16"), CSEG_CONFIG, "embedded_gaussian"},
        {HEAD("type='NLHead', mode=None, in_channels=32, channels=16"), CSEG_CONFIG, "mode"},
        {HEAD("type='DNLHead', mode=None, in_channels=32, channels=16"), CSEG_CONFIG, "mode"},
        {HEAD("type='DNLHead', temperature=0, in_channels=32, channels=16"), CSEG_CONFIG, "may not be 0"},
        {HEAD("type='CCHead', in_channels=32, channels=7"), CSEG_CONFIG, "too few"},
        {HEAD("type='DAHead', in_channels=32, channels=16"), CSEG_CONFIG, "pam_channels"},
        {HEAD("type='ISAHead', isa_channels=4, down_factor=8, in_channels=32, channels=16"), CSEG_CONFIG,
         "two numbers"},
        {HEAD("type='ISAHead', isa_channels=4, down_factor=(8, 0), in_channels=32, channels=16"), CSEG_CONFIG,
         "down_factor"},
        {HEAD("type='DMHead', act_cfg=None, in_channels=32, channels=16"), CSEG_CONFIG, "act_cfg"},
        {HEAD("type='DMHead', filter_sizes=(0, ), in_channels=32, channels=16"), CSEG_CONFIG, "filter_sizes"},
        {HEAD("type='APCHead', pool_scales=(0, ), in_channels=32, channels=16"), CSEG_CONFIG, "pool_scales"},
        {ANN("in_channels=32, in_index=3"), CSEG_CONFIG, "takes two maps"},
        {ANN(MAPS ", query_scales=(1, 2)"), CSEG_UNSUPPORTED, "cannot run either"},
        {ANN(MAPS ", query_scales=()"), CSEG_CONFIG, "query_scales is empty"},
        {ANN(MAPS ", key_pool_scales=[]"), CSEG_CONFIG, "key_pool_scales is empty"},
        {ANN(MAPS ", input_transform='multiple_select'"), CSEG_CONFIG, "leave input_transform out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].text, cases[i].code, "test.py:1", cases[i].says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(non_local_blocks_start_as_the_identity),
        cmocka_unit_test(factors_start_at_zero),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
