/* Attention's products in bfloat16, on processors that multiply pairs of it and add both products to a float32
 * (AVX512-BF16). Operands are packed in such pairs: words, whose lower half comes first. */
#ifndef SIMD_ATTENTION_HALF_H
#define SIMD_ATTENTION_HALF_H

#include "backend/cpu/simd/attention.h"

struct simd_table;

typedef struct attention_half_table {
    /* Pack `count` rows of c channels: as they are, to[i][..], with zeros up to ld; pairs of channels turned,
     * to[c / 2][i], with zeros up to `width` rows; and pairs of rows, to[i / 2][c], with zeros behind the last. */
    void (*rows)(const void *const *row, int64_t count, int64_t c, uint16_t *to, int64_t ld);
    void (*columns)(const void *const *row, int64_t count, int64_t width, int64_t c, uint32_t *to, int64_t ld);
    void (*pairs)(const void *const *row, int64_t count, int64_t c, uint32_t *to, int64_t ld);
    /* The same of a tile [rows][count] of float32, count up to whole vectors: rounded to bfloat16. */
    void (*narrow)(const float *x, int64_t x_ld, int64_t rows, int64_t count, uint16_t *to, int64_t ld);
    void (*narrow_pairs)(const float *x, int64_t x_ld, int64_t rows, int64_t count, uint32_t *to, int64_t ld);
    /* c [m][n] (+)= a [m][2 * pairs] b [pairs][n], where pair l of a's row i is at a + i * a_row + l * a_pair, strides
     * that are even; n is a multiple of 16. */
    void (*product)(const uint16_t *a, int64_t a_row, int64_t a_pair, const uint32_t *b, int64_t ldb, float *c,
                    int64_t ldc, int64_t m, int64_t pairs, int64_t n, bool add);
    /* As attention_table's, of products that are first multiplied by `scale`; the shares go to p, in bfloat16, with a
     * zero behind an odd count. */
    void (*weigh)(const attention_tile *t, float scale, uint16_t *p, int64_t p_ld, float *most, float *sum,
                  float *keep);
    void (*share)(const attention_tile *t, float scale, const float *of_row); /* s itself, in float32 */
} attention_half_table;

/* Returns the loops of `t`'s instruction set; NULL: it has none, or this processor lacks them. */
const attention_half_table *attention_half_of(const struct simd_table *t);

#endif
