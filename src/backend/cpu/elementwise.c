/* Element by element, bound by memory traffic. Only the shapes and functions that matter for speed are here; the rest
 * is the reference backend's. */
#include "backend/cpu/cpu.h"

enum { PART = 1 << 15 };

typedef void flat2(const float *a, const float *b, float *y, int64_t n);
typedef struct flat_kernel {
    cpu_kernel k;
    flat2 *f;
    int64_t n;
} flat_kernel;

static cseg_status binary_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    flat_kernel *k = (flat_kernel *)base;
    const float *a = in[0], *b = in[1];
    float *y = out[0];
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        k->f(a + i * PART, b + i * PART, y + i * PART, parts_size(&p, i));
    return CSEG_OK;
}

static bool same_shape(const tensor *a, const tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

cseg_status cpu_prepare_binary(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    flat2 *f = n->attr.binary == BINARY_ADD   ? b->simd->add
               : n->attr.binary == BINARY_SUB ? b->simd->sub
               : n->attr.binary == BINARY_MUL ? b->simd->mul
                                              : NULL;
    if (!f || !same_shape(n->in[0], n->in[1]))
        return b->ref->prepare(b->ref, n, mem, out, err);
    flat_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, binary_run);
    if (!k)
        return fail_memory(err);
    k->f = f;
    k->n = tensor_count(n->in[0]);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status unary_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    flat_kernel *k = (flat_kernel *)base;
    const unary_attr *a = &k->k.n->attr.unary;
    const simd_table *v = k->k.b->simd;
    const float *x = in[0];
    float *y = out[0];
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++) {
        if (a->kind == UNARY_RELU)
            v->relu(x + i * PART, y + i * PART, parts_size(&p, i));
        else
            v->scale(x + i * PART, a->alpha, a->beta, y + i * PART, parts_size(&p, i));
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_unary(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (n->attr.unary.kind != UNARY_RELU && n->attr.unary.kind != UNARY_SCALE)
        return b->ref->prepare(b->ref, n, mem, out, err);
    flat_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, unary_run);
    if (!k)
        return fail_memory(err);
    k->n = tensor_count(n->in[0]);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

/* Inputs x, y, dy: ReLU's gradient needs y and dy. */
static cseg_status unary_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    return binary_run(base, in + 1, out, scratch, err);
}

cseg_status cpu_prepare_unary_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (n->attr.unary.kind != UNARY_RELU || !n->in[1])
        return b->ref->prepare(b->ref, n, mem, out, err);
    flat_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, unary_grad_run);
    if (!k)
        return fail_memory(err);
    k->f = b->simd->relu_grad;
    k->n = tensor_count(n->out[0]);
    k->k.base.in_place = 2;
    *out = &k->k.base;
    return CSEG_OK;
}
