/* Permutes axes: copies, bound by memory traffic. Neighbouring axes that stay neighbours are one axis. What is left is
 * a copy of rows if the last axis stays the last, else a transpose of the input's last axis and the output's for each
 * index of the other axes. A copy from a float32 map into a bfloat16 one, or back, casts on the way. */
#include "backend/cpu/map.h"

/* TILE: elements of a task; SIDE: of each side of a large transpose */
enum { TILE = 1 << 12, SIDE = 1 << 6, PART = 1 << 15 };

typedef struct transpose_axis {
    int64_t n, from, to; /* size; steps in the input and in the output, in elements */
} transpose_axis;

typedef struct transpose_kernel {
    cpu_kernel k;
    int n; /* number of the other axes */
    transpose_axis other[TENSOR_MAX_RANK];
    transpose_axis inner, last; /* the output's last axis; the input's, of size 1 if rows are copied */
    int64_t run;                /* elements of a row that stay together; 1 in a transpose */
    transpose_axis near;        /* of the other axes the last one, of which a task takes several if they are small */
    parts inner_parts, last_parts, near_parts;
    int64_t tasks;
} transpose_kernel;

/* Returns the number of axes without those of size 1, neighbours merged, in the order of the output. */
static int merged_axes(const node *n, transpose_axis axes[TENSOR_MAX_RANK])
{
    const tensor *x = n->in[0], *y = n->out[0];
    int64_t step[TENSOR_MAX_RANK], all = 1, to = tensor_count(y);
    int count = 0;
    for (int i = x->rank - 1; i >= 0; i--) {
        step[i] = all;
        all *= x->dim[i];
    }
    for (int i = 0; i < y->rank; i++) {
        transpose_axis a = {y->dim[i], step[n->attr.axis.perm[i]], to /= y->dim[i]};
        if (a.n == 1)
            continue;
        if (count && axes[count - 1].from == a.n * a.from)
            axes[count - 1] = (transpose_axis){axes[count - 1].n * a.n, a.from, a.to};
        else
            axes[count++] = a;
    }
    return count;
}

/* Takes the axis at i out of the other axes. */
static transpose_axis take(transpose_kernel *k, int i)
{
    transpose_axis a = k->other[i];
    k->n--;
    memmove(&k->other[i], &k->other[i + 1], (size_t)(k->n - i) * sizeof a);
    return a;
}

static void find_turned(transpose_kernel *k)
{
    k->n = merged_axes(k->k.n, k->other);
    k->run = 1;
    k->last = k->inner = (transpose_axis){1, 0, 0};
    if (k->n > 1 && k->other[k->n - 1].from == 1)
        k->run = take(k, k->n - 1).n;
    if (k->n)
        k->inner = take(k, k->n - 1);
    if (k->run > 1 || k->inner.from == 1) /* rows */
        return;
    for (int i = 0; i < k->n; i++)
        if (k->other[i].from == 1) {
            k->last = take(k, i);
            return;
        }
}

static void find_axes(transpose_kernel *k)
{
    find_turned(k);
    k->near = k->n ? take(k, k->n - 1) : (transpose_axis){1, 0, 0};
}

static void cut(transpose_kernel *k)
{
    bool rows = k->last.n == 1;
    int64_t columns = k->last.n < SIDE ? k->last.n : SIDE, each = rows ? PART / k->run : TILE / columns / SIDE * SIDE;
    k->inner_parts = parts_of(k->inner.n, each > 0 ? each : 1);
    k->last_parts = parts_of(k->last.n, columns);
    int64_t size = parts_size(&k->inner_parts, 0) * columns * k->run, most = rows ? PART : TILE;
    k->near_parts = parts_of(k->near.n, size < most ? most / size : 1);
    k->tasks = k->inner_parts.count * k->last_parts.count * k->near_parts.count;
    for (int i = 0; i < k->n; i++)
        k->tasks *= k->other[i].n;
}

static void copy_rows(const transpose_kernel *k, map x, int64_t from, map y, int64_t to, int64_t n)
{
    const simd_table *v = k->k.b->simd;
    if (k->inner.from == k->run) {
        map_copy(v, y, to, x, from, n * k->run);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        map_copy(v, y, to + i * k->inner.to, x, from + i * k->inner.from, k->run);
}

static void transpose_tile(const transpose_kernel *k, map x, map y, int64_t rows, int64_t columns)
{
    const simd_table *v = k->k.b->simd;
    if (x.half == y.half) {
        v->transpose(x.at, k->inner.from, y.at, k->last.to, rows, columns, x.size);
        return;
    }
    float room[TILE];
    map turned = {room, x.half, x.size};
    v->transpose(x.at, k->inner.from, room, rows, rows, columns, x.size);
    for (int64_t j = 0; j < columns; j++)
        map_copy(v, y, j * k->last.to, turned, j * rows, rows);
}

static cseg_status transpose_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const transpose_kernel *k = (const transpose_kernel *)base;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < k->tasks; task++) {
        int64_t rest = task, i = rest % k->inner_parts.count;
        rest /= k->inner_parts.count;
        int64_t j = rest % k->last_parts.count;
        rest /= k->last_parts.count;
        int64_t part = rest % k->near_parts.count, first = part * k->near_parts.each;
        rest /= k->near_parts.count;
        int64_t from = i * k->inner_parts.each * k->inner.from + j * k->last_parts.each + first * k->near.from;
        int64_t to = i * k->inner_parts.each * k->inner.to + j * k->last_parts.each * k->last.to + first * k->near.to;
        for (int a = k->n - 1; a >= 0; a--) {
            from += rest % k->other[a].n * k->other[a].from;
            to += rest % k->other[a].n * k->other[a].to;
            rest /= k->other[a].n;
        }
        for (int64_t a = parts_size(&k->near_parts, part); a > 0; a--, from += k->near.from, to += k->near.to)
            if (k->last.n == 1)
                copy_rows(k, x, from, y, to, parts_size(&k->inner_parts, i));
            else
                transpose_tile(k, map_from(x, from), map_from(y, to), parts_size(&k->inner_parts, i),
                               parts_size(&k->last_parts, j));
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    transpose_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, transpose_run);
    if (!k)
        return fail_memory(err);
    find_axes(k);
    cut(k);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_transpose = {.prepare = prepare, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
