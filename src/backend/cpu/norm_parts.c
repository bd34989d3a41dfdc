#include "backend/cpu/norm_parts.h"

/* Parts are large enough that their sums (two numbers a channel) are small in comparison. */
enum { PART_FLOATS = 16384, PART_PIXELS = 64 };

static int64_t most_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

cseg_status norm_prepare(cpu_backend *b, const node *n, const norm_needs *needs, arena *mem, kernel **out,
                         cseg_error *err)
{
    norm_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, needs->run);
    if (!k)
        return fail_memory(err);
    const tensor *x = n->in[0];
    k->c = x->dim[x->rank - 1];
    k->pixels = tensor_count(x) / k->c;
    k->times = widen_times(k->c);
    int64_t each =
        most_of(PART_FLOATS / k->c, most_of(PART_PIXELS, needs->parts_most ? k->pixels / needs->parts_most : 0));
    k->parts = parts_of(k->pixels, (each + k->times - 1) / k->times * k->times);
    k->k.base.scratch = (needs->rooms + needs->part_rooms * (size_t)k->parts.count) * norm_room(k) * sizeof(float);
    k->k.base.in_place = needs->in_place;
    *out = &k->k.base;
    return CSEG_OK;
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
