#include <stdatomic.h>

#include "io/imgproc/imgproc.h"

static atomic_bool plain_only;

void imgproc_use_vectors(bool yes)
{
    atomic_store(&plain_only, !yes);
}

bool imgproc_has_avx2(void)
{
#if defined(__x86_64__)
    return !atomic_load_explicit(&plain_only, memory_order_relaxed) && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
#else
    return false;
#endif
}
