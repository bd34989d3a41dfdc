#include <stdlib.h>
#include <string.h>

#include "backend/cpu/simd/tables.h"

static bool runs(const simd_table *t)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (t == &simd_table_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("fma");
    if (t == &simd_table_avx2)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return true;
#else
    return t == &simd_table_generic;
#endif
}

const simd_table *const *simd_all(void)
{
    static const simd_table *const known[] = {&simd_table_avx512, &simd_table_avx2, &simd_table_generic};
    static _Thread_local const simd_table *out[4];
    int n = 0;
    for (int i = 0; i < 3; i++)
        if (runs(known[i]))
            out[n++] = known[i];
    out[n] = NULL;
    return out;
}

const simd_table *simd_choose(void)
{
    const simd_table *const *all = simd_all();
    const char *most = getenv("CSEG_ISA");
    for (int i = 0; most && all[i]; i++)
        if (strcmp(all[i]->name, most) == 0)
            return all[i];
    return all[0];
}

const simd_table *simd_halved(const simd_table *t)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (t == &simd_table_avx512 && __builtin_cpu_is("amdfam19h"))
        return &simd_table_avx2;
#endif
    return t;
}
