/* Numbers as keys that have their order, for sorting by digits. */
#ifndef CPU_FLOAT_KEY_H
#define CPU_FLOAT_KEY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Keys have the order of the numbers; -0 and 0 are equal, and a NaN is larger than all. */
static inline uint32_t float_key(float x)
{
    uint32_t bits;
    if (isnan(x))
        return UINT32_MAX;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

#endif
