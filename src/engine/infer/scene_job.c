/* What goes into the windows of a scene, and what comes out of them. */
#include "engine/infer/scene_job.h"

#include "base/error.h"
#include "base/log.h"
#include "base/usage.h"

enum { WATCHED = 4 }; /* rows and columns of windows whose numbers are compared with what the model learned from */

/* ---- opening ------------------------------------------------------------------------------------------------------
 */

static cseg_status read_file(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    job *j = arg;
    image first = {0}, second = {0};
    pthread_mutex_lock(&j->lock);
    cseg_status status = scene_read(&j->source, y, x, h, w, j->source2.r ? &first : out, err);
    if (status == CSEG_OK && j->source2.r)
        status = scene_read(&j->source2, y, x, h, w, &second, err);
    pthread_mutex_unlock(&j->lock);
    if (status == CSEG_OK && j->source2.r)
        status = sample_join_dates(&first, &second, j->source.path, j->source2.path, out, err);
    image_release(&first);
    image_release(&second);
    return status;
}

static cseg_status open_second(job *j, const pipeline_info *steps, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    pair_options how = {.warp = s->warp, .force = s->force};
    TRY(scene_open(s->path2, steps->flags, j->mem, &j->source2, err));
    TRY(scene_align(&j->source2, &j->source, &how, err));
    TRY(scene_select(&j->source2, steps->bands, steps->n_bands, err));
    input_watch_file(&j->x->watch, s->path2);
    return input_watch_verdict(&j->x->watch, err);
}

static void warn_of_resize(const job *j, const windowed_info *made)
{
    char place[512];
    value at = {.at = made->at};
    log_say(LOG_WARNING,
            "%s%s makes %lld x %lld pixels of the scene's %lld x %lld before it is segmented; give --own-size to "
            "segment %s at its own resolution",
            value_place(&at, place), made->resizer, (long long)made->w, (long long)made->h, (long long)j->file.w,
            (long long)j->file.h, j->wanted->path);
}

cseg_status scene_job_open(job *j, cseg_error *err)
{
    infer *x = j->x;
    uint8_t nothing = 0;
    const pipeline_info *steps = pipeline_describe(x->steps);
    TRY(scene_open(j->wanted->path, steps->flags, j->mem, &j->source, err));
    if (j->wanted->path2)
        TRY(open_second(j, steps, err));
    TRY(scene_select(&j->source, steps->bands, steps->n_bands, err));
    j->file = (window_source){.path = j->wanted->path,
                              .h = j->source.info->h,
                              .w = j->source.info->w,
                              .dates = x->m->dates,
                              .bands = steps->bands,
                              .n_bands = steps->n_bands,
                              .read = read_file,
                              .arg = j};
    TRY(windowed_open(x->steps, &j->file, j->mem, &j->steps, err));
    input_watch_file(&x->watch, j->wanted->path);
    const windowed_info *made = windowed_describe(j->steps);
    if (made->resized)
        warn_of_resize(j, made);
    sample like = {.n_images = x->m->dates, .path = j->wanted->path};
    like.img = (image){.h = made->h, .w = made->w, .c = made->c, .type = made->type, .data = &nothing};
    return preprocessor_size(&x->pre, &(const sample *){&like}, 1, false, &j->h, &j->w, err);
}

/* ---- windows ------------------------------------------------------------------------------------------------------
 */

/* Where one date has no data there is no answer. holes [h, w]. */
static cseg_status find_holes(job *j, int64_t y, int64_t x, int64_t h, int64_t w, uint8_t *holes, int64_t *n,
                              cseg_error *err)
{
    int64_t more = 0;
    pthread_mutex_lock(&j->lock);
    cseg_status status = scene_nodata(&j->source, y, x, h, w, holes, n, err);
    uint8_t *also = status == CSEG_OK && j->source2.r ? mem_alloc((size_t)(h * w)) : NULL;
    if (status == CSEG_OK && j->source2.r)
        status = also ? scene_nodata(&j->source2, y, x, h, w, also, &more, err) : fail_memory(err);
    pthread_mutex_unlock(&j->lock);
    if (status == CSEG_OK && more) {
        *n = 0;
        for (int64_t i = 0; i < h * w; i++) {
            holes[i] |= also[i];
            *n += holes[i];
        }
    }
    mem_free(also);
    return status;
}

static void fill(float *to, int64_t n, float v)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = v;
}

static void watch_nonsense(job *j, const float *v, int64_t n)
{
    if (j->source.info->type == IMAGE_F32)
        input_watch_nonsense(j->wanted->path, v, n, &j->x->watch.told_nonsense);
}

/* A window of the padded image: pipeline_pack pads what is outside of the image. */
cseg_status scene_job_read(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
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
    if (status == CSEG_OK)
        watch_nonsense(j, to, h * w * made->c);
    sample_release(&s);
    return status;
}

/* Values that mean "no data" are arbitrary: a window with such values is not compared. */
static cseg_status watch_window(job *j, int64_t y, int64_t x, int64_t h, int64_t w, float *room, uint8_t *holes,
                                cseg_error *err)
{
    const windowed_info *made = windowed_describe(j->steps);
    int64_t n = 0;
    TRY(scene_job_read(j, y, x, h, w, room, err));
    if (!made->resized)
        TRY(find_holes(j, y, x, h, w, holes, &n, err));
    if (n)
        return CSEG_OK;
    input_watch_values(&j->x->watch, room, h * w * made->c);
    input_watch_judge(&j->x->watch, j->wanted->path, false);
    return CSEG_OK;
}

cseg_status scene_job_watch(job *j, const predict_options *o, cseg_error *err)
{
    const windowed_info *made = windowed_describe(j->steps);
    const raster_info *info = j->source.info;
    int64_t h = o->crop_h < made->h ? o->crop_h : made->h, w = o->crop_w < made->w ? o->crop_w : made->w;
    bool can_have = info->has_nodata || info->type == IMAGE_F32 || j->source2.r;
    TRY(input_watch_verdict(&j->x->watch, err));
    if (made->resized && can_have)
        return CSEG_OK;
    float *room = mem_alloc_raw((size_t)(h * w * made->c) * sizeof *room);
    uint8_t *holes = mem_alloc_raw((size_t)(h * w));
    cseg_status status = room && holes ? CSEG_OK : fail_memory(err);
    int64_t rows = made->h > h ? WATCHED : 1, columns = made->w > w ? WATCHED : 1;
    for (int64_t i = 0; status == CSEG_OK && i < rows * columns; i++) {
        int64_t y = rows > 1 ? (made->h - h) * (i / columns) / (rows - 1) : 0;
        int64_t x = columns > 1 ? (made->w - w) * (i % columns) / (columns - 1) : 0;
        status = watch_window(j, y, x, h, w, room, holes, err);
    }
    mem_free(room);
    mem_free(holes);
    input_watch_judge(&j->x->watch, j->wanted->path, true);
    return status == CSEG_OK ? input_watch_verdict(&j->x->watch, err) : status;
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

/* Whether a part of the source has no data at all; read in bands that fit into memory. */
static bool all_nodata(job *j, const int64_t y[2], const int64_t x[2])
{
    enum { LOOK = 1 << 20 };
    int64_t w = x[1] - x[0], band = w < LOOK ? LOOK / w : 1;
    bool empty = true;
    uint8_t *holes = mem_alloc_raw((size_t)(band * w));
    for (int64_t from = y[0]; holes && empty && from < y[1]; from += band) {
        int64_t n = 0, h = y[1] - from < band ? y[1] - from : band;
        empty = find_holes(j, from, x[0], h, w, holes, &n, NULL) == CSEG_OK && n == h * w;
    }
    bool answer = holes && empty;
    mem_free(holes);
    return answer;
}

bool scene_job_is_empty(void *arg, int64_t y, int64_t x, int64_t h, int64_t w)
{
    job *j = arg;
    const windowed_info *made = windowed_describe(j->steps);
    int64_t of_y[2], of_x[2];
    source_range(y, h, made->h, j->file.h, of_y);
    source_range(x, w, made->w, j->file.w, of_x);
    return of_y[0] >= of_y[1] || of_x[0] >= of_x[1] || all_nodata(j, of_y, of_x);
}

/* ---- parts of the answer ------------------------------------------------------------------------------------------
 */

/* Probabilities as bytes. */
static cseg_status to_bytes(image *scores, cseg_error *err)
{
    image bytes;
    TRY(image_new(scores->h, scores->w, scores->c, IMAGE_U8, &bytes, err));
    const float *from = scores->data;
    uint8_t *to = bytes.data;
    for (int64_t i = 0, n = scores->h * scores->w * scores->c; i < n; i++)
        to[i] = (uint8_t)(from[i] * (float)CONFIDENCE_ONE + 0.5f);
    image_release(scores);
    *scores = bytes;
    return CSEG_OK;
}

/* Some rows at a time, so that the thread that reads windows need not wait for long. */
static cseg_status take_out_nodata(job *j, predict_part *part, cseg_error *err)
{
    enum { ROWS = 64 };
    int64_t w = part->labels.w;
    uint8_t *holes = mem_alloc_raw((size_t)(ROWS * w));
    cseg_status status = holes ? CSEG_OK : fail_memory(err);
    for (int64_t y = 0; status == CSEG_OK && y < part->labels.h; y += ROWS) {
        int64_t n, h = part->labels.h - y < ROWS ? part->labels.h - y : ROWS;
        status = find_holes(j, part->y + y, part->x, h, w, holes, &n, err);
        image *maps[] = {&part->labels, &part->scores, &part->confidence};
        for (int i = 0; status == CSEG_OK && n && i < 3; i++)
            if (maps[i]->data)
                scene_put_nodata(maps[i], y * w, holes, h * w);
    }
    mem_free(holes);
    return status;
}

cseg_status scene_job_write(void *arg, predict_part *part, cseg_error *err)
{
    job *j = arg;
    if (part->scores.data && j->wanted->scores_bytes)
        TRY(to_bytes(&part->scores, err));
    TRY(scene_make_room(&part->labels, j->x->m->heads.at[j->head].num_classes, err));
    TRY(take_out_nodata(j, part, err));
    if (part->scores.data)
        TRY(scene_store_put(j->store, STORE_SCORES, part->y, part->x, &part->scores, err));
    if (part->confidence.data)
        TRY(scene_store_put(j->store, STORE_CONFIDENCE, part->y, part->x, &part->confidence, err));
    return scene_store_put(j->store, STORE_LABELS, part->y, part->x, &part->labels, err);
}

cseg_status scene_job_reach(void *arg, const predict_point *at, cseg_error *err)
{
    job *j = arg;
    double began = usage_seconds();
    cseg_status status = scene_store_reach(j->store, at, err);
    atomic_store(&j->point_cost, usage_seconds() - began);
    return status;
}
