/* The gradient of attention: how its work is cut into pieces, and what pieces sum up together. */
#ifndef CPU_ATTENTION_GRAD_H
#define CPU_ATTENTION_GRAD_H

#include "backend/cpu/attention_parts.h"

/* A piece of work has a pair, which is a span of units and one head, and a part of the units' queries. Pieces run in
 * rounds, of some pairs and of some keys. */
typedef struct attention_grad_kernel {
    cpu_kernel k;
    attention_sizes s;
    parts spans;    /* of all images' units: an image, or some windows */
    parts queries;  /* of a unit */
    int64_t pairs;  /* of all images */
    int64_t group;  /* pairs in a round */
    int64_t keys;   /* in a round, whole blocks */
    int64_t blocks; /* of a unit's keys */
    bool room_for_scores;
    const attention_half_table *half; /* multiplies in bfloat16; NULL: in float32 */
    /* Floats of a piece's sums, 0 where it needs none: of its queries, if keys come in several blocks; of keys and
     * values, if queries are in parts; of the table's rows; of what is outside. */
    int64_t dq, dkeys, dtable, doutside;
    int64_t own; /* floats of a thread's room */
    /* Where these begin in scratch, in bytes: sums of the pieces in a round, of all pieces, and rooms. */
    size_t at_dq, at_dkeys, at_dtable, at_doutside, at_rooms;
} attention_grad_kernel;

/* What a run works on, and the gradients; those that are not asked for are NULL. */
typedef struct attention_grad_call {
    const attention_grad_kernel *k;
    const attention_call *c;
    sequence y, dy, d[3]; /* d: of queries, keys and values */
    const float *log_sum; /* of all queries */
    float *dbias, *dtable, *doutside;
    char *scratch;
} attention_grad_call;

/* One of a round's pieces. */
typedef struct attention_work {
    int64_t pair, part; /* of all pairs */
    int64_t index;      /* in the round */
    int64_t key, keys;  /* the round's */
} attention_work;

/* Sums the gradients of a piece, and writes those that it has as a whole. */
void attention_grad_piece(const attention_grad_call *g, const attention_work *w, float *room);
/* Adds up the parts' gradients of keys and values. All threads call these; they wait for each other at the end. */
void attention_grad_keys(const attention_grad_call *g, int64_t first, int64_t pairs, int64_t key, int64_t keys);
void attention_grad_table(const attention_grad_call *g);
void attention_grad_outside(const attention_grad_call *g, int64_t channels);
void attention_grad_bias(const attention_grad_call *g, float *room);

/* A pair's head and its first unit. */
static inline int64_t attention_head_of(const attention_grad_kernel *k, int64_t pair)
{
    return pair % k->s.a->heads;
}

static inline int64_t attention_span_of(const attention_grad_kernel *k, int64_t pair)
{
    return pair / k->s.a->heads;
}

/* A piece's sums, of the pieces in a round (dq, dkeys) or of all (dtable, doutside). */
static inline float *attention_sums(const attention_grad_call *g, size_t at, int64_t floats, int64_t piece)
{
    return (float *)(g->scratch + at) + piece * floats;
}

/* A thread's room. */
typedef struct attention_slopes {
    attention_units units;
    matrix q, dy, y;             /* a tile's rows: queries; gradients of results; results */
    matrix share, slope;         /* [rows][block] */
    matrix keys, by_key, values; /* of a block: turned [d][block], rows [block][d], turned [e][block] */
    matrix dkeys, dvalues, dq;   /* sums: [block][d], [block][e], a tile's [rows][d] */
    matrix table;                /* of windows: slopes [queries][padded keys], summed over them */
    float *added, *factor;       /* for the scores; a row of dropout's factors */
    float *log_sum, *mean;       /* of a tile's queries */
    /* For products of bfloat16: a tile's rows, and pairs of them; and shares or slopes, as such. A block's keys and
     * values are packed in such pairs where float32 would lie. */
    float *q_half, *dy_half, *share_half, *q_pairs, *dy_pairs, *share_pairs;
} attention_slopes;
/* Lays it out; returns its floats. room NULL: only that. */
int64_t attention_slopes_in(const attention_grad_kernel *k, float *room, attention_slopes *r);
/* Packs a block of keys and values. */
void attention_grad_block(const attention_grad_call *g, const attention_unit *u, int64_t head, int64_t key,
                          int64_t count, const attention_slopes *r);
/* Computes the shares of a tile; and the slopes of its products, in the place of the shares. */
void attention_grad_scores(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r);
void attention_grad_slopes(const attention_grad_call *g, const attention_piece *p, const attention_slopes *r);

#endif
