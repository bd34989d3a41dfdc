/* Slides windows with overlap over an image. Crops lie where MMSegmentation puts them. Their logits are summed in its
 * order and divided by the number of crops that saw the pixel. A ring of rows holds what later crops may still add to.
 */
#include "engine/infer/predict_internal.h"

int64_t slide_count(int64_t size, int64_t crop, int64_t stride)
{
    int64_t beyond = size - crop + stride - 1;
    return (beyond > 0 ? beyond : 0) / stride + 1;
}

int64_t slide_start(int64_t i, int64_t size, int64_t crop, int64_t stride)
{
    int64_t end = i * stride + crop;
    if (end > size)
        end = size;
    return end > crop ? end - crop : 0;
}

typedef struct ring {
    backend *b;
    window_sums sums; /* of the strip, in the backend's memory */
    float *count_x;   /* [width of the strip]: crops that see a column */
    int32_t *count_y; /* [rows of the scene]: crops that see a row */
} ring;

static size_t ring_bytes(const ring *r, int64_t rows)
{
    return (size_t)rows * (size_t)r->sums.w * (size_t)r->sums.k * sizeof *r->sums.at;
}

/* In two pieces, where the ring's end lies between. */
static void ring_clear(const ring *r, int64_t from, int64_t to)
{
    while (from < to) {
        int64_t first = from % r->sums.rows, n = r->sums.rows - first;
        n = n < to - from ? n : to - from;
        r->b->memory->fill(r->b, r->sums.at + first * r->sums.w * r->sums.k, 0, ring_bytes(r, n));
        from += n;
    }
}

static void ring_release(ring *r)
{
    r->b->memory->free(r->b, r->sums.at);
    mem_free(r->count_x);
    mem_free(r->count_y);
}

static cseg_status ring_init(ring *r, const predictor *p, const slide_job *job, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *s = job->scene;
    r->sums = (window_sums){.k = p->m->heads.at[job->head].out_channels,
                            .w = job->x_to - job->x_from,
                            .rows = (o->crop_h < s->h ? o->crop_h : s->h) + 1};
    r->sums.at = p->b->memory->alloc(p->b, ring_bytes(r, r->sums.rows), false);
    r->count_x = mem_alloc((size_t)r->sums.w * sizeof *r->count_x);
    r->count_y = mem_alloc((size_t)s->h * sizeof *r->count_y);
    if (!r->sums.at || !r->count_x || !r->count_y)
        return fail_memory(err);
    int64_t n_x = slide_count(s->w, o->crop_w, o->stride_w), n_y = slide_count(s->h, o->crop_h, o->stride_h);
    for (int64_t i = 0; i < n_x; i++) {
        int64_t from = slide_start(i, s->w, o->crop_w, o->stride_w);
        for (int64_t x = from; x < from + o->crop_w && x < s->w; x++)
            if (x >= job->x_from && x < job->x_to)
                r->count_x[x - job->x_from] += 1.0f;
    }
    for (int64_t i = 0; i < n_y; i++) {
        int64_t from = slide_start(i, s->h, o->crop_h, o->stride_h);
        for (int64_t y = from; y < from + o->crop_h && y < s->h; y++)
            r->count_y[y]++;
    }
    return CSEG_OK;
}

typedef struct window {
    int64_t y, x, h, w;
} window;

static cseg_status add_crop(predictor *p, const slide_job *job, const ring *r, window c, cseg_error *err)
{
    const predict_scene *s = job->scene;
    if (s->skip && s->skip(s->arg, c.y, c.x, c.h, c.w))
        return CSEG_OK;
    plan *run = NULL;
    TRY(predictor_plan(p, c.h, c.w, job->head, PLAN_LOGITS, &run, err));
    plan_data crop = predict_image(NULL, c.h, c.w, s->c, s->dates, &s->file);
    void *to_fill;
    TRY(plan_open_input(run, "img", &crop, &to_fill, err));
    TRY(s->read(s->arg, c.y, c.x, c.h, c.w, to_fill, err));
    TRY(plan_run(run, err));
    const void *logits;
    TRY(plan_locate_output(run, "logits", &logits, NULL, err));
    p->b->predictions->add_window(p->b, &r->sums, logits, c.h, c.w, c.y, c.x - job->x_from);
    return CSEG_OK;
}

static cseg_status add_row_of_crops(predictor *p, const slide_job *job, const ring *r, int64_t y, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *s = job->scene;
    int64_t n_x = slide_count(s->w, o->crop_w, o->stride_w);
    int64_t h = o->crop_h < s->h ? o->crop_h : s->h, w = o->crop_w < s->w ? o->crop_w : s->w;
    for (int64_t i = 0; i < n_x; i++) {
        int64_t x = slide_start(i, s->w, o->crop_w, o->stride_w);
        if (x >= job->x_to || x + w <= job->x_from)
            continue;
        TRY(add_crop(p, job, r, (window){y, x, h, w}, err));
        ++*job->done;
        if (s->progress)
            TRY(s->progress(s->arg, *job->done, job->all, err));
    }
    return CSEG_OK;
}

/* The rows of the answer that are ready, as many at a time as its buffers hold. */
static cseg_status emit(const predictor *p, const slide_job *job, int64_t ready, cseg_error *err)
{
    answer_rows *rows = &job->rows->rows;
    for (;;) {
        int64_t before = rows->to;
        rows->first = job->finished ? before : 0;
        TRY(answer_stream_emit(p->b, job->rows, ready, err));
        if (rows->to == before)
            return CSEG_OK;
        if (job->finished)
            TRY(job->finished(job->finished_arg, before, rows->to, err));
    }
}

cseg_status predictor_slide(predictor *p, const slide_job *job, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *s = job->scene;
    cseg_status status = CSEG_OK;
    ring r = {.b = p->b};
    TRY_DONE(ring_init(&r, p, job, err));
    answer_rows *rows = &job->rows->rows;
    rows->logits = r.sums.at;
    rows->ring = r.sums.rows;
    rows->stride = r.sums.w * r.sums.k;
    int64_t n_y = slide_count(s->h, o->crop_h, o->stride_h), cleared = 0, ready = 0;
    for (int64_t i = 0; i < n_y; i++) {
        int64_t y = slide_start(i, s->h, o->crop_h, o->stride_h);
        int64_t end = y + o->crop_h < s->h ? y + o->crop_h : s->h;
        ring_clear(&r, cleared, end);
        cleared = end;
        TRY_DONE(add_row_of_crops(p, job, &r, y, err));
        int64_t next = i + 1 < n_y ? slide_start(i + 1, s->h, o->crop_h, o->stride_h) : s->h;
        if (ready < next)
            p->b->predictions->divide_windows(p->b, &r.sums, ready, next, r.count_y, r.count_x);
        ready = next;
        TRY_DONE(emit(p, job, ready, err));
    }
done:
    ring_release(&r);
    return status;
}
