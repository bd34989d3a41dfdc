/* Which maps backbones give: in order of stages, each once. */
#include "base/log.h"
#include "model/backbones/out_indices.h"
#include "model_test.h"

static char heard[512];
static int warnings;

static void hear(void *arg, log_level level, const char *text)
{
    (void)arg;
    warnings += level == LOG_WARNING;
    snprintf(heard, sizeof heard, "%s", text);
}

/* The channels of the maps that ResNet-18 gives, and what it warns of. */
static features maps_of(test_model *t, graph *g, const char *out_indices)
{
    char text[512];
    snprintf(text, sizeof text, TEST_RESNET(", out_indices=%s", ", in_index=0, in_channels=%d", ""), out_indices, 16);
    warnings = 0;
    log_set_sink(hear, NULL);
    *t = test_build_ok(text);
    log_set_sink(NULL, NULL);
    return backbone_run(module_child(t->m->root, "backbone"), g,
                        graph_input(g, "img", DT_F32, 4, (int64_t[]){1, 64, 64, 3}));
}

static void maps_come_in_order_of_stages(void **state)
{
    (void)state;
    static const struct {
        const char *out_indices, *warning; /* NULL: none */
        int n;
        int64_t channels[4];
    } cases[] = {
        {"(0, 1, 2, 3)", NULL, 4, {8, 16, 32, 64}},
        {"[1, 3]", NULL, 2, {16, 64}},
        {"(2, )", NULL, 1, {32}},
        {"(3, 1)", "stage 1 behind stage 3", 2, {16, 64}},
        {"(1, 3, 3)", "stage 3 behind stage 3", 2, {16, 64}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_model t;
        graph *g = graph_new(false);
        features f = maps_of(&t, g, cases[i].out_indices);
        assert_int_equal(f.n, cases[i].n);
        for (int k = 0; k < f.n; k++)
            assert_int_equal(f.at[k]->dim[3], cases[i].channels[k]);
        assert_int_equal(warnings, cases[i].warning != NULL);
        if (cases[i].warning &&
            (!strstr(heard, cases[i].warning) || strncmp(heard, "test.py:", strlen("test.py:")) != 0))
            fail_msg("%s", heard);
        graph_free(g);
        test_end(&t);
    }
}

static void stages_that_are_not_there(void **state)
{
    (void)state;
    test_refused(TEST_RESNET(", out_indices=()", "", ""), CSEG_CONFIG, "ResNet: out_indices is empty", "test.py:2");
    test_refused(TEST_RESNET(", out_indices=(0, 2), num_stages=2, strides=(1, 2), dilations=(1, 1)", "", ""),
                 CSEG_CONFIG, "out_indices names stage 2 of 2 (0 to 1)", "test.py:2");
    int64_t negative = -1;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    assert_false(out_indices_check(module_child(t.m->root, "backbone"), (ints){1, &negative}, 4));
    assert_non_null(strstr(t.m->error.text, "names stage -1 of 4"));
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_come_in_order_of_stages),
        cmocka_unit_test(stages_that_are_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
