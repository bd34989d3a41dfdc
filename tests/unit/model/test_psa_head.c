/* PSAHead: what it refuses, and how it fits maps that its factor does not divide. */
#include "model_test.h"

#define PSA(more)                                                                                                      \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"  \
    "  decode_head=dict(dict(type='PSAHead', in_channels=32, channels=4, num_classes=3, mask_size=(3, 3))" more "))\n"
#define PSA_SIZED(size, more)                                                                                          \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"  \
    "  decode_head=dict(type='PSAHead', in_channels=32, channels=4, num_classes=3, mask_size=" size more "))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(PSA(", psa_type='both'"), CSEG_CONFIG, "psa_type", "bi-direction");
    test_refused(PSA(", normalization_factor=0"), CSEG_CONFIG, "normalization_factor is a number", "test.py:2");
    test_refused(PSA(", normalization_factor='a'"), CSEG_CONFIG, "normalization_factor is a number", "None");
    test_refused(PSA(", shrink_factor=0"), CSEG_CONFIG, "shrink_factor", "from 1");
    test_refused(PSA_SIZED("3", ""), CSEG_CONFIG, "height and width, not 1", "test.py:2");
    test_refused(PSA_SIZED("(3, 3, 3)", ""), CSEG_CONFIG, "not 3 numbers", "mask_size");
    test_refused(PSA_SIZED("(0, 3)", ""), CSEG_CONFIG, "mask_size", "from 1");
}

/* 64 x 64 pixels give maps of 2 x 2, which become one pixel. */
static void maps_that_do_not_fit(void **state)
{
    (void)state;
    test_trace_refused(PSA(", compact=True"), "maps of 9 pixels", "1 x 1");
    test_model t = test_build_ok(PSA(", shrink_factor=4"));
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 128, 64, -1, &logits, &t.err), CSEG_SHAPE);
    assert_non_null(strstr(t.err.text, "nothing is left of maps of 4 x 2"));
    graph_free(g);
    test_end(&t);
}

/* How many pixels exchange: the rows of the matrix. */
static int64_t exchanging(const char *text, int64_t h, int64_t w)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(false);
    tensor *logits = NULL;
    int64_t pixels = 0;
    assert_int_equal(model_trace_logits(t.m, g, 1, h, w, -1, &logits, &t.err), CSEG_OK);
    for (size_t i = 0; i < g->nodes.n; i++)
        if (strcmp(op_name(g->nodes.at[i]->op), "psa_exchange") == 0)
            pixels = g->nodes.at[i]->out[0]->dim[1];
    graph_free(g);
    test_end(&t);
    return pixels;
}

/* Rounded up only where neither side divides, as in the reference. */
static void odd_maps_are_rounded_as_in_the_reference(void **state)
{
    (void)state;
    assert_int_equal(exchanging(PSA(""), 128, 192), 2 * 3);
    assert_int_equal(exchanging(PSA(""), 96, 128), 1 * 2);
    assert_int_equal(exchanging(PSA(""), 96, 160), 2 * 3);
    assert_int_equal(exchanging(PSA(", shrink_factor=1"), 96, 160), 3 * 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),
        cmocka_unit_test(maps_that_do_not_fit),
        cmocka_unit_test(odd_maps_are_rounded_as_in_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
