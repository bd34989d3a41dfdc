/* Sums, products and the like of two tensors. Bound by memory traffic. Tensors of one shape, of either float type, go
 * through the loops of simd/maps.h; repeated axes and everything else are computed in float32. */
#include "backend/cpu/map.h"
#include "backend/cpu/repeat.h"

enum { PART = 1 << 15 };

typedef void flat(map a, map b, map y, int64_t n);

typedef struct binary_kernel {
    cpu_kernel k;
    flat *f; /* NULL: operands are as in r */
    repeat r;
} binary_kernel;

static bool same_shape(const tensor *a, const tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) == 0;
}

static flat *flat_of(const cpu_backend *b, const node *n)
{
    if (!same_shape(n->in[0], n->in[1]))
        return NULL;
    switch (n->attr.binary) {
    case BINARY_ADD:
        return b->simd->maps->add;
    case BINARY_SUB:
        return b->simd->maps->sub;
    case BINARY_MUL:
        return b->simd->maps->mul;
    default:
        return NULL;
    }
}

static cseg_status flat_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const binary_kernel *k = (const binary_kernel *)base;
    const node *n = k->k.n;
    map a = map_in(n, in, 0), b = map_in(n, in, 1), y = map_out(n, out, 0);
    parts p = parts_of(tensor_count(n->out[0]), PART);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < p.count; i++)
        k->f(map_from(a, i * PART), map_from(b, i * PART), map_from(y, i * PART), parts_size(&p, i));
    return CSEG_OK;
}

/* A loop for each kind; ra and rb are constants at the calls, so that the loops are vectorised. */
#define COMBINE(value)                                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
        const float u = a[i * ra], v = b[i * rb];                                                                      \
        y[i] = value;                                                                                                  \
    }                                                                                                                  \
    break
static inline __attribute__((always_inline)) void combine(binary_kind kind, const float *a, int64_t ra, const float *b,
                                                          int64_t rb, float *y, int64_t n)
{
    switch (kind) {
    case BINARY_ADD:
        COMBINE(u + v);
    case BINARY_SUB:
        COMBINE(u - v);
    case BINARY_MUL:
        COMBINE(u * v);
    case BINARY_DIV:
        COMBINE(u / v);
    case BINARY_MAX:
        COMBINE(u > v ? u : v);
    case BINARY_MIN:
        COMBINE(u < v ? u : v);
    }
}

static cseg_status repeated_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const binary_kernel *k = (const binary_kernel *)base;
    binary_kind kind = k->k.n->attr.binary;
    bool ra = k->r.run[0], rb = k->r.run[1];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->r.tasks; i++) {
        repeat_piece p = repeat_at(&k->r, i);
        const float *a = (const float *)in[0] + p.from[0], *b = (const float *)in[1] + p.from[1];
        float *y = (float *)out[0] + p.at;
        if (ra && rb)
            combine(kind, a, 1, b, 1, y, p.n);
        else if (ra)
            combine(kind, a, 1, b, 0, y, p.n);
        else
            combine(kind, a, 0, b, rb, y, p.n);
    }
    return CSEG_OK;
}

static cseg_status prepare_binary(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    flat *f = flat_of(b, n);
    binary_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, f ? flat_run : repeated_run);
    if (!k)
        return fail_memory(err);
    k->f = f;
    repeat_init(&k->r, n, 2);
    k->k.base.in_place = same_shape(n->in[0], n->out[0]) ? 0 : -1;
    *out = &k->k.base;
    return CSEG_OK;
}

static bool is_flat(const cpu_backend *b, const node *n)
{
    return flat_of(b, n) != NULL;
}

const cpu_op cpu_op_binary = {
    .prepare = prepare_binary, .either_in = PORTS_ALL, .either_out = PORTS_ALL, .takes_bf16 = is_flat};

static cseg_status broadcast_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const binary_kernel *k = (const binary_kernel *)base;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->r.tasks; i++) {
        repeat_piece p = repeat_at(&k->r, i);
        const float *x = (const float *)in[0] + p.from[0];
        float *y = (float *)out[0] + p.at;
        for (int64_t j = 0; j < p.n; j++)
            y[j] = x[j * k->r.run[0]];
    }
    return CSEG_OK;
}

static cseg_status prepare_broadcast(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    binary_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, broadcast_run);
    if (!k)
        return fail_memory(err);
    repeat_init(&k->r, n, 1);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_broadcast = {.prepare = prepare_broadcast};
