/* Softmax and log-softmax over the last axis, by the loss's loops on tiles of rows (tiles.h), and their gradients. */
#include <math.h>

#include "backend/cpu/tiles.h"

enum { PART_FLOATS = 1 << 14, TILES = 3 }; /* TILES: a column's two, and the result */

typedef struct rows_kernel {
    cpu_kernel k;
    tiling t;
    int64_t width;
    parts p; /* of rows */
} rows_kernel;

/* Computes the softmax as the gradient of a loss in which no row has a class. */
static void softmax_tile(const loss_tile *tile, const loss_table *v, float *to)
{
    float none[LOSS_LANES], one[LOSS_LANES];
    for (int64_t i = 0; i < tile->lanes; i++) {
        none[i] = (float)tile->classes;
        one[i] = 1;
    }
    v->grad(tile, to, none, one, NULL, NULL);
}

static void log_softmax_tile(const loss_tile *tile, const loss_table *v, float *to)
{
    float most[LOSS_LANES], sum[LOSS_LANES];
    const float *x = v->sums(tile, to, most, sum, NULL);
    for (int64_t i = 0; i < tile->lanes; i++)
        sum[i] = logf(sum[i]);
    for (int64_t c = 0; c < tile->classes; c++)
        for (int64_t i = 0; i < tile->lanes; i++)
            to[c * tile->lanes + i] = x[c * tile->lanes + i] - most[i] - sum[i];
}

static cseg_status tiles_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const rows_kernel *k = (const rows_kernel *)base;
    const tiling *t = &k->t;
    bool logarithm = k->k.n->op == OP_log_softmax;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < t->across; i++) {
        float *room = (float *)scratch + omp_get_thread_num() * TILES * tiling_floats(t),
              *to = room + 2 * tiling_floats(t);
        tile_column c = tile_column_at(t, in[0], 0, i, room);
        loss_tile tile = tile_at(&c, 0);
        if (logarithm)
            log_softmax_tile(&tile, t->v, to);
        else
            softmax_tile(&tile, t->v, to);
        t->v->gather(&c.pixels, to, t->lanes, (float *)out[0] + c.first * t->classes);
    }
    return CSEG_OK;
}

static cseg_status prepare_tiles(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    rows_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, tiles_run);
    tensor rows = {.rank = n->in[0]->rank - 1};
    memcpy(rows.dim, n->in[0]->dim, sizeof rows.dim);
    if (!k || !tiling_init(&k->t, b, n->in[0], &rows, NULL, mem))
        return fail_memory(err);
    k->k.base.scratch = (size_t)(b->options.threads * TILES * tiling_floats(&k->t)) * sizeof(float);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_softmax = {.prepare = prepare_tiles};
const cpu_op cpu_op_log_softmax = {.prepare = prepare_tiles};

/* dx = y * (dy - sum of y * dy) */
static void softmax_row(const float *y, const float *dy, float *dx, int64_t n)
{
    double dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < n; i++)
        dot += (double)y[i] * (double)dy[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = y[i] * (dy[i] - (float)dot);
}

/* dx = dy - exp(y) * sum of dy */
static void log_softmax_row(const float *y, const float *dy, float *dx, int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)dy[i];
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] - expf(y[i]) * (float)sum;
}

static cseg_status grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const rows_kernel *k = (const rows_kernel *)base;
    bool logarithm = k->k.n->op == OP_log_softmax_grad;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->p.count; i++)
        for (int64_t r = i * k->p.each; r < i * k->p.each + parts_size(&k->p, i); r++) {
            const float *y = (const float *)in[0] + r * k->width, *dy = (const float *)in[1] + r * k->width;
            float *dx = (float *)out[0] + r * k->width;
            if (logarithm)
                log_softmax_row(y, dy, dx, k->width);
            else
                softmax_row(y, dy, dx, k->width);
        }
    return CSEG_OK;
}

static cseg_status prepare_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    rows_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, grad_run);
    if (!k)
        return fail_memory(err);
    k->width = n->in[0]->dim[n->in[0]->rank - 1];
    k->p = parts_of(tensor_count(n->in[0]) / k->width, k->width < PART_FLOATS ? PART_FLOATS / k->width : 1);
    k->k.base.in_place = 1;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_softmax_grad = {.prepare = prepare_grad};
const cpu_op cpu_op_log_softmax_grad = {.prepare = prepare_grad};
