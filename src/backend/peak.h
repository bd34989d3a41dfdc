/* Measures the machine's peak rates. Rates of kernels are compared with them.
 *
 *     cpu_peak peak;
 *     TRY(cpu_peak_measure(4, &peak, err));
 *     printf("%.0f GFLOP/s, %.0f GB/s\n", peak.flops / 1e9, peak.bytes / 1e9);
 */
#ifndef BACKEND_PEAK_H
#define BACKEND_PEAK_H

#include "base/error.h"

typedef struct cpu_peak {
    const char *isa; /* the instruction set of the measured loop: "generic", "avx2", "avx512" */
    double flops;    /* float32 operations a second; a multiply-add counts as two */
    double bf16;     /* the same with bfloat16 operands; 0: this CPU has no such products */
    double bytes;    /* bytes a second from and to memory, by y = a + s * b over arrays larger than the caches */
} cpu_peak;

/* Measures for some tenths of a second with 192 MiB. Takes the best of several trials, because other programs can only
 * slow a trial. threads: as many as the kernels use. */
cseg_status cpu_peak_measure(int threads, cpu_peak *out, cseg_error *err);

#endif
