/* Measures what the machine can do at most. Rates of kernels are compared with it.
 *
 *     cpu_peak peak;
 *     TRY(cpu_peak_measure(4, &peak, err));
 *     printf("%.0f GFLOP/s, %.0f GB/s\n", peak.flops / 1e9, peak.bytes / 1e9);
 */
#ifndef BACKEND_PEAK_H
#define BACKEND_PEAK_H

#include "base/error.h"

typedef struct cpu_peak {
    const char *isa; /* "generic", "avx2", "avx512": of the loop that was measured */
    double flops;    /* f32 operations a second, a multiply-add counting two */
    double bf16;     /* the same with bfloat16 operands; 0: this CPU has no such products */
    double bytes;    /* bytes a second to and from memory, by y = a + s * b over arrays larger than the caches */
} cpu_peak;

/* Takes some tenths of a second and 192 MiB. The best of several trials: other programs on the machine slow a trial,
 * none makes it faster. threads: as many as the kernels use. */
cseg_status cpu_peak_measure(int threads, cpu_peak *out, cseg_error *err);

#endif
