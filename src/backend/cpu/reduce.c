/* Sums over axes: [before, over, behind] -> [before, behind], where the summed axes are neighbours. Work is cut by size
 * alone, and the sums of pieces are added in order, in double. */
#include "backend/cpu/cpu.h"

enum { OVER = 1 << 12, BEHIND = 1 << 10 }; /* sizes of a piece */

typedef struct reduce_kernel {
    cpu_kernel k;
    int64_t before, over, behind;
    parts cuts, columns; /* of `over`, of `behind` */
} reduce_kernel;

/* false: the summed axes are not neighbours. */
static bool split_axes(const node *n, int64_t *before, int64_t *over, int64_t *behind)
{
    const tensor *x = n->in[0];
    *before = *over = *behind = 1;
    for (int i = 0; i < x->rank; i++) {
        bool gone = n->attr.axis.axes >> i & 1;
        if (x->dim[i] == 1)
            continue;
        if (gone && *behind > 1)
            return false;
        if (gone)
            *over *= x->dim[i];
        else if (*over > 1)
            *behind *= x->dim[i];
        else
            *before *= x->dim[i];
    }
    return true;
}

static bool lies_together(const cpu_backend *b, const node *n)
{
    int64_t before, over, behind;
    (void)b;
    return split_axes(n, &before, &over, &behind);
}

static double sum_of_run(const float *x, int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

/* Sums n columns over `rows` rows of x that are `step` apart. */
static void sum_columns(const float *x, int64_t rows, int64_t step, int64_t n, double *sum)
{
    memset(sum, 0, (size_t)n * sizeof *sum);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)x[r * step + i];
}

/* Each piece is cut c of columns q of b; its sums are at those columns in line (b, c) of the scratch. */
static cseg_status reduce_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const reduce_kernel *k = (const reduce_kernel *)base;
    double *sums = scratch;
    float *y = out[0];
    int64_t lines = k->before * k->cuts.count;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < lines * k->columns.count; i++) {
        int64_t line = i / k->columns.count, q = i % k->columns.count, c = line % k->cuts.count;
        int64_t rows = parts_size(&k->cuts, c), at = q * BEHIND;
        const float *x = (const float *)in[0] + (line / k->cuts.count * k->over + c * OVER) * k->behind + at;
        if (k->behind == 1)
            sums[line] = sum_of_run(x, rows);
        else
            sum_columns(x, rows, k->behind, parts_size(&k->columns, q), sums + line * k->behind + at);
    }
    parts p = parts_of(k->before * k->behind, BEHIND);
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < p.count; part++)
        for (int64_t i = part * BEHIND; i < part * BEHIND + parts_size(&p, part); i++) {
            double sum = 0;
            for (int64_t c = 0; c < k->cuts.count; c++)
                sum += sums[(i / k->behind * k->cuts.count + c) * k->behind + i % k->behind];
            y[i] = (float)sum;
        }
    return CSEG_OK;
}

static cseg_status prepare_reduce_sum(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    reduce_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, reduce_run);
    if (!k)
        return fail_memory(err);
    split_axes(n, &k->before, &k->over, &k->behind);
    k->cuts = parts_of(k->over, OVER);
    k->columns = parts_of(k->behind, BEHIND);
    k->k.base.scratch = (size_t)(k->before * k->cuts.count * k->behind) * sizeof(double);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_reduce_sum = {.prepare = prepare_reduce_sum, .takes = lies_together};
