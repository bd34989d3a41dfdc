/* Every op case on a backend against the reference backend: results, gradients and statistics, in training and in
 * inference, twice with other values in between; fused forms against their parts. Exact where the case is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backends.h"
#include "far.h"
#include "run.h"

#include <cmocka.h>

enum { THREADS = 3 };
static backend *ref, *tested, *of_threads[THREADS]; /* with 1, 2 and 3 threads */
static backend *bf16;                               /* NULL: this CPU has none */
static bool in_bf16[OP_COUNT];                      /* ran with a map in it */

static double largest(const case_result *a)
{
    double most = 0;
    for (int64_t i = 0; i < a->count; i++)
        most = fmax(most, fabs((double)((const float *)a->data)[i]));
    return most;
}

static void compare_floats(const op_case *c, const char *how, const case_result *a, const case_result *b)
{
    const float *x = a->data, *y = b->data;
    double room = c->exact ? 0 : (c->tolerance > 0 ? c->tolerance : 1e-5) * fmax(largest(a), 1e-2);
    for (int64_t i = 0; i < a->count; i++)
        if (!(fabs((double)x[i] - (double)y[i]) <= room))
            fail_msg("%s, %s: %s at %lld is %.9g instead of %.9g (room %.2g)", c->name, how, a->name, (long long)i,
                     (double)y[i], (double)x[i], room);
}

/* a: as it should be */
static void compare(const op_case *c, const char *how, const case_run *a, const case_run *b)
{
    case_result x, y;
    size_t i = 0;
    for (; case_get(a, i, &x) && case_get(b, i, &y); i++) {
        assert_string_equal(x.name, y.name);
        assert_int_equal(x.type, y.type);
        assert_int_equal(x.count, y.count);
        if (x.type == DT_F32)
            compare_floats(c, how, &x, &y);
        else if (memcmp(x.data, y.data, (size_t)x.count * dtype_size(x.type)) != 0)
            fail_msg("%s, %s: %s differs", c->name, how, x.name);
    }
    assert_false(case_get(a, i, &x) || case_get(b, i, &y));
}

static void run_both(const op_case *c, const char *how, case_run *a, case_run *b, int round)
{
    cseg_error err;
    case_set(a, round);
    case_set(b, round);
    if (plan_run(a->p, &err) != CSEG_OK || plan_run(b->p, &err) != CSEG_OK)
        fail_msg("%s, %s: %s", c->name, how, err.text);
    compare(c, how, a, b);
}

static void check_mode(const op_case *c, case_trace *expected, backend *of, bool train, const char *how)
{
    cseg_error err;
    case_run a = {0}, b = {0};
    if (case_open(&a, c, expected, ref, train, &err) != CSEG_OK ||
        case_open(&b, c, c->trace, of, train, &err) != CSEG_OK)
        fail_msg("%s, %s: %s", c->name, how, err.text);
    run_both(c, how, &a, &b, 0);
    run_both(c, how, &a, &b, 1);
    case_close(&a);
    case_close(&b);
}

static void check_case(void **state)
{
    const op_case *c = *state;
    if (!c->inference_only)
        check_mode(c, c->trace, tested, true, "training");
    if (!c->train_only)
        check_mode(c, c->trace, tested, false, "inference");
    if (c->same_as)
        check_mode(c, c->same_as, tested, !c->inference_only, "against its parts");
}

/* Runs never allocate. */
static void check_no_allocation(void **state)
{
    const op_case *c = *state;
    cseg_error err;
    case_run r = {0};
    if (case_open(&r, c, c->trace, tested, !c->inference_only, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    case_set(&r, 0);
    mem_fail_at(1);
    cseg_status status = plan_run(r.p, &err);
    mem_fail_at(0);
    assert_int_equal(status, CSEG_OK);
    case_close(&r);
}

/* With `deterministic`, the same bits for any number of threads. */
static void check_threads(void **state)
{
    const op_case *c = *state;
    cseg_error err;
    op_case bits = *c;
    bits.exact = true;
    for (int i = 1; i < THREADS; i++) {
        case_run a = {0}, b = {0};
        if (case_open(&a, c, c->trace, of_threads[0], !c->inference_only, &err) != CSEG_OK ||
            case_open(&b, c, c->trace, of_threads[i], !c->inference_only, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        run_both(&bits, "with other threads", &a, &b, 0);
        case_close(&a);
        case_close(&b);
    }
}

static void note_bf16(const case_run *r)
{
    for (size_t i = 0; i < r->g->nodes.n; i++) {
        const node *n = r->g->nodes.at[i];
        for (int k = 0; k < n->n_in; k++)
            in_bf16[n->op] |= n->in[k] && n->in[k]->type == DT_BF16;
    }
}

/* A map's rounding is 1/512 of an element at most; cases of several ops round several times. */
static void check_bf16_mode(const op_case *c, bool train)
{
    cseg_error err;
    case_run a = {0}, b = {0};
    if (case_open(&a, c, c->trace, ref, train, &err) != CSEG_OK ||
        case_open(&b, c, c->trace, bf16, train, &err) != CSEG_OK)
        fail_msg("%s: %s", c->name, err.text);
    for (int round = 0; round < 2; round++)
        run_both(c, train ? "training" : "inference", &a, &b, round);
    note_bf16(&b);
    case_close(&a);
    case_close(&b);
}

static void check_bf16(void **state)
{
    op_case c = *(const op_case *)*state;
    c.as_maps = true;
    c.exact = false;
    c.tolerance = c.rough > 0 ? c.rough : 1.0 / 128;
    if (!c.inference_only)
        check_bf16_mode(&c, true);
    if (!c.train_only)
        check_bf16_mode(&c, false);
}

static void check_bf16_is_reached(void **state)
{
    (void)state;
    static const op_kind wanted[] = {OP_conv2d,
                                     OP_conv2d_grad_data,
                                     OP_conv2d_grad_weight,
                                     OP_conv_transpose2d,
                                     OP_matmul,
                                     OP_batch_norm,
                                     OP_batch_norm_train,
                                     OP_batch_norm_train_grad,
                                     OP_group_norm,
                                     OP_group_norm_grad,
                                     OP_prelu,
                                     OP_prelu_grad,
                                     OP_layer_norm,
                                     OP_layer_norm_grad,
                                     OP_unary,
                                     OP_unary_grad,
                                     OP_binary,
                                     OP_max_pool,
                                     OP_max_pool_grad,
                                     OP_avg_pool,
                                     OP_avg_pool_grad,
                                     OP_adaptive_avg_pool,
                                     OP_adaptive_avg_pool_grad,
                                     OP_resize,
                                     OP_resize_grad,
                                     OP_sum,
                                     OP_concat,
                                     OP_slice,
                                     OP_slice_grad,
                                     OP_split,
                                     OP_detach,
                                     OP_reshape,
                                     OP_transpose,
                                     OP_batch_norm_grad,
                                     OP_dropout,
                                     OP_dropout_grad,
                                     OP_cast};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!in_bf16[wanted[i]])
            fail_msg("no case ran %s in bf16", op_name(wanted[i]));
}

typedef struct suite {
    struct CMUnitTest *tests;
    size_t n;
} suite;

static void add(suite *s, const char *prefix, void (*test)(void **), const op_case *c)
{
    size_t room = strlen(prefix) + strlen(c->name) + 3;
    char *name = malloc(room);
    if (!name)
        abort();
    snprintf(name, room, "%s: %s", prefix, c->name);
    s->tests[s->n++] = (struct CMUnitTest){name, test, NULL, NULL, (void *)(uintptr_t)c};
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "cpu";
    bool cpu = strcmp(name, "cpu") == 0, far = strcmp(name, "far") == 0;
    const cpu_options two = {.threads = 2}, half = {.threads = 2, .bf16 = true};
    suite s = {.tests = calloc(4 * op_case_count() + 1, sizeof *s.tests)};
    ref = backend_ref_new();
    tested = cpu ? backend_cpu_new(&two) : far ? far_new(&two) : backend_ref_new();
    if (!s.tests || !ref || !tested || (!cpu && !far && strcmp(name, "ref") != 0)) {
        fprintf(stderr, "usage: test_backends [cpu | ref | far]\n");
        return 2;
    }
    for (int i = 0; cpu && i < THREADS; i++)
        if (!(of_threads[i] = backend_cpu_new(&(cpu_options){.threads = i + 1, .deterministic = true})))
            return 2;
    if ((cpu || far) && backend_cpu_has_bf16() && !(bf16 = cpu ? backend_cpu_new(&half) : far_new(&half)))
        return 2;
    for (size_t i = 0; i < op_case_count(); i++) {
        add(&s, name, check_case, op_case_at(i));
        add(&s, "no allocation", check_no_allocation, op_case_at(i));
        if (cpu)
            add(&s, "any number of threads", check_threads, op_case_at(i));
        if (bf16)
            add(&s, "bf16", check_bf16, op_case_at(i));
    }
    static const op_case reached = {.name = "reaches the kernels"};
    if (bf16)
        add(&s, "bf16", check_bf16_is_reached, &reached);
    else if (cpu || far)
        printf("bf16: skipped, this CPU has none\n");
    int failed = _cmocka_run_group_tests("backends", s.tests, s.n, NULL, NULL);
    for (size_t i = 0; i < s.n; i++)
        free((void *)(uintptr_t)s.tests[i].name);
    free(s.tests);
    backend *all[] = {ref, tested, of_threads[0], of_threads[1], of_threads[2], bf16};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            backend_free(all[i]);
    return failed;
}
