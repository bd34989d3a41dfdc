/* Masks compared with a label map: a line of an enlarged mask at a time. A thread does whole masks, in the order of
 * their pixels, so that sums do not depend on threads; masks of no class cost nothing. */
#include <math.h>

#include "backend/cpu/interpolation.h"

typedef struct masks_kernel {
    cpu_kernel k;
    interpolation rows, columns;
    int64_t masks, each; /* masks of all images, and of one */
    int64_t lines;       /* floats of a thread's lines: mask line, enlarged line */
} masks_kernel;

/* One mask and what it is compared with. */
typedef struct mask_job {
    const masks_kernel *k;
    const masks_attr *a;
    const float *mask;
    const int32_t *label;
    int32_t class;
    float *small, *line; /* lines of the mask's width and of the label map's */
} mask_job;

static void enlarge_line(const mask_job *j, int64_t y)
{
    const interpolation *v = &j->k->rows, *u = &j->k->columns;
    const float *top = j->mask + v->i0[y] * u->in, *bottom = j->mask + v->i1[y] * u->in, t = v->w[y];
    for (int64_t i = 0; i < u->in; i++)
        j->small[i] = (1 - t) * top[i] + t * bottom[i];
    for (int64_t i = 0; i < u->out; i++)
        j->line[i] = (1 - u->w[i]) * j->small[u->i0[i]] + u->w[i] * j->small[u->i1[i]];
}

/* What of the line's slopes, in j->line, each of the two lines of dmask that it was made of gets. */
static void give_line(const mask_job *j, int64_t y, float *dmask)
{
    const interpolation *v = &j->k->rows, *u = &j->k->columns;
    float *top = dmask + v->i0[y] * u->in, *bottom = dmask + v->i1[y] * u->in, t = v->w[y];
    memset(j->small, 0, (size_t)u->in * sizeof *j->small);
    for (int64_t i = 0; i < u->out; i++) {
        j->small[u->i0[i]] += (1 - u->w[i]) * j->line[i];
        j->small[u->i1[i]] += u->w[i] * j->line[i];
    }
    for (int64_t i = 0; i < u->in; i++) {
        top[i] += (1 - t) * j->small[i];
        bottom[i] += t * j->small[i];
    }
}

static float power_of(float x, float exponent)
{
    return exponent == 2 ? x * x : exponent == 0 ? 1 : powf(x, exponent);
}

/* The sigmoids of x and -x, and the logarithm of 1 + exp(-x). */
typedef struct sides {
    float right, miss, loss;
} sides;

static sides sides_of(float x)
{
    float e = expf(-fabsf(x)), large = 1 / (1 + e), small = e / (1 + e), tail = log1pf(e);
    return x > 0 ? (sides){large, small, tail} : (sides){small, large, tail - x};
}

static double errors_of_line(const mask_job *j, const int32_t *label)
{
    double sum = 0;
    for (int64_t i = 0; i < j->k->columns.out; i++) {
        bool inside = label[i] == j->class;
        sides s = sides_of(inside ? j->line[i] : -j->line[i]);
        float share = inside ? j->a->alpha : 1 - j->a->alpha;
        sum += (double)(share * s.loss * power_of(s.miss, j->a->gamma));
    }
    return sum;
}

static void error_slopes(const mask_job *j, const int32_t *label, const float *dy)
{
    float gamma = j->a->gamma;
    for (int64_t i = 0; i < j->k->columns.out; i++) {
        bool inside = label[i] == j->class;
        sides s = sides_of(inside ? j->line[i] : -j->line[i]);
        float share = inside ? -j->a->alpha : 1 - j->a->alpha;
        j->line[i] = dy[0] * share * power_of(s.miss, gamma) * (s.miss + gamma * s.right * s.loss);
    }
}

static float probability(const masks_attr *a, float x)
{
    return a->raw ? x : 1 / (1 + expf(-x));
}

static void overlap_of_line(const mask_job *j, const int32_t *label, double *sum)
{
    for (int64_t i = 0; i < j->k->columns.out; i++) {
        float p = probability(j->a, j->line[i]);
        bool inside = label[i] == j->class;
        sum[0] += inside ? (double)p : 0;
        sum[1] += (double)(j->a->squared ? p * p : p);
        sum[2] += inside;
    }
}

static void overlap_slopes(const mask_job *j, const int32_t *label, const float *dy)
{
    for (int64_t i = 0; i < j->k->columns.out; i++) {
        float p = probability(j->a, j->line[i]), slope = j->a->raw ? 1 : p * (1 - p);
        float of_size = dy[1] * (j->a->squared ? 2 * p : 1);
        j->line[i] = slope * (label[i] == j->class ? dy[0] + of_size : of_size);
    }
}

static mask_job job_of(const masks_kernel *k, void *const *in, void *scratch, int64_t mask)
{
    const interpolation *v = &k->rows, *u = &k->columns;
    float *room = (float *)scratch + omp_get_thread_num() * k->lines;
    return (mask_job){.k = k,
                      .a = &k->k.n->attr.masks,
                      .mask = (const float *)in[0] + mask * v->in * u->in,
                      .label = (const int32_t *)in[2] + mask / k->each * v->out * u->out,
                      .class = ((const int32_t *)in[1])[mask],
                      .small = room,
                      .line = room + u->in};
}

static bool counts(const mask_job *j)
{
    return j->class >= 0 && j->class < j->a->classes;
}

static cseg_status sums_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const masks_kernel *k = (const masks_kernel *)base;
    int64_t width = k->k.n->out[0]->dim[2];
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < k->masks; i++) {
        mask_job j = job_of(k, in, scratch, i);
        double sum[3] = {0, 0, 0};
        for (int64_t y = 0; counts(&j) && y < k->rows.out; y++) {
            const int32_t *label = j.label + y * k->columns.out;
            enlarge_line(&j, y);
            if (j.a->overlap)
                overlap_of_line(&j, label, sum);
            else
                sum[0] += errors_of_line(&j, label);
        }
        for (int64_t c = 0; c < width; c++)
            ((float *)out[0])[i * width + c] = (float)sum[c];
    }
    return CSEG_OK;
}

static cseg_status grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const masks_kernel *k = (const masks_kernel *)base;
    int64_t width = k->k.n->in[3]->dim[2], pixels = k->rows.in * k->columns.in;
#pragma omp parallel for schedule(dynamic)
    for (int64_t i = 0; i < k->masks; i++) {
        mask_job j = job_of(k, in, scratch, i);
        const float *dy = (const float *)in[3] + i * width;
        float *dmask = (float *)out[0] + i * pixels;
        memset(dmask, 0, (size_t)pixels * sizeof *dmask);
        for (int64_t y = 0; counts(&j) && y < k->rows.out; y++) {
            const int32_t *label = j.label + y * k->columns.out;
            enlarge_line(&j, y);
            if (j.a->overlap)
                overlap_slopes(&j, label, dy);
            else
                error_slopes(&j, label, dy);
            give_line(&j, y, dmask);
        }
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    masks_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, n->op == OP_mask_sums ? sums_run : grad_run);
    const masks_attr *a = &n->attr.masks;
    const int64_t *size = n->in[2]->dim;
    if (!k || !interpolation_init(&k->rows, a->h, size[1], false, false, 0, mem) ||
        !interpolation_init(&k->columns, a->w, size[2], false, false, 0, mem))
        return fail_memory(err);
    k->each = n->in[0]->dim[1];
    k->masks = n->in[0]->dim[0] * k->each;
    k->lines = a->w + size[2];
    k->k.base.scratch = (size_t)(b->options.threads * k->lines) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_mask_sums = {.prepare = prepare};
const cpu_op cpu_op_mask_sums_grad = {.prepare = prepare};
