/* Random numbers of a forward pass: other ones for each request and each step, the same for a seed, and always the same
 * in inference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "backend/backends.h"
#include "graph/plan.h"

#include <cmocka.h>

enum { COUNT = 3 * 70 * 11 };

typedef struct draws {
    graph *g;
    plan *p;
    float first[COUNT], second[COUNT];
} draws;

static backend *b;

static void begin(draws *d, bool train)
{
    cseg_error err;
    *d = (draws){.g = graph_new(train)};
    assert_non_null(d->g);
    graph_add_output(d->g, "first", op_uniform(d->g, 3, (int64_t[]){3, 70, 11}));
    graph_add_output(d->g, "second", op_uniform(d->g, 3, (int64_t[]){3, 70, 11}));
    assert_int_equal(graph_status(d->g, &err), CSEG_OK);
    assert_int_equal(plan_build(d->g, b, &d->p, &err), CSEG_OK);
}

static void draw(draws *d, int64_t seed, int64_t step)
{
    cseg_error err;
    int64_t *at = plan_input(d->p, "seed", NULL);
    if (at) {
        at[0] = seed;
        at[1] = step;
    }
    assert_int_equal(plan_run(d->p, &err), CSEG_OK);
    memcpy(d->first, plan_output(d->p, "first", NULL), sizeof d->first);
    memcpy(d->second, plan_output(d->p, "second", NULL), sizeof d->second);
}

static void end(draws *d)
{
    plan_free(d->p);
    graph_free(d->g);
}

static void seed_and_step_decide(void **state)
{
    (void)state;
    draws d, again;
    begin(&d, true);
    begin(&again, true);
    draw(&d, 5, 1);
    draw(&again, 5, 1);
    assert_memory_equal(d.first, again.first, sizeof d.first);
    assert_memory_equal(d.second, again.second, sizeof d.second);
    assert_memory_not_equal(d.first, d.second, sizeof d.first);
    draw(&again, 5, 2);
    assert_memory_not_equal(d.first, again.first, sizeof d.first);
    draw(&again, 6, 1);
    assert_memory_not_equal(d.first, again.first, sizeof d.first);
    end(&d);
    end(&again);
}

static void numbers_are_uniform(void **state)
{
    (void)state;
    draws d;
    double mean = 0, squares = 0;
    begin(&d, true);
    draw(&d, 1, 1);
    for (int i = 0; i < COUNT; i++) {
        assert_true(d.first[i] >= 0 && d.first[i] < 1);
        mean += d.first[i] / (double)COUNT;
        squares += d.first[i] * (double)d.first[i] / COUNT;
    }
    assert_true(mean > 0.47 && mean < 0.53);
    assert_true(squares - mean * mean > 0.078 && squares - mean * mean < 0.089); /* 1 / 12 */
    end(&d);
}

static void inference_repeats_itself(void **state)
{
    (void)state;
    draws d, again;
    begin(&d, false);
    begin(&again, false);
    assert_null(plan_input(d.p, "seed", NULL));
    draw(&d, 0, 0);
    draw(&again, 0, 0);
    assert_memory_equal(d.first, again.first, sizeof d.first);
    assert_memory_not_equal(d.first, d.second, sizeof d.first);
    draw(&again, 0, 0);
    assert_memory_equal(d.second, again.second, sizeof d.second);
    end(&d);
    end(&again);
}

static void the_caller_gives_them(void **state)
{
    (void)state;
    const tensor *shape = NULL;
    graph *g = graph_new(false);
    assert_non_null(g);
    g->draws_given = true;
    assert_string_equal(op_uniform(g, 1, (int64_t[]){4})->name, "rand:0");
    assert_string_equal(op_uniform(g, 2, (int64_t[]){4, 5})->name, "rand:1");
    shape = g->inputs.at[1];
    assert_int_equal(shape->rank, 2);
    assert_int_equal(shape->dim[1], 5);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seed_and_step_decide),
        cmocka_unit_test(numbers_are_uniform),
        cmocka_unit_test(inference_repeats_itself),
        cmocka_unit_test(the_caller_gives_them),
    };
    backend *each[] = {backend_ref_new(), backend_cpu_new(&(cpu_options){.threads = 2})};
    int failed = 0;
    for (int i = 0; i < 2; i++) {
        b = each[i];
        failed += b ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
        if (b)
            b->release(b);
    }
    return failed;
}
