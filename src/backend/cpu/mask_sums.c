/* Masks compared with a label map: a line of an enlarged mask at a time. A thread does whole masks, in the order of
 * their pixels, so that sums do not depend on threads; masks of no class cost nothing. */
#include "backend/cpu/interpolation.h"

typedef struct masks_kernel {
    cpu_kernel k;
    interpolation rows, columns;
    masks_columns across; /* columns */
    int64_t masks, each;  /* masks of all images, and of one */
    int64_t lines;        /* floats of a thread's lines: mask line, enlarged line, inside */
} masks_kernel;

/* One mask and what it is compared with. */
typedef struct mask_job {
    const masks_kernel *k;
    const masks_table *t;
    const masks_attr *a;
    const float *mask;
    const int32_t *label;
    int32_t class;
    float *small; /* a line of the mask's width */
    masks_line l;
} mask_job;

static void begin_line(const mask_job *j, int64_t y)
{
    const masks_columns *u = &j->k->across;
    const interpolation *v = &j->k->rows;
    j->t->enlarge(u, j->mask + v->i0[y] * u->in, j->mask + v->i1[y] * u->in, v->w[y], j->small, j->l.line);
    j->t->inside(j->label + y * u->out, j->class, u->out, j->l.inside);
}

static mask_job job_of(const masks_kernel *k, void *const *in, void *scratch, int64_t mask)
{
    const interpolation *v = &k->rows, *u = &k->columns;
    float *room = (float *)scratch + omp_get_thread_num() * k->lines;
    return (mask_job){.k = k,
                      .t = k->k.b->simd->masks,
                      .a = &k->k.n->attr.masks,
                      .mask = (const float *)in[0] + mask * v->in * u->in,
                      .label = (const int32_t *)in[2] + mask / k->each * v->out * u->out,
                      .class = ((const int32_t *)in[1])[mask],
                      .small = room,
                      .l = {.n = u->out, .line = room + u->in, .inside = room + u->in + u->out}};
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
            begin_line(&j, y);
            if (j.a->overlap)
                j.t->overlap(j.a, &j.l, sum);
            else
                sum[0] += j.t->errors(j.a, &j.l);
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
            begin_line(&j, y);
            if (j.a->overlap)
                j.t->overlap_slopes(j.a, &j.l, dy);
            else
                j.t->error_slopes(j.a, &j.l, dy[0]);
            j.t->give(&k->across, j.l.line, k->rows.w[y], j.small, dmask + k->rows.i0[y] * k->across.in,
                      dmask + k->rows.i1[y] * k->across.in);
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
    k->lines = a->w + 2 * size[2];
    k->across =
        (masks_columns){.in = a->w, .out = size[2], .i0 = k->columns.i0, .i1 = k->columns.i1, .w = k->columns.w};
    k->k.base.scratch = (size_t)(b->options.threads * k->lines) * sizeof(float);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_mask_sums = {.prepare = prepare};
const cpu_op cpu_op_mask_sums_grad = {.prepare = prepare};
