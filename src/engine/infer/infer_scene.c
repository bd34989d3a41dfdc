/* Segments scenes: windows go through the config's own loader and transforms, are segmented and written. The scene is
 * never in memory as a whole. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"
#include "base/usage.h"
#include "data/transforms/windows.h"
#include "engine/infer/infer_internal.h"
#include "engine/infer/scene_job.h"
#include "engine/infer/slide_grid.h"

static const size_t MIB = (size_t)1 << 20;

/* ---- windows ------------------------------------------------------------------------------------------------------
 */

/* The size that was trained on, or 512. */
static int64_t trained_size(const experiment *e)
{
    const value *size = value_get(e->cfg, "crop_size");
    int64_t v = 0;
    if (value_is_list(size))
        value_integer(value_item(size, 0), &v);
    return v >= 32 && v <= 2048 ? v : 512;
}

static cseg_status check_windows(const infer_scene *s, cseg_error *err)
{
    if (s->window < 0 || s->window > PREDICT_MAX_CROP)
        return fail(err, CSEG_USAGE, "windows of %lld pixels: 1 to %d are possible", (long long)s->window,
                    PREDICT_MAX_CROP);
    if (s->has_overlap && s->overlap < 0)
        return fail(err, CSEG_USAGE, "an overlap of %lld pixels", (long long)s->overlap);
    return CSEG_OK;
}

/* Crop, stride and mode of blending: what is asked for, else the config's. */
static cseg_status choose_windows(job *j, predict_options *o, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    TRY(check_windows(s, err));
    TRY(predict_options_read(j->x->m->test_cfg, o, err));
    bool slides = o->mode == PREDICT_SLIDE;
    int64_t shared_h = o->crop_h - o->stride_h, shared_w = o->crop_w - o->stride_w;
    if (s->window || !slides) {
        o->crop_h = o->crop_w = s->window ? s->window : trained_size(j->x->e);
        shared_h = shared_w = o->crop_h / 3;
    }
    if (s->has_overlap)
        shared_h = shared_w = s->overlap;
    if (shared_h >= o->crop_h || shared_w >= o->crop_w)
        return fail(err, CSEG_USAGE, "windows of %lld pixels cannot overlap by %lld", (long long)o->crop_h,
                    (long long)(shared_h > shared_w ? shared_h : shared_w));
    o->mode = PREDICT_SLIDE;
    o->stride_h = o->crop_h - shared_h;
    o->stride_w = o->crop_w - shared_w;
    bool as_reference = slides && !s->window && !s->has_overlap && !(s->flips && *s->flips);
    j->blend = s->blend == INFER_BLEND_LOGITS   ? BLEND_LOGITS
               : s->blend == INFER_BLEND_SMOOTH ? BLEND_SMOOTH
               : s->blend == INFER_BLEND_CUT    ? BLEND_CUT
               : as_reference                   ? BLEND_LOGITS
                                                : BLEND_SMOOTH;
    return CSEG_OK;
}

/* ---- outputs ------------------------------------------------------------------------------------------------------
 */

/* What the answer depends on, so that an interrupted run goes on only with the same. */
static void describe_file(strbuf *b, const char *what, const char *path)
{
    struct stat st;
    if (!path)
        return;
    strbuf_addf(b, "%s: %s", what, path);
    if (stat(path, &st) == 0)
        strbuf_addf(b, ", %lld bytes, changed %lld.%09ld", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                    st.st_mtim.tv_nsec);
    strbuf_add(b, "\n");
}

static const char *asked_text(const job *j, const predict_options *o)
{
    static const char *const blends[] = {"mean of logits", "smooth", "cut"};
    const infer_scene *s = j->wanted;
    strbuf b = {.mem = j->mem};
    strbuf_add(&b, "cseg scene: 1\n");
    describe_file(&b, "scene", s->path);
    describe_file(&b, "second date", s->path2);
    describe_file(&b, "config", j->x->e->path);
    describe_file(&b, "checkpoint", j->x->checkpoint);
    strbuf_addf(&b, "size: %lld x %lld, as the model sees it %lld x %lld\n", (long long)j->file.w, (long long)j->file.h,
                (long long)j->w, (long long)j->h);
    strbuf_addf(&b, "windows: %lld x %lld, one every %lld x %lld, joined: %s\n", (long long)o->crop_w,
                (long long)o->crop_h, (long long)o->stride_w, (long long)o->stride_h, blends[j->blend]);
    strbuf_addf(&b, "flips: %s\n", s->flips ? s->flips : "");
    strbuf_addf(&b, "head: %d\n", j->head);
    strbuf_addf(&b, "precision: %s\n", j->x->bf16 ? "bf16" : "fp32");
    strbuf_addf(&b, "probabilities: %s\n", !s->scores_path ? "none" : s->scores_bytes ? "u8" : "f32");
    strbuf_addf(&b, "confidence: %s\n", s->confidence_path ? "yes" : "no");
    return b.failed ? NULL : b.text;
}

static bool tell_join(void *arg, double done)
{
    const job *j = arg;
    cseg_error ignored;
    enum { STEPS = 1000 };
    return !j->wanted->progress ||
           j->wanted->progress(j->wanted->arg, INFER_JOIN, (int64_t)(done * STEPS), STEPS, &ignored) == CSEG_OK;
}

static cseg_status write_mask(const job *j, raster_spec spec, const raster_join_options *o, cseg_error *err)
{
    const model_head *about = &j->x->m->heads.at[j->head];
    int64_t colours;
    bool wide = about->num_classes > 255;
    const uint8_t *palette = infer_head_palette(j->x, j->head, &colours);
    spec.bands = 1;
    spec.type = wide ? IMAGE_U16 : IMAGE_U8;
    spec.has_nodata = true;
    spec.nodata = wide ? 65535 : 255;
    spec.palette = wide ? NULL : palette;
    spec.palette_n = wide ? 0 : (int)colours;
    spec.classes = infer_head_classes(j->x, j->head, j->mem, &spec.n_classes);
    if (!spec.classes)
        return fail_memory(err);
    return scene_store_join(j->store, STORE_LABELS, j->wanted->mask_path, &spec, o, err);
}

/* The mask comes last: if it is there, all of the answer is. */
static cseg_status write_outputs(const job *j, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    const raster_info *info = j->source.info;
    raster_join_options o = {.plain = s->plain, .threads = j->x->threads, .progress = tell_join, .arg = (void *)j};
    raster_spec spec = {.h = info->h, .w = info->w, .place = &info->place, .has_nodata = true};
    if (s->scores_path) {
        raster_spec scores = spec;
        scores.bands = j->x->m->heads.at[j->head].out_channels;
        scores.type = s->scores_bytes ? IMAGE_U8 : IMAGE_F32;
        scores.nodata = s->scores_bytes ? 255 : NAN;
        scores.scale = s->scores_bytes ? 1.0 / CONFIDENCE_ONE : 0;
        int n;
        const char *const *names = infer_head_classes(j->x, j->head, j->mem, &n);
        scores.names = n == scores.bands ? names : NULL;
        TRY(scene_store_join(j->store, STORE_SCORES, s->scores_path, &scores, &o, err));
    }
    if (s->confidence_path) {
        raster_spec sure = spec;
        sure.bands = 1;
        sure.type = IMAGE_U8;
        sure.nodata = 255;
        sure.scale = 1.0 / CONFIDENCE_ONE;
        TRY(scene_store_join(j->store, STORE_CONFIDENCE, s->confidence_path, &sure, &o, err));
    }
    return write_mask(j, spec, &o, err);
}

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

/* Beside the strips there are copies of what is being written, and of the sums of a point; and GDAL's blocks. */
static cseg_status share_memory(const job *j, predictor *p, predict_scene *scan, cseg_error *err)
{
    enum { CACHE = 256, LEAST_CACHE = 32, RESERVE = 96 };
    size_t planned, least, limit = j->wanted->memory;
    TRY(predictor_scan_bytes(p, scan, j->head, &planned, &least, err));
    if (!limit) {
        scan->strip_bytes = least > 256 * MIB ? least : 256 * MIB;
        raster_limit_cache((int64_t)(CACHE * MIB));
        return CSEG_OK;
    }
    size_t used = usage_memory() + planned + RESERVE * MIB, cache = limit / 8;
    cache = cache < LEAST_CACHE * MIB ? LEAST_CACHE * MIB : cache > CACHE * MIB ? CACHE * MIB : cache;
    size_t all = used + cache + least * 2;
    if (limit < all)
        return fail(err, CSEG_USAGE,
                    "%s: %zu MiB of memory are not enough for this model and these windows: it takes at least %zu MiB; "
                    "give more with --memory, or smaller windows with --window",
                    j->wanted->path, limit / MIB, all / MIB + 1);
    scan->strip_bytes = (limit - used - cache) / 2;
    raster_limit_cache((int64_t)cache);
    return CSEG_OK;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------
 */

static cseg_status tell(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    const job *j = arg;
    return j->wanted->progress ? j->wanted->progress(j->wanted->arg, INFER_WINDOWS, done, all, err) : CSEG_OK;
}

static cseg_status write_part(void *arg, const predict_part *part, cseg_error *err)
{
    return scene_queue_put(((job *)arg)->queue, part, err);
}

/* A point costs a copy of the sums on the disk: a twentieth of the time at most. */
static bool is_due(void *arg)
{
    job *j = arg;
    const double part = 20.0;
    return usage_seconds() - j->last_point >= part * atomic_load(&j->point_cost);
}

static cseg_status reached(void *arg, predict_point *at, cseg_error *err)
{
    job *j = arg;
    j->last_point = usage_seconds();
    return scene_queue_reach(j->queue, at, err);
}

static cseg_status scan_scene(job *j, predictor *p, predict_scene *scan, cseg_error *err)
{
    scan->from = scene_store_point(j->store);
    if (scan->from && j->wanted->memory && scan->from->strip_bytes / 5 * 4 > scan->strip_bytes)
        return fail(err, CSEG_USAGE,
                    "%s was begun with more --memory; give as much again, or leave --resume out to begin anew",
                    scene_store_folder(j->store));
    if (scan->from)
        log_say(LOG_INFO, "%s: going on after %lld windows", j->wanted->path, (long long)scan->from->done);
    j->last_point = usage_seconds();
    atomic_store(&j->point_cost, 0.0); /* the first row is saved, which tells what that costs */
    scene_queue_calls calls = {.write = scene_job_write, .reach = scene_job_reach, .arg = j};
    TRY(scene_queue_open(&calls, &j->queue, err));
    cseg_status status = predictor_scan(p, scan, j->head, err);
    cseg_error later;
    cseg_status closed = scene_queue_close(j->queue, true, &later);
    j->queue = NULL;
    if (status == CSEG_OK && closed != CSEG_OK) {
        if (err)
            *err = later;
        status = closed;
    }
    return status;
}

static cseg_status run_job(job *j, const predict_options *o, predictor *p, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    const windowed_info *made = windowed_describe(j->steps);
    predict_scene scan = {.h = j->h,
                          .w = j->w,
                          .c = made->c,
                          .dates = j->x->m->dates,
                          .file = s->path,
                          .img_h = made->h,
                          .img_w = made->w,
                          .ori_h = j->file.h,
                          .ori_w = j->file.w,
                          .blend = j->blend,
                          .flips = s->flips,
                          .batch = s->batch,
                          .ahead = 2 + s->batch,
                          .read = scene_job_read,
                          .write = write_part,
                          .skip = scene_job_is_empty,
                          .progress = tell,
                          .due = is_due,
                          .reached = reached,
                          .arg = j,
                          .want_scores = s->scores_path != NULL,
                          .want_confidence = s->confidence_path != NULL};
    TRY(predictor_head(p, s->head, &j->head, err));
    TRY(share_memory(j, p, &scan, err));
    const char *asked = asked_text(j, o);
    strbuf folder = {.mem = j->mem};
    strbuf_addf(&folder, "%s.windows", s->mask_path);
    if (!asked || folder.failed)
        return fail_memory(err);
    TRY(scene_store_open(folder.text, asked, s->resume, j->mem, &j->store, err));
    TRY(scan_scene(j, p, &scan, err));
    TRY(write_outputs(j, err));
    scene_store_remove(j->store);
    return CSEG_OK;
}

cseg_status infer_run_scene(infer *x, const infer_scene *s, cseg_error *err)
{
    if ((x->m->dates == 2) != (s->path2 != NULL))
        return fail(err, CSEG_USAGE, "%s: %s", s->path,
                    s->path2 ? "this model sees one date, not two" : "this model compares two dates; give the second");
    arena *mem = arena_new();
    predictor *p = NULL;
    if (!mem)
        return fail_memory(err);
    job j = {.x = x, .wanted = s, .mem = mem};
    pthread_mutex_init(&j.lock, NULL);
    predict_options o;
    cseg_status status = choose_windows(&j, &o, err);
    if (status == CSEG_OK)
        status = scene_job_open(&j, err);
    if (status == CSEG_OK)
        status = scene_job_watch(&j, &o, err);
    if (status == CSEG_OK)
        status = predictor_new(x->m, x->b, &o, &p, err);
    if (status == CSEG_OK)
        status = run_job(&j, &o, p, err);
    predictor_free(p);
    pthread_mutex_destroy(&j.lock);
    arena_free(mem);
    return status;
}
