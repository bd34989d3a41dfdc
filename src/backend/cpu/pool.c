/* Max pooling and its gradient, NHWC. Bound by memory traffic. The gradient goes to the first largest element in window
 * order, as PyTorch's does; where it lies is found anew, so that no indices are kept. */
#include <math.h>

#include "backend/cpu/cpu.h"

typedef struct pool_kernel {
    cpu_kernel k;
    int64_t n, h, w, c, oh, ow;
} pool_kernel;

static int64_t clip(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

typedef struct window {
    int64_t y0, y1, x0, x1;
} window;
static window window_of(const pool_kernel *k, int64_t oy, int64_t ox)
{
    const pool_attr *a = &k->k.n->attr.pool;
    int64_t y = oy * a->stride[0] - a->pad[0], x = ox * a->stride[1] - a->pad[1];
    return (window){clip(y, 0, k->h), clip(y + a->kernel[0], 0, k->h), clip(x, 0, k->w),
                    clip(x + a->kernel[1], 0, k->w)};
}

static cseg_status max_pool_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    pool_kernel *k = (pool_kernel *)base;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->oh; i++) {
        const float *image = (const float *)in[0] + i / k->oh * k->h * k->w * k->c;
        for (int64_t ox = 0; ox < k->ow; ox++) {
            window w = window_of(k, i % k->oh, ox);
            float *y = (float *)out[0] + (i * k->ow + ox) * k->c;
            for (int64_t c = 0; c < k->c; c++)
                y[c] = -INFINITY;
            for (int64_t yy = w.y0; yy < w.y1; yy++)
                for (int64_t xx = w.x0; xx < w.x1; xx++)
                    k->k.b->simd->max_rows(image + (yy * k->w + xx) * k->c, y, k->c);
        }
    }
    return CSEG_OK;
}

static void pool_init(pool_kernel *k, const tensor *x, const tensor *y)
{
    k->n = x->dim[0], k->h = x->dim[1], k->w = x->dim[2], k->c = x->dim[3];
    k->oh = y->dim[1], k->ow = y->dim[2];
}

cseg_status cpu_prepare_max_pool(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    pool_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, max_pool_run);
    if (!k)
        return fail_memory(err);
    pool_init(k, n->in[0], n->out[0]);
    *out = &k->k.base;
    return CSEG_OK;
}

/* The gradient of a block of channels of one image: windows overlap, so threads share no output. */
enum { POOL_BLOCK = 16 };
static void grad_block(const pool_kernel *k, const float *x, const float *y, const float *dy, float *dx, int64_t c0,
                       int64_t width)
{
    for (int64_t p = 0; p < k->h * k->w; p++)
        memset(dx + p * k->c + c0, 0, (size_t)width * sizeof *dx);
    for (int64_t oy = 0; oy < k->oh; oy++)
        for (int64_t ox = 0; ox < k->ow; ox++) {
            window w = window_of(k, oy, ox);
            int64_t o = (oy * k->ow + ox) * k->c + c0;
            bool taken[POOL_BLOCK] = {false};
            for (int64_t yy = w.y0; yy < w.y1; yy++)
                for (int64_t xx = w.x0; xx < w.x1; xx++) {
                    int64_t at = (yy * k->w + xx) * k->c + c0;
                    for (int64_t c = 0; c < width; c++) {
                        bool here = !taken[c] && x[at + c] == y[o + c];
                        dx[at + c] += here ? dy[o + c] : 0;
                        taken[c] |= here;
                    }
                }
        }
}

static cseg_status max_pool_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    pool_kernel *k = (pool_kernel *)base;
    int64_t blocks = (k->c + POOL_BLOCK - 1) / POOL_BLOCK, large = k->h * k->w * k->c, small = k->oh * k->ow * k->c;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * blocks; i++) {
        int64_t image = i / blocks, c0 = i % blocks * POOL_BLOCK,
                width = k->c - c0 < POOL_BLOCK ? k->c - c0 : POOL_BLOCK;
        grad_block(k, (const float *)in[0] + image * large, (const float *)in[1] + image * small,
                   (const float *)in[2] + image * small, (float *)out[0] + image * large, c0, width);
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_max_pool_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    pool_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, max_pool_grad_run);
    if (!k)
        return fail_memory(err);
    pool_init(k, n->out[0], n->in[1]);
    *out = &k->k.base;
    return CSEG_OK;
}
