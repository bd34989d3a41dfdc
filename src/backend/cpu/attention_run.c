/* Attention in tiles of queries and keys (Dao et al. 2022, "FlashAttention", arXiv:2205.14135): the softmax is taken
 * along the keys as they come, so the products of all queries with all keys are never in memory. A thread has whole
 * queries, so results do not depend on the number of threads. */
#include <math.h>

#include "backend/cpu/attention_parts.h"

typedef struct attention_kernel {
    cpu_kernel k;
    attention_sizes s;
    packed keys, values; /* columns [d][keys], rows [keys][e] */
    int64_t image;       /* floats of an image's packed sequences */
    int64_t own;         /* of a thread's room */
} attention_kernel;

/* A thread's room. */
typedef struct tile {
    matrix q, s, y; /* queries [rows][d], products [rows][keys], results [rows][e] */
    float most[ATTENTION_ROWS], sum[ATTENTION_ROWS], keep[ATTENTION_ROWS];
} tile;

static void pack(const attention_kernel *k, void *const *in, int64_t first, int64_t images, float *scratch,
                 float *rooms)
{
    const attention_sizes *s = &k->s;
    const node *n = k->k.n;
    int64_t blocks = parts_of(s->keys, ATTENTION_COLUMNS).count;
#pragma omp for collapse(2) schedule(static)
    for (int64_t i = 0; i < images; i++)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t from = b * ATTENTION_COLUMNS, count = least_of(ATTENTION_COLUMNS, s->keys - from);
            int64_t at = (first + i) * s->keys + from;
            matrix keys = packed_in(k->keys, scratch + i * k->image);
            matrix values = packed_in(k->values, scratch + i * k->image);
            attention_columns(k->k.b, sequence_of(n->in[1], in[1]), at, count, 1, matrix_from(keys, 0, from),
                              rooms + omp_get_thread_num() * k->own);
            attention_rows(k->k.b, sequence_of(n->in[2], in[2]), at, count, 1, matrix_from(values, from, 0));
        }
}

/* The queries from `from` on, against all keys. */
static void attend(const attention_kernel *k, tile *t, int64_t rows, matrix keys, matrix values)
{
    const attention_sizes *s = &k->s;
    const attention_table *a = k->k.b->simd->attention;
    for (int64_t i = 0; i < rows; i++) {
        t->most[i] = -INFINITY;
        t->sum[i] = 0;
    }
    for (int64_t from = 0; from < s->keys; from += ATTENTION_COLUMNS) {
        int64_t count = least_of(ATTENTION_COLUMNS, s->keys - from), width = attention_padded(count);
        attention_product(k->k.b, t->q, matrix_from(keys, 0, from), t->s, rows, s->d, width, false);
        attention_mask(t->s, rows, count, width);
        a->weigh(t->s.at, t->s.ld, rows, width, t->most, t->sum, t->keep);
        if (from)
            a->scale(t->y.at, t->y.ld, rows, t->y.ld, t->keep);
        attention_product(k->k.b, t->s, matrix_from(values, from, 0), t->y, rows, count, t->y.ld, from > 0);
    }
    for (int64_t i = 0; i < rows; i++) {
        t->keep[i] = 1 / t->sum[i];
        t->most[i] += logf(t->sum[i]);
    }
    a->scale(t->y.at, t->y.ld, rows, t->y.ld, t->keep);
}

static void run_tile(const attention_kernel *k, void *const *in, void *const *out, int64_t image, int64_t from,
                     float *packs, float *room)
{
    const attention_sizes *s = &k->s;
    int64_t rows = least_of(ATTENTION_ROWS, s->queries - from), at = image * s->queries + from;
    tile t = {.q = {room, s->d}};
    t.s = (matrix){room + ATTENTION_ROWS * s->d, ATTENTION_COLUMNS};
    t.y = (matrix){t.s.at + ATTENTION_ROWS * ATTENTION_COLUMNS, attention_padded(s->e)};
    attention_rows(k->k.b, sequence_of(k->k.n->in[0], in[0]), at, rows, s->scale, t.q);
    attend(k, &t, rows, packed_in(k->keys, packs), packed_in(k->values, packs));
    attention_write(k->k.b, t.y, rows, out[0], k->k.n->out[0]->type, s->e, at);
    memcpy((float *)out[1] + at, t.most, (size_t)rows * sizeof(float));
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const attention_kernel *k = (const attention_kernel *)base;
    const attention_sizes *s = &k->s;
    int64_t tiles = parts_of(s->queries, ATTENTION_ROWS).count;
    float *rooms = (float *)scratch + s->group * k->image;
#pragma omp parallel
    for (int64_t first = 0; first < s->batch; first += s->group) {
        int64_t images = least_of(s->group, s->batch - first);
        pack(k, in, first, images, scratch, rooms);
#pragma omp for collapse(2) schedule(static)
        for (int64_t i = 0; i < images; i++)
            for (int64_t t = 0; t < tiles; t++)
                run_tile(k, in, out, first + i, t * ATTENTION_ROWS, (float *)scratch + i * k->image,
                         rooms + omp_get_thread_num() * k->own);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    attention_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    attention_sizes *s = &k->s;
    *s = attention_sizes_of(n);
    k->keys = packed_add(&k->image, s->d, attention_padded(s->keys));
    k->values = packed_add(&k->image, s->keys, attention_padded(s->e));
    s->group = attention_group(s, k->image);
    k->own = ATTENTION_ROWS * (s->d + ATTENTION_COLUMNS + attention_padded(s->e));
    k->k.base.scratch = (size_t)(s->group * k->image + b->options.threads * k->own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* The result stays float32: its product with its gradient is what all slopes are relative to. */
const cpu_op cpu_op_attention = {.prepare = prepare, .takes = attention_is_plain, .either_in = 7};
