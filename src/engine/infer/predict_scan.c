/* Segments scenes of any size: cuts them into strips of columns, and slides over each from top to bottom. */
#include <string.h>

#include "base/error.h"
#include "engine/infer/predict_internal.h"
#include "engine/infer/window_reader.h"

static const size_t DEFAULT_STRIP_BYTES = (size_t)256 << 20;

typedef struct scan {
    predictor *p;
    const predict_scene *scene;
    int head;
    slide_axis y, x;
    slide_strip *strips;
    int64_t n_strips, all; /* windows of all strips together; those on a border count for both */
} scan;

static const model_head *head_of(const scan *s)
{
    return &s->p->m->heads.at[s->head];
}

/* Rows of the answer that are written at a time: about those of a row of crops, as far as memory goes. */
static int64_t chunk_rows(const scan *s, int64_t w)
{
    const predict_scene *scene = s->scene;
    double rows = (double)slide_width(&s->y) * (double)scene->ori_h / (double)scene->img_h;
    double row = (double)w * (5.0 + (scene->want_scores ? 4.0 * (double)head_of(s)->out_channels : 0.0));
    double fit = (double)scene->strip_bytes / 4.0 / row;
    rows = rows < fit ? rows : fit;
    return rows < 1.0 ? 1 : rows < (double)scene->ori_h ? (int64_t)rows : scene->ori_h;
}

/* ---- one strip ----------------------------------------------------------------------------------------------------
 */

typedef struct strip_maps {
    const scan *of;
    const slide_strip *strip;
    answer_map labels, scores, confidence; /* room for some rows */
} strip_maps;

static cseg_status take_rows(backend *b, answer_map *m, int64_t rows, image *to, cseg_error *err)
{
    if (!m->at)
        return CSEG_OK;
    TRY(map_get(b, m, rows, err));
    *to = m->host;
    to->h = rows;
    return CSEG_OK;
}

static cseg_status write_strip(void *arg, int64_t from, int64_t to, cseg_error *err)
{
    strip_maps *m = arg;
    backend *b = m->of->p->b;
    const predict_scene *scene = m->of->scene;
    predict_part part = {.y = from, .x = m->strip->x};
    TRY(take_rows(b, &m->labels, to - from, &part.labels, err));
    TRY(take_rows(b, &m->scores, to - from, &part.scores, err));
    TRY(take_rows(b, &m->confidence, to - from, &part.confidence, err));
    return scene->write(scene->arg, &part, err);
}

static cseg_status scan_strip(const scan *s, int64_t number, window_reader *windows, int64_t *done, cseg_error *err)
{
    const predict_scene *scene = s->scene;
    backend *b = s->p->b;
    const slide_strip *strip = &s->strips[number];
    strip_maps maps = {.of = s, .strip = strip};
    answer_stream rows;
    int64_t left, right, chunk = chunk_rows(s, strip->w);
    cseg_status status = answer_stream_init_part(&rows, head_of(s), scene->img_h, scene->img_w, scene->ori_h,
                                                 scene->ori_w, strip->x, strip->w, &left, &right, err);
    if (status != CSEG_OK)
        return status;
    TRY_DONE(answer_labels_new(b, head_of(s), chunk, strip->w, &maps.labels, err));
    if (scene->want_scores)
        TRY_DONE(map_new(b, chunk, strip->w, head_of(s)->out_channels, IMAGE_F32, &maps.scores, err));
    if (scene->want_confidence)
        TRY_DONE(map_new(b, chunk, strip->w, 1, IMAGE_U8, &maps.confidence, err));
    answer_stream_to(&rows, &maps.labels, &maps.scores, &maps.confidence);
    rows.most = chunk;
    slide_job job = {.scene = scene,
                     .head = s->head,
                     .number = number,
                     .strip = *strip,
                     .windows = windows,
                     .rows = &rows,
                     .finished = write_strip,
                     .finished_arg = &maps,
                     .from = scene->from && scene->from->strip == number ? scene->from : NULL,
                     .done = done,
                     .all = s->all};
    TRY_DONE(predictor_slide(s->p, &job, err));
done:
    map_release(b, &maps.labels);
    map_release(b, &maps.scores);
    map_release(b, &maps.confidence);
    answer_stream_release(&rows);
    return status;
}

/* ---- all strips ---------------------------------------------------------------------------------------------------
 */

/* Bytes that a column of the model's image takes: sums, and a quarter as much for parts of the answer. */
static size_t column_bytes(const scan *s)
{
    size_t sums = (size_t)(slide_width(&s->y) + 1) * (size_t)head_of(s)->out_channels * sizeof(float);
    return sums + sums / 3;
}

/* Columns of the answer that a strip may have: of the scene, a whole number of steps, at least one. */
static int64_t strip_width(const scan *s)
{
    const predict_scene *scene = s->scene;
    int64_t steps = (int64_t)(scene->strip_bytes / column_bytes(s)) / s->x.stride;
    int64_t w = (steps > 0 ? steps : 1) * s->x.stride;
    if (scene->ori_w != scene->img_w)
        w = (int64_t)((double)w * (double)scene->ori_w / (double)scene->img_w);
    return w < 1 ? 1 : w < scene->ori_w ? w : scene->ori_w;
}

static cseg_status cut_strips(scan *s, cseg_error *err)
{
    const predict_scene *scene = s->scene;
    int64_t width = strip_width(s), n_x = slide_count(&s->x), n = (scene->ori_w + width - 1) / width;
    s->strips = mem_alloc((size_t)n * sizeof *s->strips);
    if (!s->strips)
        return fail_memory(err);
    for (; s->n_strips < n; s->n_strips++) {
        slide_strip *t = &s->strips[s->n_strips];
        answer_stream rows;
        t->x = s->n_strips * width;
        t->w = t->x + width < scene->ori_w ? width : scene->ori_w - t->x;
        TRY(answer_stream_init_part(&rows, head_of(s), scene->img_h, scene->img_w, scene->ori_h, scene->ori_w, t->x,
                                    t->w, &t->left, &t->right, err));
        answer_stream_release(&rows);
        while (t->first < n_x && slide_start(&s->x, t->first) + slide_width(&s->x) <= t->left)
            t->first++;
        t->last = t->first;
        while (t->last < n_x && slide_start(&s->x, t->last) < t->right)
            t->last++;
        s->all += (t->last - t->first) * slide_count(&s->y);
    }
    return CSEG_OK;
}

static cseg_status scan_all(const scan *s, cseg_error *err)
{
    const predict_point *from = s->scene->from;
    int64_t first = from ? from->strip : 0, done = from ? from->done : 0;
    if (first < 0 || first > s->n_strips || done < 0 || done > s->all)
        return fail(err, CSEG_CORRUPT, "the point at which the scene shall be taken up again is of another scene");
    window_order order = {.y = s->y,
                          .x = s->x,
                          .strips = s->strips,
                          .n_strips = s->n_strips,
                          .strip = first,
                          .row = from ? from->row : 0};
    window_reader *windows;
    TRY(window_reader_open(&order, s->scene, 1, &windows, err));
    cseg_status status = CSEG_OK;
    for (int64_t i = first; status == CSEG_OK && i < s->n_strips; i++)
        status = scan_strip(s, i, windows, &done, err);
    window_reader_close(windows);
    return status;
}

static cseg_status check_scene(const predictor *p, const predict_scene *scene, cseg_error *err)
{
    const predict_options *o = &p->options;
    if (o->crop_h < 1 || o->crop_w < 1 || o->stride_h < 1 || o->stride_w < 1)
        return fail(err, CSEG_USAGE, "scenes need a crop size and a stride of at least 1");
    if (scene->flips && *scene->flips && scene->blend == BLEND_LOGITS)
        return fail(err, CSEG_USAGE, "views that are flipped are joined by their scores, not by their logits");
    return CSEG_OK;
}

/* The scene with all that has a default. */
static cseg_status scan_init(scan *s, predictor *p, predict_scene *scene, int head, cseg_error *err)
{
    const predict_options *o = &p->options;
    TRY(check_scene(p, scene, err));
    *s = (scan){.p = p, .scene = scene};
    TRY(predictor_head(p, head, &s->head, err));
    TRY(predictor_no_cover(p, s->head, "scenes", err));
    scene->img_h = scene->img_h ? scene->img_h : scene->h;
    scene->img_w = scene->img_w ? scene->img_w : scene->w;
    scene->ori_h = scene->ori_h ? scene->ori_h : scene->img_h;
    scene->ori_w = scene->ori_w ? scene->ori_w : scene->img_w;
    if (scene->from && scene->from->strip_bytes)
        scene->strip_bytes = scene->from->strip_bytes;
    scene->strip_bytes = scene->strip_bytes ? scene->strip_bytes : DEFAULT_STRIP_BYTES;
    s->y = (slide_axis){scene->h, o->crop_h, o->stride_h};
    s->x = (slide_axis){scene->w, o->crop_w, o->stride_w};
    bool alone = slide_count(&s->y) == 1 && slide_count(&s->x) == 1 && !(scene->flips && *scene->flips);
    if (alone) /* one window is joined with nothing: bit for bit the image as a whole */
        scene->blend = BLEND_LOGITS;
    return CSEG_OK;
}

cseg_status predictor_scan(predictor *p, const predict_scene *asked, int head, cseg_error *err)
{
    predict_scene scene = *asked;
    scan s;
    TRY(scan_init(&s, p, &scene, head, err));
    cseg_status status = cut_strips(&s, err);
    if (status == CSEG_OK)
        status = scan_all(&s, err);
    mem_free(s.strips);
    return status;
}

cseg_status predictor_scan_bytes(predictor *p, const predict_scene *asked, int head, size_t *plan_size, size_t *least,
                                 cseg_error *err)
{
    predict_scene scene = *asked;
    scan s;
    plan *run;
    TRY(scan_init(&s, p, &scene, head, err));
    int64_t n = scene.batch > 1 ? scene.batch : 1, h = slide_width(&s.y), w = slide_width(&s.x);
    TRY(predictor_plan(p, n, h, w, s.head, PLAN_LOGITS, &run, err));
    size_t window = (size_t)(h * w * scene.c) * sizeof(float);
    *plan_size = plan_bytes(run) + window * (size_t)(n + 1 + scene.ahead);
    *least = column_bytes(&s) * (size_t)(s.x.stride + 2 * w);
    return CSEG_OK;
}
