/* The smaller and the larger of two whole numbers.
 *
 *     printf("%lld %lld\n", (long long)least_of(64, 5), (long long)most_of(3, 16)); // 5 16
 */
#ifndef BASE_LEAST_H
#define BASE_LEAST_H

#include <stdint.h>

static inline int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t most_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
