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
    /* c [m][n] (+)= a [m][2 * pairs] b [pairs][n]; n is a multiple of 16, lda is even. */
    void (*product)(const uint16_t *a, int64_t lda, const uint32_t *b, int64_t ldb, float *c, int64_t ldc, int64_t m,
                    int64_t pairs, int64_t n, bool add);
    /* As attention_table's, of products that are first multiplied by `scale`; the shares go to p, in bfloat16, with a
     * zero behind an odd count. */
    void (*weigh)(const attention_tile *t, float scale, uint16_t *p, int64_t p_ld, float *most, float *sum,
                  float *keep);
} attention_half_table;

/* Returns the loops of `t`'s instruction set; NULL: it has none, or this processor lacks them. */
const attention_half_table *attention_half_of(const struct simd_table *t);

#endif
