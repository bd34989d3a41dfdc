/* Sums over axes: [.., over, behind] -> [.., behind]. `over` are the last summed axes that are neighbours; of the axes
 * in front of them some are kept, and some are summed in rounds. Work is cut by size alone, and the sums of pieces are
 * added in order, in double. */
#include "backend/cpu/cpu.h"

enum { OVER = 1 << 12, BEHIND = 1 << 10 }; /* sizes of a piece */

/* Axes in front of `over`, the last one first. */
typedef struct axis_walk {
    int axes;
    int64_t n[TENSOR_MAX_RANK], step[TENSOR_MAX_RANK], count; /* count: the product of n */
} axis_walk;

typedef struct reduce_kernel {
    cpu_kernel k;
    axis_walk kept, summed;
    int64_t over, behind;
    parts cuts, columns, rounds; /* of `over`, of `behind`, of `summed` */
} reduce_kernel;

static void add_axis(axis_walk *w, int64_t n, int64_t step)
{
    w->n[w->axes] = n;
    w->step[w->axes++] = step;
    w->count *= n;
}

static int64_t place_of(const axis_walk *w, int64_t i)
{
    int64_t at = 0;
    for (int a = 0; a < w->axes; a++) {
        at += i % w->n[a] * w->step[a];
        i /= w->n[a];
    }
    return at;
}

static void split_axes(reduce_kernel *k, const node *n)
{
    const tensor *x = n->in[0];
    int64_t step = 1;
    k->kept.count = k->summed.count = k->over = k->behind = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        bool gone = n->attr.axis.axes >> i & 1;
        if (x->dim[i] == 1)
            continue;
        if (gone && !k->kept.axes)
            k->over *= x->dim[i];
        else if (gone)
            add_axis(&k->summed, x->dim[i], step);
        else if (k->over > 1)
            add_axis(&k->kept, x->dim[i], step);
        else
            k->behind *= x->dim[i];
        step *= x->dim[i];
    }
}

static double sum_of_run(const float *x, int64_t n)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i];
    return sum;
}

/* Adds n columns of `rows` rows of x that are `step` apart to sum. */
static void sum_columns(const float *x, int64_t rows, int64_t step, int64_t n, double *sum)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < n; i++)
            sum[i] += (double)x[r * step + i];
}

/* The number of sums of pieces that are added up to one result. */
static int64_t pieces_of(const reduce_kernel *k)
{
    return k->rounds.count * k->cuts.count;
}

/* Each piece is columns q of cut c in some rounds; its sums are at those columns in its line of the scratch. */
static cseg_status reduce_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const reduce_kernel *k = (const reduce_kernel *)base;
    int64_t pieces = pieces_of(k), results = k->kept.count * k->behind;
    float *y = out[0];
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < k->kept.count * pieces * k->columns.count; i++) {
        int64_t line = i / k->columns.count, q = i % k->columns.count, c = line % k->cuts.count;
        int64_t part = line / k->cuts.count % k->rounds.count, rows = parts_size(&k->cuts, c);
        int64_t n = parts_size(&k->columns, q), first = part * k->rounds.each;
        const float *x = (const float *)in[0] + place_of(&k->kept, line / pieces) + c * OVER * k->behind + q * BEHIND;
        double *sum = (double *)scratch + line * k->behind + q * BEHIND;
        memset(sum, 0, (size_t)n * sizeof *sum);
        for (int64_t round = first; round < first + parts_size(&k->rounds, part); round++) {
            if (k->behind == 1)
                *sum += sum_of_run(x + place_of(&k->summed, round), rows);
            else
                sum_columns(x + place_of(&k->summed, round), rows, k->behind, n, sum);
        }
    }
    parts p = parts_of(results, BEHIND);
#pragma omp parallel for schedule(static)
    for (int64_t part = 0; part < p.count; part++)
        for (int64_t i = part * BEHIND; i < part * BEHIND + parts_size(&p, part); i++) {
            double sum = 0;
            for (int64_t c = 0; c < pieces; c++)
                sum += ((const double *)scratch)[(i / k->behind * pieces + c) * k->behind + i % k->behind];
            y[i] = (float)sum;
        }
    return CSEG_OK;
}

static cseg_status prepare_reduce_sum(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    reduce_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, reduce_run);
    if (!k)
        return fail_memory(err);
    split_axes(k, n);
    k->cuts = parts_of(k->over, OVER);
    k->columns = parts_of(k->behind, BEHIND);
    k->rounds = parts_of(k->summed.count, k->over < OVER ? OVER / k->over : 1);
    k->k.base.scratch = (size_t)(k->kept.count * pieces_of(k) * k->behind) * sizeof(double);
    *out = &k->k.base;
    return CSEG_OK;
}

const cpu_op cpu_op_reduce_sum = {.prepare = prepare_reduce_sum};
