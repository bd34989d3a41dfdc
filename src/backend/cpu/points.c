/* Points of maps: sampling between pixels and its gradient, margins of logits, rows by their place. */
#include <math.h>

#include "backend/cpu/cpu.h"

enum { LANES = 16 }; /* channels of an image to which one thread adds all points, in their order */

typedef struct points_kernel {
    cpu_kernel k;
    int64_t images, h, w, channels, points; /* of rows by place: h is their number */
} points_kernel;

/* The corners of a block of the points of an image; returns how many the block has. */
static int64_t corners_of(const points_kernel *k, const float *points, int64_t first, point_block *b)
{
    int64_t n = least_of(POINT_BLOCK, k->points - first);
    k->k.b->simd->points->corners(&k->k.n->attr.points, k->h, k->w, points + 2 * first, n, b);
    return n;
}

static cseg_status sample_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const points_kernel *k = (const points_kernel *)base;
    int64_t blocks = parts_of(k->points, POINT_BLOCK).count;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * blocks; i++) {
        int64_t image = i / blocks, first = i % blocks * POINT_BLOCK;
        point_block b;
        int64_t n = corners_of(k, (const float *)in[1] + 2 * image * k->points, first, &b);
        k->k.b->simd->points->sample(&b, (const float *)in[0] + image * k->h * k->w * k->channels, k->channels, n,
                                     (float *)out[0] + (image * k->points + first) * k->channels);
    }
    return CSEG_OK;
}

/* dx and dy begin at the first of `lanes` channels. */
static void add_points(const points_kernel *k, const float *points, const float *dy, float *dx, int64_t lanes)
{
    point_block b;
    for (int64_t p = 0; p < k->h * k->w; p++)
        memset(dx + p * k->channels, 0, (size_t)lanes * sizeof *dx);
    for (int64_t i = 0; i < k->points; i += POINT_BLOCK) {
        int64_t n = corners_of(k, points, i, &b);
        k->k.b->simd->points->add(&b, dy + i * k->channels, k->channels, lanes, n, dx);
    }
}

static cseg_status sample_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const points_kernel *k = (const points_kernel *)base;
    parts p = parts_of(k->channels, LANES);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * p.count; i++) {
        int64_t image = i / p.count, part = i % p.count, first = part * p.each;
        add_points(k, (const float *)in[1] + 2 * image * k->points,
                   (const float *)in[0] + image * k->points * k->channels + first,
                   (float *)out[0] + image * k->h * k->w * k->channels + first, parts_size(&p, part));
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, const int64_t *x, int64_t points, arena *mem, cpu_run *run,
                           kernel **out, cseg_error *err)
{
    points_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, run);
    if (!k)
        return fail_memory(err);
    k->images = x[0];
    k->h = x[1];
    k->w = x[2];
    k->channels = x[3];
    k->points = points;
    *out = &k->k.base;
    return CSEG_OK;
}

static cseg_status prepare_sample(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    bool grad = n->op == OP_point_sample_grad;
    return prepare(b, n, grad ? n->attr.points.x_dim : n->in[0]->dim, n->in[1]->dim[1], mem,
                   grad ? sample_grad_run : sample_run, out, err);
}

const cpu_op cpu_op_point_sample = {.prepare = prepare_sample};
const cpu_op cpu_op_point_sample_grad = {.prepare = prepare_sample};

static float margin_of(const float *x, int64_t n)
{
    float first = fmaxf(x[0], x[1]), second = fminf(x[0], x[1]);
    for (int64_t c = 2; c < n; c++) {
        second = fmaxf(second, fminf(first, x[c]));
        first = fmaxf(first, x[c]);
    }
    return first - second;
}

static cseg_status margin_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const points_kernel *k = (const points_kernel *)base;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->points; i++)
        ((float *)out[0])[i] = margin_of((const float *)in[0] + i * k->channels, k->channels);
    return CSEG_OK;
}

static cseg_status prepare_margin(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    int64_t dim[4] = {1, 1, 1, n->in[0]->dim[n->in[0]->rank - 1]};
    return prepare(b, n, dim, tensor_count(n->out[0]), mem, margin_run, out, err);
}

const cpu_op cpu_op_margin = {.prepare = prepare_margin};

/* Between the row at place i of the list and its place in the map. */
static int64_t row_of(const points_kernel *k, const int32_t *places, int64_t i)
{
    return i / k->points * k->h + places[i];
}

static cseg_status take_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const points_kernel *k = (const points_kernel *)base;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * k->points; i++)
        memcpy((float *)out[0] + i * k->channels, (const float *)in[0] + row_of(k, in[1], i) * k->channels,
               (size_t)k->channels * sizeof(float));
    return CSEG_OK;
}

static cseg_status put_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const points_kernel *k = (const points_kernel *)base;
    int64_t row = k->h * k->channels;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images; i++)
        if (out[0] != in[0])
            memcpy((float *)out[0] + i * row, (const float *)in[0] + i * row, (size_t)row * sizeof(float));
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->images * k->points; i++)
        memcpy((float *)out[0] + row_of(k, in[2], i) * k->channels, (const float *)in[1] + i * k->channels,
               (size_t)k->channels * sizeof(float));
    return CSEG_OK;
}

static cseg_status prepare_rows(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    const tensor *x = n->in[0];
    bool put = n->op == OP_put_rows;
    int64_t dim[4] = {x->dim[0], x->dim[1], 1, x->dim[2]};
    TRY(prepare(b, n, dim, n->in[n->n_in - 1]->dim[1], mem, put ? put_run : take_run, out, err));
    if (put)
        (*out)->in_place = 0;
    return CSEG_OK;
}

const cpu_op cpu_op_take_rows = {.prepare = prepare_rows};
const cpu_op cpu_op_put_rows = {.prepare = prepare_rows};
