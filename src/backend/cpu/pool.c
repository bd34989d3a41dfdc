/* Max pooling and its gradient, NHWC, in float32 on float32 or bfloat16 maps. The gradient goes to the first largest
 * element in window order, as PyTorch's does. It searches for that element again, so no indices are kept.
 *
 * Bound by memory traffic: each map is read or written once. For a float32 map 2x256x256x64, with windows of 3x3 and
 * stride 2, one thread of a Zen 4 takes 7.0 ms for the gradient (84 MB: 12 GB/s) and 2.7 ms forward (16 GB/s); in the
 * caches they take a third of that. */
#include "backend/cpu/map.h"

typedef struct pool_kernel {
    cpu_kernel k;
    pool_axis row;
    int64_t n, h, oh;
    int64_t live; /* for the gradient: rows of windows that may contain a row of x */
} pool_kernel;

static void pool_init(pool_kernel *k, const tensor *x, const tensor *y)
{
    const pool_attr *a = &k->k.n->attr.pool;
    k->n = x->dim[0], k->h = x->dim[1], k->oh = y->dim[1];
    k->row = (pool_axis){x->dim[2], y->dim[2], x->dim[3], a->kernel[1], a->stride[1], a->pad[1]};
    k->live = (a->kernel[0] + a->stride[0] - 1) / a->stride[0];
}

static pool_map row_of(const pool_kernel *k, map m, int64_t row, int64_t pixels)
{
    return (pool_map){(char *)m.at + (size_t)(row * pixels * k->row.c) * m.size, m.half};
}

/* Returns the rows of x in the windows of row oy. room: kernel[0] rows. */
static pool_rows window_rows(const pool_kernel *k, map x, int64_t image, int64_t oy, pool_row *room)
{
    const pool_attr *a = &k->k.n->attr.pool;
    pool_rows rows = {0, x.half, room};
    int64_t begin = oy * a->stride[0] - a->pad[0];
    for (int64_t t = 0; t < a->kernel[0]; t++)
        if (begin + t >= 0 && begin + t < k->h)
            room[rows.n++] = (pool_row){row_of(k, x, image * k->h + begin + t, k->row.w).at, t * a->kernel[1]};
    return rows;
}

static size_t whole_lines(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* A thread's room: the rows of a window; for the gradient then rows of windows, each with the positions of its taps. */
static size_t row_bytes(const pool_kernel *k)
{
    size_t live = (size_t)k->live;
    return whole_lines(((size_t)k->k.n->attr.pool.kernel[0] + live) * sizeof(pool_row) + live * sizeof(float *));
}

/* After that come the taps. */
static size_t room_bytes(const pool_kernel *k)
{
    return row_bytes(k) + whole_lines((size_t)(k->live * k->row.ow * k->row.c) * sizeof(float));
}

static cseg_status max_pool_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    pool_kernel *k = (pool_kernel *)base;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->oh; i++) {
        pool_row *room = (pool_row *)((char *)scratch + (size_t)omp_get_thread_num() * row_bytes(k));
        pool_rows rows = window_rows(k, x, i / k->oh, i % k->oh, room);
        k->k.b->simd->pool->most(&k->row, &rows, row_of(k, y, i, k->row.ow));
    }
    return CSEG_OK;
}

static cseg_status prepare_max_pool(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    pool_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, max_pool_run);
    if (!k)
        return fail_memory(err);
    pool_init(k, n->in[0], n->out[0]);
    k->k.base.scratch = (size_t)b->options.threads * row_bytes(k);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_max_pool = {.prepare = prepare_max_pool, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

enum { GRAD_ROWS = 16 }; /* rows of x in a task; the taps of windows at its edges are searched twice */

typedef struct grad_maps {
    map x, y, dy, dx;
} grad_maps;

/* Computes rows [r0, r1) of an image's dx. Taps of windows are searched once, and kept as long as rows of x need
 * them. */
static void grad_rows(const pool_kernel *k, const grad_maps *m, int64_t image, int64_t r0, int64_t r1, char *room)
{
    const pool_attr *a = &k->k.n->attr.pool;
    const pool_table *v = k->k.b->simd->pool;
    pool_row *of_window = (pool_row *)room, *windows = of_window + a->kernel[0];
    const float **taps = (const float **)(windows + k->live);
    float *kept = (float *)(room + row_bytes(k));
    int64_t found = 0, width = k->row.ow * k->row.c;
    for (int64_t r = r0; r < r1; r++) {
        int64_t from = r + a->pad[0] - a->kernel[0] + 1, to = (r + a->pad[0]) / a->stride[0] + 1;
        from = from > 0 ? (from + a->stride[0] - 1) / a->stride[0] : 0;
        to = to > k->oh ? k->oh : to;
        for (found = found > from ? found : from; found < to; found++) {
            pool_rows rows = window_rows(k, m->x, image, found, of_window);
            pool_map y = row_of(k, m->y, image * k->oh + found, k->row.ow);
            v->find(&k->row, &rows, y, kept + found % k->live * width);
        }
        pool_rows dy = {0, m->dy.half, windows};
        for (int64_t oy = from; oy < to; oy++, dy.n++) {
            int64_t tap = (r + a->pad[0] - oy * a->stride[0]) * a->kernel[1];
            windows[dy.n] = (pool_row){row_of(k, m->dy, image * k->oh + oy, k->row.ow).at, tap};
            taps[dy.n] = kept + oy % k->live * width;
        }
        v->give(&k->row, &dy, taps, row_of(k, m->dx, image * k->h + r, k->row.w));
    }
}

static cseg_status max_pool_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    pool_kernel *k = (pool_kernel *)base;
    const node *n = k->k.n;
    grad_maps m = {map_in(n, in, 0), map_in(n, in, 1), map_in(n, in, 2), map_out(n, out, 0)};
    parts p = parts_of(k->h, GRAD_ROWS);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * p.count; i++) {
        int64_t r0 = i % p.count * GRAD_ROWS;
        grad_rows(k, &m, i / p.count, r0, r0 + parts_size(&p, i % p.count),
                  (char *)scratch + (size_t)omp_get_thread_num() * room_bytes(k));
    }
    return CSEG_OK;
}

static cseg_status prepare_max_pool_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    pool_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, max_pool_grad_run);
    if (!k)
        return fail_memory(err);
    pool_init(k, n->out[0], n->in[1]);
    k->k.base.scratch = (size_t)b->options.threads * room_bytes(k);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_max_pool_grad = {.prepare = prepare_max_pool_grad, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
