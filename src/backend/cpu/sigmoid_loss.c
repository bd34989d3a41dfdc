/* Binary cross-entropy of each element with its own target, and the classes present in an image. */
#include <math.h>

#include "backend/cpu/cpu.h"

enum { PART = 1 << 14, PIXELS = 1 << 16 };

typedef struct sigmoid_kernel {
    cpu_kernel k;
    int64_t classes;
    parts p;
} sigmoid_kernel;

/* log(1 + exp(x)) for -|x|; for positive x it is larger by x. */
static float tail_of(float x)
{
    return log1pf(expf(-fabsf(x)));
}

static cseg_status forward_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const sigmoid_kernel *k = (const sigmoid_kernel *)base;
    const float *x = in[0], *t = in[1], *weight = k->k.n->n_in > 2 ? in[2] : NULL;
    float *y = out[0];
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++)
        for (int64_t i = part * PART; i < part * PART + parts_size(&k->p, part); i++) {
            float tail = tail_of(x[i]), w = weight ? weight[i % k->classes] : 1;
            float present = tail + fmaxf(-x[i], 0), absent = tail + fmaxf(x[i], 0);
            y[i] = w * t[i] * present + (1 - t[i]) * absent;
        }
    return CSEG_OK;
}

/* x, target, [class weight], dy -> dx */
static cseg_status grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const sigmoid_kernel *k = (const sigmoid_kernel *)base;
    const float *x = in[0], *t = in[1], *weight = in[2], *dy = in[3];
    float *dx = out[0];
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < k->p.count; part++)
        for (int64_t i = part * PART; i < part * PART + parts_size(&k->p, part); i++) {
            float w = weight ? weight[i % k->classes] : 1, e = expf(-fabsf(x[i]));
            float large = 1 / (1 + e), small = e / (1 + e); /* the sigmoids of |x| and -|x| */
            float s = x[i] > 0 ? large : small, rest = x[i] > 0 ? small : large;
            dx[i] = dy[i] * ((1 - t[i]) * s - w * t[i] * rest);
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
    k->p = parts_of(tensor_count(x), PART);
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
