/* Where the keys of a query lie, and what is added to their products: windows, shifts and tables of positions.
 *
 *     attention_attr a = {.heads = 2, .window = {7, 7}, .shift = {3, 3}, .d = 32, .e = 32};
 *     attention_places places = attention_places_of(&a, x, x);
 *     attention_query q = attention_query_of(&places, 17);
 *     int64_t beyond = 0;
 *     for (int64_t j = 0; j < places.keys; j++)
 *         beyond += attention_key(&places, &q, j).token < 0;
 */
#ifndef OPS_ATTENTION_PLACE_H
#define OPS_ATTENTION_PLACE_H

#include "graph/tensor.h"

/* The order of the inputs. */
enum {
    ATTENTION_Q,
    ATTENTION_K,
    ATTENTION_V,
    ATTENTION_BIAS,
    ATTENTION_MASK,
    ATTENTION_TABLE,
    ATTENTION_OUTSIDE,
    ATTENTION_SEED,
    ATTENTION_INPUTS
};
/* The inputs of the gradient: the first three, these, and then the others. */
enum {
    ATTENTION_GRAD_Y = 3,
    ATTENTION_GRAD_LOG,
    ATTENTION_GRAD_DY,
    ATTENTION_GRAD_BIAS,
    ATTENTION_GRAD_MASK,
    ATTENTION_GRAD_TABLE,
    ATTENTION_GRAD_OUTSIDE,
    ATTENTION_GRAD_SEED,
    ATTENTION_GRAD_INPUTS
};

typedef struct attention_places {
    const attention_attr *a;
    int64_t n, queries, tokens; /* images; queries and tokens (pixels) of keys of an image */
    int64_t keys;               /* that a query can see: all, or those of a window */
    int64_t h, w;               /* of the map, if there are windows */
    int64_t wide, high;         /* padded to whole windows */
} attention_places;

/* Tokens of an image. */
static inline int64_t attention_tokens(const tensor *t)
{
    int64_t count = 1;
    for (int i = 1; i < t->rank - 1; i++)
        count *= t->dim[i];
    return count;
}

static inline attention_places attention_places_of(const attention_attr *a, const tensor *q, const tensor *k)
{
    attention_places p = {.a = a, .n = q->dim[0], .queries = attention_tokens(q), .tokens = attention_tokens(k)};
    p.keys = p.tokens;
    if (a->window[0]) {
        p.h = q->dim[1];
        p.w = q->dim[2];
        p.high = (p.h + a->window[0] - 1) / a->window[0] * a->window[0];
        p.wide = (p.w + a->window[1] - 1) / a->window[1] * a->window[1];
        p.keys = a->window[0] * a->window[1];
    }
    return p;
}

typedef struct attention_query {
    int64_t place;       /* in its sequence or window */
    int64_t row, column; /* of its window's first pixel, in the padded and rolled map */
} attention_query;

static inline attention_query attention_query_of(const attention_places *p, int64_t token)
{
    attention_query q = {.place = token};
    if (!p->a->window[0])
        return q;
    const int64_t *window = p->a->window, *shift = p->a->shift;
    int64_t y = (token / p->w - shift[0] + p->high) % p->high, x = (token % p->w - shift[1] + p->wide) % p->wide;
    q.row = y / window[0] * window[0];
    q.column = x / window[1] * window[1];
    q.place = (y - q.row) * window[1] + x - q.column;
    return q;
}

typedef struct attention_at {
    int64_t token; /* -1: beyond the map */
    bool apart;    /* the query's neighbour only because the map is rolled */
} attention_at;

static inline attention_at attention_key(const attention_places *p, const attention_query *q, int64_t j)
{
    if (!p->a->window[0])
        return (attention_at){j, false};
    const int64_t *window = p->a->window, *shift = p->a->shift;
    int64_t r = j / window[1], c = j % window[1];
    int64_t y = (q->row + r + shift[0]) % p->high, x = (q->column + c + shift[1]) % p->wide;
    bool last_row = shift[0] && q->row + window[0] == p->high,
         last_column = shift[1] && q->column + window[1] == p->wide;
    bool apart = (last_row && (r < window[0] - shift[0]) != (q->place / window[1] < window[0] - shift[0])) ||
                 (last_column && (c < window[1] - shift[1]) != (q->place % window[1] < window[1] - shift[1]));
    return (attention_at){y < p->h && x < p->w ? y * p->w + x : -1, apart};
}

/* Rows of the table. */
static inline int64_t attention_table_rows(const attention_attr *a)
{
    return (2 * a->grid[0] - 1) * (2 * a->grid[1] - 1) + (a->class_token ? 3 : 0);
}

/* The table's row for the query and the key at these places of a sequence or window. */
static inline int64_t attention_table_row(const attention_attr *a, int64_t i, int64_t j)
{
    if (a->class_token && (i == 0 || j == 0))
        return attention_table_rows(a) - (i > 0 ? 2 : j > 0 ? 3 : 1);
    i -= a->class_token;
    j -= a->class_token;
    return (i / a->grid[1] - j / a->grid[1] + a->grid[0] - 1) * (2 * a->grid[1] - 1) + i % a->grid[1] - j % a->grid[1] +
           a->grid[1] - 1;
}

/* Where element (image, head, i, j) of a bias or mask lies, whose axes of 1 are repeated. */
static inline int64_t attention_spread(const tensor *t, int64_t image, int64_t head, int64_t i, int64_t j)
{
    int64_t at[4] = {image, head, i, j}, offset = 0;
    for (int k = 0; k < 4; k++)
        offset = offset * t->dim[k] + (t->dim[k] > 1 ? at[k] : 0);
    return offset;
}

#endif
