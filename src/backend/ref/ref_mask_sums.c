/* Masks compared with a label map, pixel by pixel. */
#include "backend/ref/ref.h"
#include "base/bilinear.h"

/* Where a pixel of the label map lies in a mask: four of its pixels and their shares. */
typedef struct corners {
    int64_t at[4];
    double share[4];
} corners;

static corners corners_of(const node *n, int64_t y, int64_t x)
{
    const masks_attr *a = &n->attr.masks;
    const int64_t *size = n->in[2]->dim;
    bilinear_source v = bilinear_source_at(bilinear_position(y, a->h, size[1], false, 0), a->h);
    bilinear_source u = bilinear_source_at(bilinear_position(x, a->w, size[2], false, 0), a->w);
    double t = (double)v.t, s = (double)u.t;
    return (corners){.at = {v.low * a->w + u.low, v.low * a->w + u.high, v.high * a->w + u.low, v.high * a->w + u.high},
                     .share = {(1 - t) * (1 - s), (1 - t) * s, t * (1 - s), t * s}};
}

static double value_at(const corners *c, const float *mask)
{
    double x = 0;
    for (int i = 0; i < 4; i++)
        x += c->share[i] * (double)mask[c->at[i]];
    return x;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* log(1 + exp(-x)) */
static double minus_log_sigmoid(double x)
{
    return x > 0 ? log1p(exp(-x)) : log1p(exp(x)) - x;
}

static double error_of(const masks_attr *a, double x, bool inside)
{
    double right = inside ? x : -x, share = inside ? (double)a->alpha : 1 - (double)a->alpha;
    return share * minus_log_sigmoid(right) * pow(sigmoid(-right), (double)a->gamma);
}

static double error_slope(const masks_attr *a, double x, bool inside)
{
    double right = inside ? x : -x, share = inside ? (double)a->alpha : 1 - (double)a->alpha;
    double miss = sigmoid(-right), gamma = (double)a->gamma;
    double slope = -share * pow(miss, gamma) * (miss + gamma * (1 - miss) * minus_log_sigmoid(right));
    return inside ? slope : -slope;
}

static void add_sums(const masks_attr *a, double x, bool inside, double *sum)
{
    double p = a->raw ? x : sigmoid(x);
    if (!a->overlap) {
        sum[0] += error_of(a, x, inside);
        return;
    }
    sum[0] += inside ? p : 0;
    sum[1] += a->squared ? p * p : p;
    sum[2] += inside;
}

static double slope_of(const masks_attr *a, double x, bool inside, const float *dy)
{
    double p = a->raw ? x : sigmoid(x), slope = a->raw ? 1 : p * (1 - p);
    if (!a->overlap)
        return (double)dy[0] * error_slope(a, x, inside);
    return slope * ((inside ? (double)dy[0] : 0) + (double)dy[1] * (a->squared ? 2 * p : 1));
}

static bool counts(const node *n, const int32_t *class_of, int64_t row)
{
    return class_of[row] >= 0 && class_of[row] < n->attr.masks.classes;
}

static const int32_t *label_of(const node *n, void *const *in, int64_t row)
{
    const int64_t *size = n->in[2]->dim;
    return (const int32_t *)in[2] + row / n->in[0]->dim[1] * size[1] * size[2];
}

REF(mask_sums, NULL)
{
    const int64_t *size = n->in[2]->dim, *d = n->in[0]->dim, width = n->out[0]->dim[2];
    const int32_t *class_of = in[1];
    for (int64_t row = 0; row < d[0] * d[1]; row++) {
        const float *mask = (const float *)in[0] + row * d[2];
        const int32_t *label = label_of(n, in, row);
        double sum[3] = {0, 0, 0};
        for (int64_t i = 0; counts(n, class_of, row) && i < size[1] * size[2]; i++) {
            corners c = corners_of(n, i / size[2], i % size[2]);
            add_sums(&n->attr.masks, value_at(&c, mask), label[i] == class_of[row], sum);
        }
        ref_round(sum, width, (float *)out[0] + row * width);
    }
}

REF(mask_sums_grad, ref_sums_of_first)
{
    const int64_t *size = n->in[2]->dim, *d = n->in[0]->dim, width = n->in[3]->dim[2];
    const int32_t *class_of = in[1];
    double *sum = ref_zeros(scratch, tensor_count(n->out[0]));
    for (int64_t row = 0; row < d[0] * d[1]; row++) {
        const float *mask = (const float *)in[0] + row * d[2], *dy = (const float *)in[3] + row * width;
        const int32_t *label = label_of(n, in, row);
        for (int64_t i = 0; counts(n, class_of, row) && i < size[1] * size[2]; i++) {
            corners c = corners_of(n, i / size[2], i % size[2]);
            double slope = slope_of(&n->attr.masks, value_at(&c, mask), label[i] == class_of[row], dy);
            for (int j = 0; j < 4; j++)
                sum[row * d[2] + c.at[j]] += c.share[j] * slope;
        }
    }
    ref_round(sum, tensor_count(n->out[0]), out[0]);
}
