/* Label maps at points between their pixels, as masks of classes. */
#include "backend/cpu/cpu.h"
#include "graph/ops/point_corners.h"

static const points_attr between = {0};

static cseg_status classes_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const node *n = ((const cpu_kernel *)base)->n;
    const int64_t *d = n->in[0]->dim;
    int64_t points = n->in[1]->dim[1], classes = n->attr.rank.k;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < d[0] * points; i++) {
        const int32_t *label = (const int32_t *)in[0] + i / points * d[1] * d[2];
        float *y = (float *)out[0] + i * classes;
        point_corners at = point_corners_of(&between, (const float *)in[1] + 2 * i, d[1], d[2]);
        memset(y, 0, (size_t)classes * sizeof *y);
        for (int k = 0; k < at.n; k++) {
            int32_t of = label[at.pixel[k]];
            if (of >= 0 && of < classes)
                y[of] += at.weight[k];
        }
    }
    return CSEG_OK;
}

static void hit(const points_table *t, const int32_t *label, const int64_t *d, int32_t of, const float *points,
                int64_t n, float *y)
{
    point_block b;
    for (int64_t i = 0; i < n; i += POINT_BLOCK) {
        int64_t count = least_of(POINT_BLOCK, n - i);
        t->corners(&between, d[1], d[2], points + 2 * i, count, &b);
        t->hits(&b, label, of, count, y + i);
    }
}

static cseg_status hits_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)scratch, (void)err;
    const cpu_kernel *k = (const cpu_kernel *)base;
    const node *n = k->n;
    const int64_t *d = n->in[0]->dim;
    int64_t rows = n->in[1]->dim[1], points = n->in[2]->dim[1];
#pragma omp parallel for schedule(dynamic)
    for (int64_t r = 0; r < d[0] * rows; r++) {
        int32_t of = ((const int32_t *)in[1])[r];
        float *y = (float *)out[0] + r * points;
        if (of < 0)
            memset(y, 0, (size_t)points * sizeof *y);
        else
            hit(k->b->simd->points, (const int32_t *)in[0] + r / rows * d[1] * d[2], d, of,
                (const float *)in[2] + r * points * 2, points, y);
    }
    return CSEG_OK;
}

static cseg_status prepare(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    cpu_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, NULL);
    if (!k)
        return fail_memory(err);
    *out = &k->base;
    return CSEG_OK;
}

const cpu_op cpu_op_point_classes = {.prepare = prepare, .run = classes_run};
const cpu_op cpu_op_point_hits = {.prepare = prepare, .run = hits_run};
