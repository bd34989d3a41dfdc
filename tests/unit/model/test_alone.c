/* Norm layers refuse to normalise one value, exactly where PyTorch does: images of up to 32 x 32 come to a map of 1
 * x 1. */
#include "model_test.h"

static cseg_status trace(const char *norm, bool train, int64_t n, int64_t size, cseg_error *err)
{
    char text[512];
    snprintf(text, sizeof text,
             "model = dict(type='EncoderDecoder',\n"
             "  backbone=dict(type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN'), norm_eval=True),\n"
             "  decode_head=dict(type='FCNHead', in_channels=64, channels=8, num_convs=1, concat_input=False,\n"
             "    num_classes=4, norm_cfg=dict(%s)))\n",
             norm);
    test_model t = test_build_ok(text);
    graph *g = graph_new(train);
    tensor *y = NULL;
    cseg_status status = train ? model_trace_loss(t.m, g, n, size, size, NULL, &y, err)
                               : model_trace_logits(t.m, g, n, size, size, -1, &y, err);
    graph_free(g);
    test_end(&t);
    return status;
}

static void only_what_is_alone_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *norm;
        bool train;
        int64_t n, size;
        bool refused;
    } cases[] = {
        {"type='BN'", true, 1, 8, true},
        {"type='SyncBN'", true, 1, 8, true},
        {"type='BN'", true, 2, 8, false},
        {"type='BN'", true, 1, 64, false},
        {"type='BN'", false, 1, 8, false},
        {"type='IN'", true, 2, 8, true},
        {"type='IN'", false, 1, 8, true},
        {"type='IN'", true, 1, 64, false},
        {"type='GN', num_groups=8", true, 1, 8, true},
        {"type='GN', num_groups=8", false, 1, 8, true},
        {"type='GN', num_groups=8", true, 2, 8, false},
        {"type='GN', num_groups=4", true, 1, 8, false},
        {"type='LN2d'", true, 1, 8, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_error err = {.text = ""};
        cseg_status status = trace(cases[i].norm, cases[i].train, cases[i].n, cases[i].size, &err);
        if (status != (cases[i].refused ? CSEG_DATA : CSEG_OK))
            fail_msg("case %zu, %s: '%s'", i, cases[i].norm, err.text);
        if (cases[i].refused && !strstr(err.text, "the norm layer decode_head.convs.0."))
            fail_msg("case %zu: '%s'", i, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_what_is_alone_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
