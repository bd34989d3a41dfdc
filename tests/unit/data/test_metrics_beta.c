/* The F-score by beta, 0 included: mmseg 1.2.2's IoUMetric.total_area_to_metrics gave these figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "data/metrics.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

static void beta_weighs_precision_and_recall(void **state)
{
    (void)state;
    static const int32_t predicted[] = {0, 0, 1, 1, 1, 0, 2, 2}, label[] = {0, 1, 1, 1, 0, 2, 2, 255};
    static const char *const names[] = {"mFscore"};
    static const struct {
        double beta;
        float fscore[3];
    } cases[] = {{0, {33.33F, 66.67F, 100}}, {1, {40, 66.67F, 66.67F}}, {2, {45.45F, 66.67F, 55.56F}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        arena *mem = arena_new();
        cseg_error err;
        confusion c;
        metrics m;
        metrics_options o = {.names = names, .n_names = 1, .beta = cases[i].beta};
        assert_int_equal(confusion_new(mem, 3, &c, &err), CSEG_OK);
        confusion_add(&c, predicted, label, 8, 255);
        assert_int_equal(metrics_compute(&c, NULL, &o, mem, &m, &err), CSEG_OK);
        assert_string_equal(m.columns[0], "Fscore");
        for (int k = 0; k < 3; k++)
            assert_float_equal(m.values[0][k], cases[i].fscore[k], 0.001);
        arena_free(mem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beta_weighs_precision_and_recall)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
