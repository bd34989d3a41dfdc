/* Makes rows of channels wide enough for vectors: with C channels, `times` pixels are taken as one row of times * C
 * floats, and per-channel coefficients are repeated as often. */
#ifndef CPU_WIDEN_H
#define CPU_WIDEN_H

#include <stdint.h>

enum { WIDEN_MOST = 16 };

static inline int64_t widen_times(int64_t c)
{
    int64_t times = 1;
    /* Stops when a row is a multiple of 16 floats and at least 64 long; rows of 256 and more channels lose little. */
    while (times < WIDEN_MOST && c < 256 && (times * c % 16 != 0 || times * c < 64))
        times *= 2;
    return times;
}

/* Repeats the first c floats of `at`, which has room for times * c. */
static inline void widen_fill(float *at, int64_t c, int64_t times)
{
    for (int64_t i = c; i < times * c; i++)
        at[i] = at[i - c];
}

/* Adds up the repeated sums into the first c. */
static inline void widen_fold(float *at, int64_t c, int64_t times)
{
    for (int64_t k = 1; k < times; k++)
        for (int64_t i = 0; i < c; i++)
            at[i] += at[k * c + i];
}

#endif
