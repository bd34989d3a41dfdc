/* The loss kernels of each instruction set: how exact they are over the whole range of logits, and what becomes of
 * logits that are not finite. That they compute the op is tested case by case in tests/ops. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "backend/cpu/simd/simd.h"
#include "base/random.h"

#include <cmocka.h>

enum { CLASSES = 21, LANES = LOSS_LANES };

typedef struct pixels {
    float x[CLASSES * LANES], room[CLASSES * LANES], g[CLASSES * LANES];
    float class[LANES], weight[LANES], most[LANES], sum[LANES], best[LANES];
    double loss;
} pixels;

/* Logits between -range and range; the class of pixel i is i % CLASSES, and its weight 1. */
static void fill(pixels *p, float range, uint64_t seed)
{
    for (int i = 0; i < CLASSES * LANES; i++)
        p->x[i] = (float)(2 * rng_named(seed, (uint64_t)i) - 1) * range;
    for (int i = 0; i < LANES; i++) {
        p->class[i] = (float)(i % CLASSES);
        p->weight[i] = 1;
    }
}

static void run(const simd_table *t, pixels *p)
{
    const loss_tile tile = {.a = p->x, .classes = CLASSES, .lanes = LANES};
    const float *x = t->loss->sums(&tile, p->room, p->most, p->sum, p->best);
    p->loss = t->loss->losses(x, p->class, p->most, p->sum, NULL, LANES);
    t->loss->grad(&tile, p->g, p->class, p->weight, NULL, NULL);
}

static double softmax(const pixels *p, int class, int lane)
{
    double most = -INFINITY, sum = 0;
    for (int c = 0; c < CLASSES; c++)
        most = fmax(most, (double)p->x[c * LANES + lane]);
    for (int c = 0; c < CLASSES; c++)
        sum += exp((double)p->x[c * LANES + lane] - most);
    return exp((double)p->x[class * LANES + lane] - most) / sum;
}

static void test_exact(void **state)
{
    (void)state;
    static const float ranges[] = {1e-3f, 1, 10, 80, 1e4f};
    pixels p;
    for (const simd_table *const *t = simd_all(); *t; t++)
        for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
            double loss = 0;
            fill(&p, ranges[r], r);
            run(*t, &p);
            for (int i = 0; i < LANES; i++) {
                for (int c = 0; c < CLASSES; c++) {
                    double want = softmax(&p, c, i) - (c == i % CLASSES);
                    assert_true(fabs((double)p.g[c * LANES + i] - want) < 5e-7);
                }
                loss -= log(softmax(&p, i % CLASSES, i));
            }
            /* Of logits that lie farther apart, the softmax is below what a double holds. */
            if (ranges[r] <= 80)
                assert_true(fabs(p.loss - loss) < 2e-7 * loss);
        }
}

static bool is_zero(const pixels *p, int lane)
{
    for (int c = 0; c < CLASSES; c++)
        if (p->g[c * LANES + lane] != 0)
            return false;
    return true;
}

/* A pixel without a class has no part in anything, whatever its logits; one that has a class makes the loss a NaN. */
static void test_not_finite(void **state)
{
    (void)state;
    static pixels p;
    for (const simd_table *const *t = simd_all(); *t; t++) {
        fill(&p, 4, 7);
        p.x[5 * LANES + 3] = NAN;
        p.x[6 * LANES + 4] = INFINITY;
        p.class[3] = p.class[4] = p.class[9] = -1;
        p.x[2 * LANES + 10] = -INFINITY;
        run(*t, &p);
        assert_true(isfinite(p.loss));
        assert_true(is_zero(&p, 3) && is_zero(&p, 4) && is_zero(&p, 9));
        assert_true(p.g[2 * LANES + 10] == 0 && isfinite(p.sum[10]));
        p.class[3] = 0;
        run(*t, &p);
        assert_true(isnan(p.loss) && isnan(p.sum[3]) && isnan(p.g[3]));
    }
}

static void test_labels(void **state)
{
    (void)state;
    static const int32_t label[] = {0, 255, -1, 20, 21, 2, INT32_MAX, INT32_MIN, 7};
    enum { N = sizeof label / sizeof *label };
    float class[LANES];
    for (const simd_table *const *t = simd_all(); *t; t++) {
        assert_int_equal((*t)->loss->labels(label, N, 255, CLASSES, class, LANES), N - 1);
        static const float want[] = {0, -1, -1, 20, -1, 2, -1, -1, 7, -1};
        for (int i = 0; i < LANES; i++)
            assert_true(class[i] == want[i < N ? i : N]);
        assert_int_equal((*t)->loss->labels(label, N, 2, CLASSES, class, LANES), N - 1);
        assert_true(class[5] == -1 && class[8] == 7);
        /* No label can be this. */
        assert_int_equal((*t)->loss->labels(label, N, INT64_C(1) << 32, CLASSES, class, LANES), N);
        assert_true(class[0] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_labels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
