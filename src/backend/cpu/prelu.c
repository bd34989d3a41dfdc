/* PReLU with a slope for each channel, or one for all, and its gradient. Bound by memory traffic: each map is read or
 * written once. Sums over pixels are taken in parts (norm_parts.h). */
#include "backend/cpu/norm_parts.h"

/* A room with the slope of each channel. */
static void fill_slopes(const norm_kernel *k, const float *slope, float *room)
{
    int64_t slopes = tensor_count(k->k.n->in[1]);
    for (int64_t c = 0; c < k->c; c++)
        room[c] = slope[slopes == 1 ? 0 : c];
    widen_fill(room, k->c, k->times);
}

static cseg_status prelu_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const norm_kernel *k = (const norm_kernel *)base;
    map x = map_in(k->k.n, in, 0), y = map_out(k->k.n, out, 0);
    fill_slopes(k, in[1], scratch);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++)
        for (norm_stretch w = {0}; norm_next(k, p, &w);)
            k->k.b->simd->maps->prelu(map_from(x, w.at), scratch, map_from(y, w.at), w.rows, w.width);
    return CSEG_OK;
}

static cseg_status prepare_prelu(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return norm_prepare(b, n, &(norm_needs){.run = prelu_run, .rooms = 1, .in_place = 0}, mem, out, err);
}

const cpu_op cpu_op_prelu = {.prepare = prepare_prelu, .either_in = 1, .either_out = 1};

/* at[part] has a room with the sums of its channels. */
static void join_slopes(const norm_kernel *k, const float *at, float *dslope)
{
    int64_t slopes = tensor_count(k->k.n->in[1]);
    double all = 0;
    for (int64_t c = 0; c < k->c; c++) {
        double sum = 0;
        for (int64_t p = 0; p < k->parts.count; p++)
            sum += (double)at[(size_t)p * norm_room(k) + (size_t)c];
        all += sum;
        if (slopes > 1)
            dslope[c] = (float)sum;
    }
    if (slopes == 1)
        dslope[0] = (float)all;
}

/* x, slope, dy -> dx, dslope */
static cseg_status prelu_grad_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    (void)err;
    const norm_kernel *k = (const norm_kernel *)base;
    size_t room = norm_room(k);
    float *slope = scratch, *at = slope + room;
    map x = map_in(k->k.n, in, 0), dy = map_in(k->k.n, in, 2), dx = map_out(k->k.n, out, 0);
    fill_slopes(k, in[1], slope);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < k->parts.count; p++) {
        float *sums = at + (size_t)p * room;
        memset(sums, 0, room * sizeof *sums);
        for (norm_stretch w = {0}; norm_next(k, p, &w);)
            k->k.b->simd->maps->prelu_grad(map_from(x, w.at), slope, map_from(dy, w.at), map_from(dx, w.at), sums,
                                           w.rows, w.width);
        widen_fold(sums, k->c, k->times);
    }
    if (out[1])
        join_slopes(k, at, out[1]);
    return CSEG_OK;
}

static cseg_status prepare_prelu_grad(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    norm_needs needs = {
        .run = prelu_grad_run, .parts_most = NORM_PARTS_MOST, .rooms = 1, .part_rooms = 1, .in_place = 2};
    return norm_prepare(b, n, &needs, mem, out, err);
}

const cpu_op cpu_op_prelu_grad = {.prepare = prepare_prelu_grad, .either_in = 1 | 1 << 2, .either_out = 1};
