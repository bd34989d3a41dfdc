/* What attention and its gradient share: sequences packed for matrix products, and these products. */
#ifndef CPU_ATTENTION_PARTS_H
#define CPU_ATTENTION_PARTS_H

#include "backend/cpu/cpu.h"

enum {
    ATTENTION_ROWS = 32,       /* queries of a tile */
    ATTENTION_COLUMNS = 128,   /* keys of a tile */
    ATTENTION_LANES = 16,      /* sizes are padded to whole vectors of any instruction set */
    ATTENTION_PACKED = 1 << 22 /* floats that are packed at a time, of several images if they are small */
};

typedef struct attention_sizes {
    int64_t batch, queries, keys, d, e; /* d channels of queries and keys, e of values */
    int64_t group;                      /* images that are packed at a time */
    float scale;
} attention_sizes;

static inline int64_t attention_padded(int64_t n)
{
    return (n + ATTENTION_LANES - 1) / ATTENTION_LANES * ATTENTION_LANES;
}
/* All but `group`. */
attention_sizes attention_sizes_of(const node *n);
/* One head and nothing besides queries, keys and values. */
bool attention_is_plain(const cpu_backend *b, const node *n);
/* How many images are packed at a time, if each takes so many floats. */
int64_t attention_group(const attention_sizes *s, int64_t floats);

/* A matrix of float32: rows of `ld` floats. */
typedef struct matrix {
    float *at;
    int64_t ld;
} matrix;
static inline float *matrix_at(matrix m, int64_t row, int64_t column)
{
    return m.at + row * m.ld + column;
}

static inline matrix matrix_from(matrix m, int64_t row, int64_t column)
{
    return (matrix){matrix_at(m, row, column), m.ld};
}

/* A matrix of each image, packed in scratch: where it begins in the image's room. */
typedef struct packed {
    int64_t at, ld;
} packed;
static inline matrix packed_in(packed p, float *image)
{
    return (matrix){image + p.at, p.ld};
}
/* Adds a matrix of rows x ld to the image's room of `floats`. */
static inline packed packed_add(int64_t *floats, int64_t rows, int64_t ld)
{
    packed p = {*floats, ld};
    *floats += rows * ld;
    return p;
}

/* A sequence of tokens of c channels, float32 or bfloat16. */
typedef struct sequence {
    const void *at;
    dtype type;
    int64_t c;
} sequence;

static inline sequence sequence_of(const tensor *t, const void *at)
{
    return (sequence){at, t->type, t->dim[t->rank - 1]};
}

/* Copies tokens from `from` on, times `scale`: to rows [count][ld], or turned to columns [c][ld]. Padding up to ld is
 * zeros. `room`: c floats. */
void attention_rows(const cpu_backend *b, sequence s, int64_t from, int64_t count, float scale, matrix to);
void attention_columns(const cpu_backend *b, sequence s, int64_t from, int64_t count, float scale, matrix to,
                       float *room);
/* Writes `count` rows of c floats from token `from` on, as the type that the sequence has. */
void attention_write(const cpu_backend *b, matrix rows, int64_t count, void *to, dtype type, int64_t c, int64_t from);

/* c [m][n] (+)= a [m][k] b [k][n]; n is a multiple of ATTENTION_LANES, up to which b and c are padded. */
void attention_product(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n, bool add);
/* Products of rows with columns that do not exist are -infinity: their share is 0. */
void attention_mask(matrix s, int64_t rows, int64_t count, int64_t width);

#endif
