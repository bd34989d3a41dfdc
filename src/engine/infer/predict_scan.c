/* Segments scenes of any size: cuts them into strips of columns, and slides over each from top to bottom. */
#include "base/error.h"
#include "engine/infer/predict_internal.h"

static const size_t DEFAULT_STRIP_BYTES = (size_t)256 << 20;

/* Columns [x, x + w) of the answer. */
typedef struct strip {
    const predict_scene *scene;
    backend *b;
    answer_map labels, scores; /* room for some rows */
    int64_t x, w;
} strip;

static cseg_status write_strip(void *arg, int64_t from, int64_t to, cseg_error *err)
{
    strip *s = arg;
    TRY(map_get(s->b, &s->labels, to - from, err));
    if (s->scores.at)
        TRY(map_get(s->b, &s->scores, to - from, err));
    image labels = s->labels.host, scores = s->scores.host;
    labels.h = scores.h = to - from;
    return s->scene->write(s->scene->arg, from, s->x, &labels, s->scores.at ? &scores : NULL, err);
}

/* Rows of the answer that are written at a time: about those of a row of crops, as far as memory goes. */
static int64_t chunk_rows(const predictor *p, const predict_scene *scene, int64_t k, int64_t w)
{
    int64_t crop = p->options.crop_h < scene->img_h ? p->options.crop_h : scene->img_h;
    double rows = (double)crop * (double)scene->ori_h / (double)scene->img_h;
    double row = (double)w * (4.0 + (scene->want_scores ? 4.0 * (double)k : 0.0));
    double fit = (double)(scene->strip_bytes ? scene->strip_bytes : DEFAULT_STRIP_BYTES) / row;
    rows = rows < fit ? rows : fit;
    return rows < 1.0 ? 1 : rows < (double)scene->ori_h ? (int64_t)rows : scene->ori_h;
}

static cseg_status scan_strip(predictor *p, const predict_scene *scene, int head, strip *s, int64_t *done, int64_t all,
                              cseg_error *err)
{
    const model_head *about = &p->m->heads.at[head];
    answer_stream rows;
    int64_t left, right, chunk = chunk_rows(p, scene, about->out_channels, s->w);
    cseg_status status = answer_stream_init_part(&rows, about, scene->img_h, scene->img_w, scene->ori_h, scene->ori_w,
                                                 s->x, s->w, &left, &right, err);
    if (status != CSEG_OK)
        return status;
    TRY_DONE(answer_labels_new(p->b, about, chunk, s->w, &s->labels, err));
    if (scene->want_scores)
        TRY_DONE(map_new(p->b, chunk, s->w, about->out_channels, IMAGE_F32, &s->scores, err));
    answer_stream_to(&rows, &s->labels, &s->scores);
    rows.most = chunk;
    slide_job job = {.scene = scene,
                     .head = head,
                     .x_from = left,
                     .x_to = right,
                     .rows = &rows,
                     .finished = write_strip,
                     .finished_arg = s,
                     .done = done,
                     .all = all};
    TRY_DONE(predictor_slide(p, &job, err));
done:
    map_release(p->b, &s->labels);
    map_release(p->b, &s->scores);
    answer_stream_release(&rows);
    return status;
}

/* Columns of the answer that a strip may have: of the scene, a whole number of steps, at least one. */
static int64_t strip_width(const predictor *p, const predict_scene *scene, int head)
{
    const predict_options *o = &p->options;
    size_t bytes = scene->strip_bytes ? scene->strip_bytes : DEFAULT_STRIP_BYTES;
    size_t column = (size_t)(o->crop_h + 1) * (size_t)p->m->heads.at[head].out_channels * sizeof(float);
    int64_t steps = (int64_t)(bytes / column) / o->stride_w, w = (steps > 0 ? steps : 1) * o->stride_w;
    if (scene->ori_w != scene->img_w)
        w = (int64_t)((double)w * (double)scene->ori_w / (double)scene->img_w);
    return w < 1 ? 1 : w < scene->ori_w ? w : scene->ori_w;
}

/* Crops of all strips together; those on a border count for both. */
static cseg_status count_crops(const predictor *p, const predict_scene *scene, int head, int64_t width, int64_t *all,
                               cseg_error *err)
{
    const predict_options *o = &p->options;
    int64_t n_x = slide_count(scene->w, o->crop_w, o->stride_w), columns = 0;
    for (int64_t x = 0; x < scene->ori_w; x += width) {
        answer_stream rows;
        int64_t left, right, n = x + width < scene->ori_w ? width : scene->ori_w - x;
        TRY(answer_stream_init_part(&rows, &p->m->heads.at[head], scene->img_h, scene->img_w, scene->ori_h,
                                    scene->ori_w, x, n, &left, &right, err));
        answer_stream_release(&rows);
        for (int64_t i = 0; i < n_x; i++) {
            int64_t from = slide_start(i, scene->w, o->crop_w, o->stride_w);
            columns += from < right && from + o->crop_w > left;
        }
    }
    *all = columns * slide_count(scene->h, o->crop_h, o->stride_h);
    return CSEG_OK;
}

cseg_status predictor_scan(predictor *p, const predict_scene *asked, int head, cseg_error *err)
{
    const predict_options *o = &p->options;
    predict_scene scene = *asked;
    TRY(predictor_head(p, head, &head, err));
    TRY(predictor_no_cover(p, head, "scenes", err));
    if (o->crop_h < 1 || o->crop_w < 1 || o->stride_h < 1 || o->stride_w < 1)
        return fail(err, CSEG_USAGE, "scenes need a crop size and a stride of at least 1");
    scene.img_h = scene.img_h ? scene.img_h : scene.h;
    scene.img_w = scene.img_w ? scene.img_w : scene.w;
    scene.ori_h = scene.ori_h ? scene.ori_h : scene.img_h;
    scene.ori_w = scene.ori_w ? scene.ori_w : scene.img_w;
    int64_t width = strip_width(p, &scene, head), all, done = 0;
    TRY(count_crops(p, &scene, head, width, &all, err));
    for (int64_t x = 0; x < scene.ori_w; x += width) {
        strip s = {.scene = &scene, .b = p->b, .x = x, .w = x + width < scene.ori_w ? width : scene.ori_w - x};
        TRY(scan_strip(p, &scene, head, &s, &done, all, err));
    }
    return CSEG_OK;
}
