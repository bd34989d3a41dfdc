/* Attention in tiles of queries and blocks of keys (Dao et al. 2022, "FlashAttention", arXiv:2205.14135): the softmax
 * is taken along the keys as their blocks come, so the products of all queries with all keys are never in memory.
 * Queries, keys and values are read where they lie, also those of windows. Work is cut into pieces by size alone, and a
 * thread has whole queries, so results do not depend on the number of threads. */
#include <math.h>

#include "backend/cpu/attention_parts.h"

typedef struct attention_kernel {
    cpu_kernel k;
    attention_sizes s;
    int64_t units;  /* of all images */
    parts chunks;   /* of a unit's queries */
    int64_t blocks; /* of its keys */
    int64_t kept;   /* blocks that a thread keeps packed: all of a head, or one */
    bool room_for_scores;
    const attention_half_table *half; /* multiplies in bfloat16; NULL: in float32 */
    size_t shared;                    /* bytes of the call */
    int64_t own;                      /* floats of a thread's room */
} attention_kernel;

/* A thread's room. */
typedef struct room {
    attention_units units;
    matrix q, s, y;        /* a tile's queries and products; results: of a tile or, if there are blocks, of a chunk */
    matrix keys, values;   /* of the blocks that are kept: [d][block], [block][e] each */
    int64_t packed;        /* the unit and head that all blocks are packed of; -1: none */
    float *added, *factor; /* for the scores of a tile; a row of dropout's */
    float *most, *sum, *keep; /* of a chunk's queries */
    float *share;             /* in bfloat16: shares [rows][block]; what is packed then lies where float32 would */
} room;

static int64_t lay(float *at, int64_t *used, int64_t floats, float **out)
{
    *out = at ? at + *used : NULL;
    return *used += attention_padded(floats);
}

/* Lays out a room; returns its floats. at NULL: only that. */
static int64_t room_in(const attention_kernel *k, float *at, room *r)
{
    const attention_sizes *s = &k->s;
    int64_t used = 0, chunk = k->chunks.each, results = k->blocks > 1 ? chunk : s->tile;
    *r = (room){.q.ld = s->d, .s.ld = s->block, .y.ld = s->e, .keys.ld = s->block, .values.ld = s->e, .packed = -1};
    float *units;
    lay(at, &used, attention_units_room(s), &units);
    r->units = attention_units_in(units);
    lay(at, &used, s->tile * s->d, &r->q.at);
    lay(at, &used, s->tile * s->block, &r->s.at);
    lay(at, &used, results * s->e, &r->y.at);
    lay(at, &used, k->kept * s->a->d * s->block, &r->keys.at);
    lay(at, &used, k->kept * s->block * s->e, &r->values.at);
    lay(at, &used, k->half ? s->tile * s->block / 2 : 0, &r->share);
    lay(at, &used, k->room_for_scores ? s->tile * s->block : 0, &r->added);
    lay(at, &used, s->a->p > 0 ? s->block : 0, &r->factor);
    lay(at, &used, chunk, &r->most);
    lay(at, &used, chunk, &r->sum);
    return lay(at, &used, chunk, &r->keep);
}

enum { STRETCHES = 64 }; /* of pieces, which a thread takes one after another */

/* A piece of work: `count` queries of a unit from place `from` on, of one head. */
typedef struct work {
    const attention_kernel *k;
    const attention_call *c;
    const attention_unit *u;
    sequence y;
    float *log_sum; /* of all queries */
    room *r;
    int64_t head, from, count;
    matrix keys, values; /* the block that is worked on, packed */
} work;

/* Divides by the sums and writes a tile's rows, whose statistics are from `at` of the chunk on. */
static void finish(const work *w, int64_t at, int64_t rows, matrix y)
{
    const attention_sizes *s = &w->k->s;
    room *r = w->r;
    int64_t of_head = (w->u->image * s->a->heads + w->head) * s->p.queries;
    for (int64_t i = at; i < at + rows; i++) {
        int64_t place = w->from + i, token = w->u->token ? w->u->token[place] : place;
        r->keep[i] = 1 / r->sum[i];
        if (token >= 0)
            w->log_sum[of_head + token] = r->most[i] + logf(r->sum[i]);
    }
    attention_write(w->c->b, &w->y, w->u, w->head, w->from + at, rows, y, r->keep + at, 1);
}

static void scale_results(const work *w, int64_t at, int64_t rows, matrix y)
{
    w->c->b->simd->attention->scale(y.at, y.ld, rows, y.ld, w->r->keep + at);
}

/* Adds what a tile's queries, from `at` of the chunk on, take of a block of values. */
static void attend(const work *w, const attention_piece *p, int64_t at, matrix y)
{
    const attention_sizes *s = &w->k->s;
    const cpu_backend *b = w->c->b;
    room *r = w->r;
    attention_rows(b, &w->c->part[0], w->u, w->head, p->query, p->rows, w->c->outside[0], 1, r->q);
    attention_tile t = attention_score(w->c, p, r->q, w->keys, r->s, r->added);
    b->simd->attention->weigh(&t, r->most + at, r->sum + at, r->keep + at);
    if (s->a->p > 0)
        attention_drop(w->c, p, r->s, r->factor);
    if (p->key)
        scale_results(w, at, p->rows, y);
    attention_product(b, r->s, w->values, y, p->rows, p->count, y.ld, p->key > 0);
}

/* The same by products of bfloat16. */
static void attend_half(const work *w, const attention_piece *p, int64_t at, matrix y)
{
    const attention_sizes *s = &w->k->s;
    const attention_half_table *half = w->k->half;
    room *r = w->r;
    uint16_t *queries = (uint16_t *)r->q.at, *share = (uint16_t *)r->share;
    void *row[ATTENTION_TILE];
    attention_at_rows(&w->c->part[0], w->u, w->head, p->query, p->rows, w->c->outside[0], row);
    half->rows((const void *const *)row, p->rows, s->a->d, queries, s->d);
    bool add = attention_prefill(w->c, p, r->s, 1 / s->a->scale);
    half->product(queries, s->d, 2, (const uint32_t *)w->keys.at, s->block, r->s.at, r->s.ld, p->rows, s->a->d / 2,
                  attention_padded(p->count), add);
    attention_tile t = attention_additions(w->c, p, r->s, r->added);
    half->weigh(&t, s->a->scale, share, s->block, r->most + at, r->sum + at, r->keep + at);
    if (p->key)
        scale_results(w, at, p->rows, y);
    half->product(share, s->block, 2, (const uint32_t *)w->values.at, s->e, y.at, y.ld, p->rows, (p->count + 1) / 2,
                  s->e, p->key > 0);
}

static void pack_block(const work *w, int64_t key, int64_t count)
{
    const attention_sizes *s = &w->k->s;
    const sequence *keys = &w->c->part[1], *values = &w->c->part[2];
    char *beyond = w->c->outside[1], *beyond_values = w->c->outside[2];
    if (!w->k->half) {
        attention_columns(w->c->b, keys, w->u, w->head, key, count, beyond, s->a->scale, w->keys);
        attention_rows(w->c->b, values, w->u, w->head, key, count, beyond_values, 1, w->values);
        return;
    }
    void *row[ATTENTION_TILE];
    attention_at_rows(keys, w->u, w->head, key, count, beyond, row);
    w->k->half->columns((const void *const *)row, count, attention_padded(count), s->a->d, (uint32_t *)w->keys.at,
                        s->block);
    attention_at_rows(values, w->u, w->head, key, count, beyond_values, row);
    w->k->half->pairs((const void *const *)row, count, s->a->e, (uint32_t *)w->values.at, s->e);
}

/* While a tile is worked on, the rows of the next one's queries come into the cache, and where its results go. */
static void fetch_tile(const work *w, int64_t at, bool last)
{
    const attention_sizes *s = &w->k->s;
    if (w->u->token) /* a whole unit was fetched */
        return;
    int64_t rows = least_of(s->tile, w->count - at), next = least_of(s->tile, w->count - at - rows);
    attention_fetch(&w->c->part[0], w->u, w->head, w->from + at + rows, next);
    if (last)
        attention_fetch(&w->y, w->u, w->head, w->from + at, rows);
}

/* One tile against one block of keys. */
static void run_tile(const work *w, int64_t at, int64_t rows, int64_t key, int64_t count)
{
    matrix y = {w->k->blocks > 1 ? matrix_at(w->r->y, at, 0) : w->r->y.at, w->r->y.ld};
    attention_piece p = {w->u, w->head, w->from + at, rows, key, count};
    fetch_tile(w, at, key + count == w->k->s.keys);
    (w->k->half ? attend_half : attend)(w, &p, at, y);
    if (key + count == w->k->s.keys)
        finish(w, at, rows, y);
}

static void run_work(work *w, int64_t of)
{
    const attention_kernel *k = w->k;
    const attention_sizes *s = &k->s;
    room *r = w->r;
    bool packed = r->packed == of;
    for (int64_t i = 0; i < w->count; i++) {
        r->most[i] = -INFINITY;
        r->sum[i] = 0;
    }
    w->keys = r->keys;
    w->values = r->values;
    for (int64_t key = 0; key < s->keys; key += s->block) {
        int64_t count = least_of(s->block, s->keys - key);
        if (!packed)
            pack_block(w, key, count);
        for (int64_t at = 0; at < w->count; at += s->tile)
            run_tile(w, at, least_of(s->tile, w->count - at), key, count);
        if (k->kept > 1) {
            w->keys.at += s->a->d * s->block;
            w->values.at += s->block * s->e;
        }
    }
    r->packed = k->kept == k->blocks ? of : -1;
}

/* While a window is worked on, the rows of the next one come into the cache. */
static void fetch_next(const work *w, int64_t i)
{
    const attention_kernel *k = w->k;
    int64_t heads = k->s.a->heads;
    if (!k->s.a->window[0] || i >= k->units * heads)
        return;
    const attention_unit *next = attention_unit_at(w->c, i / heads, &w->r->units);
    for (int part = 0; part < 3; part++)
        attention_fetch(&w->c->part[part], next, i % heads, 0, k->s.keys);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const attention_kernel *k = (const attention_kernel *)base;
    const attention_sizes *s = &k->s;
    const node *n = k->k.n;
    attention_call c = attention_open(k->k.b, n, s, in, scratch);
    sequence y = attention_sequence(n, 3, n->out[0], out[0]);
    float *rooms = (float *)((char *)scratch + k->shared);
    int64_t pieces = k->units * s->a->heads * k->chunks.count;
    int stretch = (int)((pieces + STRETCHES - 1) / STRETCHES);
#pragma omp parallel
    {
        room r;
        room_in(k, rooms + omp_get_thread_num() * k->own, &r);
        attention_expand(&c, n, in);
#pragma omp for schedule(dynamic, stretch)
        for (int64_t i = 0; i < pieces; i++) {
            int64_t chunk = i % k->chunks.count, of = i / k->chunks.count;
            work w = {.k = k, .c = &c, .y = y, .log_sum = out[1], .r = &r, .head = of % s->a->heads};
            w.u = attention_unit_at(&c, of / s->a->heads, &r.units);
            w.from = chunk * k->chunks.each;
            w.count = parts_size(&k->chunks, chunk);
            fetch_next(&w, i + 1);
            run_work(&w, of);
        }
    }
    return CSEG_OK;
}

enum {
    PIECES = 32,       /* so many pieces of work are wanted */
    KEPT = 1 << 18,    /* the most floats of packed keys and values that a thread keeps */
    CHUNK_LEAST = 96,  /* queries, for which packing keys and values costs little */
    CHUNK_ONCE = 2048, /* the most, if their results are not kept from block to block */
    CHUNK_KEPT = 512
};

static parts chunks_of(const attention_kernel *k)
{
    const attention_sizes *s = &k->s;
    if (s->a->window[0])
        return parts_of(s->queries, s->queries);
    int64_t units = k->units * s->a->heads, wanted = (PIECES + units - 1) / units;
    int64_t most = s->queries / CHUNK_LEAST, count = wanted < most ? wanted : most < 1 ? 1 : most;
    int64_t least = parts_of(s->queries, k->blocks > 1 ? CHUNK_KEPT : CHUNK_ONCE).count;
    count = count > least ? count : least;
    int64_t each = (s->queries + count - 1) / count;
    return parts_of(s->queries, (each + s->tile - 1) / s->tile * s->tile);
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    attention_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    room r;
    k->s = attention_sizes_of(n);
    k->units = k->s.p.n * k->s.windows;
    k->blocks = parts_of(k->s.keys, k->s.block).count;
    k->kept = k->blocks * k->s.block * (k->s.d + k->s.e) <= KEPT ? k->blocks : 1;
    k->chunks = chunks_of(k);
    k->room_for_scores = attention_needs_room(n, &k->s);
    k->half = attention_half_for(b, n);
    k->shared = attention_shared(n, &k->s);
    k->own = room_in(k, NULL, &r);
    k->k.base.scratch = k->shared + (size_t)(b->options.threads * k->own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* With a gradient the result stays float32: its product with its gradient is what all slopes are relative to. */
static unsigned maps_out(const node *n)
{
    return n->out[0]->needs_grad ? 0 : 1;
}

const cpu_op cpu_op_attention = {
    .prepare = prepare, .takes = attention_takes, .either_in = 7, .either_out_of = maps_out};
