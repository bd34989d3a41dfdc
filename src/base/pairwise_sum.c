#include "base/pairwise_sum.h"

#include <string.h>

#define PAIRWISE_SUM(name, type)                                                                                       \
    type name(const type *x, size_t n)                                                                                 \
    {                                                                                                                  \
        if (n > 128) {                                                                                                 \
            size_t half = n / 2 - n / 2 % 8;                                                                           \
            return name(x, half) + name(x + half, n - half);                                                           \
        }                                                                                                              \
        type r[8], sum = 0;                                                                                            \
        size_t i = 0;                                                                                                  \
        if (n >= 8) {                                                                                                  \
            memcpy(r, x, sizeof r);                                                                                    \
            for (i = 8; i + 8 <= n; i += 8)                                                                            \
                for (size_t k = 0; k < 8; k++)                                                                         \
                    r[k] += x[i + k];                                                                                  \
            sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));                                   \
        }                                                                                                              \
        for (; i < n; i++)                                                                                             \
            sum += x[i];                                                                                               \
        return sum;                                                                                                    \
    }
PAIRWISE_SUM(sum_floats, float)
PAIRWISE_SUM(sum_doubles, double)
