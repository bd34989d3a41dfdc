/* Convolution by its definition: x [N,H,W,I], w [O,I/g,kh,kw], y [N,H',W',O]. */
#include "backend/ref/ref.h"

/* Calls f for each product of the convolution. */
typedef void product(void *arg, int64_t x, int64_t w, int64_t y);

static void each_product(const conv_attr *a, const int64_t *xd, const int64_t *wd, const int64_t *yd, product *f,
                         void *arg)
{
    int64_t per_group = wd[0] / a->groups;
    for (int64_t n = 0; n < yd[0]; n++)
        for (int64_t oy = 0; oy < yd[1]; oy++)
            for (int64_t ox = 0; ox < yd[2]; ox++)
                for (int64_t o = 0; o < yd[3]; o++)
                    for (int64_t i = 0; i < wd[1]; i++)
                        for (int64_t ky = 0; ky < wd[2]; ky++)
                            for (int64_t kx = 0; kx < wd[3]; kx++) {
                                int64_t y = oy * a->stride[0] - a->pad[0] + ky * a->dilation[0];
                                int64_t x = ox * a->stride[1] - a->pad[1] + kx * a->dilation[1];
                                if (y < 0 || y >= xd[1] || x < 0 || x >= xd[2])
                                    continue;
                                int64_t c = o / per_group * wd[1] + i;
                                f(arg, ((n * xd[1] + y) * xd[2] + x) * xd[3] + c,
                                  ((o * wd[1] + i) * wd[2] + ky) * wd[3] + kx,
                                  ((n * yd[1] + oy) * yd[2] + ox) * yd[3] + o);
                            }
}

typedef struct operands {
    const float *a, *b;
    double *sum;
} operands;

static void forward(void *arg, int64_t x, int64_t w, int64_t y)
{
    operands *p = arg;
    p->sum[y] += (double)p->a[x] * (double)p->b[w];
}

static void to_data(void *arg, int64_t x, int64_t w, int64_t y)
{
    operands *p = arg;
    p->sum[x] += (double)p->a[y] * (double)p->b[w];
}

static void to_weight(void *arg, int64_t x, int64_t w, int64_t y)
{
    operands *p = arg;
    p->sum[w] += (double)p->a[x] * (double)p->b[y];
}

/* x, w, y: the tensors in these roles. left, right: the factors' data; the sums of `count` elements are taken in
 * scratch, then rounded once into out. */
static void summed(const conv_attr *a, const tensor *x, const tensor *w, const tensor *y, product *f, const float *left,
                   const float *right, void *scratch, float *out, int64_t count)
{
    double *sum = ref_zeros(scratch, count);
    each_product(a, x->dim, w->dim, y->dim, f, &(operands){left, right, sum});
    ref_round(sum, count, out);
}

/* Adds what passes fused: bias, residual, activation. */
static void finish(const node *n, void *const *in, float *y)
{
    const conv_attr *a = &n->attr.conv;
    const float *bias = n->n_in > 2 ? in[2] : NULL, *residual = n->n_in > 3 ? in[3] : NULL;
    unary_attr act = {.kind = (unary_kind)(a->act - 1), .alpha = a->act_alpha};
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++) {
        y[i] += (bias ? bias[i % n->out[0]->dim[3]] : 0) + (residual ? residual[i] : 0);
        if (a->act)
            y[i] = ref_unary_value(&act, y[i]);
    }
}

REF(conv2d, ref_sums_of_first)
{
    summed(&n->attr.conv, n->in[0], n->in[1], n->out[0], forward, in[0], in[1], scratch, out[0],
           tensor_count(n->out[0]));
    finish(n, in, out[0]);
}

REF(conv2d_grad_data, ref_sums_of_first)
{
    summed(&n->attr.conv, n->out[0], n->in[1], n->in[0], to_data, in[0], in[1], scratch, out[0],
           tensor_count(n->out[0]));
}

REF(conv_transpose2d, ref_sums_of_first)
{
    ref_conv2d_grad_data(n, in, out, scratch);
    finish(n, in, out[0]);
}

REF(conv2d_grad_weight, ref_sums_of_first)
{
    const tensor *dy = n->in[1];
    summed(&n->attr.conv, n->in[0], n->out[0], dy, to_weight, in[0], in[1], scratch, out[0], tensor_count(n->out[0]));
    for (int64_t o = 0; n->n_out > 1 && o < dy->dim[3]; o++) {
        double sum = 0;
        for (int64_t i = o; i < tensor_count(dy); i += dy->dim[3])
            sum += (double)((const float *)in[1])[i];
        ((float *)out[1])[o] = (float)sum;
    }
}

/* Returns the output channel that element i of a weight belongs to: of [O, I/g, kh, kw] or, with groups, of a
 * transposed convolution's [I, O/g, kh, kw]. */
static int64_t channel_of(const node *n, int64_t i)
{
    const int64_t *w = n->in[0]->dim, groups = n->attr.norm.groups, taps = w[2] * w[3];
    if (!groups)
        return i / (w[1] * taps);
    return i / (w[1] * taps) / (w[0] / groups) * w[1] + i / taps % w[1];
}

REF(fold_batch_norm, NULL)
{
    const float *w = in[0], *bias = in[1], *gamma = in[2], *beta = in[3], *mean = in[4], *var = in[5];
    for (int64_t i = 0; i < tensor_count(n->in[0]); i++) {
        int64_t o = channel_of(n, i);
        ((float *)out[0])[i] =
            (float)((double)w[i] * ((double)gamma[o] / sqrt((double)var[o] + (double)n->attr.norm.eps)));
    }
    for (int64_t o = 0; o < n->out[1]->dim[0]; o++) {
        double s = (double)gamma[o] / sqrt((double)var[o] + (double)n->attr.norm.eps);
        ((float *)out[1])[o] = (float)((double)beta[o] + ((bias ? (double)bias[o] : 0) - (double)mean[o]) * s);
    }
}
