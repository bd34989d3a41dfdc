/* The measures of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/backends.h"
#include "backend/cpu/simd/simd.h"
#include "backend/peak.h"
#include "base/arena.h"

#include <cmocka.h>

static int lanes(const char *isa)
{
    return strcmp(isa, "avx512") == 0 ? 16 : strcmp(isa, "avx2") == 0 ? 8 : 4;
}

/* 12 independent chains, and a multiply-add counts two. */
static void test_counts(void **state)
{
    (void)state;
    for (const simd_table *const *t = simd_all(); *t; t++)
        assert_true((*t)->multiply_adds(1000) == 2.0 * 1000 * 12 * lanes((*t)->name));
}

static void test_measure(void **state)
{
    (void)state;
    cpu_peak peak;
    cseg_error err;
    assert_int_equal(cpu_peak_measure(2, &peak, &err), CSEG_OK);
    assert_string_equal(peak.isa, simd_choose()->name);
    /* Any machine lies between: 100 MFLOP/s and 1 PFLOP/s, 1 MB/s and 100 TB/s. */
    assert_true(peak.flops > 1e8 && peak.flops < 1e15);
    assert_true(peak.bytes > 1e6 && peak.bytes < 1e14);
    /* Products of bfloat16 are no slower than those of float32 where a CPU has them, up to what a matrix product costs.
     */
    if (backend_cpu_has_bf16())
        assert_true(peak.bf16 > 0.5 * peak.flops && peak.bf16 < 1e15);
    else
        assert_true(peak.bf16 == 0);
    mem_fail_at(2);
    assert_int_equal(cpu_peak_measure(1, &peak, &err), CSEG_NO_MEMORY);
    mem_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
