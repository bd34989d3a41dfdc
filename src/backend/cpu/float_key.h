/* Numbers as keys that have their order, for sorting by digits.
 *
 *     printf("%d\n", float_key(-2.5f) < float_key(1)); // 1
 */
#ifndef CPU_FLOAT_KEY_H
#define CPU_FLOAT_KEY_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Keys have the order of the numbers; -0 and 0 are equal, and a NaN is larger than all. */
static inline uint32_t float_key(float x)
{
    uint32_t bits;
    bool nan = isnan(x);
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    uint32_t turned = ~bits, kept = bits | 0x80000000u; /* both: else loops are not vectorised */
    bits = bits >> 31 ? turned : kept;
    return nan ? UINT32_MAX : bits;
}

#endif
