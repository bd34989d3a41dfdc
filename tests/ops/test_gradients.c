/* Every differentiable op against central differences, on the reference backend; and every op is in the table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "backend/backends.h"
#include "graph/plan_internal.h"
#include "run.h"

#include <cmocka.h>

enum { ELEMENTS = 24 }; /* of an input that are moved; those of smaller ones all */
static bool seen[OP_COUNT];

static double loss_at(case_run *r, float *at, double value)
{
    cseg_error err;
    float kept = *at;
    double sum = 0;
    *at = (float)value;
    if (plan_run(r->p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    const float *y = plan_output(r->p, "y", NULL);
    for (int64_t i = 0; i < tensor_count(r->y); i++)
        sum += (double)y[i] * (double)r->seed[i];
    *at = kept; /* y may be the parameter itself, under another shape */
    return sum;
}

/* Exact for what is linear; else of fourth order: h^4 / 30 of the fifth derivative is left, 3e-8 with steps of 1/32. A
 * result of one element is rounded once, to float32, so that its steps must be larger. */
static double difference(case_run *r, float *at, bool linear)
{
    double x = (double)*at, h = linear ? 1 : r->y->rank == 0 ? 0x1p-3 : 0x1p-5;
    double near = loss_at(r, at, x + h) - loss_at(r, at, x - h);
    if (linear)
        return near / 2;
    return (8 * near - (loss_at(r, at, x + 2 * h) - loss_at(r, at, x - 2 * h))) / (12 * h);
}

static double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

static void check_input(case_run *r, case_run *forward, int i)
{
    const param *p = &r->params[i];
    if (!p->data || p->role != PARAM_TRAINED)
        return;
    /* What differences leave: rounding of y, magnified by 1/h. Sums that are exact leave nothing. */
    double room =
        r->c->exact && r->c->linear ? 0 : fmax(2e-4, r->c->tolerance) * fmax(largest(p->grad, p->count), 0.05);
    for (int64_t k = 0; k < p->count; k += p->count <= ELEMENTS ? 1 : p->count / ELEMENTS) {
        double expected = difference(forward, (float *)forward->params[i].data + k, r->c->linear),
               got = (double)p->grad[k];
        if (!(fabs(expected - got) <= room))
            fail_msg("%s: the gradient of input %d at %lld is %.9g, differences say %.9g (room %.2g)", r->c->name, i,
                     (long long)k, got, expected, room);
    }
}

static void note_ops(const case_run *r)
{
    for (size_t i = 0; i < r->p->n_steps; i++)
        seen[r->p->steps[i].node->op] = true;
}

static void check_case(void **state)
{
    const op_case *c = *state;
    backend *ref = backend_ref_new();
    cseg_error err;
    case_run r, forward = {0};
    assert_non_null(ref);
    if (case_open(&r, c, c->trace, ref, !c->inference_only, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    case_set(&r, 0);
    assert_int_equal(plan_run(r.p, &err), CSEG_OK);
    note_ops(&r);
    if (!c->no_grad) {
        assert_non_null(r.seed);
        if (case_open_forward(&forward, c, ref, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        case_set(&forward, 0);
        for (int i = 0; i < CASE_INPUTS; i++)
            check_input(&r, &forward, i);
    }
    case_close(&forward);
    case_close(&r);
    backend_free(ref);
}

static void check_table_is_complete(void **state)
{
    (void)state;
    int missing = 0;
    for (int op = 0; op < OP_COUNT; op++)
        if (!seen[op]) {
            print_error("no case runs %s\n", op_name((op_kind)op));
            missing++;
        }
    assert_int_equal(missing, 0);
}

int main(void)
{
    size_t n = op_case_count();
    struct CMUnitTest *tests = calloc(n + 1, sizeof *tests);
    if (!tests)
        return 1;
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){op_case_at(i)->name, check_case, NULL, NULL, (void *)(uintptr_t)op_case_at(i)};
    tests[n] = (struct CMUnitTest){"every op is in the table", check_table_is_complete, NULL, NULL, NULL};
    int failed = _cmocka_run_group_tests("gradients", tests, n + 1, NULL, NULL);
    free(tests);
    return failed;
}
