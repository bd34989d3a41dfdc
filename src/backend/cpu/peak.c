/* Measures the peak with the best loops of simd/ for this machine. Each thread has registers, or memory, of its own. */
#include "backend/peak.h"

#include <omp.h>
#include <stdint.h>

#include "backend/cpu/peak_bf16.h"
#include "backend/cpu/simd/maps.h"
#include "base/arena.h"
#include "base/usage.h"

/* Three arrays of 64 MiB exceed what caches hold; a trial of either kind takes some 10 ms. */
enum { TRIALS = 16, ROUNDS = 2000000, ARRAY = 16 << 20 };

/* By the processor time of each thread, so that a busy machine has the same peak as an idle one. */
static double best_flops(const simd_table *simd, int threads)
{
    double best = 0.0;
    for (int trial = 0; trial < TRIALS; trial++) {
        double rate = 0.0;
#pragma omp parallel num_threads(threads) reduction(+ : rate)
        {
            double begin = usage_thread_seconds(), done = simd->multiply_adds(ROUNDS);
            rate += done / (usage_thread_seconds() - begin);
        }
        best = rate > best ? rate : best;
    }
    return best;
}

static double best_bytes(const simd_table *simd, int threads, float *a, float *b, float *y)
{
    int64_t each = ARRAY / threads;
    double best = 0.0;
    for (int trial = -1; trial < TRIALS; trial++) { /* the first trial touches the memory on the threads that use it */
        double begin = omp_get_wtime();
#pragma omp parallel for num_threads(threads) schedule(static)
        for (int t = 0; t < threads; t++) {
            int64_t from = t * each;
            if (trial < 0) {
                for (int64_t i = from; i < from + each; i++)
                    a[i] = b[i] = y[i] = 1.0f;
            } else {
                simd->maps->mix(map_of_floats(a + from), 1.0f, map_of_floats(b + from), 0.5f, y + from, each);
            }
        }
        double rate = 3.0 * sizeof(float) * (double)(each * threads) / (omp_get_wtime() - begin);
        best = trial >= 0 && rate > best ? rate : best;
    }
    return best;
}

cseg_status cpu_peak_measure(int threads, cpu_peak *out, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const simd_table *simd = simd_choose();
    float *memory[3] = {0};
    for (int i = 0; i < 3; i++) {
        memory[i] = mem_alloc_raw((size_t)ARRAY * sizeof(float));
        if (!memory[i]) {
            status = fail_memory(err);
            goto done;
        }
    }
    *out = (cpu_peak){.isa = simd->name,
                      .flops = best_flops(simd, threads),
                      .bytes = best_bytes(simd, threads, memory[0], memory[1], memory[2])};
    status = peak_bf16(threads, &out->bf16, err);
done:
    for (int i = 0; i < 3; i++)
        mem_free(memory[i]);
    return status;
}
