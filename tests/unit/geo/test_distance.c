/* Distances against the definition, pixel by pixel. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/random.h"
#include "geo/distance.h"

/* Last: it has a macro called fail. */
#include <cmocka.h>

enum { H = 23, W = 31 };

static bool other(const uint8_t *l, int64_t y, int64_t x, int64_t v, int64_t u, int ignore)
{
    if (v < 0 || u < 0 || v >= H || u >= W)
        return false;
    int a = l[y * W + x], b = l[v * W + u];
    return a != b && a != ignore && b != ignore;
}

static double by_definition(const uint8_t *l, int64_t y, int64_t x, int ignore)
{
    double best = 1e9;
    for (int64_t v = 0; v < H; v++)
        for (int64_t u = 0; u < W; u++)
            if (other(l, v, u, v - 1, u, ignore) || other(l, v, u, v + 1, u, ignore) ||
                other(l, v, u, v, u - 1, ignore) || other(l, v, u, v, u + 1, ignore))
                best = fmin(best, hypot((double)(v - y), (double)(u - x)));
    return best;
}

static void is_the_distance_to_the_nearest_border(void **state)
{
    (void)state;
    uint8_t label[H * W];
    float d[H * W];
    for (uint64_t seed = 0; seed < 20; seed++) {
        rng r = rng_derive(seed, 1, 2);
        for (int64_t i = 0; i < H * W; i++) {
            double u = rng_uniform(&r);
            label[i] = u < 0.02 ? 1 : u < 0.06 ? 255 : 0;
        }
        assert_int_equal(border_distance(label, H, W, 255, d, NULL), CSEG_OK);
        for (int64_t i = 0; i < H * W; i++)
            assert_float_equal(d[i], by_definition(label, i / W, i % W, 255), 1e-4);
    }
}

static void is_far_where_there_is_no_border(void **state)
{
    (void)state;
    uint8_t label[H * W] = {0};
    float d[H * W];
    label[5] = 255;
    assert_int_equal(border_distance(label, H, W, 255, d, NULL), CSEG_OK);
    for (int64_t i = 0; i < H * W; i++)
        assert_float_equal(d[i], 1e9, 1.0);
}

static void weighs_borders_and_leaves_ignored_pixels_out(void **state)
{
    (void)state;
    uint8_t label[H * W];
    float w[H * W];
    for (int64_t i = 0; i < H * W; i++)
        label[i] = i % W < 10;
    label[3] = 255;
    assert_int_equal(border_weight(label, H, W, 255, 4.0, 2.0, w, NULL), CSEG_OK);
    assert_float_equal(w[3], 0.0, 0.0);
    assert_float_equal(w[9 + 5 * W], 5.0, 1e-6);
    assert_float_equal(w[7 + 5 * W], 1.0 + 4.0 * exp(-0.5), 1e-5);
    assert_float_equal(w[30 + 5 * W], 1.0, 1e-5);
}

static void reports_a_failing_allocation(void **state)
{
    (void)state;
    uint8_t label[H * W] = {1};
    float d[H * W];
    mem_fail_at(1);
    assert_int_equal(border_distance(label, H, W, 255, d, NULL), CSEG_NO_MEMORY);
    mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_distance_to_the_nearest_border),
        cmocka_unit_test(is_far_where_there_is_no_border),
        cmocka_unit_test(weighs_borders_and_leaves_ignored_pixels_out),
        cmocka_unit_test(reports_a_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
