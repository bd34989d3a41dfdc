/* Attention in tiles of queries and blocks of keys (Dao et al. 2022, "FlashAttention", arXiv:2205.14135): the softmax is
 * taken along the keys as their blocks come, so the products of all queries with all keys are never in memory. Queries,
 * keys and values are read where they lie, also those of windows. Work is cut into pieces by size alone, and a thread
 * has whole queries, so results do not depend on the number of threads. */
#include <math.h>

#include "backend/cpu/attention_parts.h"

typedef struct attention_kernel {
    cpu_kernel k;
    attention_sizes s;
    int64_t units;  /* of all images */
    int64_t heads;  /* that a piece of work takes: all, or one */
    parts chunks;   /* of a unit's queries */
    int64_t blocks; /* of its keys */
    bool room_for_scores;
    size_t shared; /* bytes of the call */
    int64_t own;   /* floats of a thread's room */
} attention_kernel;

/* A thread's room. */
typedef struct room {
    float *unit;
    matrix q, s, y;       /* a tile's queries and products; results: of a tile or, if there are blocks, of a chunk */
    matrix keys, values;  /* of a block: [d][block], [block][e] */
    float *added, *factor; /* for the scores of a tile; a row of dropout's */
    float *most, *sum, *keep; /* of a chunk's queries */
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
    *r = (room){.q.ld = s->d, .s.ld = s->block, .y.ld = s->e, .keys.ld = s->block, .values.ld = s->e};
    lay(at, &used, attention_unit_room(s), &r->unit);
    lay(at, &used, s->tile * s->d, &r->q.at);
    lay(at, &used, s->tile * s->block, &r->s.at);
    lay(at, &used, results * s->e, &r->y.at);
    lay(at, &used, s->a->d * s->block, &r->keys.at);
    lay(at, &used, s->block * s->e, &r->values.at);
    lay(at, &used, k->room_for_scores ? s->tile * s->block : 0, &r->added);
    lay(at, &used, s->a->p > 0 ? s->block : 0, &r->factor);
    lay(at, &used, chunk, &r->most);
    lay(at, &used, chunk, &r->sum);
    return lay(at, &used, chunk, &r->keep);
}

/* A piece of work: `count` queries of a unit from place `from` on, of one head. */
typedef struct work {
    const attention_kernel *k;
    const attention_call *c;
    const attention_unit *u;
    sequence y;
    float *log_sum; /* of all queries */
    room *r;
    int64_t head, from, count;
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

/* One tile against one block of keys. */
static void run_tile(const work *w, int64_t at, int64_t rows, int64_t key, int64_t count)
{
    const attention_sizes *s = &w->k->s;
    const attention_table *v = w->c->b->simd->attention;
    room *r = w->r;
    matrix y = {w->k->blocks > 1 ? matrix_at(r->y, at, 0) : r->y.at, r->y.ld};
    attention_piece p = {w->u, w->head, w->from + at, rows, key, count};
    attention_rows(w->c->b, &w->c->part[0], w->u, w->head, p.query, rows, w->c->outside[0], 1, r->q);
    attention_tile t = attention_score(w->c, &p, r->q, r->keys, r->s, r->added);
    v->weigh(&t, r->most + at, r->sum + at, r->keep + at);
    if (s->a->p > 0)
        attention_drop(w->c, &p, r->s, r->factor);
    if (key)
        v->scale(y.at, y.ld, rows, y.ld, r->keep + at);
    attention_product(w->c->b, r->s, r->values, y, rows, count, y.ld, key > 0);
    if (key + count == s->keys)
        finish(w, at, rows, y);
}

static void run_work(const work *w)
{
    const attention_sizes *s = &w->k->s;
    room *r = w->r;
    for (int64_t i = 0; i < w->count; i++) {
        r->most[i] = -INFINITY;
        r->sum[i] = 0;
    }
    for (int64_t key = 0; key < s->keys; key += s->block) {
        int64_t count = least_of(s->block, s->keys - key);
        attention_columns(w->c->b, &w->c->part[1], w->u, w->head, key, count, w->c->outside[1], s->a->scale,
                          r->keys);
        attention_rows(w->c->b, &w->c->part[2], w->u, w->head, key, count, w->c->outside[2], 1, r->values);
        for (int64_t at = 0; at < w->count; at += s->tile)
            run_tile(w, at, least_of(s->tile, w->count - at), key, count);
    }
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
    int64_t each = s->a->heads / k->heads;
#pragma omp parallel
    {
        room r;
        room_in(k, rooms + omp_get_thread_num() * k->own, &r);
        attention_expand(&c, n, in);
#pragma omp for schedule(dynamic, 1)
        for (int64_t i = 0; i < k->units * each * k->chunks.count; i++) {
            int64_t chunk = i % k->chunks.count, head = i / k->chunks.count % each * k->heads;
            attention_unit u = attention_unit_open(&c, i / k->chunks.count / each, r.unit);
            work w = {.k = k, .c = &c, .u = &u, .y = y, .log_sum = out[1], .r = &r};
            w.from = chunk * k->chunks.each;
            w.count = parts_size(&k->chunks, chunk);
            for (int64_t h = 0; h < k->heads; h++) {
                w.head = head + h;
                run_work(&w);
            }
        }
    }
    return CSEG_OK;
}

enum {
    PIECES = 32,      /* so many pieces of work are wanted */
    CHUNK_LEAST = 96, /* queries, for which packing keys and values costs little */
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
    return parts_of(s->queries, (s->queries + count - 1) / count);
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    attention_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    room r;
    k->s = attention_sizes_of(n);
    k->units = k->s.p.n * k->s.windows;
    k->heads = k->units >= PIECES && k->s.a->window[0] ? k->s.a->heads : 1;
    k->blocks = parts_of(k->s.keys, k->s.block).count;
    k->chunks = chunks_of(k);
    k->room_for_scores = attention_needs_room(n, &k->s);
    k->shared = attention_shared(n, &k->s);
    k->own = room_in(k, NULL, &r);
    k->k.base.scratch = k->shared + (size_t)(b->options.threads * k->own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* The result stays float32: its product with its gradient is what all slopes are relative to. */
const cpu_op cpu_op_attention = {.prepare = prepare, .takes = attention_takes, .either_in = 7};
