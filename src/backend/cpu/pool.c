/* Max pooling and its gradient, NHWC. Bound by memory traffic. The gradient goes to the first largest element in window
 * order, as PyTorch's does; where it lies is found anew, so that no indices are kept. */
#include <math.h>

#include "backend/cpu/map.h"

typedef struct pool_kernel {
    cpu_kernel k;
    int64_t n, h, w, c, oh, ow;
    bool half; /* of the gradient: one of the maps is bfloat16 */
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
    (void)err;
    pool_kernel *k = (pool_kernel *)base;
    const simd_table *v = k->k.b->simd;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->oh; i++) {
        float *room = (float *)scratch + omp_get_thread_num() * 2 * k->c;
        int64_t image = i / k->oh * k->h * k->w * k->c;
        for (int64_t ox = 0; ox < k->ow; ox++) {
            window w = window_of(k, i % k->oh, ox);
            int64_t at = (i * k->ow + ox) * k->c;
            float *most = map_write(y, at, room);
            for (int64_t c = 0; c < k->c; c++)
                most[c] = -INFINITY;
            for (int64_t yy = w.y0; yy < w.y1; yy++)
                for (int64_t xx = w.x0; xx < w.x1; xx++)
                    v->max_rows(map_read(v, x, image + (yy * k->w + xx) * k->c, k->c, room + k->c), most, k->c);
            map_written(v, y, at, k->c, most);
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
    k->k.base.scratch = (size_t)(b->options.threads * 2 * k->c) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* The gradient of a block of channels of one image: windows overlap, so threads share no output. Of bfloat16 maps the
 * block is widened as a whole, and the gradient summed in float32: a thread's own float32 copies of the block's x and
 * dx are `width` channels wide, where those of a float32 map are a view of it. */
enum { POOL_BLOCK = 16 };

typedef struct block {
    const float *x, *y, *dy;
    float *dx;
    int64_t stride; /* floats from pixel to pixel */
    int64_t width;
} block;

static void grad_block(const pool_kernel *k, const block *b)
{
    for (int64_t p = 0; p < k->h * k->w; p++)
        memset(b->dx + p * b->stride, 0, (size_t)b->width * sizeof *b->dx);
    for (int64_t oy = 0; oy < k->oh; oy++)
        for (int64_t ox = 0; ox < k->ow; ox++) {
            window w = window_of(k, oy, ox);
            int64_t o = (oy * k->ow + ox) * b->stride;
            bool taken[POOL_BLOCK] = {false};
            for (int64_t yy = w.y0; yy < w.y1; yy++)
                for (int64_t xx = w.x0; xx < w.x1; xx++) {
                    int64_t at = (yy * k->w + xx) * b->stride;
                    for (int64_t c = 0; c < b->width; c++) {
                        bool here = !taken[c] && b->x[at + c] == b->y[o + c];
                        b->dx[at + c] += here ? b->dy[o + c] : 0;
                        taken[c] |= here;
                    }
                }
        }
}

/* Channels at, at + 1 ... of `pixels` pixels of a map with c, into or out of POOL_BLOCK wide ones. */
static float *gathered(const pool_kernel *k, map m, int64_t at, int64_t pixels, int64_t width, float *to)
{
    for (int64_t p = 0; p < pixels; p++)
        map_copy(k->k.b->simd, (map){to, false, sizeof *to}, p * POOL_BLOCK, m, at + p * k->c, width);
    return to;
}

static void scatter(const pool_kernel *k, map m, int64_t at, int64_t pixels, int64_t width, float *from)
{
    for (int64_t p = 0; p < pixels; p++)
        map_copy(k->k.b->simd, m, at + p * k->c, (map){from, false, sizeof *from}, p * POOL_BLOCK, width);
}

/* Floats of a thread's copies of a block; 0: none are needed. */
static int64_t grad_room(const pool_kernel *k)
{
    return k->half ? 2 * (k->h * k->w + k->oh * k->ow) * POOL_BLOCK : 0;
}

static cseg_status max_pool_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    pool_kernel *k = (pool_kernel *)base;
    int64_t blocks = (k->c + POOL_BLOCK - 1) / POOL_BLOCK, large = k->h * k->w, small = k->oh * k->ow;
    map x = map_in(k->k.n, in, 0), y = map_in(k->k.n, in, 1), dy = map_in(k->k.n, in, 2), dx = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * blocks; i++) {
        int64_t image = i / blocks, c0 = i % blocks * POOL_BLOCK,
                width = k->c - c0 < POOL_BLOCK ? k->c - c0 : POOL_BLOCK;
        int64_t at = image * large * k->c + c0, at_small = image * small * k->c + c0;
        if (!k->half) {
            grad_block(k, &(block){(const float *)in[0] + at, (const float *)in[1] + at_small,
                                   (const float *)in[2] + at_small, (float *)out[0] + at, k->c, width});
            continue;
        }
        float *room = (float *)scratch + omp_get_thread_num() * grad_room(k), *end = room + large * POOL_BLOCK;
        block b = {.x = gathered(k, x, at, large, width, room), .dx = end, .stride = POOL_BLOCK, .width = width};
        end += large * POOL_BLOCK;
        b.y = gathered(k, y, at_small, small, width, end);
        b.dy = gathered(k, dy, at_small, small, width, end + small * POOL_BLOCK);
        grad_block(k, &b);
        scatter(k, dx, at, large, width, b.dx);
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_max_pool_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    pool_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, max_pool_grad_run);
    if (!k)
        return fail_memory(err);
    pool_init(k, n->out[0], n->in[1]);
    k->half = map_is_half(n->in[0]) || map_is_half(n->in[1]) || map_is_half(n->in[2]) || map_is_half(n->out[0]);
    k->k.base.scratch = (size_t)(b->options.threads * grad_room(k)) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}
