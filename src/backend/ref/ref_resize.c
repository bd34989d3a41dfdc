/* torch.nn.functional.interpolate, in its own arithmetic: source positions in float32. */
#include "backend/ref/ref.h"

/* The input pixels that an output pixel mixes along an axis, in order. */
typedef struct mixed {
    int64_t at[4];
    float w[4];
    int n;
} mixed;

static int64_t clipped(int64_t i, int64_t in)
{
    return i < 0 ? 0 : i < in ? i : in - 1;
}

/* Keys' cubic convolution (1981) with a = -3/4. */
static float cubic_weight(float distance)
{
    const float a = -0.75f, x = distance < 0 ? -distance : distance;
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Pixels beyond the border are those at the border; positions there are not clipped. */
static mixed four_pixels(float at, int64_t in)
{
    mixed m = {.n = 4};
    float low = floorf(at), t = at - low;
    for (int i = 0; i < 4; i++) {
        m.at[i] = clipped((int64_t)low + i - 1, in);
        m.w[i] = cubic_weight(t - (float)(i - 1));
    }
    return m;
}

static mixed two_pixels(float at, int64_t in)
{
    at = at < 0 ? 0 : at;
    int64_t i = clipped((int64_t)at, in);
    float t = at - (float)i;
    return (mixed){.at = {i, clipped(i + 1, in)}, .w = {1 - t, t}, .n = 2};
}

static mixed source_of(int64_t o, int64_t in, int64_t out, const resize_attr *a, double given)
{
    float scale = given > 0 ? (float)(1.0 / given) : (float)in / (float)out;
    if (in == out && !a->cubic)
        return (mixed){.at = {o}, .w = {1}, .n = 1}; /* whatever scale was given, as PyTorch */
    if (a->nearest) {
        int64_t i = out == 2 * in ? o / 2 : (int64_t)((float)o * scale); /* the same exception */
        return (mixed){.at = {clipped(i, in)}, .w = {1}, .n = 1};
    }
    float at;
    if (a->align_corners)
        at = out > 1 ? (float)o * ((float)(in - 1) / (float)(out - 1)) : 0;
    else
        at = ((float)o + 0.5f) * scale - 0.5f;
    return a->cubic ? four_pixels(at, in) : two_pixels(at, in);
}

/* Calls f for the (pixel, weight) pairs of each output element. */
typedef void pair(void *arg, int64_t in, int64_t out, float w);
static void each_pair(const int64_t *x, const int64_t *y, const resize_attr *a, pair *f, void *arg)
{
    for (int64_t i = 0; i < y[0] * y[1] * y[2] * y[3]; i++) {
        int64_t c = i % y[3], ox = i / y[3] % y[2], oy = i / y[3] / y[2] % y[1], image = i / y[3] / y[2] / y[1];
        mixed v = source_of(oy, x[1], y[1], a, a->scale_h), h = source_of(ox, x[2], y[2], a, a->scale_w);
        for (int k = 0; k < v.n; k++)
            for (int l = 0; l < h.n; l++) {
                float w = v.w[k] * h.w[l];
                if (w != 0)
                    f(arg, ((image * x[1] + v.at[k]) * x[2] + h.at[l]) * x[3] + c, i, w);
            }
    }
}

typedef struct maps {
    const float *from;
    float *to;
    double *sum; /* of give: dx */
} maps;
static void take(void *arg, int64_t in, int64_t out, float w)
{
    maps *m = arg;
    m->to[out] += w * m->from[in];
}

static void give(void *arg, int64_t in, int64_t out, float w)
{
    maps *m = arg;
    m->sum[in] += (double)w * (double)m->from[out];
}

REF(resize, NULL)
{
    memset(out[0], 0, tensor_bytes(n->out[0]));
    each_pair(n->in[0]->dim, n->out[0]->dim, &n->attr.resize, take, &(maps){.from = in[0], .to = out[0]});
}

static void unresized(const int64_t *x, const int64_t *y, const resize_attr *a, const float *from, double *sum,
                      float *to)
{
    int64_t count = x[0] * x[1] * x[2] * x[3];
    each_pair(x, y, a, give, &(maps){.from = from, .sum = ref_zeros(sum, count)});
    ref_round(sum, count, to);
}

REF(resize_grad, ref_sums_of_first)
{
    unresized(n->out[0]->dim, n->in[0]->dim, &n->attr.resize, in[0], scratch, out[0]);
}

static size_t one_input(const node *n) /* resized */
{
    return tensor_bytes(n->out[0]);
}

REF(sum, one_input)
{
    const tensor *y = n->out[0];
    int64_t count = tensor_count(y);
    float *to = out[0], *large = scratch;
    for (int i = 0; i < n->n_in; i++) {
        const resize_attr *a = &n->attr.sum.from[i];
        const float *x = in[i];
        if (a->h > 0) {
            memset(large, 0, tensor_bytes(y));
            each_pair(n->in[i]->dim, y->dim, a, take, &(maps){.from = in[i], .to = large});
            x = large;
        }
        for (int64_t k = 0; k < count; k++)
            to[k] = i ? to[k] + x[k] : x[k];
    }
    for (int64_t k = 0; n->attr.sum.relu && k < count; k++)
        to[k] = to[k] < 0 ? 0 : to[k];
}

void ref_resized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, float *to)
{
    resize_attr a = {.align_corners = align_corners};
    memset(to, 0, (size_t)(y[0] * y[1] * y[2] * y[3]) * sizeof *to);
    each_pair(x, y, &a, take, &(maps){.from = from, .to = to});
}

void ref_unresized(const int64_t *x, const int64_t *y, bool align_corners, const float *from, double *sum, float *to)
{
    resize_attr a = {.align_corners = align_corners};
    unresized(x, y, &a, from, sum, to);
}

static void classes_of(const float *x, int64_t pixels, int64_t c, int32_t *out)
{
    for (int64_t i = 0; i < pixels; i++) {
        out[i] = 0;
        for (int64_t k = 1; k < c; k++)
            if (x[i * c + k] > x[i * c + out[i]])
                out[i] = (int32_t)k;
    }
}

REF(argmax, NULL)
{
    classes_of(in[0], tensor_count(n->out[0]), ref_channels(n->in[0]), out[0]);
}

static size_t resized_scores(const node *n)
{
    return (size_t)(tensor_count(n->out[0]) * ref_channels(n->in[0])) * sizeof(float);
}

REF(resize_argmax, resized_scores)
{
    const tensor *x = n->in[0], *y = n->out[0];
    int64_t dim[4] = {y->dim[0], y->dim[1], y->dim[2], x->dim[3]};
    float *large = scratch;
    memset(large, 0, (size_t)(tensor_count(y) * x->dim[3]) * sizeof *large);
    each_pair(x->dim, dim, &n->attr.resize, take, &(maps){.from = in[0], .to = large});
    classes_of(large, tensor_count(y), x->dim[3], out[0]);
}
