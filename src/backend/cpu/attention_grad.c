/* The gradient of attention, in tiles as attention_run.c: shares are computed anew from what the forward pass keeps,
 * the logarithm of each query's sum. Twice: once for whole queries, whose gradient a thread sums over the keys, and
 * once for whole keys and values, whose gradients it sums over the queries. So no sum depends on the number of threads.
 */
#include "backend/cpu/attention_parts.h"

/* One side of the products: queries (with dy) or keys (with values). */
typedef struct side {
    int64_t n;                        /* tokens */
    packed rows, columns;             /* of queries times scale, or of keys */
    packed other_rows, other_columns; /* of dy, or of values */
} side;

typedef struct grad_kernel {
    cpu_kernel k;
    attention_sizes s;
    side queries, keys;
    packed log_sum, mean; /* of an image's queries, padded: a query's y * dy, which all its slopes are relative to */
    int64_t image, own;   /* floats */
} grad_kernel;

enum { Q, K, V, Y, LOG_SUM, DY };

/* A thread's room. */
typedef struct tile {
    matrix share, slope; /* [rows][columns] */
    matrix dx, dother;   /* sums: [rows][d] of queries or keys, [rows][e] of values */
    float *token;        /* of the most channels */
} tile;

static tile tile_in(const grad_kernel *k, float *room)
{
    const attention_sizes *s = &k->s;
    int64_t d = attention_padded(s->d), e = attention_padded(s->e), products = ATTENTION_ROWS * ATTENTION_COLUMNS;
    tile t = {.share = {room, ATTENTION_COLUMNS}, .slope = {room + products, ATTENTION_COLUMNS}};
    t.dx = (matrix){room + 2 * products, d};
    t.dother = (matrix){t.dx.at + ATTENTION_ROWS * d, e};
    t.token = t.dother.at + ATTENTION_ROWS * e;
    return t;
}

static void pack_side(const grad_kernel *k, const side *w, sequence x, sequence other, float scale, int64_t first,
                      int64_t block, float *image, float *token)
{
    int64_t from = block * ATTENTION_COLUMNS, count = least_of(ATTENTION_COLUMNS, w->n - from);
    const cpu_backend *b = k->k.b;
    attention_rows(b, x, first + from, count, scale, matrix_from(packed_in(w->rows, image), from, 0));
    attention_columns(b, x, first + from, count, scale, matrix_from(packed_in(w->columns, image), 0, from), token);
    attention_rows(b, other, first + from, count, 1, matrix_from(packed_in(w->other_rows, image), from, 0));
    attention_columns(b, other, first + from, count, 1, matrix_from(packed_in(w->other_columns, image), 0, from),
                      token);
}

static int64_t blocks_of(const side *w)
{
    return parts_of(w->n, ATTENTION_COLUMNS).count;
}

/* log_sum and mean of an image's queries, padded with zeros. */
static void pack_queries(const grad_kernel *k, void *const *in, int64_t image, float *packs, float *token)
{
    const attention_sizes *s = &k->s;
    float *log_sum = packed_in(k->log_sum, packs).at, *mean = packed_in(k->mean, packs).at;
    matrix dy = packed_in(k->queries.other_rows, packs), y = {token, s->e};
    for (int64_t i = 0; i < attention_padded(s->queries); i++) {
        double sum = 0;
        bool there = i < s->queries;
        if (there)
            attention_rows(k->k.b, sequence_of(k->k.n->in[Y], in[Y]), image * s->queries + i, 1, 1, y);
        for (int64_t c = 0; there && c < s->e; c++)
            sum += (double)y.at[c] * (double)*matrix_at(dy, i, c);
        mean[i] = (float)sum;
        log_sum[i] = there ? ((const float *)in[LOG_SUM])[image * s->queries + i] : 0;
    }
}

static void pack(const grad_kernel *k, void *const *in, int64_t first, int64_t images, float *scratch, float *rooms)
{
    const attention_sizes *s = &k->s;
    tensor *const *t = k->k.n->in;
    int64_t queries = blocks_of(&k->queries), keys = blocks_of(&k->keys);
#pragma omp for collapse(2) schedule(static)
    for (int64_t i = 0; i < images; i++)
        for (int64_t b = 0; b < queries + keys; b++) {
            float *image = scratch + i * k->image, *token = tile_in(k, rooms + omp_get_thread_num() * k->own).token;
            if (b < queries)
                pack_side(k, &k->queries, sequence_of(t[Q], in[Q]), sequence_of(t[DY], in[DY]), s->scale,
                          (first + i) * s->queries, b, image, token);
            else
                pack_side(k, &k->keys, sequence_of(t[K], in[K]), sequence_of(t[V], in[V]), 1, (first + i) * s->keys,
                          b - queries, image, token);
        }
#pragma omp for schedule(static)
    for (int64_t i = 0; i < images; i++)
        pack_queries(k, in, first + i, scratch + i * k->image, tile_in(k, rooms + omp_get_thread_num() * k->own).token);
}

/* Sums the gradients of tokens of one side, from `from` on, over all of the other: of dx [rows][d], and if these are
 * keys of their values, dother [rows][e]. */
static void sum_tile(const grad_kernel *k, const tile *t, bool of_keys, int64_t from, int64_t rows, float *image)
{
    const attention_sizes *s = &k->s;
    const cpu_backend *b = k->k.b;
    const side *mine = of_keys ? &k->keys : &k->queries, *with = of_keys ? &k->queries : &k->keys;
    const float *log_sum = packed_in(k->log_sum, image).at, *mean = packed_in(k->mean, image).at;
    matrix x = matrix_from(packed_in(mine->rows, image), from, 0);
    matrix other = matrix_from(packed_in(mine->other_rows, image), from, 0);
    for (int64_t at = 0; at < with->n; at += ATTENTION_COLUMNS) {
        int64_t count = least_of(ATTENTION_COLUMNS, with->n - at), width = attention_padded(count);
        attention_product(b, x, matrix_from(packed_in(with->columns, image), 0, at), t->share, rows, s->d, width,
                          false);
        attention_mask(t->share, rows, count, width);
        b->simd->attention->share(t->share.at, t->share.ld, rows, width, of_keys ? NULL : log_sum + from, log_sum + at);
        matrix others = matrix_from(packed_in(with->other_rows, image), at, 0);
        if (of_keys)
            attention_product(b, t->share, others, t->dother, rows, count, t->dother.ld, at > 0);
        attention_product(b, other, matrix_from(packed_in(with->other_columns, image), 0, at), t->slope, rows, s->e,
                          width, false);
        b->simd->attention->slope(t->share.at, t->slope.at, t->share.ld, rows, width, of_keys ? NULL : mean + from,
                                  mean + at);
        attention_product(b, t->share, matrix_from(packed_in(with->rows, image), at, 0), t->dx, rows, count, t->dx.ld,
                          at > 0);
    }
}

static void run_tile(const grad_kernel *k, void *const *out, int64_t image, int64_t i, float *packs, float *room)
{
    const attention_sizes *s = &k->s;
    const cpu_backend *b = k->k.b;
    int64_t tiles = parts_of(s->queries, ATTENTION_ROWS).count;
    bool of_keys = i >= tiles;
    int64_t n = of_keys ? s->keys : s->queries, from = (of_keys ? i - tiles : i) * ATTENTION_ROWS;
    int64_t rows = least_of(ATTENTION_ROWS, n - from);
    tensor *const *o = k->k.n->out;
    tile t = tile_in(k, room);
    sum_tile(k, &t, of_keys, from, rows, packs);
    if (of_keys) {
        attention_write(b, t.dx, rows, out[K], o[K]->type, s->d, image * n + from);
        attention_write(b, t.dother, rows, out[V], o[V]->type, s->e, image * n + from);
        return;
    }
    float by[ATTENTION_ROWS];
    for (int64_t r = 0; r < rows; r++)
        by[r] = s->scale;
    b->simd->attention->scale(t.dx.at, t.dx.ld, rows, t.dx.ld, by);
    attention_write(b, t.dx, rows, out[Q], o[Q]->type, s->d, image * n + from);
}

static cseg_status run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const grad_kernel *k = (const grad_kernel *)base;
    const attention_sizes *s = &k->s;
    int64_t tiles = parts_of(s->queries, ATTENTION_ROWS).count + parts_of(s->keys, ATTENTION_ROWS).count;
    float *rooms = (float *)scratch + s->group * k->image;
#pragma omp parallel
    for (int64_t first = 0; first < s->batch; first += s->group) {
        int64_t images = least_of(s->group, s->batch - first);
        pack(k, in, first, images, scratch, rooms);
#pragma omp for collapse(2) schedule(static)
        for (int64_t i = 0; i < images; i++)
            for (int64_t t = 0; t < tiles; t++)
                run_tile(k, out, first + i, t, (float *)scratch + i * k->image, rooms + omp_get_thread_num() * k->own);
    }
    return CSEG_OK;
}

static side side_of(int64_t *floats, int64_t n, const attention_sizes *s)
{
    side w = {.n = n};
    w.rows = packed_add(floats, n, attention_padded(s->d));
    w.columns = packed_add(floats, s->d, attention_padded(n));
    w.other_rows = packed_add(floats, n, attention_padded(s->e));
    w.other_columns = packed_add(floats, s->e, attention_padded(n));
    return w;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    grad_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    attention_sizes *s = &k->s;
    *s = attention_sizes_of(n);
    k->queries = side_of(&k->image, s->queries, s);
    k->keys = side_of(&k->image, s->keys, s);
    k->log_sum = packed_add(&k->image, 1, attention_padded(s->queries));
    k->mean = packed_add(&k->image, 1, attention_padded(s->queries));
    s->group = attention_group(s, k->image);
    k->own = ATTENTION_ROWS * (2 * ATTENTION_COLUMNS + attention_padded(s->d) + attention_padded(s->e)) +
             (s->d > s->e ? s->d : s->e);
    k->k.base.scratch = (size_t)(s->group * k->image + b->options.threads * k->own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_attention_grad = {
    .prepare = prepare, .takes = attention_is_plain, .either_in = 1 << Q | 1 << K | 1 << V | 1 << DY, .either_out = 7};
