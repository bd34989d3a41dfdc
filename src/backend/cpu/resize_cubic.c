/* Bicubic resizing in NHWC: mixes four rows first, then four pixels within the mixed row, which stays in the cache.
 * Forward is bound by the mixing within the row, four multiply-adds an element; the gradient does the same steps
 * backwards, for one row of the small map at a time. */
#include "backend/cpu/resize_cubic.h"

#include <math.h>

#include "backend/cpu/map.h"

enum { TAPS = 4 };

/* Output position i is the sum of w[TAPS * i + k] * in[at[TAPS * i + k]]. Input position r contributes to the outputs
 * first[r] ... last[r] (inclusive; last < first: to none). */
typedef struct cubic_axis {
    int64_t in, out;
    int32_t *at, *first, *last;
    float *w;
} cubic_axis;

typedef struct cubic_kernel {
    cpu_kernel k;
    cubic_axis y, x;
    int64_t n, c;
} cubic_kernel;

/* Keys' cubic convolution (1981) with a = -3/4, in torch's arithmetic. */
static float near_weight(float d) /* d: 0 to 1 */
{
    return (1.25f * d - 2.25f) * d * d + 1;
}

static float far_weight(float d) /* d: 1 to 2 */
{
    return ((-0.75f * d + 3.75f) * d - 6) * d + 3;
}

/* Of output i; unlike in bilinear resizing it may lie beyond the border, and the scale counts if sizes are equal. */
static float position(const cubic_axis *a, int64_t i, bool align_corners, double scale)
{
    if (align_corners)
        return a->out > 1 ? (float)i * ((float)(a->in - 1) / (float)(a->out - 1)) : 0;
    float step = scale > 0 ? (float)(1.0 / scale) : (float)a->in / (float)a->out;
    return ((float)i + 0.5f) * step - 0.5f;
}

/* Pixels beyond the border are those at the border. */
static bool axis_init(cubic_axis *a, int64_t in, int64_t out, bool align_corners, double scale, arena *mem)
{
    *a = (cubic_axis){.in = in, .out = out};
    a->at = ARENA_ARRAY(mem, (size_t)(TAPS * out), int32_t);
    a->w = ARENA_ARRAY(mem, (size_t)(TAPS * out), float);
    a->first = ARENA_ARRAY(mem, (size_t)in, int32_t);
    a->last = ARENA_ARRAY(mem, (size_t)in, int32_t);
    if (!a->at || !a->w || !a->first || !a->last)
        return false;
    for (int64_t r = 0; r < in; r++) {
        a->first[r] = (int32_t)out;
        a->last[r] = -1;
    }
    for (int64_t i = 0; i < out; i++) {
        float at = position(a, i, align_corners, scale), low = floorf(at), t = at - low;
        float w[TAPS] = {far_weight(t + 1), near_weight(t), near_weight(1 - t), far_weight(2 - t)};
        for (int k = 0; k < TAPS; k++) {
            int64_t r = (int64_t)low + k - 1;
            r = r < 0 ? 0 : least_of(r, in - 1);
            a->at[TAPS * i + k] = (int32_t)r;
            a->w[TAPS * i + k] = w[k];
            a->first[r] = a->first[r] > i ? (int32_t)i : a->first[r];
            a->last[r] = (int32_t)i;
        }
    }
    return true;
}

/* The weight of input r in output i. */
static float weight_of(const cubic_axis *a, int64_t i, int64_t r)
{
    float w = 0;
    for (int k = 0; k < TAPS; k++)
        w += a->at[TAPS * i + k] == r ? a->w[TAPS * i + k] : 0;
    return w;
}

/* y [out,c] = each pixel's mixture of four pixels of x [in,c]. */
static void mix_pixels(const cubic_kernel *k, const float *x, float *y)
{
    const map_table *v = k->k.b->simd->maps;
    for (int64_t i = 0; i < k->x.out; i++) {
        const int32_t *at = k->x.at + TAPS * i;
        const float *w = k->x.w + TAPS * i;
        float *to = y + i * k->c;
        v->mix(map_of_floats(x + at[0] * k->c), w[0], map_of_floats(x + at[1] * k->c), w[1], to, k->c);
        v->axpy(w[2], map_of_floats(x + at[2] * k->c), to, k->c);
        v->axpy(w[3], map_of_floats(x + at[3] * k->c), to, k->c);
    }
}

static cseg_status cubic_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const cubic_kernel *k = (const cubic_kernel *)base;
    const simd_table *v = k->k.b->simd;
    int64_t small = k->x.in * k->c, large = k->x.out * k->c;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->y.out; i++) {
        float *row = (float *)scratch + omp_get_thread_num() * (small + large),
              *to = map_write(y, i * large, row + small);
        const int32_t *at = k->y.at + i % k->y.out * TAPS;
        const float *w = k->y.w + i % k->y.out * TAPS;
        map image = map_from(x, i / k->y.out * k->y.in * small);
        v->maps->mix(map_from(image, at[0] * small), w[0], map_from(image, at[1] * small), w[1], row, small);
        v->maps->axpy(w[2], map_from(image, at[2] * small), row, small);
        v->maps->axpy(w[3], map_from(image, at[3] * small), row, small);
        mix_pixels(k, row, to);
        map_written(v, y, i * large, large, to);
    }
    return CSEG_OK;
}

static cseg_status cubic_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const cubic_kernel *k = (const cubic_kernel *)base;
    const simd_table *v = k->k.b->simd;
    int64_t small = k->x.in * k->c, large = k->x.out * k->c;
    map dy = map_in(k->k.n, in, 0), dx = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->y.in; i++) {
        int64_t image = i / k->y.in * k->y.out * large, r = i % k->y.in;
        float *sum = (float *)scratch + omp_get_thread_num() * (small + large),
              *to = map_write(dx, i * small, sum + large);
        memset(sum, 0, (size_t)large * sizeof *sum);
        memset(to, 0, (size_t)small * sizeof *to);
        for (int64_t o = k->y.first[r]; o <= k->y.last[r]; o++)
            v->maps->axpy(weight_of(&k->y, o, r), map_from(dy, image + o * large), sum, large);
        for (int64_t o = 0; o < k->x.out * TAPS; o++)
            v->maps->axpy(k->x.w[o], map_of_floats(sum + o / TAPS * k->c), to + k->x.at[o] * k->c, k->c);
        map_written(v, dx, i * small, small, to);
    }
    return CSEG_OK;
}

cseg_status resize_cubic_prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool grad = n->op == OP_resize_grad;
    const tensor *small = grad ? n->out[0] : n->in[0], *large = grad ? n->in[0] : n->out[0];
    const resize_attr *a = &n->attr.resize;
    cubic_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, grad ? cubic_grad_run : cubic_run);
    if (!k)
        return fail_memory(err);
    k->n = small->dim[0];
    k->c = small->dim[3];
    if (!axis_init(&k->y, small->dim[1], large->dim[1], a->align_corners, a->scale_h, mem) ||
        !axis_init(&k->x, small->dim[2], large->dim[2], a->align_corners, a->scale_w, mem))
        return fail_memory(err);
    k->k.base.scratch = (size_t)(b->options.threads * (k->x.out + k->x.in) * k->c) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}
