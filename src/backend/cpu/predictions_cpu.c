/* Label maps and scores with all threads: rows side by side. Bits are those of one thread. */
#include "backend/cpu/cpu.h"

enum { FEW_ROWS = 8 }; /* not worth the threads */

static float *room_for(bool many, int64_t k)
{
    return mem_alloc((size_t)(many ? omp_get_max_threads() : 1) * 2 * (size_t)k * sizeof(float));
}

static cseg_status answer(backend *b, const answer_rows *r, cseg_error *err)
{
    (void)b;
    bool many = r->to - r->from > FEW_ROWS;
    float *room = room_for(many, r->k);
    if (!room)
        return fail_memory(err);
#pragma omp parallel for schedule(static) if (many)
    for (int64_t y = r->from; y < r->to; y++)
        prediction_answer_row(r, y, room + omp_get_thread_num() * 2 * r->k);
    mem_free(room);
    return CSEG_OK;
}

static cseg_status add_window(backend *b, const window_sums *s, const window_part *part, cseg_error *err)
{
    (void)b;
    float *room = room_for(true, s->k);
    if (!room)
        return fail_memory(err);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < part->h; i++)
        prediction_add_row(s, part, i, room + omp_get_thread_num() * 2 * s->k);
    mem_free(room);
    return CSEG_OK;
}

static void divide_windows(backend *b, const window_sums *s, int64_t from, int64_t to, const float *weight_y,
                           const float *weight_x)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t y = from; y < to; y++)
        prediction_divide_row(s, y, weight_y[y], weight_x);
}

static void average_views(backend *b, const view_sums *s)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < s->h; y++)
        prediction_average_row(s, y);
}

const prediction_calls cpu_predictions = {
    .answer = answer, .add_window = add_window, .divide_windows = divide_windows, .average_views = average_views};
