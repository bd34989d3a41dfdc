/* Joining and cutting along an axis: copies, bound by memory traffic. The tensor is seen as [outer, size * inner]. */
#include "backend/cpu/cpu.h"

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

static size_t row_bytes(const tensor *t, int axis)
{
    return (size_t)product(t, axis, t->rank) * dtype_size(t->type);
}

static int axis_of(const node *n)
{
    int axis = n->attr.axis.axis;
    return axis < 0 ? axis + n->out[0]->rank : axis;
}

static cseg_status concat_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    size_t whole = row_bytes(n->out[0], k->axis);
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++) {
        char *to = (char *)out[0] + (size_t)o * whole;
        for (int i = 0; i < n->n_in; i++) {
            size_t part = row_bytes(n->in[i], k->axis);
            memcpy(to, (const char *)in[i] + (size_t)o * part, part);
            to += part;
        }
    }
    return CSEG_OK;
}

static cseg_status slice_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    size_t whole = row_bytes(n->in[0], k->axis), part = row_bytes(n->out[0], k->axis);
    size_t skip = part / (size_t)n->out[0]->dim[k->axis] * (size_t)n->attr.axis.start;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++)
        memcpy((char *)out[0] + (size_t)o * part, (const char *)in[0] + (size_t)o * whole + skip, part);
    return CSEG_OK;
}

static cseg_status slice_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    move_kernel *k = (move_kernel *)base;
    const node *n = k->k.n;
    size_t whole = row_bytes(n->out[0], k->axis), part = row_bytes(n->in[0], k->axis);
    size_t skip = part / (size_t)n->in[0]->dim[k->axis] * (size_t)n->attr.axis.start;
#pragma omp parallel for schedule(static)
    for (int64_t o = 0; o < k->outer; o++) {
        char *to = (char *)out[0] + (size_t)o * whole;
        memset(to, 0, skip);
        memcpy(to + skip, (const char *)in[0] + (size_t)o * part, part);
        memset(to + skip + part, 0, whole - skip - part);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out,
                           cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *),
                           cseg_error *err)
{
    move_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->axis = axis_of(n);
    k->outer = product(n->out[0], 0, k->axis);
    *out = &k->k.base;
    return CSEG_OK;
}

cseg_status cpu_prepare_concat(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare(b, n, mem, out, concat_run, err);
}

cseg_status cpu_prepare_slice(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare(b, n, mem, out, slice_run, err);
}

cseg_status cpu_prepare_slice_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare(b, n, mem, out, slice_grad_run, err);
}
