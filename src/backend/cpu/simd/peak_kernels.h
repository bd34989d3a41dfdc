/* simd_table.multiply_adds. Bound by the multiply-add units alone: the independent chains cover their latency (4 or 5
 * cycles, 2 units), and nothing leaves the registers. It reaches 235 GFLOP/s on two Zen 4 cores at 3.7 GHz, which is
 * their limit. */
enum { PEAK_CHAINS = 12 };

#if defined(__AVX512F__)
#include <immintrin.h>
typedef __m512 SIMD_NAME(vector);
#define PEAK_SET _mm512_set1_ps
#define PEAK_FMA _mm512_fmadd_ps
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
typedef __m256 SIMD_NAME(vector);
#define PEAK_SET _mm256_set1_ps
#define PEAK_FMA _mm256_fmadd_ps
#else
typedef float SIMD_NAME(vector) __attribute__((vector_size(16)));
#define PEAK_SET(x) ((SIMD_NAME(vector)){x, x, x, x})
#define PEAK_FMA(a, b, c) ((a) * (b) + (c))
#endif

static double SIMD_NAME(multiply_adds)(int64_t rounds)
{
    SIMD_NAME(vector) sum[PEAK_CHAINS], s = PEAK_SET(0.5f), b = PEAK_SET(0.5f);
    for (int i = 0; i < PEAK_CHAINS; i++)
        sum[i] = PEAK_SET((float)i);
    for (int64_t r = 0; r < rounds; r++)
#pragma GCC unroll 12
        for (int i = 0; i < PEAK_CHAINS; i++)
            sum[i] = PEAK_FMA(sum[i], s, b);
    /* Each chain's value is now 1; checking it keeps the compiler from removing the loop. */
    float first[PEAK_CHAINS];
    int wrong = 0;
    for (int i = 0; i < PEAK_CHAINS; i++) {
        memcpy(&first[i], &sum[i], sizeof first[i]);
        wrong += first[i] > 64.0f;
    }
    return wrong ? 0.0 : 2.0 * (double)rounds * PEAK_CHAINS * (double)(sizeof s / sizeof(float));
}
#undef PEAK_SET
#undef PEAK_FMA
