#include "backend/cpu/simd/attention_half.h"
#include "backend/cpu/simd/tables.h"

#if defined(__AVX512BF16__)
#define SIMD_NAME(x) x##_avx512_bf16
#include "backend/cpu/simd/attention_half_body.h"

const attention_half_table *attention_half_of(const simd_table *t)
{
    return t == &simd_table_avx512 && __builtin_cpu_supports("avx512bf16") ? &SIMD_NAME(attention_half) : NULL;
}
#else
const attention_half_table *attention_half_of(const simd_table *t)
{
    (void)t;
    return NULL;
}
#endif
