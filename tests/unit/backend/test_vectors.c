/* The cpu backend's vector functions have the bits of the plain ones, for any length and number of threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>

#include "backend/backends.h"
#include "base/random.h"

#include <cmocka.h>

enum { ARRAYS = 5, MOST = 3 * (1 << 14) + 7, PARTS = 5 };
static const int64_t lengths[] = {0, 1, (1 << 14) - 1, 1 << 14, (1 << 14) + 1, MOST};

/* The same values for both sides; gradients of both signs, second averages that are none. */
typedef struct side {
    backend *b;
    float *a[ARRAYS];
    double sums[PARTS];
} side;

static void fill(side *s)
{
    for (int k = 0; k < ARRAYS; k++) {
        rng r = rng_derive(7, (uint64_t)k, 0);
        for (int64_t i = 0; i < MOST; i++)
            s->a[k][i] = (float)(k > 2 ? fabs(rng_normal(&r)) : rng_normal(&r));
    }
}

static side side_of(backend *b)
{
    side s = {.b = b};
    for (int k = 0; k < ARRAYS; k++)
        assert_non_null(s.a[k] = calloc(MOST, sizeof(float)));
    return s;
}

static void side_free(side *s)
{
    for (int k = 0; k < ARRAYS; k++)
        free(s->a[k]);
}

/* Cuts the arrays into parts of unequal length. */
static int64_t part_at(int i, int64_t n, int64_t *from)
{
    *from = n * i * i / (PARTS * PARTS);
    return n * (i + 1) * (i + 1) / (PARTS * PARTS) - *from;
}

static void sgd(side *s, int64_t n)
{
    sgd_part p[PARTS];
    for (int i = 0; i < PARTS; i++) {
        int64_t from, count = part_at(i, n, &from);
        p[i] = (sgd_part){s->a[0] + from, s->a[1] + from, s->a[2] + from, count, 0.5f,  0.1f,
                          0.01f,          i % 2 * 0.9f,   0.9f,           0.8f,  i == 3};
    }
    s->b->vectors->sgd(s->b, p, PARTS);
}

static void adam(side *s, int64_t n)
{
    adam_part p[PARTS];
    for (int i = 0; i < PARTS; i++) {
        int64_t from, count = part_at(i, n, &from);
        p[i] = (adam_part){.w = s->a[0] + from,
                           .first = s->a[1] + from,
                           .grad = s->a[2] + from,
                           .second = s->a[3] + from,
                           .largest = i % 2 ? s->a[4] + from : NULL,
                           .n = count,
                           .scale = 1,
                           .take1 = 0.1f,
                           .keep2 = 0.99f,
                           .take2 = 0.01f,
                           .root = 0.5f,
                           .size = 0.01f,
                           .eps = 1e-8f,
                           .decay = 0.02f,
                           .shrink = 0.999f,
                           .decoupled = i > 2};
    }
    s->b->vectors->adam(s->b, p, PARTS);
}

static void gradients(side *s, int64_t n)
{
    vector_part p[PARTS];
    for (int i = 0; i < PARTS; i++) {
        int64_t from;
        p[i].n = part_at(i, n, &from);
        p[i].at = s->a[i % 2] + from;
    }
    s->b->vectors->sum_powers(s->b, p, PARTS, n % 2 ? 2 : n % 4 ? 1.5 : INFINITY, s->sums);
    s->b->vectors->scale(s->b, p, PARTS, 0.7f);
    s->b->vectors->clamp(s->b, p, PARTS, 0.5f);
}

static void arrays(side *s, int64_t n)
{
    const vector_calls *v = s->b->vectors;
    v->add(s->b, s->a[0], s->a[1], n);
    v->lerp(s->b, s->a[1], s->a[2], n, 0.3);
    v->lerp(s->b, s->a[2], s->a[3], n, 0.8);
    v->blend(s->b, s->a[3], s->a[0], n, 0.1);
    v->exchange(s->b, s->a[0], s->a[4], n);
    v->drain(s->b, s->a[1], s->a[2], n, 0.25f);
}

static void same_bits(void **state)
{
    (void)state;
    static void (*const all[])(side *, int64_t) = {sgd, adam, gradients, arrays};
    backend *cpu = backend_cpu_new(&(cpu_options){.threads = 1});
    side a = side_of(backend_host()), b = side_of(cpu);
    for (int threads = 1; threads <= 4; threads++)
        for (size_t f = 0; f < sizeof all / sizeof *all; f++)
            for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                omp_set_num_threads(threads);
                fill(&a);
                fill(&b);
                all[f](&a, lengths[i]);
                all[f](&b, lengths[i]);
                for (int k = 0; k < ARRAYS; k++)
                    assert_memory_equal(a.a[k], b.a[k], MOST * sizeof(float));
                assert_memory_equal(a.sums, b.sums, sizeof a.sums);
            }
    side_free(&a);
    side_free(&b);
    backend_free(cpu);
}

/* What they are, on numbers that can be checked by hand. */
static void their_definitions(void **state)
{
    (void)state;
    backend *b = backend_host();
    const vector_calls *v = b->vectors;
    float x[2] = {1, -4}, y[2] = {3, 8};
    double sum;
    v->sum_powers(b, &(vector_part){x, 2}, 1, 2, &sum);
    assert_true(sum == 17);
    v->sum_powers(b, &(vector_part){x, 2}, 1, INFINITY, &sum);
    assert_true(sum == 4);
    v->clamp(b, &(vector_part){x, 2}, 1, 2);
    assert_true(x[0] == 1 && x[1] == -2);
    v->add(b, x, y, 2);
    assert_true(x[0] == 4 && x[1] == 6);
    v->lerp(b, x, y, 2, 0.25);
    assert_true(x[0] == 3.75f && x[1] == 6.5f);
    v->blend(b, x, y, 2, 0.5);
    assert_true(x[0] == 3.375f && x[1] == 7.25f);
    v->drain(b, x, y, 2, 0.5f);
    assert_true(x[0] == 1.5f && x[1] == 4 && y[0] == 0 && y[1] == 0);
    v->exchange(b, x, y, 2);
    assert_true(x[0] == 0 && y[1] == 4);
    float odd[3] = {1, INFINITY, 2};
    const uint16_t half[2] = {0x3f80, 0x7fc0};
    assert_true(v->all_finite(b, y, DT_F32, 2) && !v->all_finite(b, odd, DT_F32, 3) &&
                v->all_finite(b, odd, DT_F32, 1));
    assert_true(v->all_finite(b, half, DT_BF16, 1) && !v->all_finite(b, half, DT_BF16, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(their_definitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
