/* Failing allocations: a model that cannot be built says so and leaves nothing behind. */
#include "model_test.h"

static const char config[] =
    "model = dict(type='EncoderDecoder', pretrained='a.pth', backbone=dict(type='HRNet', extra=dict(\n"
    "  stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ), num_channels=(4, )),\n"
    "  stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(4, 8)),\n"
    "  stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), num_channels=(4, 8, 12)),\n"
    "  stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1),\n"
    "    num_channels=(4, 8, 12, 16)))),\n"
    "  neck=dict(type='FPN', in_channels=[4, 8, 12, 16], out_channels=4, num_outs=4),\n"
    "  decode_head=dict(type='FCNHead', in_channels=4, channels=4, num_classes=3,\n"
    "    loss_decode=[dict(type='CrossEntropyLoss', class_weight=[1, 2, 3])]))\n";

static void each_allocation_may_fail(void **state)
{
    (void)state;
    cseg_error err;
    value *cfg = NULL;
    arena *mem = arena_new();
    assert_int_equal(config_parse_text(config, "test.py", mem, &cfg, &err), CSEG_OK);
    const value *dict = value_get(cfg, "model");
    int failures = 0;
    for (long n = 1;; n++) {
        model *m = NULL;
        mem_fail_at(n);
        cseg_status status = model_build(dict, NULL, &m, &err);
        mem_fail_at(0);
        if (status == CSEG_OK) {
            model_free(m);
            break;
        }
        assert_null(m);
        assert_int_equal(status, CSEG_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 5);
    arena_free(mem);
}

static void each_allocation_of_a_trace_may_fail(void **state)
{
    (void)state;
    test_model t = test_build_ok(config);
    int failures = 0;
    for (long n = 1;; n++) {
        tensor *loss = NULL;
        mem_fail_at(n);
        graph *g = graph_new(true);
        cseg_status status =
            g ? model_trace_loss(t.m, g, 1, 64, 64, &(trace_options){.weight_map = true}, &loss, &t.err)
              : CSEG_NO_MEMORY;
        mem_fail_at(0);
        graph_free(g);
        if (status == CSEG_OK)
            break;
        assert_int_equal(status, CSEG_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 3);
    test_end(&t);
}

static void more_than_the_machine_has(void **state)
{
    (void)state;
    test_refused(TEST_RESNET("", ", channels=1000000, kernel_size=1, num_convs=64, in_channels=1000", ""), CSEG_CONFIG,
                 "makes no parameter", "decode_head.convs.1.conv.weight");
    test_refused(TEST_RESNET("", ", channels=40000, kernel_size=1, num_convs=64, in_channels=1000", ""), CSEG_NO_MEMORY,
                 "GiB", "test.py:1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_allocation_of_a_trace_may_fail),
        cmocka_unit_test(more_than_the_machine_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
