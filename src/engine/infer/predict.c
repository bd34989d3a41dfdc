/* The predictor: plans by shape, and images of one view or several. */
#include "engine/infer/predict.h"

#include <stdlib.h>
#include <string.h>

#include "config/fields.h"
#include "engine/infer/predict_internal.h"
#include "graph/passes/passes.h"

static const size_t DEFAULT_PLAN_BYTES = (size_t)2 << 30;

typedef struct test_cfg {
    const char *mode;
    ints crop_size, stride;
} test_cfg;
static const field test_cfg_fields[] = {
    FIELD_CHOICE(test_cfg, mode, "'whole'", "whole|slide", "the image in one piece, or by sliding windows"),
    FIELD_RANGE(test_cfg, F_INTS, crop_size, "None", 1, PREDICT_MAX_CROP, "slide: height and width of a window"),
    FIELD_RANGE(test_cfg, F_INTS, stride, "None", 1, PREDICT_MAX_CROP, "slide: steps down and right"),
    FIELD_ELSEWHERE(head_index, "the head that answers"),
    FIELD_ELSEWHERE(subdivision_steps, "PointHead: times that its map is enlarged"),
    FIELD_ELSEWHERE(subdivision_num_points, "PointHead: points of a step"),
    FIELD_ELSEWHERE(scale_factor, "PointHead: of a step"),
};
/* any_more: the reference's segmentors look for the keys that they know. */
static const field_table test_cfg_table = {.at = test_cfg_fields,
                                           .n = sizeof test_cfg_fields / sizeof *test_cfg_fields,
                                           .size = sizeof(test_cfg),
                                           .any_more = true};

static cseg_status two_numbers(const value *dict, const char *key, const ints *from, int64_t *h, int64_t *w,
                               cseg_error *err)
{
    char place[512];
    if (from->n != 2 && from->n != 1)
        return fail(err, CSEG_CONFIG, "%stest_cfg.%s must be (height, width) in mode='slide'",
                    value_place(value_get(dict, key) ? value_get(dict, key) : dict, place), key);
    *h = from->at[0];
    *w = from->at[from->n - 1];
    return CSEG_OK;
}

cseg_status predict_options_read(const value *dict, predict_options *out, cseg_error *err)
{
    *out = (predict_options){.mode = PREDICT_WHOLE};
    cseg_status status = CSEG_OK;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    test_cfg c;
    TRY_DONE(passes_from_text(getenv("CSEG_PASSES"), &out->passes, err));
    TRY_DONE(fields_parse(&test_cfg_table, "test_cfg", dict, NULL, mem, &c, err));
    if (strcmp(c.mode, "slide") == 0) {
        out->mode = PREDICT_SLIDE;
        TRY_DONE(two_numbers(dict, "crop_size", &c.crop_size, &out->crop_h, &out->crop_w, err));
        TRY_DONE(two_numbers(dict, "stride", &c.stride, &out->stride_h, &out->stride_w, err));
        if (out->stride_h > out->crop_h || out->stride_w > out->crop_w) {
            char place[512];
            status = fail(err, CSEG_CONFIG,
                          "%stest_cfg.stride is larger than test_cfg.crop_size: pixels between the "
                          "windows would never be seen",
                          value_place(value_get(dict, "stride"), place));
        }
    }
done:
    arena_free(mem);
    return status;
}

cseg_status predictor_new(model *m, backend *b, const predict_options *options, predictor **out, cseg_error *err)
{
    arena *mem = arena_new();
    predictor *p = mem ? ARENA_NEW(mem, predictor) : NULL;
    if (!p) {
        arena_free(mem);
        return fail_memory(err);
    }
    p->mem = mem;
    p->m = m;
    p->b = b;
    p->options = *options;
    if (!p->options.plan_bytes)
        p->options.plan_bytes = DEFAULT_PLAN_BYTES;
    *out = p;
    return CSEG_OK;
}

static void drop_plan(predictor *p, size_t i)
{
    plan_free(p->plans.at[i].p);
    graph_free(p->plans.at[i].g);
    p->plans.at[i] = p->plans.at[--p->plans.n];
}

void predictor_free(predictor *p)
{
    if (!p)
        return;
    while (p->plans.n)
        drop_plan(p, p->plans.n - 1);
    for (size_t i = 0; i < p->sums.n; i++)
        map_release(p->b, &p->sums.at[i]);
    arena_free(p->mem);
}

void predictor_weights_changed(predictor *p)
{
    for (size_t i = 0; i < p->plans.n; i++)
        plan_weights_changed(p->plans.at[i].p);
}

void prediction_release(prediction *out)
{
    image_release(&out->labels);
    image_release(&out->scores);
}

cseg_status predictor_head(const predictor *p, int head, int *index, cseg_error *err)
{
    *index = head < 0 ? p->m->answer_head : head;
    if (*index >= p->m->n_heads)
        return fail(err, CSEG_USAGE, "head %d was asked for, but the model has %d (numbered from 0)", head,
                    p->m->n_heads);
    return CSEG_OK;
}

/* ---- plans ---------------------------------------------------------------------------------------------------- */

static cseg_status trace(predictor *p, graph *g, const cached_plan *c, cseg_error *err)
{
    tensor *logits = NULL;
    TRY(model_trace_logits(p->m, g, c->n, c->h, c->w, c->head, &logits, err));
    if (c->answer == PLAN_LABELS)
        graph_add_output(g, "labels", op_argmax(g, logits));
    else
        graph_add_output(g, "logits", logits);
    TRY(graph_status(g, err));
    return graph_optimize(g, p->options.passes, err);
}

static void make_room(predictor *p)
{
    for (;;) {
        size_t total = 0, oldest = 0;
        for (size_t i = 0; i < p->plans.n; i++) {
            total += p->plans.at[i].bytes;
            if (p->plans.at[i].used < p->plans.at[oldest].used)
                oldest = i;
        }
        if (total <= p->options.plan_bytes || p->plans.n < 2)
            return;
        drop_plan(p, oldest);
    }
}

static cseg_status build_plan(predictor *p, cached_plan *c, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    c->g = graph_new(false);
    if (!c->g)
        return fail_memory(err);
    TRY_DONE(trace(p, c->g, c, err));
    TRY_DONE(graph_plan(c->g, p->b, &c->p, err));
    c->bytes = plan_bytes(c->p) + arena_bytes(c->g->mem);
    if (!vec_push(p->mem, &p->plans, *c)) {
        plan_free(c->p);
        status = fail_memory(err);
    }
done:
    if (status != CSEG_OK)
        graph_free(c->g);
    return status;
}

cseg_status predictor_plan(predictor *p, int64_t n, int64_t h, int64_t w, int head, plan_answer answer, plan **out,
                           cseg_error *err)
{
    p->clock++;
    for (size_t i = 0; i < p->plans.n; i++) {
        cached_plan *c = &p->plans.at[i];
        if (c->n == n && c->h == h && c->w == w && c->head == head && c->answer == answer) {
            c->used = p->clock;
            *out = c->p;
            return CSEG_OK;
        }
    }
    cached_plan made = {.n = n, .h = h, .w = w, .head = head, .answer = answer, .used = p->clock};
    TRY(build_plan(p, &made, err));
    make_room(p);
    *out = made.p;
    return CSEG_OK;
}

static const char *only_file(const void *arg, int64_t i)
{
    (void)i;
    return *(const char *const *)arg;
}

plan_data predict_image(const float *img, int64_t n, int64_t h, int64_t w, int64_t c, int dates,
                        const char *const *file)
{
    return (plan_data){
        .data = img, .type = DT_F32, .rank = 4, .dim = {n, h, w, c}, .dates = dates, .file = only_file, .arg = file};
}

/* ---- one image ------------------------------------------------------------------------------------------------ */

static cseg_status run_one(predictor *p, const predict_view *v, int64_t h, int64_t w, int head, bool want_scores,
                           prediction *out, cseg_error *err);

cseg_status predictor_no_cover(const predictor *p, int head, const char *what, cseg_error *err)
{
    if (!p->m->covers_unchanged || head == 0)
        return CSEG_OK;
    return fail(err, CSEG_UNSUPPORTED,
                "%s: 'cover_semantic' makes it of the change map as well, which is not done for %s; leave "
                "postprocess_pred_and_label out for the classes alone",
                p->m->heads.at[head].name, what);
}

/* The reference's postprocess_semantic_pred: classes times what changed. */
static void cover(image *labels, const image *change)
{
    int64_t n = labels->h * labels->w;
    for (int64_t i = 0; i < n; i++) {
        int32_t changed =
            change->type == IMAGE_U8 ? ((const uint8_t *)change->data)[i] : ((const int32_t *)change->data)[i];
        if (labels->type == IMAGE_U8)
            ((uint8_t *)labels->data)[i] = (uint8_t)((((const uint8_t *)labels->data)[i] + 1) * changed);
        else
            ((int32_t *)labels->data)[i] = (((const int32_t *)labels->data)[i] + 1) * changed;
    }
}

static cseg_status run_covered(predictor *p, const predict_view *v, int64_t h, int64_t w, int head, bool want_scores,
                               prediction *out, cseg_error *err)
{
    TRY(run_one(p, v, h, w, head, want_scores, out, err));
    if (!p->m->covers_unchanged || head == 0)
        return CSEG_OK;
    prediction change = {0};
    cseg_status status = run_one(p, v, h, w, 0, false, &change, err);
    if (status == CSEG_OK)
        cover(&out->labels, &change.labels);
    prediction_release(&change);
    return status;
}

static cseg_status run_one(predictor *p, const predict_view *v, int64_t h, int64_t w, int head, bool want_scores,
                           prediction *out, cseg_error *err)
{
    if (!want_scores && predictor_answers_itself(p, v, head, h, w))
        return predictor_run_labels(p, v, head, &out->labels, err);
    const model_head *about = &p->m->heads.at[head];
    view_target to = {.h = h, .w = w};
    cseg_status status = CSEG_OK;
    TRY_DONE(answer_labels_new(p->b, about, h, w, &to.labels, err));
    if (want_scores)
        TRY_DONE(map_new(p->b, h, w, about->out_channels, IMAGE_F32, &to.scores, err));
    TRY_DONE(predictor_run_view(p, v, head, &to, err));
    TRY_DONE(map_take(p->b, &to.labels, &out->labels, err));
    if (want_scores)
        status = map_take(p->b, &to.scores, &out->scores, err);
done:
    map_release(p->b, &to.labels);
    map_release(p->b, &to.scores);
    return status;
}

static cseg_status finish_sum(const predictor *p, const model_head *about, answer_map *sum, int n, bool want_scores,
                              prediction *out, cseg_error *err)
{
    answer_map labels;
    TRY(answer_labels_new(p->b, about, sum->host.h, sum->host.w, &labels, err));
    const view_sums views = {.at = sum->at,
                             .h = sum->host.h,
                             .w = sum->host.w,
                             .k = about->out_channels,
                             .views = n,
                             .threshold = (float)about->threshold,
                             .labels = labels.at,
                             .label_type = answer_label_type(&labels)};
    p->b->predictions->average_views(p->b, &views);
    cseg_status status = map_take(p->b, &labels, &out->labels, err);
    if (status == CSEG_OK && want_scores)
        status = map_take(p->b, sum, &out->scores, err);
    map_release(p->b, &labels);
    return status;
}

cseg_status predictor_run(predictor *p, const predict_view *views, int n, int64_t ori_h, int64_t ori_w, int head,
                          bool want_scores, prediction *out, cseg_error *err)
{
    prediction_release(out);
    TRY(predictor_head(p, head, &head, err));
    if (n == 1)
        return run_covered(p, views, ori_h, ori_w, head, want_scores, out, err);
    TRY(predictor_no_cover(p, head, "several views of an image", err));
    const model_head *about = &p->m->heads.at[head];
    view_target to = {.h = ori_h, .w = ori_w};
    cseg_status status = CSEG_OK;
    TRY_DONE(map_new(p->b, ori_h, ori_w, about->out_channels, IMAGE_F32, &to.sum, err));
    for (int i = 0; i < n; i++)
        TRY_DONE(predictor_run_view(p, &views[i], head, &to, err));
    TRY_DONE(finish_sum(p, about, &to.sum, n, want_scores, out, err));
done:
    map_release(p->b, &to.sum);
    return status;
}

cseg_status predictor_feed(predictor *p, const batch *b, int64_t at, int head, bool want_scores, prediction *out,
                           bool *ready, cseg_error *err)
{
    const batch_meta *meta = &b->metas[at];
    prediction_release(out);
    *ready = b->view + 1 >= b->n_views;
    TRY(predictor_head(p, head, &head, err));
    predict_view v = {.img = b->img + at * b->h * b->w * b->c,
                      .file = meta->path,
                      .h = b->h,
                      .w = b->w,
                      .c = b->c,
                      .dates = meta->dates,
                      .img_h = meta->img_h,
                      .img_w = meta->img_w,
                      .flip = meta->flip ? meta->flip_direction : 0};
    if (b->n_views <= 1)
        return run_covered(p, &v, meta->ori_h, meta->ori_w, head, want_scores, out, err);
    TRY(predictor_no_cover(p, head, "several views of an image", err));
    const model_head *about = &p->m->heads.at[head];
    while ((int64_t)p->sums.n <= at)
        if (!vec_push(p->mem, &p->sums, (answer_map){0}))
            return fail_memory(err);
    answer_map *sum = &p->sums.at[at];
    if (b->view == 0) {
        map_release(p->b, sum);
        TRY(map_new(p->b, meta->ori_h, meta->ori_w, about->out_channels, IMAGE_F32, sum, err));
    }
    TRY(predictor_run_view(p, &v, head, &(view_target){.h = sum->host.h, .w = sum->host.w, .sum = *sum}, err));
    return *ready ? finish_sum(p, about, sum, b->n_views, want_scores, out, err) : CSEG_OK;
}
