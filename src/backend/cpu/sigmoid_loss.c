/* Binary cross-entropy of each element with its own target, and the classes present in an image. */
#include "backend/cpu/cpu.h"

enum { PART = 1 << 14, PIXELS = 1 << 16 };

typedef struct sigmoid_kernel {
    cpu_kernel k;
    int64_t classes;
    parts p;
} sigmoid_kernel;

/* With class weights, a part is whole rows of classes: a row at a time has the weights in their order. */
static void part_span(const sigmoid_kernel *k, int64_t part, int64_t *first, int64_t *end, int64_t *step)
{
    *first = part * k->p.each;
    *end = *first + parts_size(&k->p, part);
    *step = k->k.n->n_in > 2 && k->k.n->in[2] ? k->classes : *end - *first;
}

static cseg_status forward_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const sigmoid_kernel *k = (const sigmoid_kernel *)base;
    const float *x = in[0], *t = in[1], *weight = k->k.n->n_in > 2 ? in[2] : NULL;
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++) {
        int64_t first, end, step;
        part_span(k, part, &first, &end, &step);
        for (int64_t i = first; i < end; i += step)
            k->k.b->simd->loss->element_losses(x + i, t + i, weight, (float *)out[0] + i, step);
    }
    return CSEG_OK;
}

/* x, target, [class weight], dy -> dx */
static cseg_status grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const sigmoid_kernel *k = (const sigmoid_kernel *)base;
    const float *x = in[0], *t = in[1], *dy = in[3];
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++) {
        int64_t first, end, step;
        part_span(k, part, &first, &end, &step);
        for (int64_t i = first; i < end; i += step)
            k->k.b->simd->loss->element_slopes(x + i, t + i, in[2], dy + i, (float *)out[0] + i, step);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    sigmoid_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    const tensor *x = n->in[0];
    if (!k)
        return fail_memory(err);
    k->classes = x->rank ? x->dim[x->rank - 1] : 1;
    k->p = parts_of(tensor_count(x), (PART + k->classes - 1) / k->classes * k->classes);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_sigmoid_cross_entropy = {.prepare = prepare, .run = forward_run};

const cpu_op cpu_op_sigmoid_cross_entropy_grad = {.prepare = prepare, .run = grad_run};

/* p: pieces of an image; scratch: one byte a class for each piece. */
static cseg_status presence_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const sigmoid_kernel *k = (const sigmoid_kernel *)base;
    int64_t images = k->k.n->out[0]->dim[0], c = k->classes;
    memset(scratch, 0, (size_t)(images * k->p.count * c));
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < images * k->p.count; task++) {
        int64_t part = task % k->p.count;
        const int32_t *label = (const int32_t *)in[0] + task / k->p.count * k->p.total + part * PIXELS;
        uint8_t *has = (uint8_t *)scratch + task * c;
        for (int64_t i = 0; i < parts_size(&k->p, part); i++)
            if (label[i] >= 0 && label[i] < c)
                has[label[i]] = 1;
    }
    float *y = out[0];
    for (int64_t i = 0; i < images * c; i++) {
        y[i] = c == 1;
        for (int64_t part = 0; part < k->p.count; part++)
            if (((const uint8_t *)scratch)[(i / c * k->p.count + part) * c + i % c])
                y[i] = 1;
    }
    return CSEG_OK;
}

static cseg_status prepare_presence(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    sigmoid_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, presence_run);
    if (!k)
        return fail_memory(err);
    int64_t images = n->out[0]->dim[0];
    k->classes = n->out[0]->dim[1];
    k->p = parts_of(tensor_count(n->in[0]) / images, PIXELS);
    k->k.base.scratch = (size_t)(images * k->p.count * k->classes);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_presence = {.prepare = prepare_presence};
