/* Joins and cuts tensors along an axis: copies, bound by memory traffic. The tensor is seen as [outer, size * inner]. A
 * copy from a float32 map into a bfloat16 one, or back, casts on the way. */
#include "backend/cpu/map.h"

typedef struct move_kernel {
    cpu_kernel k;
    int axis;
    int64_t outer;
} move_kernel;

static int64_t product(const tensor *t, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= t->dim[i];
    return n;
}

static int axis_of(const node *n)
{
    int axis = n->op == OP_split ? n->attr.split.axis : n->attr.axis.axis;
    return axis < 0 ? axis + n->out[0]->rank : axis;
}

static cseg_status concat_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    map y = map_out(n, out, 0);
    int64_t whole = product(n->out[0], k->axis, n->out[0]->rank);
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++) {
        int64_t to = o * whole;
        for (int i = 0; i < n->n_in; i++) {
            int64_t part = product(n->in[i], k->axis, n->in[i]->rank);
            map_copy(k->k.b->simd, y, to, map_in(n, in, i), o * part, part);
            to += part;
        }
    }
    return CSEG_OK;
}

static cseg_status split_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    map x = map_in(n, in, 0);
    int64_t whole = product(n->in[0], k->axis, n->in[0]->rank);
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++) {
        int64_t from = o * whole;
        for (int i = 0; i < n->n_out; i++) {
            int64_t part = product(n->out[i], k->axis, n->out[i]->rank);
            map_copy(k->k.b->simd, map_out(n, out, i), o * part, x, from, part);
            from += part;
        }
    }
    return CSEG_OK;
}

static cseg_status slice_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    map x = map_in(n, in, 0), y = map_out(n, out, 0);
    int64_t whole = product(n->in[0], k->axis, n->in[0]->rank), part = product(n->out[0], k->axis, n->out[0]->rank);
    int64_t skip = part / n->out[0]->dim[k->axis] * n->attr.axis.start;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++)
        map_copy(k->k.b->simd, y, o * part, x, o * whole + skip, part);
    return CSEG_OK;
}

/* Zero bytes mean 0 in every type. */
static void clear(map m, int64_t at, int64_t n)
{
    memset((char *)m.at + (size_t)at * m.size, 0, (size_t)n * m.size);
}

static cseg_status slice_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    map dy = map_in(n, in, 0), dx = map_out(n, out, 0);
    int64_t whole = product(n->out[0], k->axis, n->out[0]->rank), part = product(n->in[0], k->axis, n->in[0]->rank);
    int64_t skip = part / n->in[0]->dim[k->axis] * n->attr.axis.start;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++) {
        int64_t to = o * whole;
        clear(dx, to, skip);
        map_copy(k->k.b->simd, dx, to + skip, dy, o * part, part);
        clear(dx, to + skip + part, whole - skip - part);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    move_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    k->axis = axis_of(n);
    k->outer = product(n->out[0], 0, k->axis);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_concat = {.prepare = prepare, .run = concat_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

const cpu_op cpu_op_split = {.prepare = prepare, .run = split_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

const cpu_op cpu_op_slice = {.prepare = prepare, .run = slice_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

const cpu_op cpu_op_slice_grad = {
    .prepare = prepare, .run = slice_grad_run, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
