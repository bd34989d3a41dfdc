/* Slides windows with overlap over an image. Crops lie where MMSegmentation puts them. Their logits, or weighed scores,
 * are summed in its order and divided by what they weigh together. A ring of rows holds what later crops may still add
 * to. */
#include <string.h>

#include "engine/infer/predict_internal.h"
#include "engine/infer/window_reader.h"

typedef struct slider {
    predictor *p;
    const slide_job *job;
    slide_axis y, x;
    window_sums sums; /* of the strip, in the backend's memory */
    slide_weights weights_y, weights_x;
    float *strip_x; /* [width of the strip]: what windows weigh in a column */
    float *room;    /* [batch][h, w, c]: windows that wait for their batch to be full */
    window_slot *waiting;
    int64_t batch, n_waiting;
} slider;

static size_t ring_bytes(const slider *s, int64_t rows)
{
    return (size_t)rows * (size_t)s->sums.w * (size_t)s->sums.k * sizeof *s->sums.at;
}

static float *ring_at(const slider *s, int64_t row)
{
    return s->sums.at + row % s->sums.rows * s->sums.w * s->sums.k;
}

/* Rows from `from` on that lie together in the ring, up to `to`. */
static int64_t ring_run(const slider *s, int64_t from, int64_t to)
{
    int64_t n = s->sums.rows - from % s->sums.rows;
    return n < to - from ? n : to - from;
}

static void ring_clear(const slider *s, int64_t from, int64_t to)
{
    backend *b = s->p->b;
    for (int64_t n; from < to; from += n) {
        n = ring_run(s, from, to);
        b->memory->fill(b, ring_at(s, from), 0, ring_bytes(s, n));
    }
}

static void slider_release(slider *s)
{
    s->p->b->memory->free(s->p->b, s->sums.at);
    slide_weights_release(&s->weights_y);
    slide_weights_release(&s->weights_x);
    mem_free(s->strip_x);
    mem_free(s->room);
    mem_free(s->waiting);
}

static int views_of(const predict_scene *scene)
{
    return 1 + (scene->flips ? (int)strlen(scene->flips) : 0);
}

static cseg_status slider_init(slider *s, cseg_error *err)
{
    predictor *p = s->p;
    const slide_job *job = s->job;
    const predict_scene *scene = job->scene;
    const slide_strip *strip = &job->strip;
    int64_t h = slide_width(&s->y), w = slide_width(&s->x);
    s->sums =
        (window_sums){.k = p->m->heads.at[job->head].out_channels, .w = strip->right - strip->left, .rows = h + 1};
    s->sums.at = p->b->memory->alloc(p->b, ring_bytes(s, s->sums.rows), false);
    s->batch = scene->batch > 1 ? scene->batch : 1;
    s->room = mem_alloc_raw((size_t)(s->batch * h * w * scene->c) * sizeof *s->room);
    s->waiting = mem_alloc((size_t)s->batch * sizeof *s->waiting);
    s->strip_x = mem_alloc((size_t)s->sums.w * sizeof *s->strip_x);
    if (!s->sums.at || !s->room || !s->waiting || !s->strip_x)
        return fail_memory(err);
    TRY(slide_weights_init(&s->weights_y, &s->y, scene->blend, 0, slide_count(&s->y), views_of(scene), err));
    TRY(slide_weights_init(&s->weights_x, &s->x, scene->blend, strip->first, strip->last, 1, err));
    memcpy(s->strip_x, s->weights_x.sum + strip->left, (size_t)s->sums.w * sizeof *s->strip_x);
    return CSEG_OK;
}

/* ---- windows ------------------------------------------------------------------------------------------------------
 */

static void put_flipped(float *to, const float *from, int64_t h, int64_t w, int64_t c, char flip)
{
    bool down = flip == 'v' || flip == 'd', across = flip == 'h' || flip == 'd';
    for (int64_t i = 0; i < h; i++) {
        const float *row = from + (down ? h - 1 - i : i) * w * c;
        if (!across) {
            memcpy(to + i * w * c, row, (size_t)(w * c) * sizeof *to);
            continue;
        }
        for (int64_t j = 0; j < w; j++)
            memcpy(to + (i * w + j) * c, row + (w - 1 - j) * c, (size_t)c * sizeof *to);
    }
}

/* One view of the windows that wait. A batch that is not full runs as if it were: there is one plan. */
static cseg_status run_view(slider *s, char flip, cseg_error *err)
{
    const predict_scene *scene = s->job->scene;
    predictor *p = s->p;
    int64_t h = slide_width(&s->y), w = slide_width(&s->x), c = scene->c, k = s->sums.k;
    plan *run = NULL;
    TRY(predictor_plan(p, s->batch, h, w, s->job->head, PLAN_LOGITS, &run, err));
    plan_data crops = predict_image(NULL, s->batch, h, w, c, scene->dates, &scene->file);
    void *to_fill;
    TRY(plan_open_input(run, "img", &crops, &to_fill, err));
    for (int64_t i = 0; i < s->batch; i++)
        put_flipped((float *)to_fill + i * h * w * c, s->room + (i < s->n_waiting ? i : 0) * h * w * c, h, w, c, flip);
    TRY(plan_run(run, err));
    const void *logits;
    TRY(plan_locate_output(run, "logits", &logits, NULL, err));
    for (int64_t i = 0; i < s->n_waiting; i++) {
        const window_slot *at = &s->waiting[i];
        window_part part = {.logits = (const float *)logits + i * h * w * k,
                            .h = h,
                            .w = w,
                            .y = at->y,
                            .x = at->x - s->job->strip.left,
                            .weight_y = slide_weights_at(&s->weights_y, at->row),
                            .weight_x = slide_weights_at(&s->weights_x, at->column),
                            .scores = scene->blend != BLEND_LOGITS,
                            .flip_y = flip == 'v' || flip == 'd',
                            .flip_x = flip == 'h' || flip == 'd'};
        TRY(p->b->predictions->add_window(p->b, &s->sums, &part, err));
    }
    return CSEG_OK;
}

static cseg_status run_waiting(slider *s, cseg_error *err)
{
    const predict_scene *scene = s->job->scene;
    if (!s->n_waiting)
        return CSEG_OK;
    TRY(run_view(s, 0, err));
    for (const char *f = scene->flips; f && *f; f++)
        TRY(run_view(s, *f, err));
    *s->job->done += s->n_waiting;
    s->n_waiting = 0;
    return scene->progress ? scene->progress(scene->arg, *s->job->done, s->job->all, err) : CSEG_OK;
}

static cseg_status add_row_of_crops(slider *s, cseg_error *err)
{
    const predict_scene *scene = s->job->scene;
    const slide_strip *strip = &s->job->strip;
    int64_t n = slide_width(&s->y) * slide_width(&s->x) * scene->c;
    for (int64_t i = strip->first; i < strip->last; i++) {
        window_slot *got;
        TRY(window_reader_take(s->job->windows, &got, err));
        if (!got->skip) {
            memcpy(s->room + s->n_waiting * n, got->data, (size_t)n * sizeof *s->room);
            s->waiting[s->n_waiting++] = *got;
        }
        bool skipped = got->skip;
        window_reader_give(s->job->windows, got);
        if (s->n_waiting == s->batch)
            TRY(run_waiting(s, err));
        *s->job->done += skipped;
        if (skipped && scene->progress)
            TRY(scene->progress(scene->arg, *s->job->done, s->job->all, err));
    }
    return run_waiting(s, err);
}

/* ---- rows of the answer -------------------------------------------------------------------------------------------
 */

/* Those that are ready, as many at a time as the buffers hold. */
static cseg_status emit(const slider *s, int64_t ready, cseg_error *err)
{
    const slide_job *job = s->job;
    answer_rows *rows = &job->rows->rows;
    for (;;) {
        int64_t before = rows->to;
        rows->first = job->finished ? before : 0;
        TRY(answer_stream_emit(s->p->b, job->rows, ready, err));
        if (rows->to == before)
            return CSEG_OK;
        if (job->finished)
            TRY(job->finished(job->finished_arg, before, rows->to, err));
    }
}

/* The first row of sums that rows of the answer still need. */
static int64_t first_needed(const slider *s, int64_t ready)
{
    const answer_stream *rows = s->job->rows;
    if (rows->rows.to >= rows->rows.h || !rows->y)
        return ready;
    int64_t low = rows->y[rows->rows.to].low + rows->rows.top;
    return low < ready ? low : ready;
}

static cseg_status tell_point(const slider *s, int64_t row, int64_t ready, int64_t cleared, cseg_error *err)
{
    const slide_job *job = s->job;
    const predict_scene *scene = job->scene;
    backend *b = s->p->b;
    bool last = row == slide_count(&s->y);
    if (!scene->reached || !(last || scene->due(scene->arg)))
        return CSEG_OK;
    predict_point at = {.strip = job->number,
                        .row = row,
                        .written = job->rows->rows.to,
                        .done = *job->done,
                        .strip_bytes = scene->strip_bytes};
    if (last) {
        at = (predict_point){.strip = job->number + 1, .done = *job->done, .strip_bytes = scene->strip_bytes};
        return scene->reached(scene->arg, &at, err);
    }
    at.from = first_needed(s, ready);
    at.to = cleared;
    at.n_sums = ring_bytes(s, at.to - at.from) / sizeof *at.sums;
    at.sums = mem_alloc_raw(at.n_sums * sizeof *at.sums);
    cseg_status status = at.sums ? CSEG_OK : fail_memory(err);
    float *to = at.sums;
    for (int64_t row_at = at.from, n; status == CSEG_OK && row_at < at.to; row_at += n) {
        n = ring_run(s, row_at, at.to);
        status = b->memory->get(b, to, ring_at(s, row_at), ring_bytes(s, n), err);
        to += ring_bytes(s, n) / sizeof *to;
    }
    if (status == CSEG_OK)
        status = scene->reached(scene->arg, &at, err);
    mem_free(at.sums);
    return status;
}

static cseg_status take_up(const slider *s, const predict_point *at, cseg_error *err)
{
    backend *b = s->p->b;
    if (at->row < 1 || at->row >= slide_count(&s->y) || at->from < 0 || at->from > at->to ||
        at->to - at->from > s->sums.rows || at->n_sums != ring_bytes(s, at->to - at->from) / sizeof(float) ||
        at->written < 0 || at->written > s->job->rows->rows.h)
        return fail(err, CSEG_CORRUPT, "the point at which the scene shall be taken up again is of another scene");
    const float *from = at->sums;
    for (int64_t row = at->from, n; row < at->to; row += n) {
        n = ring_run(s, row, at->to);
        b->memory->set(b, ring_at(s, row), from, ring_bytes(s, n));
        from += ring_bytes(s, n) / sizeof *from;
    }
    s->job->rows->rows.to = at->written;
    return CSEG_OK;
}

static cseg_status slide_rows(slider *s, cseg_error *err)
{
    predictor *p = s->p;
    const predict_point *from = s->job->from;
    int64_t n_y = slide_count(&s->y), cleared = 0, ready = 0, first = 0;
    if (from && from->row) {
        TRY(take_up(s, from, err));
        first = from->row;
        cleared = from->to;
        ready = slide_start(&s->y, first);
    }
    for (int64_t i = first; i < n_y; i++) {
        int64_t end = slide_start(&s->y, i) + slide_width(&s->y);
        ring_clear(s, cleared, end);
        cleared = end;
        TRY(add_row_of_crops(s, err));
        int64_t next = i + 1 < n_y ? slide_start(&s->y, i + 1) : s->y.size;
        if (ready < next)
            p->b->predictions->divide_windows(p->b, &s->sums, ready, next, s->weights_y.sum, s->strip_x);
        ready = next;
        TRY(emit(s, ready, err));
        TRY(tell_point(s, i + 1, ready, cleared, err));
    }
    return CSEG_OK;
}

cseg_status predictor_slide(predictor *p, const slide_job *job, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *scene = job->scene;
    slider s = {.p = p, .job = job, .y = {scene->h, o->crop_h, o->stride_h}, .x = {scene->w, o->crop_w, o->stride_w}};
    cseg_status status = slider_init(&s, err);
    answer_rows *rows = &job->rows->rows;
    rows->logits = s.sums.at;
    rows->ring = s.sums.rows;
    rows->stride = s.sums.w * s.sums.k;
    rows->are_scores = scene->blend != BLEND_LOGITS;
    if (status == CSEG_OK)
        status = slide_rows(&s, err);
    slider_release(&s);
    return status;
}
