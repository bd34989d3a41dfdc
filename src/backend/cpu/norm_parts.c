#include "backend/cpu/norm_parts.h"

#include <math.h>

/* Parts are large enough that their sums (two numbers a channel) are small in comparison. */
enum { PART_FLOATS = 16384, PART_PIXELS = 64 };

cseg_status norm_prepare(cpu_backend *b, const node *n, const norm_needs *needs, arena *mem, kernel **out,
                         cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, needs->run);
    if (!k)
        return fail_memory(err);
    const tensor *x = n->in[0];
    k->c = x->rank ? x->dim[x->rank - 1] : 1;
    k->images = needs->each_image ? x->dim[0] : 1;
    k->pixels = tensor_count(x) / k->c / k->images;
    k->times = widen_times(k->c);
    int64_t each =
        most_of(PART_FLOATS / k->c, most_of(PART_PIXELS, needs->parts_most ? k->pixels / needs->parts_most : 0));
    k->parts = parts_of(k->pixels, (each + k->times - 1) / k->times * k->times);
    size_t rooms = needs->rooms + needs->image_rooms * (size_t)k->images;
    k->k.base.scratch = (rooms + needs->part_rooms * (size_t)norm_part_count(k)) * norm_room(k) * sizeof(float);
    k->k.base.in_place = needs->in_place;
    *out = &k->k.base;
    return CSEG_OK;
}

/* Mean and sum of squared deviations of one part: mean[c], m2[c], each with norm_room(k) floats. In one pass, from x -
 * shift, where shift is the mean of the part's first pixels, so that a large mean does not cost precision. */
static void part_moments(const norm_kernel *k, int64_t part, map x, float *mean, float *m2, float *shift)
{
    enum { FIRST_ROWS = 4 };
    const map_table *v = k->k.b->simd->maps;
    norm_stretch first = {0};
    norm_next(k, part, &first);
    first.rows = first.rows < FIRST_ROWS ? first.rows : FIRST_ROWS;
    size_t size = norm_room(k) * sizeof(float);
    memset(shift, 0, size);
    memset(mean, 0, size);
    memset(m2, 0, size);
    v->sum_rows(map_from(x, first.at), shift, first.rows, first.width);
    widen_fold(shift, k->c, k->times);
    for (int64_t c = 0; c < k->c; c++)
        shift[c] /= (float)(first.rows * first.width / k->c);
    widen_fill(shift, k->c, k->times);
    for (norm_stretch w = {0}; norm_next(k, part, &w);)
        v->moments(map_from(x, w.at), shift, mean, m2, w.rows, w.width);
    norm_fold(k, mean);
    float n = (float)norm_part_pixels(k, part);
    for (int64_t c = 0; c < k->c; c++) {
        float d = mean[c] / n;
        m2[c] = fmaxf(m2[c] - d * mean[c], 0);
        mean[c] = shift[c] + d;
    }
}

void norm_moments(const norm_kernel *k, map x, float *at, float *shifts)
{
    size_t wide = norm_room(k);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < norm_part_count(k); p++) {
        float *mean = at + (size_t)p * 2 * wide, *shift = shifts + (size_t)omp_get_thread_num() * wide;
        part_moments(k, p, x, mean, mean + wide, shift);
    }
}

void norm_fold(const norm_kernel *k, float *two_rooms)
{
    widen_fold(two_rooms, k->c, k->times);
    widen_fold(two_rooms + norm_room(k), k->c, k->times);
}

void norm_join(const norm_kernel *k, const float *at, int64_t c0, int64_t n, double *first, double *second)
{
    size_t room = norm_room(k);
    memset(first, 0, (size_t)n * sizeof *first);
    memset(second, 0, (size_t)n * sizeof *second);
    for (int64_t p = 0; p < k->parts.count; p++) {
        const float *part = at + (size_t)p * 2 * room + c0;
        for (int64_t i = 0; i < n; i++) {
            first[i] += (double)part[i];
            second[i] += (double)part[room + (size_t)i];
        }
    }
}

void norm_scale_and_shift(const norm_kernel *k, void *const *in, void *const *out, float *s, float *b)
{
    const node *n = k->k.n;
    const map_table *v = k->k.b->simd->maps;
    map x = map_in(n, in, 0), residual = map_in(n, in, 5), y = map_out(n, out, 0);
    bool relu = n->attr.norm.act == UNARY_RELU + 1;
    widen_fill(s, k->c, k->times);
    widen_fill(b, k->c, k->times);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        for (norm_stretch w = {0}; norm_next(k, p, &w);)
            v->affine(map_from(x, w.at), s, b, map_from(residual, w.at), map_from(y, w.at), w.rows, w.width, relu);
}

static norm_grad grad_from(const norm_grad *g, int64_t at)
{
    norm_grad from = *g;
    from.x = map_from(g->x, at);
    from.dy = map_from(g->dy, at);
    from.y = map_from(g->y, at);
    from.dx = map_from(g->dx, at);
    from.dr = map_from(g->dr, at);
    return from;
}

void norm_grad_part_sums(const norm_kernel *k, const norm_grad *g, int64_t part, float *at)
{
    size_t wide = norm_room(k);
    float *sum_dy = at + (size_t)part * 2 * wide, *sum_dyx = sum_dy + wide;
    memset(sum_dy, 0, 2 * wide * sizeof *sum_dy);
    for (norm_stretch w = {0}; norm_next(k, part, &w);) {
        norm_grad from = grad_from(g, w.at);
        k->k.b->simd->maps->norm_grad_sums(&from, sum_dy, sum_dyx, w.rows, w.width);
    }
    norm_fold(k, sum_dy);
}

void norm_grad_part_apply(const norm_kernel *k, const norm_grad *g, int64_t part)
{
    for (norm_stretch w = {0}; norm_next(k, part, &w);) {
        norm_grad from = grad_from(g, w.at);
        k->k.b->simd->maps->norm_grad_apply(&from, w.rows, w.width);
    }
}
