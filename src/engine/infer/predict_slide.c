/* Slides windows with overlap over an image. Crops lie where MMSegmentation puts them. Their logits are summed in its
 * order and divided by the number of crops that saw the pixel. A ring of rows holds what later crops may still add to.
 */
#include <string.h>

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
    float *at;
    int64_t rows, width, k; /* of the strip */
    float *count_x;         /* [width]: crops that see a column */
    int32_t *count_y;       /* [rows of the scene]: crops that see a row */
} ring;

static float *ring_row(const ring *r, int64_t y)
{
    return r->at + y % r->rows * r->width * r->k;
}

static void ring_release(ring *r)
{
    mem_free(r->at);
    mem_free(r->count_x);
    mem_free(r->count_y);
}

static cseg_status ring_init(ring *r, const predictor *p, const slide_job *job, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *s = job->scene;
    r->k = p->m->heads.at[job->head].out_channels;
    r->width = job->x_to - job->x_from;
    r->rows = (o->crop_h < s->h ? o->crop_h : s->h) + 1;
    r->at = mem_alloc((size_t)r->rows * (size_t)r->width * (size_t)r->k * sizeof *r->at);
    r->count_x = mem_alloc((size_t)r->width * sizeof *r->count_x);
    r->count_y = mem_alloc((size_t)s->h * sizeof *r->count_y);
    if (!r->at || !r->count_x || !r->count_y)
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
    const void *got;
    TRY(plan_get_output(run, "logits", &got, NULL, err));
    const float *logits = got;
    int64_t from = c.x > job->x_from ? c.x : job->x_from;
    int64_t to = c.x + c.w < job->x_to ? c.x + c.w : job->x_to;
#pragma omp parallel for schedule(static)
    for (int64_t y = 0; y < c.h; y++) {
        float *sum = ring_row(r, c.y + y) + (from - job->x_from) * r->k;
        const float *add = logits + (y * c.w + from - c.x) * r->k;
        for (int64_t i = 0; i < (to - from) * r->k; i++)
            sum[i] += add[i];
    }
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

static void divide_by_counts(const ring *r, int64_t from, int64_t to)
{
#pragma omp parallel for schedule(static)
    for (int64_t y = from; y < to; y++) {
        float *v = ring_row(r, y);
        for (int64_t x = 0; x < r->width; x++) {
            float n = (float)r->count_y[y] * r->count_x[x];
            for (int64_t i = 0; i < r->k; i++)
                v[x * r->k + i] /= n;
        }
    }
}

/* The rows of the answer that are ready, as many at a time as its buffers hold. */
static cseg_status emit(const slide_job *job, int64_t ready, cseg_error *err)
{
    answer_rows *rows = job->rows;
    for (;;) {
        int64_t before = rows->next;
        rows->first = job->finished ? before : 0;
        answer_rows_emit(rows, ready);
        if (rows->next == before)
            return CSEG_OK;
        if (job->finished)
            TRY(job->finished(job->finished_arg, before, rows->next, err));
    }
}

cseg_status predictor_slide(predictor *p, const slide_job *job, cseg_error *err)
{
    const predict_options *o = &p->options;
    const predict_scene *s = job->scene;
    cseg_status status = CSEG_OK;
    ring r = {0};
    TRY_DONE(ring_init(&r, p, job, err));
    answer_rows *rows = job->rows;
    rows->base = r.at;
    rows->ring = r.rows;
    rows->stride = r.width * r.k;
    rows->next = 0;
    int64_t n_y = slide_count(s->h, o->crop_h, o->stride_h), cleared = 0, ready = 0;
    for (int64_t i = 0; i < n_y; i++) {
        int64_t y = slide_start(i, s->h, o->crop_h, o->stride_h);
        int64_t end = y + o->crop_h < s->h ? y + o->crop_h : s->h;
        for (; cleared < end; cleared++)
            memset(ring_row(&r, cleared), 0, (size_t)rows->stride * sizeof *r.at);
        TRY_DONE(add_row_of_crops(p, job, &r, y, err));
        int64_t next = i + 1 < n_y ? slide_start(i + 1, s->h, o->crop_h, o->stride_h) : s->h;
        divide_by_counts(&r, ready, next);
        ready = next;
        TRY_DONE(emit(job, ready, err));
    }
done:
    ring_release(&r);
    return status;
}
