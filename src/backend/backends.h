/* Makes the backends, which run graphs.
 *
 *     backend *cpu = backend_cpu_new(&(cpu_options){.threads = 4});
 *     if (!cpu)
 *         return fail_memory(err);
 *     backend_free(cpu);
 */
#ifndef BACKEND_BACKENDS_H
#define BACKEND_BACKENDS_H

#include "graph/backend.h"

typedef struct cpu_options {
    int threads;        /* 0: all processors that this process may use */
    bool deterministic; /* the same bits for any number of threads */
    bool bf16;          /* maps and operands of convolutions and matrix products are bfloat16; without effect where
                           backend_cpu_has_bf16 says no */
} cpu_options;

/* Naive and obviously correct, one thread: the oracle of the op tests. NULL: out of memory. */
backend *backend_ref_new(void);
/* oneDNN and own kernels. NULL: out of memory. Sets OpenMP's thread count for threads that build or run plans. */
backend *backend_cpu_new(const cpu_options *options);
/* "oneDNN 3.2.0, own kernels for avx512" */
const char *backend_cpu_describe(char to[static 64]);
/* Whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX), as far as ONEDNN_MAX_CPU_ISA lets it. */
bool backend_cpu_has_bf16(void);
bool backend_cpu_has_amx(void);
static inline void backend_free(backend *b)
{
    if (b)
        b->release(b);
}

#endif
