/* One view of an image: the graph runs on it as a whole or by windows, and the backend makes labels, scores or a part
 * of the sum of views from its logits. */
#include <string.h>

#include "base/error.h"
#include "engine/infer/predict_internal.h"
#include "engine/infer/window_reader.h"

static void inner_size(const predict_view *v, int64_t *h, int64_t *w)
{
    *h = v->img_h ? v->img_h : v->h - v->top;
    *w = v->img_w ? v->img_w : v->w - v->left;
}

static cseg_status rows_for(const predictor *p, const predict_view *v, int head, const view_target *to,
                            answer_stream *rows, cseg_error *err)
{
    int64_t h, w;
    inner_size(v, &h, &w);
    TRY(answer_stream_init(rows, &p->m->heads.at[head], h, w, to->h, to->w, err));
    answer_rows *r = &rows->rows;
    r->flip_x = v->flip == 'h' || v->flip == 'd';
    r->flip_y = v->flip == 'v' || v->flip == 'd';
    r->top = v->top;
    r->left = v->left;
    r->sum = to->sum.at;
    answer_stream_to(rows, &to->labels, &to->scores, NULL);
    return CSEG_OK;
}

bool predictor_answers_itself(const predictor *p, const predict_view *v, int head, int64_t ori_h, int64_t ori_w)
{
    int64_t h, w;
    inner_size(v, &h, &w);
    return p->options.mode == PREDICT_WHOLE && !v->flip && h == v->h && w == v->w && h == ori_h && w == ori_w &&
           p->m->heads.at[head].out_channels > 1;
}

static void copy_labels(const int32_t *from, image *to)
{
    int64_t n = to->h * to->w;
    if (to->type == IMAGE_I32) {
        memcpy(to->data, from, (size_t)n * sizeof *from);
        return;
    }
    uint8_t *bytes = to->data;
    for (int64_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)from[i];
}

static cseg_status check_view(const predict_view *v, cseg_error *err)
{
    int64_t h, w;
    inner_size(v, &h, &w);
    if (v->h < 1 || v->w < 1 || v->top < 0 || v->left < 0 || h < 1 || w < 1 || v->top + h > v->h || v->left + w > v->w)
        return fail(err, CSEG_SHAPE, "an image of %lldx%lld cannot lie at (%lld, %lld) in one of %lldx%lld",
                    (long long)h, (long long)w, (long long)v->top, (long long)v->left, (long long)v->h,
                    (long long)v->w);
    return CSEG_OK;
}

/* Runs the plan that gives `answer`, on the view. */
static cseg_status run_plan(predictor *p, const predict_view *v, int head, plan_answer answer, plan **run,
                            cseg_error *err)
{
    TRY(predictor_plan(p, 1, v->h, v->w, head, answer, run, err));
    plan_data img = predict_image(v->img, 1, v->h, v->w, v->c, v->dates, &v->file);
    void *to_fill; /* copied: a view may begin anywhere, the plan's memory is aligned */
    TRY(plan_open_input(*run, "img", &img, &to_fill, err));
    memcpy(to_fill, v->img, (size_t)(v->h * v->w * v->c) * sizeof(float));
    return plan_run(*run, err);
}

cseg_status predictor_run_labels(predictor *p, const predict_view *v, int head, image *labels, cseg_error *err)
{
    plan *run = NULL;
    const void *answer;
    TRY(check_view(v, err));
    TRY(image_new(v->h, v->w, 1, answer_image_type(&p->m->heads.at[head]), labels, err));
    TRY(run_plan(p, v, head, PLAN_LABELS, &run, err));
    TRY(plan_get_output(run, "labels", &answer, NULL, err));
    copy_labels(answer, labels);
    return CSEG_OK;
}

static cseg_status run_whole(predictor *p, const predict_view *v, int head, const view_target *to, cseg_error *err)
{
    plan *run = NULL;
    const void *logits;
    answer_stream rows;
    TRY(run_plan(p, v, head, PLAN_LOGITS, &run, err));
    TRY(plan_locate_output(run, "logits", &logits, NULL, err));
    TRY(rows_for(p, v, head, to, &rows, err));
    rows.rows.stride = v->w * rows.rows.k;
    rows.rows.ring = v->h;
    rows.rows.logits = logits;
    cseg_status status = answer_stream_emit(p->b, &rows, v->h, err);
    answer_stream_release(&rows);
    return status;
}

static cseg_status read_view(void *arg, int64_t y, int64_t x, int64_t n_h, int64_t n_w, float *to, cseg_error *err)
{
    (void)err;
    const predict_view *v = arg;
    for (int64_t i = 0; i < n_h; i++)
        memcpy(to + i * n_w * v->c, v->img + ((y + i) * v->w + x) * v->c, (size_t)(n_w * v->c) * sizeof *to);
    return CSEG_OK;
}

/* The reference slides over the padding too, and cuts it off afterwards. */
static cseg_status run_slide(predictor *p, const predict_view *v, int head, const view_target *to, cseg_error *err)
{
    predict_view from = *v;
    predict_scene scene = {
        .h = v->h, .w = v->w, .c = v->c, .dates = v->dates, .file = v->file, .read = read_view, .arg = &from};
    const predict_options *o = &p->options;
    window_order order = {.y = {v->h, o->crop_h, o->stride_h}, .x = {v->w, o->crop_w, o->stride_w}, .n_strips = 1};
    slide_strip all = {.w = v->w, .right = v->w, .last = slide_count(&order.x)};
    order.strips = &all;
    int64_t done = 0;
    answer_stream rows;
    slide_job job = {.scene = &scene, .head = head, .strip = all, .rows = &rows, .done = &done};
    TRY(window_reader_open(&order, &scene, 1, &job.windows, err));
    cseg_status status = rows_for(p, v, head, to, &rows, err);
    if (status == CSEG_OK) {
        status = predictor_slide(p, &job, err);
        answer_stream_release(&rows);
    }
    window_reader_close(job.windows);
    return status;
}

cseg_status predictor_run_view(predictor *p, const predict_view *v, int head, const view_target *to, cseg_error *err)
{
    TRY(check_view(v, err));
    return p->options.mode == PREDICT_SLIDE ? run_slide(p, v, head, to, err) : run_whole(p, v, head, to, err);
}
