/* Cross-entropy over the classes of each pixel, its gradient, and the share of pixels that are right. Logits are read
 * once a pass and nothing of their size is written but the gradient. Bound by memory traffic and exp. */
#include <math.h>

#include "backend/cpu/cpu.h"

enum { PART_PIXELS = 2048 };

typedef struct loss_kernel {
    cpu_kernel k;
    int64_t pixels, classes;
    parts parts;
} loss_kernel;

static void *loss_new(cpu_backend *b, const node *n, arena *mem,
                      cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *))
{
    loss_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (k) {
        const tensor *logits = n->in[0];
        k->classes = logits->dim[logits->rank - 1];
        k->pixels = tensor_count(logits) / k->classes;
        k->parts = parts_of(k->pixels, PART_PIXELS);
    }
    return k;
}

static bool is_class(int32_t label, const loss_kernel *k)
{
    return label != k->k.n->attr.loss.ignore_index && label >= 0 && label < k->classes;
}

/* What pixels [at, at + n) add: weighted losses, and to the divisor. */
static void forward_part(const loss_kernel *k, void *const *in, int64_t at, int64_t n, float *e, double *loss,
                         double *divisor)
{
    const loss_attr *a = &k->k.n->attr.loss;
    const float *x = (const float *)in[0] + at * k->classes, *class_weight = in[2], *weight = in[3];
    const int32_t *label = in[1];
    double sum = 0, div = 0;
    for (int64_t i = at; i < at + n; i++, x += k->classes) {
        if (a->avg == AVG_NON_IGNORED)
            div += label[i] != a->ignore_index;
        if (!is_class(label[i], k))
            continue;
        float m = k->k.b->simd->max(x, k->classes), s = k->k.b->simd->exp_sum(x, m, e, k->classes);
        double v = (double)(logf(s) + m - x[label[i]]), w = class_weight ? (double)class_weight[label[i]] : 1;
        if (a->avg == AVG_CLASS_WEIGHT)
            div += w;
        sum += v * w * (weight ? (double)weight[i] : 1);
    }
    *loss = sum;
    *divisor = div;
}

/* The reference adds the smallest float to a divisor that it counted, so that all-ignored batches give 0. */
static double counted(double divisor)
{
    return divisor + 0x1p-23;
}

static cseg_status cross_entropy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const loss_attr *a = &k->k.n->attr.loss;
    double *sums = scratch;
    float *room = (float *)(sums + 2 * k->parts.count);
    void *inputs[4] = {in[0], in[1], k->k.n->n_in > 2 ? in[2] : NULL, k->k.n->n_in > 3 ? in[3] : NULL};
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        forward_part(k, inputs, p * k->parts.each, parts_size(&k->parts, p), room + omp_get_thread_num() * k->classes,
                     &sums[2 * p], &sums[2 * p + 1]);
    double loss = 0, divisor = 0;
    for (int64_t p = 0; p < k->parts.count; p++) {
        loss += sums[2 * p];
        divisor += sums[2 * p + 1];
    }
    if (a->avg == AVG_ALL)
        divisor = (double)k->pixels;
    else if (a->avg == AVG_SUM)
        divisor = 1;
    else
        divisor = counted(divisor);
    *(float *)out[0] = (float)((double)a->scale * loss / divisor);
    *(float *)out[1] = (float)divisor;
    return CSEG_OK;
}

cseg_status cpu_prepare_cross_entropy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k = loss_new(b, n, mem, cross_entropy_run);
    if (!k)
        return fail_memory(err);
    k->k.base.scratch =
        (size_t)k->parts.count * 2 * sizeof(double) + (size_t)(b->options.threads * k->classes) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status cross_entropy_grad_run(kernel *base, void *const *in, void *const *out, void *scratch,
                                          cseg_error *err)
{
    (void)scratch, (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const simd_table *v = k->k.b->simd;
    const int32_t *label = in[1];
    const float *class_weight = in[2], *weight = in[3], *divisor = in[4], *dloss = in[5];
    float scale = (float)((double)k->k.n->attr.loss.scale * (double)*dloss / (double)*divisor);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        int64_t at = p * k->parts.each, end = at + parts_size(&k->parts, p);
        for (int64_t i = at; i < end; i++) {
            const float *x = (const float *)in[0] + i * k->classes;
            float *dx = (float *)out[0] + i * k->classes;
            if (!is_class(label[i], k)) {
                memset(dx, 0, (size_t)k->classes * sizeof *dx);
                continue;
            }
            float w = scale * (class_weight ? class_weight[label[i]] : 1) * (weight ? weight[i] : 1);
            float sum = v->exp_sum(x, v->max(x, k->classes), dx, k->classes);
            v->scale(dx, w / sum, 0, dx, k->classes);
            dx[label[i]] -= w;
        }
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_cross_entropy_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k = loss_new(b, n, mem, cross_entropy_grad_run);
    if (!k)
        return fail_memory(err);
    k->k.base.in_place = 0;
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status accuracy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const int32_t *label = in[1];
    int64_t right = 0, counted_pixels = 0;
#pragma omp parallel for schedule(static) reduction(+ : right, counted_pixels)
    for (int64_t i = 0; i < k->pixels; i++) {
        if (label[i] == k->k.n->attr.loss.ignore_index)
            continue;
        const float *x = (const float *)in[0] + i * k->classes;
        int32_t best = 0;
        for (int64_t j = 1; j < k->classes; j++)
            if (x[j] > x[best])
                best = (int32_t)j;
        if (k->classes == 1)
            best = x[0] > 0;
        right += best == label[i];
        counted_pixels++;
    }
    *(float *)out[0] = (float)(100.0 * (double)right / counted((double)counted_pixels));
    return CSEG_OK;
}

cseg_status cpu_prepare_accuracy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k = loss_new(b, n, mem, accuracy_run);
    if (!k)
        return fail_memory(err);
    *out = &k->k.base;
    return CSEG_OK;
}
