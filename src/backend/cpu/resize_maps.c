/* Resizes maps in NHWC: mixes two rows first, then pixels within the mixed row, which stays in the cache. Bound by
 * memory traffic: forward writes the large map once; the gradient reads it twice. */
#include "backend/cpu/interpolation.h"
#include "backend/cpu/map.h"
#include "backend/cpu/resize_cubic.h"

typedef struct resize_kernel {
    cpu_kernel k;
    interpolation y, x;
    int64_t n, c;
} resize_kernel;

/* small, large: the map before and after resizing. */
static cseg_status resize_init(resize_kernel *k, const tensor *small, const tensor *large, arena *mem, cseg_error *err)
{
    const resize_attr *a = &k->k.n->attr.resize;
    k->n = small->dim[0];
    k->c = small->dim[3];
    if (!interpolation_init(&k->y, small->dim[1], large->dim[1], a->align_corners, a->nearest, a->scale_h, mem) ||
        !interpolation_init(&k->x, small->dim[2], large->dim[2], a->align_corners, a->nearest, a->scale_w, mem))
        return fail_memory(err);
    return CSEG_OK;
}

/* Mixes output row i of an image from two input rows; the image begins at `image`. Returns it in `row` [w_in * c], or
 * the input row itself if only one is needed. */
static map mixed_row(const resize_kernel *k, map x, int64_t image, int64_t i, float *row)
{
    int64_t width = k->x.in * k->c;
    float w = k->y.w[i];
    map a = map_from(x, image + k->y.i0[i] * width);
    if (w == 0)
        return a;
    k->k.b->simd->maps->mix(a, 1 - w, map_from(x, image + k->y.i1[i] * width), w, row, width);
    return map_of_floats(row);
}

static cseg_status resize_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    resize_kernel *k = (resize_kernel *)base;
    int64_t small = k->x.in * k->c, large = k->x.out * k->c;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->y.out; i++) {
        float *room = (float *)scratch + omp_get_thread_num() * small;
        map row = mixed_row(k, x, i / k->y.out * k->y.in * small, i % k->y.out, room);
        k->k.b->simd->maps->interpolate(row, k->x.i0, k->x.i1, k->x.w, (map){0}, map_from(y, i * large), k->x.out,
                                        k->c);
    }
    return CSEG_OK;
}

static cseg_status prepare_resize(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (n->attr.resize.cubic)
        return resize_cubic_prepare(b, n, mem, out, err);
    resize_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, resize_run);
    if (!k)
        return fail_memory(err);
    TRY(resize_init(k, n->in[0], n->out[0], mem, err));
    k->k.base.scratch = (size_t)(b->options.threads * k->x.in * k->c) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_resize = {.prepare = prepare_resize, .either_in = PORTS_ALL, .either_out = PORTS_ALL};

static cseg_status resize_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    resize_kernel *k = (resize_kernel *)base;
    const simd_table *v = k->k.b->simd;
    int64_t small = k->x.in * k->c, large = k->x.out * k->c;
    map dy = map_in(k->k.n, in, 0), dx = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->y.in; i++) {
        int64_t image = i / k->y.in * k->y.out * large, r = i % k->y.in;
        float *sum = (float *)scratch + omp_get_thread_num() * (large + small),
              *to = map_write(dx, i * small, sum + large);
        memset(sum, 0, (size_t)large * sizeof *sum);
        memset(to, 0, (size_t)small * sizeof *to);
        for (int64_t o = k->y.first[r]; o <= k->y.last[r]; o++) {
            float w = interpolation_weight(&k->y, o, r);
            if (w != 0)
                v->maps->axpy(w, map_from(dy, image + o * large), sum, large);
        }
        v->interpolate_grad(sum, k->x.i0, k->x.i1, k->x.w, to, k->x.out, k->c);
        map_written(v, dx, i * small, small, to);
    }
    return CSEG_OK;
}

static cseg_status prepare_resize_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (n->attr.resize.cubic)
        return resize_cubic_prepare(b, n, mem, out, err);
    resize_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, resize_grad_run);
    if (!k)
        return fail_memory(err);
    TRY(resize_init(k, n->out[0], n->in[0], mem, err));
    k->k.base.scratch = (size_t)(b->options.threads * (k->x.out + k->x.in) * k->c) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_resize_grad = {.prepare = prepare_resize_grad, .either_in = PORTS_ALL, .either_out = PORTS_ALL};
