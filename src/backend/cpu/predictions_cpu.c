/* Label maps and scores with all threads: rows side by side. Bits are those of one thread. */
#include "backend/cpu/cpu.h"

enum { FEW_ROWS = 8 }; /* not worth the threads */

static cseg_status answer(backend *b, const answer_rows *r, cseg_error *err)
{
    (void)b;
    bool many = r->to - r->from > FEW_ROWS;
    float *room = mem_alloc((size_t)(many ? omp_get_max_threads() : 1) * 2 * (size_t)r->k * sizeof *room);
    if (!room)
        return fail_memory(err);
#pragma omp parallel for schedule(static) if (many)
    for (int64_t y = r->from; y < r->to; y++)
        prediction_answer_row(r, y, room + omp_get_thread_num() * 2 * r->k);
    mem_free(room);
    return CSEG_OK;
}

static void add_window(backend *b, const window_sums *s, const float *logits, int64_t h, int64_t w, int64_t y,
                       int64_t x)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < h; i++)
        prediction_add_row(s, logits + i * w * s->k, w, y + i, x);
}

static void divide_windows(backend *b, const window_sums *s, int64_t from, int64_t to, const int32_t *count_y,
                           const float *count_x)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t y = from; y < to; y++)
        prediction_divide_row(s, y, count_y[y], count_x);
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
