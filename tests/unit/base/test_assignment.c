/* The least assignment against scipy's answers, also where several are equally good, and against trying all. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assignment.h"

enum { MOST = 20 };

static double room[4096];
static const float all_open[MOST] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static void fill(float *cost, int64_t n, uint32_t x, uint32_t mod)
{
    for (int64_t i = 0; i < n; i++) {
        x = (x * 1103515245u + 12345u) & 0x7fffffffu;
        cost[i] = (float)((x >> 16) % mod);
    }
}

static void assign(const float *cost, int64_t workers, int64_t jobs, const float *open, int32_t *job_of)
{
    assert_true(assignment_bytes(workers, jobs) <= sizeof room);
    assign_least(cost, workers, jobs, open, job_of, room);
}

/* scipy 1.13's linear_sum_assignment of small whole numbers, many of them equal. */
static void ties_are_scipys(void **state)
{
    (void)state;
    static const struct {
        int64_t workers, jobs;
        uint32_t seed, mod;
        int32_t job_of[MOST];
    } wanted[] = {
        {7, 7, 1, 4, {2, 5, 0, 6, 1, 4, 3}},
        {10, 6, 2, 3, {2, 0, 4, 6, 1, 6, 3, 6, 5, 6}},
        {6, 10, 3, 3, {1, 2, 4, 7, 8, 0}},
        {12, 12, 4, 2, {1, 6, 0, 2, 3, 5, 7, 4, 8, 10, 9, 11}},
        {9, 5, 5, 100, {2, 1, 5, 4, 5, 5, 3, 0, 5}},
        {3, 8, 6, 1, {0, 1, 2}},
        {8, 3, 7, 1, {0, 1, 2, 3, 3, 3, 3, 3}},
        {20, 11, 8, 5, {8, 6, 2, 1, 7, 3, 10, 9, 0, 4, 11, 11, 5, 11, 11, 11, 11, 11, 11, 11}},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        float cost[MOST * MOST];
        int32_t job_of[MOST];
        fill(cost, wanted[i].workers * wanted[i].jobs, wanted[i].seed, wanted[i].mod);
        assign(cost, wanted[i].workers, wanted[i].jobs, all_open, job_of);
        assert_memory_equal(job_of, wanted[i].job_of, (size_t)wanted[i].workers * sizeof *job_of);
    }
}

/* The least sum of `left` more pairs, from worker w on. */
static double least(const float *cost, int64_t workers, int64_t jobs, int64_t w, unsigned taken, int64_t left)
{
    if (!left)
        return 0;
    double best = workers - w > left ? least(cost, workers, jobs, w + 1, taken, left) : INFINITY;
    for (int64_t j = 0; j < jobs; j++)
        if (!(taken >> j & 1)) {
            double sum = (double)cost[w * jobs + j] + least(cost, workers, jobs, w + 1, taken | 1u << j, left - 1);
            best = sum < best ? sum : best;
        }
    return best;
}

/* Every third job is closed. */
static void no_assignment_is_better(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        int64_t workers = 1 + seed % 5, jobs = 1 + seed / 5 % 6, given = 0, open_jobs = 0;
        float cost[64], open[8];
        int32_t job_of[8];
        unsigned closed = 0, taken = 0;
        double sum = 0;
        fill(cost, workers * jobs, seed, 97);
        for (int64_t j = 0; j < jobs; j++) {
            open[j] = j % 3 == 1 ? 0.0f : 1.0f;
            closed |= (unsigned)(j % 3 == 1) << j;
            open_jobs += j % 3 != 1;
        }
        assign(cost, workers, jobs, open, job_of);
        for (int64_t w = 0; w < workers; w++) {
            if (job_of[w] == jobs)
                continue;
            assert_false((closed | taken) >> job_of[w] & 1);
            taken |= 1u << job_of[w];
            sum += (double)cost[w * jobs + job_of[w]];
            given++;
        }
        assert_int_equal(given, open_jobs < workers ? open_jobs : workers);
        assert_float_equal(sum, least(cost, workers, jobs, 0, closed, given), 0);
    }
}

static void what_is_not_finite_is_avoided(void **state)
{
    (void)state;
    int32_t job_of[3];
    assign((const float[]){NAN, 1, INFINITY, 1, 5, NAN}, 3, 2, all_open, job_of);
    assert_memory_equal(job_of, ((const int32_t[]){1, 2, 0}), sizeof job_of);
    assign((const float[]){NAN, NAN, NAN, NAN}, 2, 2, all_open, job_of);
    assert_memory_equal(job_of, ((const int32_t[]){0, 1}), 2 * sizeof *job_of);
    assign((const float[]){1, 2}, 1, 2, (const float[]){0, 0}, job_of);
    assert_int_equal(job_of[0], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ties_are_scipys),
        cmocka_unit_test(no_assignment_is_better),
        cmocka_unit_test(what_is_not_finite_is_avoided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
