/* Resizing in NHWC: rows are mixed first, then pixels within the mixed row, which stays in the cache. Bound by memory
 * traffic: forward writes the large map once; the gradient reads it twice. */
#include "backend/cpu/interpolation.h"
#include "backend/cpu/map.h"

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

/* Output row i of one image, mixed of two input rows that begin at `image`: into `row` [w_in * c] (behind which there
 * is room for another one), unless one of them is the answer. */
static const float *mixed_row(const resize_kernel *k, map x, int64_t image, int64_t i, float *row)
{
    const simd_table *v = k->k.b->simd;
    int64_t width = k->x.in * k->c;
    float w = k->y.w[i];
    const float *a = map_read(v, x, image + k->y.i0[i] * width, width, row);
    if (w == 0)
        return a;
    const float *b = map_read(v, x, image + k->y.i1[i] * width, width, row + width);
    v->mix(a, 1 - w, b, w, row, width);
    return row;
}

/* Pixels of an output row of bfloat16 that are made at once, for the room to stay in the cache. */
static int64_t pixels_at_once(const resize_kernel *k)
{
    return k->c < MAP_ROOM ? MAP_ROOM / k->c : 1;
}

static void interpolate_row(const resize_kernel *k, const float *row, map y, int64_t at, float *room)
{
    const simd_table *v = k->k.b->simd;
    int64_t step = y.half ? pixels_at_once(k) : k->x.out;
    for (int64_t i = 0; i < k->x.out; i += step) {
        int64_t n = k->x.out - i < step ? k->x.out - i : step;
        float *to = map_write(y, at + i * k->c, room);
        v->interpolate(row, k->x.i0 + i, k->x.i1 + i, k->x.w + i, NULL, to, n, k->c);
        map_written(v, y, at + i * k->c, n * k->c, to);
    }
}

static cseg_status resize_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    resize_kernel *k = (resize_kernel *)base;
    int64_t small = k->x.in * k->c, large = k->x.out * k->c, own = 2 * small + pixels_at_once(k) * k->c;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->n * k->y.out; i++) {
        float *room = (float *)scratch + omp_get_thread_num() * own;
        const float *row = mixed_row(k, x, i / k->y.out * k->y.in * small, i % k->y.out, room);
        interpolate_row(k, row, y, i * large, room + 2 * small);
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_resize(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    resize_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, resize_run);
    if (!k)
        return fail_memory(err);
    TRY(resize_init(k, n->in[0], n->out[0], mem, err));
    int64_t own = 2 * k->x.in * k->c + pixels_at_once(k) * k->c;
    k->k.base.scratch = (size_t)(b->options.threads * own) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

/* sum += w * the row of dy at `at` */
static void add_row(const resize_kernel *k, float w, map dy, int64_t at, float *sum)
{
    const simd_table *v = k->k.b->simd;
    int64_t large = k->x.out * k->c, step = dy.half ? MAP_ROOM : large;
    float room[MAP_ROOM];
    for (int64_t i = 0; i < large; i += step) {
        int64_t n = large - i < step ? large - i : step;
        v->axpy(w, map_read(v, dy, at + i, n, room), sum + i, n);
    }
}

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
                add_row(k, w, dy, image + o * large, sum);
        }
        v->interpolate_grad(sum, k->x.i0, k->x.i1, k->x.w, to, k->x.out, k->c);
        map_written(v, dx, i * small, small, to);
    }
    return CSEG_OK;
}

cseg_status cpu_prepare_resize_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    resize_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, resize_grad_run);
    if (!k)
        return fail_memory(err);
    TRY(resize_init(k, n->out[0], n->in[0], mem, err));
    k->k.base.scratch = (size_t)(b->options.threads * (k->x.out + k->x.in) * k->c) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}
