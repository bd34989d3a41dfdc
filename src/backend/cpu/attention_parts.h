/* What attention and its gradient share: where queries and keys lie, packing them for matrix products, and the products
 * with all that is added to them. */
#ifndef CPU_ATTENTION_PARTS_H
#define CPU_ATTENTION_PARTS_H

#include "backend/cpu/cpu.h"
#include "graph/ops/attention_place.h"
#include "graph/ops/dropout_mask.h"

enum {
    ATTENTION_LANES = 16,         /* sizes are padded to whole vectors of any instruction set */
    ATTENTION_TILE = 512,         /* the most queries of a tile, and keys of a block */
    ATTENTION_EXPANDED = 1 << 21, /* floats up to which a table of positions is expanded for all queries and keys */
};

static inline int64_t attention_padded(int64_t n)
{
    return (n + ATTENTION_LANES - 1) / ATTENTION_LANES * ATTENTION_LANES;
}

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

/* What follows from the node's shapes. A unit is what attends to itself: an image, or a window of one. */
typedef struct attention_sizes {
    const attention_attr *a;
    attention_places p;
    int64_t windows;       /* units of an image */
    int64_t across;        /* windows in a row of them */
    int64_t queries, keys; /* of a unit */
    int64_t d, e;          /* channels of a head, padded to whole vectors */
    int64_t block;         /* keys that are worked on at a time, whole vectors */
    int64_t tile;          /* queries that are worked on at a time */
    bool expanded;         /* a table of positions is expanded for all queries and keys, once a run */
} attention_sizes;
attention_sizes attention_sizes_of(const node *n);
/* False for what has no kernel here: a bias or a mask that is the same for all of several keys. */
bool attention_takes(const cpu_backend *b, const node *n);

/* Products of bfloat16, if the node's first inputs are, and that of the result's gradient; NULL: of float32. */
const attention_half_table *attention_half_for(const cpu_backend *b, const node *n);

/* The tokens of a tensor, whose channels hold those of several heads. */
typedef struct sequence {
    char *at;
    bool half;      /* bfloat16, else float32 */
    int64_t tokens; /* of an image */
    int64_t c;      /* channels of a token */
    int64_t from;   /* the first head's first channel */
    int64_t each;   /* channels of a head */
} sequence;
/* of queries (0), keys (1), values (2), in a tensor like the node's input, or of the result (3). NULL: a NULL tensor.
 */
sequence attention_sequence(const node *n, int part, const tensor *t, void *at);

/* An optional input of the forward op, also where the gradient has it, and its memory; NULL: it has none. */
const tensor *attention_operand(const node *n, int which);
void *attention_operand_at(const node *n, void *const *in, int which);

/* What a run works on. */
typedef struct attention_call {
    const cpu_backend *b;
    const attention_sizes *s;
    sequence part[3];
    const tensor *bias_of, *mask_of;
    const float *bias;   /* or NULL */
    const uint8_t *mask; /* or NULL */
    float *table;        /* of each head, its rows reversed; NULL: none */
    float *expanded;     /* [heads][queries][padded keys]; NULL: it is expanded by tiles */
    char *outside[3];    /* the first head's row beyond the map, in the types of `part` */
    dropout_mask dropped;
} attention_call;
/* Bytes of scratch that a call needs, and its opening there, for which one thread makes what is small. */
size_t attention_shared(const node *n, const attention_sizes *s);
attention_call attention_open(const cpu_backend *b, const node *n, const attention_sizes *s, void *const *in,
                              void *scratch);
/* Fills the call's table. All threads call it; they wait for each other at its end. */
void attention_expand(const attention_call *c, const node *n, void *const *in);

/* Queries and keys that meet. */
typedef struct attention_unit {
    int64_t image;
    const int64_t *token;   /* of each place; -1: beyond the map. NULL: places are tokens */
    const float *added;     /* [4][padded keys], for queries in each quarter of the window; NULL: nothing */
    const uint8_t *quarter; /* of each place, if something is added */
} attention_unit;
/* A thread's units, of which it has two at a time: the one it works on, and the next. */
typedef struct attention_units {
    int64_t index[2]; /* -1: none */
    attention_unit at[2];
    float *room; /* attention_units_room floats */
} attention_units;
int64_t attention_units_room(const attention_sizes *s);
static inline attention_units attention_units_in(float *room)
{
    return (attention_units){.index = {-1, -1}, .room = room};
}
/* Gives unit i of the call's images, valid until two others were asked for. */
const attention_unit *attention_unit_at(const attention_call *c, int64_t i, attention_units *units);

/* Sets row[i] to where the head's channels of place from + i begin: beyond the map at `beyond`, or where NULL at none.
 */
void attention_at_rows(const sequence *s, const attention_unit *u, int64_t head, int64_t from, int64_t count,
                       char *beyond, void **row);
/* Fetches the head's channels of places into the cache: rows lie apart, and no processor foresees which come next. */
void attention_fetch(const sequence *s, const attention_unit *u, int64_t head, int64_t from, int64_t count);
/* Packs places of a unit, times `scale`: as rows [count][padded channels], or turned to columns [channels][block]. */
void attention_rows(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                    int64_t count, char *beyond, float scale, matrix to);
void attention_columns(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                       int64_t count, char *beyond, float scale, matrix to);
/* Writes rows, but for those beyond the map, times by[i] or `scale`. */
void attention_write(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                     int64_t count, matrix rows, const float *by, float scale);

/* to [m][n] (+)= x [m][k] y [k][n], x by its strides; y and `to` are padded to whole vectors of n. */
void attention_product(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n, bool add);
void attention_product_turned(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n,
                              bool add);

/* A tile: `rows` queries from place `query` on, `count` keys from `key` on, of one head of a unit. */
typedef struct attention_piece {
    const attention_unit *u;
    int64_t head, query, rows, key, count;
} attention_piece;
/* The parts of attention_score: fills s with what the unit adds, times `by`, to which products are then added (false:
 * nothing, and s as it was); and gives the rest, as the tile's bias and mask. */
bool attention_prefill(const attention_call *c, const attention_piece *p, matrix s, float by);
attention_tile attention_additions(const attention_call *c, const attention_piece *p, matrix s, float *room);
/* The logarithms of the shares, but for each row's sum: products of queries [rows][d] with keys [d][block], which are
 * multiplied by the scale, in s; the rest as the tile's bias and mask. `room`: [rows][block], where
 * attention_needs_room. */
attention_tile attention_score(const attention_call *c, const attention_piece *p, matrix queries, matrix keys, matrix s,
                               float *room);
bool attention_needs_room(const node *n, const attention_sizes *s);
/* Multiplies by the factors of dropout. `room`: a row. */
void attention_drop(const attention_call *c, const attention_piece *p, matrix s, float *room);
/* Adds slopes [rows][count] to the table's sums [its rows], in the call's order. */
void attention_table_add(const attention_sizes *s, const attention_piece *p, matrix slopes, float *sums);
/* The table's rows in the call's order: reversed, so that they ascend with the key's column. */
static inline int64_t attention_reversed(const attention_attr *a, int64_t row)
{
    return attention_table_rows(a) - 1 - row;
}

#endif
