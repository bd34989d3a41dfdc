/* Converts 16-bit floats (IEEE binary16 and bfloat16) to binary32; both conversions are exact.
 *
 *     v[0] = half_to_f32(0x3C00);
 *     v[1] = bfloat_to_f32(0x3F80);
 */
#ifndef IO_TORCH_HALF_H
#define IO_TORCH_HALF_H

#include <stdint.h>
#include <string.h>

static inline float half_of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline float half_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3ff;
    if (exponent == 31)
        return half_of_bits(sign | 0x7f800000 | mantissa << 13);
    if (exponent)
        return half_of_bits(sign | (exponent + 112) << 23 | mantissa << 13);
    float v = (float)mantissa * 0x1p-24f; /* zero and subnormals, exact */
    return sign ? -v : v;
}

static inline float bfloat_to_f32(uint16_t b)
{
    return half_of_bits((uint32_t)b << 16);
}

#endif
