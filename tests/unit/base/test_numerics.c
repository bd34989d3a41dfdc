/* Arithmetic that others' digits depend on: numpy's sum, and where torch's bilinear interpolation takes its values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bilinear.h"
#include "base/pairwise_sum.h"

/* numpy 2.4.6: sums of 1 / k, k = 1 to n. Running sums have other last bits from 100 values on. */
static void sums_are_numpys(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        float floats;
        double doubles;
    } wanted[] = {{0, 0, 0},
                  {5, 0x1.244446p+1f, 0x1.2444444444444p+1},
                  {8, 0x1.5be2cp+1f, 0x1.5be2be2be2be2p+1},
                  {100, 0x1.4bfe02p+2f, 0x1.4bfdfe4591243p+2},
                  {129, 0x1.5c37b4p+2f, 0x1.5c37b09149ba9p+2},
                  {1000, 0x1.df11f8p+2f, 0x1.df11f45f4e61ap+2}};
    static float floats[1000];
    static double doubles[1000];
    for (int k = 0; k < 1000; k++) {
        floats[k] = 1.0f / (float)(k + 1);
        doubles[k] = 1.0 / (double)(k + 1);
    }
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        float f = sum_floats(floats, wanted[i].n);
        double d = sum_doubles(doubles, wanted[i].n);
        assert_memory_equal(&f, &wanted[i].floats, sizeof f);
        assert_memory_equal(&d, &wanted[i].doubles, sizeof d);
    }
}

static void expect_resized(int64_t in, int64_t out, bool align_corners, const float *wanted)
{
    for (int64_t i = 0; i < out; i++) {
        bilinear_source s = bilinear_source_at(bilinear_position(i, in, out, align_corners, 0), in);
        assert_in_range(s.high, 0, in - 1);
        float y = (1 - s.t) * (float)(s.low * s.low) + s.t * (float)(s.high * s.high);
        assert_float_equal(y, wanted[i], 1e-6f * (1 + wanted[i])); /* torch joins products and sums where it can */
    }
}

/* torch 2.x: interpolate(mode='bilinear') of k * k, k = 0 to in - 1. */
static void positions_are_torchs(void **state)
{
    (void)state;
    expect_resized(3, 7, false,
                   (const float[]){0, 0x1.24924ap-3f, 0x1.24924ap-1f, 1, 0x1.24924ap+1f, 0x1.c92494p+1f, 4});
    expect_resized(3, 7, true, (const float[]){0, 0x1.555556p-2f, 0x1.555556p-1f, 1, 2, 0x1.800002p+1f, 4});
    expect_resized(5, 2, false, (const float[]){0.75f, 10.75f});
    expect_resized(4, 1, true, (const float[]){0});
    expect_resized(10, 3, true, (const float[]){0, 20.5f, 81});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_numpys),
        cmocka_unit_test(positions_are_torchs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
