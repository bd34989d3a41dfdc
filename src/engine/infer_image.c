/* One file's answer, with what its raster says of missing data. */
#include <string.h>

#include "base/error.h"
#include "engine/infer_internal.h"
#include "geo/scene.h"

bool infer_is_raster(const raster_info *info)
{
    return info->place.has_transform || info->place.n_gcps || info->place.rpc || *info->place.projection ||
           strcmp(info->driver, "GTiff") == 0;
}

void infer_answer_release(infer_answer *out)
{
    prediction_release(&out->p);
    mem_free(out->holes);
    out->holes = NULL;
}

/* Labels of 256 classes need all their numbers. */
static cseg_status make_room(image *labels, int64_t classes, cseg_error *err)
{
    if (labels->type != IMAGE_U8 || classes < 256)
        return CSEG_OK;
    image wide;
    TRY(image_convert(labels, IMAGE_I32, &wide, err));
    image_release(labels);
    *labels = wide;
    return CSEG_OK;
}

static void put_nodata(image *labels, const uint8_t *holes)
{
    for (int64_t i = 0, n = labels->h * labels->w; i < n; i++) {
        if (!holes[i])
            continue;
        if (labels->type == IMAGE_U8)
            ((uint8_t *)labels->data)[i] = 255;
        else
            ((int32_t *)labels->data)[i] = 65535;
    }
}

/* Where the raster has no data; holes stays NULL if it has everywhere. */
static cseg_status find_nodata(const scene *source, infer_answer *out, cseg_error *err)
{
    const raster_info *info = source->info;
    int64_t n = 0;
    out->holes = mem_alloc((size_t)(info->h * info->w));
    if (!out->holes)
        return fail_memory(err);
    TRY(scene_nodata(source, 0, 0, info->h, info->w, out->holes, &n, err));
    if (n)
        return CSEG_OK;
    mem_free(out->holes);
    out->holes = NULL;
    return CSEG_OK;
}

static cseg_status take_out_nodata(const infer *x, const scene *source, int head, infer_answer *out, cseg_error *err)
{
    const model *m = infer_model(x);
    image *labels = &out->p.labels;
    if (source->info->h != labels->h || source->info->w != labels->w)
        return fail(err, CSEG_SHAPE, "%s: the raster is %lld x %lld, the image read from it %lld x %lld", source->path,
                    (long long)source->info->h, (long long)source->info->w, (long long)labels->h, (long long)labels->w);
    if (!out->holes)
        return CSEG_OK;
    TRY(make_room(labels, m->heads.at[head < 0 ? m->answer_head : head].num_classes, err));
    put_nodata(labels, out->holes);
    return CSEG_OK;
}

cseg_status infer_image(infer *x, const char *path, const char *path2, int head, bool want_scores, infer_answer *out,
                        cseg_error *err)
{
    arena *mem = arena_new();
    scene source;
    cseg_error ignored; /* what is no raster may be an image all the same */
    cseg_status status = CSEG_OK;
    infer_answer_release(out);
    if (!mem)
        return fail_memory(err);
    bool is_raster = scene_open(path, IMAGE_COLOR, mem, &source, &ignored) == CSEG_OK && infer_is_raster(source.info);
    if (is_raster)
        TRY_DONE(find_nodata(&source, out, err));
    x->watch.skips_values = out->holes != NULL;
    TRY_DONE(infer_file(x, path, path2, head, want_scores, &out->p, err));
    if (is_raster)
        status = take_out_nodata(x, &source, head, out, err);
done:
    x->watch.skips_values = false;
    arena_free(mem);
    if (status != CSEG_OK)
        infer_answer_release(out);
    return status;
}
