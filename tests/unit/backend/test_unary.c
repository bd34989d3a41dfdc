/* Activations' loops of every instruction set against the naive backend's definitions: values and slopes, far from zero
 * too, of NaNs, in both types of maps. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include "backend/cpu/simd/unary.h"
#include "backend/ref/ref.h"

#include <cmocka.h>

enum { COUNT = 4099, NANS = 3 }; /* not a multiple of a vector */

static const unary_attr kinds[] = {
    {.kind = UNARY_RELU6},
    {.kind = UNARY_LEAKY_RELU, .alpha = 0.01f},
    {.kind = UNARY_LEAKY_RELU, .alpha = -0.5f},
    {.kind = UNARY_SIGMOID},
    {.kind = UNARY_GELU},
    {.kind = UNARY_SILU},
    {.kind = UNARY_HSWISH},
};

static float x[COUNT], y[COUNT], dy[COUNT], expected[COUNT], got[COUNT];

static void fill(void)
{
    for (int i = 0; i < COUNT; i++) {
        x[i] = i < NANS ? NAN : 40.0f * ((float)i / COUNT - 0.5f);
        dy[i] = (float)(i % 7) - 3;
    }
    x[COUNT - 1] = 200;
    x[COUNT - 2] = -200;
    x[COUNT - 3] = 0;
}

static void check(const unary_attr *a, const char *isa, const char *what)
{
    for (int i = 0; i < COUNT; i++) {
        double room = 1e-6 * (1 + fabs((double)expected[i]) + (isnan(x[i]) ? 0 : fabs((double)x[i])));
        if (isnan(expected[i]) ? !isnan(got[i]) : !(fabs((double)expected[i] - (double)got[i]) <= room))
            fail_msg("%s, kind %d: %s of %g is %g instead of %g", isa, (int)a->kind, what, (double)x[i], (double)got[i],
                     (double)expected[i]);
    }
}

static void test_floats(void **state)
{
    (void)state;
    for (const simd_table *const *t = simd_all(); *t; t++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            const unary_attr *a = &kinds[k];
            assert_true((*t)->unary->has(a->kind));
            for (int i = 0; i < COUNT; i++)
                expected[i] = y[i] = ref_unary_value(a, x[i]);
            (*t)->unary->value(a, map_of_floats(x), map_of_floats(got), COUNT);
            check(a, (*t)->name, "value");
            for (int i = 0; i < COUNT; i++)
                expected[i] = dy[i] * (isnan(x[i]) ? 0 : ref_unary_slope(a, x[i], y[i]));
            (*t)->unary->slope(a, map_of_floats(x), map_of_floats(y), map_of_floats(dy), map_of_floats(got), COUNT);
            for (int i = 0; i < COUNT; i++)
                got[i] = isnan(x[i]) ? expected[i] : got[i];
            check(a, (*t)->name, "slope");
        }
}

/* In bfloat16 the result is that of float32, rounded. */
static void test_halves(void **state)
{
    (void)state;
    static uint16_t half[COUNT], result[COUNT], rounded[COUNT];
    static float wide[COUNT];
    for (const simd_table *const *t = simd_all(); *t; t++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            const simd_table *v = *t;
            v->narrow(x, half, COUNT);
            v->widen(half, wide, COUNT);
            v->unary->value(&kinds[k], map_of_floats(wide), map_of_floats(got), COUNT);
            v->narrow(got, rounded, COUNT);
            v->unary->value(&kinds[k], (map){half, true, sizeof *half}, (map){result, true, sizeof *result}, COUNT);
            assert_memory_equal(result, rounded, sizeof result);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_floats), cmocka_unit_test(test_halves)};
    fill();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
