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

/* Radix selection looks at a key's digits, the leading ones first: 11, 11 and 10 bits. */
enum { KEY_DIGITS = 3, KEY_BINS = 1 << 11 };

static inline int key_shift(int digit)
{
    return digit == 0 ? 21 : digit == 1 ? 10 : 0;
}

static inline uint32_t key_digit(uint32_t key, int digit)
{
    return key >> key_shift(digit) & (digit == 2 ? (1u << 10) - 1 : KEY_BINS - 1);
}

#endif
