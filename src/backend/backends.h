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
    bool deterministic; /* results are the same to the bit for any number of threads */
    bool bf16;          /* maps and operands of convolutions and matrix products are bfloat16; no effect where
                           backend_cpu_has_bf16 returns false */
} cpu_options;

/* Makes the naive backend: every op by its definition, on one thread. The op tests compare the other backends with it.
 * NULL: out of memory. */
backend *backend_ref_new(void);
/* Makes the CPU backend: oneDNN and own kernels. NULL: out of memory. It sets OpenMP's thread count in each thread that
 * builds or runs plans. */
backend *backend_cpu_new(const cpu_options *options);
/* Describes the libraries and the instruction set in use: "oneDNN 3.2.0, own kernels for avx512". Returns `to`. */
const char *backend_cpu_describe(char to[static 64]);
/* Returns whether this CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX), as far as ONEDNN_MAX_CPU_ISA
 * allows. */
bool backend_cpu_has_bf16(void);
bool backend_cpu_has_amx(void);
static inline void backend_free(backend *b)
{
    if (b)
        b->release(b);
}

#endif
