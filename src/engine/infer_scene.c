/* Scenes: windows are read, normalised, segmented and written; the scene is never in memory. */
#include <string.h>

#include "base/error.h"
#include "engine/infer_internal.h"
#include "geo/scene.h"

typedef struct job {
    infer *x;
    const infer_scene *wanted;
    arena *mem;
    scene source;
    scene_mask *mask;
    raster_writer *scores;
    preprocessor pre; /* without padding: windows are crops already */
} job;

static cseg_status read_window(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, float *to, cseg_error *err)
{
    job *j = arg;
    const pipeline_info *info = pipeline_describe(j->x->steps);
    sample s = {.mem = j->mem, .n_images = 1};
    TRY(scene_read(&j->source, y, x, h, w, &s.img, err));
    s.ori_h = s.img_h = s.pad_h = h;
    s.ori_w = s.img_w = s.pad_w = w;
    s.scale_x = s.scale_y = 1;
    s.norm.n = info->norm_n;
    s.norm.to_rgb = info->to_rgb;
    memcpy(s.norm.mean, info->mean, sizeof s.norm.mean);
    memcpy(s.norm.std, info->std, sizeof s.norm.std);
    cseg_status status = CSEG_OK;
    if (s.img.c != j->x->m->in_channels)
        status = fail(err, CSEG_SHAPE, "%s: has %lld bands, the model takes %d", j->source.path, (long long)s.img.c,
                      j->x->m->in_channels);
    if (status == CSEG_OK)
        status = pipeline_pack(&j->pre, &s, h, w, to, err);
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

static bool nothing_there(void *arg, int64_t y, int64_t x, int64_t h, int64_t w)
{
    job *j = arg;
    int64_t n = 0;
    uint8_t *mask = mem_alloc_raw((size_t)(h * w));
    bool empty = mask && scene_nodata(&j->source, y, x, h, w, mask, &n, NULL) == CSEG_OK && n == h * w;
    mem_free(mask);
    return empty;
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

static cseg_status run_job(job *j, predictor *p, cseg_error *err)
{
    const infer_scene *s = j->wanted;
    infer *x = j->x;
    /* Three channels are colours, whatever the bits; anything else is taken as it is. */
    TRY(scene_open(s->path, x->m->in_channels == 3 ? IMAGE_COLOR : IMAGE_UNCHANGED, j->mem, &j->source, err));
    const raster_info *info = j->source.info;
    int64_t colours;
    const uint8_t *palette = infer_head_palette(x, s->head, &colours);
    bool wide = x->m->heads.at[s->head < 0 ? x->m->answer_head : s->head].num_classes > 255;
    TRY(scene_mask_create(s->mask_path, &j->source, wide ? IMAGE_U16 : IMAGE_U8, wide ? NULL : palette,
                          wide ? 0 : (int)colours, j->mem, &j->mask, err));
    if (s->scores_path) {
        int64_t k = x->m->heads.at[s->head < 0 ? x->m->answer_head : s->head].out_channels;
        raster_spec spec = {.h = info->h, .w = info->w, .bands = k, .type = IMAGE_F32, .place = &info->place};
        TRY(raster_create(s->scores_path, &spec, j->mem, &j->scores, err));
    }
    predict_scene scan = {.h = info->h,
                          .w = info->w,
                          .c = x->m->in_channels == 3 ? 3 : info->bands,
                          .file = s->path,
                          .read = read_window,
                          .write = write_window,
                          .skip = nothing_there,
                          .progress = tell,
                          .arg = j,
                          .want_scores = s->scores_path != NULL};
    TRY(predictor_scan(p, &scan, s->head, err));
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
    job j = {.x = x, .wanted = s, .mem = mem, .pre = x->pre};
    j.pre.h = j.pre.w = j.pre.divisor = 0;
    j.pre.test.any = false;
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
