/* Functions of one element. ReLU and scaling, which are the most frequent, use the loops of simd/maps.h, other
 * activations those of simd/unary.h, in either float type; all others use the naive backend's definitions, in float32,
 * on all threads. */
#include <math.h>

#include "backend/cpu/map.h"
#include "backend/cpu/simd/unary.h"
#include "backend/ref/ref.h"

enum { PART = 1 << 15 };

typedef void flat2(map a, map b, map y, int64_t n);
typedef struct flat_kernel {
    cpu_kernel k;
    flat2 *f;
    int64_t n;
} flat_kernel;

static flat_kernel *flat_new(cpu_backend *b, const node *n, arena *mem, cpu_run *run)
{
    flat_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (k)
        k->n = tensor_count(n->out[0]);
    return k;
}

static void run_pairs(const flat_kernel *k, map a, map b, map y)
{
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        k->f(map_from(a, i * PART), map_from(b, i * PART), map_from(y, i * PART), parts_size(&p, i));
}

static cseg_status unary_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    flat_kernel *k = (flat_kernel *)base;
    const unary_attr *a = &k->k.n->attr.unary;
    const map_table *v = k->k.b->simd->maps;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++) {
        map from = map_from(x, i * PART), to = map_from(y, i * PART);
        if (a->kind == UNARY_RELU)
            v->relu(from, to, parts_size(&p, i));
        else if (a->kind == UNARY_SCALE)
            v->scale(from, a->alpha, a->beta, to, parts_size(&p, i));
        else if (k->k.b->simd->unary->has(a->kind))
            k->k.b->simd->unary->value(a, from, to, parts_size(&p, i));
        else
            for (int64_t j = 0; j < parts_size(&p, i); j++)
                ((float *)to.at)[j] = ref_unary_value(a, ((const float *)from.at)[j]);
    }
    return CSEG_OK;
}

static bool is_fast_unary(const cpu_backend *b, const node *n)
{
    unary_kind kind = n->attr.unary.kind;
    return kind == UNARY_RELU || kind == UNARY_SCALE || b->simd->unary->has(kind);
}

static cseg_status prepare_unary(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    flat_kernel *k = flat_new(b, n, mem, unary_run);
    if (!k)
        return fail_memory(err);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_unary = {
    .prepare = prepare_unary, .either_in = PORTS_ALL, .either_out = PORTS_ALL, .takes_bf16 = is_fast_unary};

/* Inputs x, y, dy. */
static cseg_status unary_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    flat_kernel *k = (flat_kernel *)base;
    const node *n = k->k.n;
    const unary_attr *a = &n->attr.unary;
    map x = map_in(n, in, 0), y = map_in(n, in, 1), dy = map_in(n, in, 2), dx = map_out(n, out, 0);
    if (a->kind == UNARY_RELU) {
        run_pairs(k, y, dy, dx);
        return CSEG_OK;
    }
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        k->k.b->simd->unary->slope(a, map_from(x, i * PART), map_from(y, i * PART), map_from(dy, i * PART),
                                   map_from(dx, i * PART), parts_size(&p, i));
    return CSEG_OK;
}

static cseg_status slope_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const flat_kernel *k = (const flat_kernel *)base;
    const unary_attr *a = &k->k.n->attr.unary;
    const float *x = in[0], *y = in[1], *dy = in[2];
    float *dx = out[0];
    parts p = parts_of(k->n, PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        for (int64_t j = i * PART; j < i * PART + parts_size(&p, i); j++)
            dx[j] = dy[j] * ref_unary_slope(a, x ? x[j] : NAN, y ? y[j] : NAN);
    return CSEG_OK;
}

static bool is_fast_unary_grad(const cpu_backend *b, const node *n)
{
    return (n->attr.unary.kind == UNARY_RELU && n->in[1]) || b->simd->unary->has(n->attr.unary.kind);
}

static cseg_status prepare_unary_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    flat_kernel *k = flat_new(b, n, mem, is_fast_unary_grad(b, n) ? unary_grad_run : slope_run);
    if (!k)
        return fail_memory(err);
    k->f = b->simd->maps->relu_grad;
    k->k.base.in_place = 2;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_unary_grad = {
    .prepare = prepare_unary_grad, .either_in = PORTS_ALL, .either_out = PORTS_ALL, .takes_bf16 = is_fast_unary_grad};
