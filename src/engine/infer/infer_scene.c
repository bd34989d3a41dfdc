/* Segments scenes: windows go through the config's own loader and transforms, are segmented and written. The scene is
 * never in memory as a whole. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "data/transforms/windows.h"
#include "engine/infer/infer_internal.h"
#include "geo/scene.h"

enum { WATCHED = 16 }; /* windows whose numbers are compared with what the model learned from */

typedef struct job {
    infer *x;
    const infer_scene *wanted;
    arena *mem;
    scene source;
    window_source file;
    windowed *steps;
    int64_t h, w;    /* as the model sees it, padded */
    int64_t watched; /* windows so far */
    scene_mask *mask;
    raster_writer *scores;
} job;

static cseg_status read_file(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    job *j = arg;
    return scene_read(&j->source, y, x, h, w, out, err);
}

static void fill(float *to, int64_t n, float v)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = v;
}

/* Values that mean "no data" are arbitrary: a window with such values is not compared. */
static void watch(job *j, int64_t y, int64_t x, int64_t h, int64_t w, const float *v)
{
    const raster_info *info = j->source.info;
    bool can_have = info->has_nodata || info->type == IMAGE_F32;
    if (info->type == IMAGE_F32)
        input_watch_nonsense(j->wanted->path, v, h * w * j->x->m->in_channels, &j->x->watch.told_nonsense);
    if (j->watched == WATCHED || (can_have && windowed_describe(j->steps)->resized))
        return;
    uint8_t *mask = can_have ? mem_alloc_raw((size_t)(h * w)) : NULL;
    int64_t holes = 0;
    bool good = !can_have || (mask && scene_nodata(&j->source, y, x, h, w, mask, &holes, NULL) == CSEG_OK);
    mem_free(mask);
    if (!good || holes)
        return;
    j->watched++;
    input_watch_values(&j->x->watch, v, h * w * j->x->m->in_channels);
    input_watch_judge(&j->x->watch, j->wanted->path, false);
}

/* Reads a window of the padded image: pipeline_pack pads what is outside of the image. */
static cseg_status read_window(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
{
    job *j = arg;
    const windowed_info *made = windowed_describe(j->steps);
    int64_t in_h = made->h - y < h ? made->h - y : h, in_w = made->w - x < w ? made->w - x : w;
    if (in_h < 1 || in_w < 1) {
        fill(to, h * w * made->c, (float)j->x->pre.pad_val);
        return CSEG_OK;
    }
    sample s = {0};
    cseg_status status = windowed_read(j->steps, y, x, in_h, in_w, &s, err);
    if (status == CSEG_OK)
        status = pipeline_pack(&j->x->pre, &s, h, w, to, err);
    if (status == CSEG_OK && in_h == h && in_w == w)
        watch(j, y, x, h, w, to);
    sample_release(&s);
    return status;
}

static cseg_status write_window(void *arg, int64_t y, int64_t x, const image *labels, const image *scores,
                                cseg_error *err)
{
    job *j = arg;
    if (scores && j->scores)
        TRY(raster_write(j->scores, y, x, 0, scores, err));
    return scene_mask_write(j->mask, y, x, labels, err);
}

/* Gives the range of the source from which positions [from, from + n) of `size` are computed, with some positions
 * beside it, because interpolation reads both neighbours. */
static void source_range(int64_t from, int64_t n, int64_t size, int64_t source, int64_t out[2])
{
    enum { BESIDE = 2 };
    int64_t end = from + n;
    out[0] = from;
    out[1] = end < size ? end : size;
    if (size == source)
        return;
    double by = (double)source / (double)size;
    out[0] = (int64_t)((double)(from - BESIDE) * by) - 1;
    out[1] = (int64_t)((double)(end + BESIDE) * by) + 1;
    out[0] = out[0] < 0 ? 0 : out[0];
    out[1] = out[1] < source ? out[1] : source;
}

/* Returns whether a part of the source has no data at all; read in bands that fit into memory. */
static bool all_nodata(const job *j, const int64_t y[2], const int64_t x[2])
{
    enum { LOOK = 1 << 22 };
    int64_t w = x[1] - x[0], band = w < LOOK ? LOOK / w : 1;
    bool empty = true;
    uint8_t *mask = mem_alloc_raw((size_t)(band * w));
    for (int64_t from = y[0]; mask && empty && from < y[1]; from += band) {
        int64_t n = 0, h = y[1] - from < band ? y[1] - from : band;
        empty = scene_nodata(&j->source, from, x[0], h, w, mask, &n, NULL) == CSEG_OK && n == h * w;
    }
    bool answer = mask && empty;
    mem_free(mask);
    return answer;
}

static bool nothing_there(void *arg, int64_t y, int64_t x, int64_t h, int64_t w)
{
    const job *j = arg;
    const windowed_info *made = windowed_describe(j->steps);
    int64_t of_y[2], of_x[2];
    source_range(y, h, made->h, j->file.h, of_y);
    source_range(x, w, made->w, j->file.w, of_x);
    return of_y[0] >= of_y[1] || of_x[0] >= of_x[1] || all_nodata(j, of_y, of_x);
}

static cseg_status tell(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    const job *j = arg;
    return j->wanted->progress ? j->wanted->progress(j->wanted->arg, done, all, err) : CSEG_OK;
}

/* The size that was trained on, or 512. */
static int64_t trained_size(const experiment *e)
{
    const value *size = value_get(e->cfg, "crop_size");
    int64_t v = 0;
    if (value_is_list(size))
        value_integer(value_item(size, 0), &v);
    return v >= 32 && v <= 2048 ? v : 512;
}

static cseg_status scan_options(const infer *x, predict_options *o, cseg_error *err)
{
    TRY(predict_options_read(x->m->test_cfg, o, err));
    if (o->mode == PREDICT_SLIDE)
        return CSEG_OK;
    o->mode = PREDICT_SLIDE;
    o->crop_h = o->crop_w = trained_size(x->e);
    o->stride_h = o->stride_w = (o->crop_h * 2 + 2) / 3;
    return CSEG_OK;
}

/* The scene as the pipeline makes it. */
static cseg_status open_steps(job *j, cseg_error *err)
{
    infer *x = j->x;
    uint8_t nothing = 0;
    TRY(scene_open(j->wanted->path, pipeline_describe(x->steps)->flags, j->mem, &j->source, err));
    j->file = (window_source){
        .path = j->wanted->path, .h = j->source.info->h, .w = j->source.info->w, .read = read_file, .arg = j};
    TRY(windowed_open(x->steps, &j->file, j->mem, &j->steps, err));
    input_watch_file(&x->watch, j->wanted->path);
    const windowed_info *made = windowed_describe(j->steps);
    if (made->resized) {
        char place[512];
        value at = {.at = made->at};
        log_say(LOG_WARNING,
                "%s%s makes %lld x %lld pixels of the scene's %lld x %lld before it is segmented; give --own-size to "
                "segment %s at its own resolution",
                value_place(&at, place), made->resizer, (long long)made->w, (long long)made->h, (long long)j->file.w,
                (long long)j->file.h, j->wanted->path);
    }
    sample like = {.n_images = 1, .path = j->wanted->path};
    like.img = (image){.h = made->h, .w = made->w, .c = made->c, .type = made->type, .data = &nothing};
    return preprocessor_size(&x->pre, &(const sample *){&like}, 1, false, &j->h, &j->w, err);
}

static cseg_status open_outputs(job *j, int head, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    infer *x = j->x;
    const raster_info *info = j->source.info;
    const model_head *about = &x->m->heads.at[head];
    bool wide = about->num_classes > 255;
    int64_t colours;
    const uint8_t *palette = infer_head_palette(x, head, &colours);
    TRY(scene_mask_create(s->mask_path, &j->source, wide ? IMAGE_U16 : IMAGE_U8, wide ? NULL : palette,
                          wide ? 0 : (int)colours, j->mem, &j->mask, err));
    if (!s->scores_path)
        return CSEG_OK;
    raster_spec spec = {
        .h = info->h, .w = info->w, .bands = about->out_channels, .type = IMAGE_F32, .place = &info->place};
    return raster_create(s->scores_path, &spec, j->mem, &j->scores, err);
}

static cseg_status run_job(job *j, predictor *p, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    TRY(open_steps(j, err));
    TRY(open_outputs(j, s->head < 0 ? j->x->m->answer_head : s->head, err));
    const windowed_info *made = windowed_describe(j->steps);
    predict_scene scan = {.h = j->h,
                          .w = j->w,
                          .c = made->c,
                          .file = s->path,
                          .img_h = made->h,
                          .img_w = made->w,
                          .ori_h = j->file.h,
                          .ori_w = j->file.w,
                          .read = read_window,
                          .write = write_window,
                          .skip = nothing_there,
                          .progress = tell,
                          .arg = j,
                          .want_scores = s->scores_path != NULL};
    TRY(predictor_scan(p, &scan, s->head, err));
    input_watch_judge(&j->x->watch, s->path, true);
    if (j->scores)
        TRY(raster_commit(j->scores, err));
    return scene_mask_commit(j->mask, err);
}

cseg_status infer_run_scene(infer *x, const infer_scene *s, cseg_error *err)
{
    if (x->m->dates == 2)
        return fail(err, CSEG_UNSUPPORTED,
                    "%s: scenes of two dates are not segmented window by window; cut them into "
                    "pairs with cseg tile",
                    s->path);
    arena *mem = arena_new();
    predictor *p = NULL;
    if (!mem)
        return fail_memory(err);
    job j = {.x = x, .wanted = s, .mem = mem};
    predict_options o;
    cseg_status status = scan_options(x, &o, err);
    if (status == CSEG_OK)
        status = predictor_new(x->m, x->b, &o, &p, err);
    if (status == CSEG_OK)
        status = run_job(&j, p, err);
    predictor_free(p);
    arena_free(mem);
    return status;
}
