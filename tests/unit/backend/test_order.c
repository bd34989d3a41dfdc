/* Places in order as torch.sort has them, of NaNs, infinities, both zeros and what is nearly 0; on both backends and
 * with any number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "backend/backend.h"
#include "base/error.h"
#include "graph/plan.h"

#include <cmocka.h>

enum { N = 14 };
static const float x[N] = {0.5f, -0.0f, NAN, 0.0f, -INFINITY, 3, INFINITY, 3, -2, 0.0f, 3, 1e-40f, -1e-40f, NAN};
/* What torch.sort(x).indices and torch.sort(x, descending=True).indices are. */
static const int rising[N] = {4, 8, 12, 1, 3, 9, 11, 0, 5, 7, 10, 6, 2, 13};
static const int falling[N] = {2, 13, 6, 5, 7, 10, 0, 11, 1, 3, 9, 12, 8, 4};

static bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* A graph whose output "y" is traced by make from x and k. */
typedef tensor *maker(graph *g, tensor *values, int64_t k);

static void check(backend *b, maker *make, int64_t k, void (*judge)(const void *y, int64_t k))
{
    cseg_error err = {0};
    plan *p = NULL;
    graph *g = graph_new(false);
    assert_non_null(g);
    graph_add_output(g, "y", make(g, graph_const(g, DT_F32, 1, (int64_t[]){N}, x), k));
    if (plan_build(g, b, &p, &err) != CSEG_OK || plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    judge(plan_output(p, "y", NULL), k);
    plan_free(p);
    graph_free(g);
}

static tensor *smallest(graph *g, tensor *values, int64_t k)
{
    return op_kth_value(g, values, NULL, k, false);
}

static tensor *largest(graph *g, tensor *values, int64_t k)
{
    return op_kth_value(g, values, NULL, k, true);
}

static tensor *mask_of_largest(graph *g, tensor *values, int64_t k)
{
    return op_largest(g, values, NULL, k);
}

static void judge_smallest(const void *y, int64_t k)
{
    assert_true(same(*(const float *)y, x[rising[k < N ? k : N - 1]]));
}

static void judge_largest(const void *y, int64_t k)
{
    assert_true(same(*(const float *)y, x[falling[k < N ? k : N - 1]]));
}

static void judge_mask(const void *y, int64_t k)
{
    uint8_t expected[N] = {0};
    for (int64_t i = 0; i < k && i < N; i++)
        expected[falling[i]] = 1;
    assert_memory_equal(y, expected, N);
}

static void check_backend(backend *b)
{
    assert_non_null(b);
    for (int64_t k = 0; k <= N + 1; k++) {
        check(b, smallest, k, judge_smallest);
        check(b, largest, k, judge_largest);
        check(b, mask_of_largest, k, judge_mask);
    }
    backend_free(b);
}

static void test_ref(void **state)
{
    (void)state;
    check_backend(backend_ref_new());
}

static void test_cpu(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 20; threads += 3) /* more than there are elements, too */
        check_backend(backend_cpu_new(&(cpu_options){.threads = threads}));
}

/* A cast's ends, and comparisons with a NaN: only `other` holds. */
static void check_edges(backend *b)
{
    static const float odd[] = {3.9f, -3.9f, 0.5f, 4e9f, -4e9f, NAN};
    static const int32_t whole[] = {3, -3, 0, INT32_MAX, INT32_MIN, 0};
    cseg_error err = {0};
    plan *p = NULL;
    graph *g = graph_new(false);
    assert_true(b && g);
    tensor *t = graph_const(g, DT_F32, 1, (int64_t[]){6}, odd);
    graph_add_output(g, "whole", op_cast(g, t, DT_I32));
    graph_add_output(g, "mask", op_cast(g, t, DT_U8));
    static const char *const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    for (int k = COMPARE_EQ; k <= COMPARE_GE; k++)
        graph_add_output(g, names[k], op_compare(g, t, t, (compare_kind)k));
    if (plan_build(g, b, &p, &err) != CSEG_OK || plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_memory_equal(plan_output(p, "whole", NULL), whole, sizeof whole);
    assert_memory_equal(plan_output(p, "mask", NULL), "\1\1\1\1\1\1", 6);
    for (int k = COMPARE_EQ; k <= COMPARE_GE; k++) {
        const uint8_t *y = plan_output(p, names[k], NULL);
        bool equal = k == COMPARE_EQ || k == COMPARE_LE || k == COMPARE_GE;
        for (int i = 0; i < 5; i++)
            assert_int_equal(y[i], equal);
        assert_int_equal(y[5], k == COMPARE_NE);
    }
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

static void test_edges(void **state)
{
    (void)state;
    check_edges(backend_ref_new());
    check_edges(backend_cpu_new(&(cpu_options){.threads = 2}));
}

static const char *refusal(graph *g, tensor *t, cseg_error *err)
{
    assert_null(t);
    assert_int_equal(graph_status(g, err), CSEG_SHAPE);
    graph_free(g);
    return err->text;
}

static void test_what_cannot_be_meant(void **state)
{
    (void)state;
    cseg_error err;
    for (int i = 0; i < 7; i++) {
        static const char *const says[] = {"compare: float32 with int32", "compare: 0.5 with int32",
                                           "where: input 0 is float32",   "where: float32 or int32",
                                           "cast: int64 to float32",      "pick: values and labels",
                                           "largest: values and mask"};
        graph *g = graph_new(true);
        tensor *f = graph_input(g, "f", DT_F32, 1, (int64_t[]){4}), *l = graph_input(g, "l", DT_I32, 1, (int64_t[]){4});
        tensor *wide = graph_input(g, "wide", DT_I64, 1, (int64_t[]){4}), *m = op_compare(g, f, f, COMPARE_EQ);
        tensor *other = graph_input(g, "other", DT_F32, 1, (int64_t[]){5}), *t = f;
        switch (i) {
        case 0:
            t = op_compare(g, f, l, COMPARE_EQ);
            break;
        case 1:
            t = op_compare_to(g, l, COMPARE_EQ, 0.5);
            break;
        case 2:
            t = op_where(g, f, f, f);
            break;
        case 3:
            t = op_where(g, m, f, l);
            break;
        case 4:
            t = op_cast(g, wide, DT_F32);
            break;
        case 5:
            t = op_pick(g, f, l);
            break;
        case 6:
            t = op_largest(g, other, m, 1);
            break;
        }
        if (!strstr(refusal(g, t, &err), says[i]))
            fail_msg("'%s' says nothing of '%s'", err.text, says[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_what_cannot_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
