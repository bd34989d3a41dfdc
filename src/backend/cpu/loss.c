/* Cross-entropy over the classes of each pixel, its gradient, and the share of pixels that are right. Works by rows of
 * the label map. Where a graph pass made the resize of the logits part of the op, a row of logits is interpolated into
 * the cache, and neither logits nor gradients of the label's size exist. Bound by exp and, unfused, by memory traffic.
 */
#include <math.h>

#include "backend/cpu/interpolation.h"

typedef struct loss_kernel {
    cpu_kernel k;
    bool resized;
    interpolation y, x;           /* if resized */
    int64_t rows, width, classes; /* rows: of all images together */
    int64_t row_floats;           /* a thread's own room */
} loss_kernel;

enum { GRAD_BLOCK = 8 }; /* rows of small logits a task; label rows at its edges are computed twice */

static cseg_status loss_new(cpu_backend *b, const node *n, arena *mem,
                            cseg_status (*run)(kernel *, void *const *, void *const *, void *, cseg_error *),
                            loss_kernel **out, cseg_error *err)
{
    loss_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    const tensor *logits = n->in[0], *label = n->in[1];
    k->classes = logits->dim[logits->rank - 1];
    k->width = label->dim[label->rank - 1];
    k->rows = tensor_count(label) / k->width;
    k->resized = n->attr.loss.resized;
    if (k->resized) {
        bool corners = n->attr.loss.align_corners;
        if (!interpolation_init(&k->y, logits->dim[1], label->dim[1], corners, false, 0, mem) ||
            !interpolation_init(&k->x, logits->dim[2], label->dim[2], corners, false, 0, mem))
            return fail_memory(err);
    }
    k->row_floats = k->classes * (1 + k->width + (k->resized ? k->x.in : 0));
    *out = k;
    return CSEG_OK;
}

static float *room(const loss_kernel *k, float *scratch)
{
    return scratch + omp_get_thread_num() * k->row_floats;
}

/* Logits [width, classes] of one row of labels: in place, or interpolated into `to`. */
static const float *logits_row(const loss_kernel *k, const float *logits, int64_t row, float *to)
{
    if (!k->resized)
        return logits + row * k->width * k->classes;
    int64_t small = k->x.in * k->classes, i = row % k->y.out;
    const float *image = logits + row / k->y.out * k->y.in * small;
    float *mixed = to + k->width * k->classes, w = k->y.w[i];
    const simd_table *v = k->k.b->simd;
    v->mix(image + k->y.i0[i] * small, 1 - w, image + k->y.i1[i] * small, w, mixed, small);
    v->interpolate(mixed, k->x.i0, k->x.i1, k->x.w, NULL, to, k->width, k->classes);
    return to;
}

static bool is_class(int32_t label, const loss_kernel *k)
{
    return label != k->k.n->attr.loss.ignore_index && label >= 0 && label < k->classes;
}

static int32_t best_of(const float *x, int64_t n)
{
    int32_t best = 0;
    for (int64_t j = 1; j < n; j++)
        if (x[j] > x[best])
            best = (int32_t)j;
    return best;
}

typedef struct row_sums {
    double loss, divisor;
    int64_t right, counted;
} row_sums;

static row_sums forward_row(const loss_kernel *k, void *const *in, int64_t row, float *own)
{
    const loss_attr *a = &k->k.n->attr.loss;
    const simd_table *v = k->k.b->simd;
    const float *class_weight = in[2], *weight = in[3], *x = logits_row(k, in[0], row, own + k->classes);
    const int32_t *label = (const int32_t *)in[1] + row * k->width;
    bool wants_right = k->k.n->n_out > 2;
    row_sums s = {0};
    for (int64_t i = 0; i < k->width; i++, x += k->classes) {
        if (label[i] != a->ignore_index) {
            s.counted++;
            s.right += wants_right && best_of(x, k->classes) == label[i];
        }
        bool counts = is_class(label[i], k);
        double w = 1;
        if (class_weight && label[i] >= 0 && label[i] < k->classes)
            w = (double)class_weight[label[i]];
        if (counts || (!a->avg_non_ignore && label[i] >= 0 && label[i] < k->classes))
            s.divisor += w;
        if (!counts)
            continue;
        float m = v->max(x, k->classes), e = v->exp_sum(x, m, own, k->classes);
        s.loss += (double)(logf(e) + m - x[label[i]]) * w * (weight ? (double)weight[row * k->width + i] : 1);
    }
    return s;
}

/* The reference adds float32's epsilon to what it counted, so that a batch without labels gives 0 (and 100 % right). */
static double counted(double divisor)
{
    return divisor + 0x1p-23;
}

static cseg_status cross_entropy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const node *n = k->k.n;
    const loss_attr *a = &n->attr.loss;
    row_sums *sums = scratch, all = {0};
    float *own = (float *)(sums + k->rows);
    void *inputs[4] = {in[0], in[1], n->n_in > 2 ? in[2] : NULL, n->n_in > 3 ? in[3] : NULL};
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < k->rows; row++)
        sums[row] = forward_row(k, inputs, row, room(k, own));
    for (int64_t row = 0; row < k->rows; row++) {
        all.loss += sums[row].loss;
        all.divisor += sums[row].divisor;
        all.right += sums[row].right;
        all.counted += sums[row].counted;
    }
    double divisor = a->avg == AVG_ALL           ? (double)(k->rows * k->width)
                     : a->avg == AVG_SUM         ? 1
                     : a->avg == AVG_NON_IGNORED ? counted((double)all.counted)
                                                 : counted(all.divisor);
    *(float *)out[0] = (float)((double)a->scale * all.loss / divisor);
    *(float *)out[1] = (float)divisor;
    if (n->n_out > 2)
        *(float *)out[2] = (float)(100.0 * counted((double)all.right) / counted((double)all.counted));
    return CSEG_OK;
}

cseg_status cpu_prepare_cross_entropy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, cross_entropy_run, &k, err));
    k->k.base.scratch =
        (size_t)k->rows * sizeof(row_sums) + (size_t)(b->options.threads * k->row_floats) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* Gradient of one row of labels, [width, classes], into dx; x may be dx. */
static void grad_row(const loss_kernel *k, void *const *in, int64_t row, const float *x, float *dx, float scale)
{
    const simd_table *v = k->k.b->simd;
    const float *class_weight = in[2], *weight = in[3];
    const int32_t *label = (const int32_t *)in[1] + row * k->width;
    for (int64_t i = 0; i < k->width; i++, x += k->classes, dx += k->classes) {
        if (!is_class(label[i], k)) {
            memset(dx, 0, (size_t)k->classes * sizeof *dx);
            continue;
        }
        float w = scale * (class_weight ? class_weight[label[i]] : 1) * (weight ? weight[row * k->width + i] : 1);
        float sum = v->exp_sum(x, v->max(x, k->classes), dx, k->classes);
        v->scale(dx, w / sum, 0, dx, k->classes);
        dx[label[i]] -= w;
    }
}

/* Rows [r0, r1) of the small logits' gradient: each label row that touches them is computed, folded along x, and added
 * to its two rows. */
static void grad_block(const loss_kernel *k, void *const *in, float *out, int64_t image, int64_t r0, int64_t r1,
                       float scale, float *own)
{
    const simd_table *v = k->k.b->simd;
    int64_t small = k->x.in * k->classes;
    float *dx = out + image * k->y.in * small, *row = own + k->classes, *folded = row + k->width * k->classes;
    memset(dx + r0 * small, 0, (size_t)((r1 - r0) * small) * sizeof *dx);
    int64_t first = k->y.out, last = -1;
    for (int64_t r = r0; r < r1; r++) {
        first = k->y.first[r] < first ? k->y.first[r] : first;
        last = k->y.last[r] > last ? k->y.last[r] : last;
    }
    for (int64_t o = first; o <= last; o++) {
        int64_t label_row = image * k->y.out + o;
        logits_row(k, in[0], label_row, row);
        grad_row(k, in, label_row, row, row, scale);
        memset(folded, 0, (size_t)small * sizeof *folded);
        v->interpolate_grad(row, k->x.i0, k->x.i1, k->x.w, folded, k->width, k->classes);
        for (int side = 0; side < 2; side++) {
            int64_t r = side ? k->y.i1[o] : k->y.i0[o];
            float w = side ? k->y.w[o] : 1 - k->y.w[o];
            if (r >= r0 && r < r1 && w != 0)
                v->axpy(w, folded, dx + r * small, small);
        }
    }
}

/* logits, label, [class weight], [weight], divisor, dloss -> dlogits */
static cseg_status cross_entropy_grad_run(kernel *base, void *const *in, void *const *out, void *scratch,
                                          cseg_error *err)
{
    (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const float *divisor = in[4], *dloss = in[5];
    float scale = (float)((double)k->k.n->attr.loss.scale * (double)*dloss / (double)*divisor);
    if (!k->resized) {
#pragma omp parallel for schedule(static)
        for (int64_t row = 0; row < k->rows; row++) {
            int64_t at = row * k->width * k->classes;
            grad_row(k, in, row, (const float *)in[0] + at, (float *)out[0] + at, scale);
        }
        return CSEG_OK;
    }
    parts p = parts_of(k->y.in, GRAD_BLOCK);
    int64_t images = k->rows / k->y.out;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < images * p.count; i++) {
        int64_t r0 = i % p.count * GRAD_BLOCK;
        grad_block(k, in, out[0], i / p.count, r0, r0 + parts_size(&p, i % p.count), scale, room(k, scratch));
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_cross_entropy_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, cross_entropy_grad_run, &k, err));
    k->k.base.scratch = (size_t)(b->options.threads * k->row_floats) * sizeof(float);
    k->k.base.in_place = k->resized ? -1 : 0;
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status accuracy_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    loss_kernel *k = (loss_kernel *)base;
    const int32_t *label = in[1];
    int64_t right = 0, n = 0;
#pragma omp parallel for schedule(static) reduction(+ : right, n)
    for (int64_t i = 0; i < k->rows * k->width; i++) {
        if (label[i] == k->k.n->attr.loss.ignore_index)
            continue;
        right += best_of((const float *)in[0] + i * k->classes, k->classes) == label[i];
        n++;
    }
    *(float *)out[0] = (float)(100.0 * counted((double)right) / counted((double)n));
    return CSEG_OK;
}

cseg_status cpu_prepare_accuracy(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    loss_kernel *k;
    TRY(loss_new(b, n, mem, accuracy_run, &k, err));
    *out = &k->k.base;
    return CSEG_OK;
}
