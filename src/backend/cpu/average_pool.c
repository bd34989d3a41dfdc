/* Average pooling, to a given size too, and its gradient, NHWC, in float32 on float32 or bfloat16 maps. Windows are
 * tables of rows and of columns, made with the kernel: so one loop does all of them.
 *
 * Bound by memory traffic where windows are small. Tall windows are summed along the rows of the map first, into a map
 * of the output's width, and then down: 49x49 windows take 98 additions an element instead of 2401, and a single window
 * as high as the map has its rows to share out among threads. */
#include "backend/cpu/map.h"

enum { TALL = 6 }; /* rows of a window, on average */

/* The windows along an axis. count: what an average is divided by, along this axis. */
typedef struct windows {
    int64_t n, size; /* windows; pixels of the map */
    pool_span *span;
    int64_t *count;
} windows;

typedef struct average_kernel {
    cpu_kernel k;
    int64_t images, c;
    windows down, across;
    float *share;              /* [down.n, across.n]: 1 / the elements that a window's average is divided by */
    pool_span *rows, *columns; /* for the gradient: the windows that contain a row, a column; else NULL */
    pool_span *single;         /* for tall windows: {i, i + 1} for each window across; else NULL */
} average_kernel;

/* Windows of avg_pool. Padding counts, but not what ceil_mode adds beyond it. */
static void pooled(windows *w, const pool_attr *a, int axis)
{
    for (int64_t i = 0; i < w->n; i++) {
        int64_t from = i * a->stride[axis] - a->pad[axis],
                to = least_of(from + a->kernel[axis], w->size + a->pad[axis]);
        w->span[i] = (pool_span){from > 0 ? from : 0, least_of(to, w->size)};
        w->count[i] = a->count_include_pad ? to - from : w->span[i].to - w->span[i].from;
    }
}

/* Windows of adaptive_avg_pool, as in PyTorch. */
static void adapted(windows *w)
{
    for (int64_t i = 0; i < w->n; i++) {
        w->span[i] = (pool_span){i * w->size / w->n, ((i + 1) * w->size + w->n - 1) / w->n};
        w->count[i] = w->span[i].to - w->span[i].from;
    }
}

static bool windows_init(windows *w, const node *n, int axis, int64_t size, int64_t count, arena *mem)
{
    *w = (windows){.n = count,
                   .size = size,
                   .span = ARENA_ARRAY(mem, (size_t)count, pool_span),
                   .count = ARENA_ARRAY(mem, (size_t)count, int64_t)};
    if (!w->span || !w->count)
        return false;
    if (n->op == OP_avg_pool || n->op == OP_avg_pool_grad)
        pooled(w, &n->attr.pool, axis);
    else
        adapted(w);
    return true;
}

/* Returns for each pixel of the axis the windows that contain it: neighbours, because windows begin and end in order.
 */
static pool_span *containing(const windows *w, arena *mem)
{
    pool_span *of = ARENA_ARRAY(mem, (size_t)w->size, pool_span);
    pool_span at = {0};
    for (int64_t i = 0; of && i < w->size; i++) {
        while (at.from < w->n && w->span[at.from].to <= i)
            at.from++;
        while (at.to < w->n && w->span[at.to].from <= i)
            at.to++;
        of[i] = at;
    }
    return of;
}

static bool is_tall(const windows *w)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < w->n; i++)
        rows += w->span[i].to - w->span[i].from;
    return rows >= TALL * w->n;
}

/* Row `row` of a map whose rows have `pixels` pixels. */
static pool_map row_at(const average_kernel *k, map m, int64_t row, int64_t pixels)
{
    return (pool_map){map_from(m, row * pixels * k->c).at, m.half};
}

static void add_windows(const average_kernel *k, map x, map y)
{
    const windows *down = &k->down, *across = &k->across;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * down->n; i++) {
        pool_span rows = down->span[i % down->n];
        pool_sums s = {.x = row_at(k, x, i / down->n * down->size + rows.from, across->size),
                       .rows = rows.to - rows.from,
                       .w = across->size,
                       .c = k->c,
                       .cols = across->span,
                       .share = k->share + i % down->n * across->n};
        k->k.b->simd->pool->add(&s, 0, across->n, row_at(k, y, i, across->n));
    }
}

/* sums: [images, rows of x, windows across, c] */
static void add_tall_windows(const average_kernel *k, map x, map y, float *sums)
{
    const windows *down = &k->down, *across = &k->across;
    const pool_table *v = k->k.b->simd->pool;
    map between = map_of_floats(sums);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * down->size; i++) {
        pool_sums s = {
            .x = row_at(k, x, i, across->size), .rows = 1, .w = across->size, .c = k->c, .cols = across->span};
        v->add(&s, 0, across->n, row_at(k, between, i, across->n));
    }
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * down->n * across->n; i++) {
        int64_t line = i / across->n, pixel = i % across->n;
        pool_span rows = down->span[line % down->n];
        pool_sums s = {.x = row_at(k, between, line / down->n * down->size + rows.from, across->n),
                       .rows = rows.to - rows.from,
                       .w = across->n,
                       .c = k->c,
                       .cols = k->single,
                       .share = k->share + line % down->n * across->n};
        v->add(&s, pixel, pixel + 1, row_at(k, y, line, across->n));
    }
}

static cseg_status average_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const average_kernel *k = (const average_kernel *)base;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
    if (k->single)
        add_tall_windows(k, x, y, scratch);
    else
        add_windows(k, x, y);
    return CSEG_OK;
}

/* Each element gets its share of dy from the windows that contain it. */
static cseg_status average_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const average_kernel *k = (const average_kernel *)base;
    const windows *down = &k->down, *across = &k->across;
    map dy = map_in(k->k.n, in, 0), dx = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * down->size; i++) {
        pool_span rows = k->rows[i % down->size];
        pool_sums s = {.x = row_at(k, dy, i / down->size * down->n + rows.from, across->n),
                       .rows = rows.to - rows.from,
                       .w = across->n,
                       .c = k->c,
                       .cols = k->columns,
                       .in_share = k->share + rows.from * across->n};
        k->k.b->simd->pool->add(&s, 0, across->size, row_at(k, dx, i, across->size));
    }
    return CSEG_OK;
}

static bool init(average_kernel *k, const tensor *x, const tensor *y, bool grad, arena *mem)
{
    const node *n = k->k.n;
    k->images = x->dim[0], k->c = x->dim[3];
    if (!windows_init(&k->down, n, 0, x->dim[1], y->dim[1], mem) ||
        !windows_init(&k->across, n, 1, x->dim[2], y->dim[2], mem))
        return false;
    k->share = ARENA_ARRAY(mem, (size_t)(k->down.n * k->across.n), float);
    for (int64_t i = 0; k->share && i < k->down.n * k->across.n; i++)
        k->share[i] = 1 / (float)(k->down.count[i / k->across.n] * k->across.count[i % k->across.n]);
    if (grad) {
        k->rows = containing(&k->down, mem);
        k->columns = containing(&k->across, mem);
        return k->share && k->rows && k->columns;
    }
    if (!is_tall(&k->down))
        return k->share;
    k->single = ARENA_ARRAY(mem, (size_t)k->across.n, pool_span);
    for (int64_t i = 0; k->single && i < k->across.n; i++)
        k->single[i] = (pool_span){i, i + 1};
    k->k.base.scratch = (size_t)(k->images * k->down.size * k->across.n * k->c) * sizeof(float);
    return k->share && k->single;
}

static cseg_status prepare_average(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    average_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, average_run);
    if (!k || !init(k, n->in[0], n->out[0], false, mem))
        return fail_memory(err);
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status prepare_average_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    average_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, average_grad_run);
    if (!k || !init(k, n->out[0], n->in[0], true, mem))
        return fail_memory(err);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_avg_pool = {.prepare = prepare_average, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
const cpu_op cpu_op_avg_pool_grad = {.prepare = prepare_average_grad, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
const cpu_op cpu_op_adaptive_avg_pool = {.prepare = prepare_average, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
const cpu_op cpu_op_adaptive_avg_pool_grad = {
    .prepare = prepare_average_grad, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
