/* Losses on labels that few configs have: an ignore_index behind the classes, one channel under a sigmoid. The figures
 * are those of the reference's CrossEntropyLoss (both versions) for the same numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "backend/backends.h"
#include "graph/plan.h"

#include <cmocka.h>

static float loss_of(backend *b, bool sigmoid, int64_t channels, const float *logits, const int32_t *labels,
                     int64_t ignore_index)
{
    cseg_error err;
    plan *p;
    graph *g = graph_new(false);
    assert_non_null(g);
    tensor *x = graph_input(g, "x", DT_F32, 4, (int64_t[]){1, 2, 2, channels});
    tensor *y = graph_input(g, "y", DT_I32, 3, (int64_t[]){1, 2, 2});
    loss_attr a = {.ignore_index = ignore_index, .avg = AVG_ALL, .scale = 1};
    graph_add_output(g, "loss",
                     sigmoid ? op_binary_cross_entropy(g, x, y, NULL, NULL, a)
                             : op_cross_entropy(g, x, y, NULL, NULL, a));
    assert_int_equal(plan_build(g, b, &p, &err), CSEG_OK);
    memcpy(plan_input(p, "x", NULL), logits, (size_t)(4 * channels) * sizeof *logits);
    memcpy(plan_input(p, "y", NULL), labels, 4 * sizeof *labels);
    assert_int_equal(plan_run(p, &err), CSEG_OK);
    float loss = *(const float *)plan_output(p, "loss", NULL);
    plan_free(p);
    graph_free(g);
    return loss;
}

static void losses_are_the_references(void **state)
{
    (void)state;
    const float one[] = {0.5f, -1.0f, 2.0f, 0.25f};
    const int32_t of_one[] = {1, 0, 1, 255}, of_five[] = {0, 5, 4, 2};
    float five[20]; /* linspace(-1, 1, 20), channels first there */
    for (int i = 0; i < 20; i++)
        five[i % 4 * 5 + i / 4] = -1 + 2 * (float)i / 19;
    backend *all[] = {backend_ref_new(), backend_cpu_new(&(cpu_options){.threads = 1})};
    for (int i = 0; i < 2; i++) {
        assert_non_null(all[i]);
        assert_float_equal(loss_of(all[i], true, 1, one, of_one, 255), 0.22856669f, 1e-6);
        assert_float_equal(loss_of(all[i], false, 5, five, of_five, 5), 1.33526754f, 1e-6);
        backend_free(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(losses_are_the_references)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
