/* Segments one file, and removes what its raster says is missing data from the answer. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "engine/infer/infer_internal.h"
#include "geo/scene.h"

static bool is_placed(const raster_info *info)
{
    return info->place.has_transform || info->place.n_gcps || info->place.rpc || *info->place.projection ||
           strcmp(info->driver, "GTiff") == 0;
}

/* Returns whether a scene that cannot be opened may be an image that GDAL does not know: the pipeline's loader then
 * reads it or reports the error. Not if opening failed for another reason, nor for a TIFF, whose mask would be a PNG
 * without georeference. */
static bool is_no_raster(cseg_status status, const char *path)
{
    char b[4] = "";
    FILE *f = status == CSEG_CORRUPT || status == CSEG_UNSUPPORTED ? fopen(path, "rbe") : NULL;
    bool read = f && fread(b, 1, sizeof b, f) == sizeof b;
    if (f)
        fclose(f);
    return f && !(read && (memcmp(b, "II", 2) == 0 || memcmp(b, "MM", 2) == 0) &&
                  (b[2] == 42 || b[3] == 42 || b[2] == 43 || b[3] == 43));
}

cseg_status infer_look(const char *path, arena *mem, scene *out, bool *is_raster, cseg_error *err)
{
    *is_raster = false;
    cseg_status status = scene_open(path, IMAGE_COLOR, mem, out, err);
    if (status == CSEG_OK) {
        *is_raster = is_placed(out->info);
        return CSEG_OK;
    }
    *out = (scene){0};
    return is_no_raster(status, path) ? CSEG_OK : status;
}

void infer_answer_release(infer_answer *out)
{
    prediction_release(&out->p);
    mem_free(out->holes);
    out->holes = NULL;
}

/* Finds where the raster has no data; holes stays NULL if it has data everywhere. */
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
    TRY(scene_make_room(labels, model_head_at(m, head)->num_classes, err));
    scene_put_nodata(labels, 0, out->holes, labels->h * labels->w);
    return CSEG_OK;
}

cseg_status infer_image(infer *x, const char *path, const char *path2, int head, bool want_scores, infer_answer *out,
                        cseg_error *err)
{
    arena *mem = arena_new();
    scene source;
    bool is_raster;
    cseg_status status = CSEG_OK;
    infer_answer_release(out);
    if (!mem)
        return fail_memory(err);
    TRY_DONE(infer_look(path, mem, &source, &is_raster, err));
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
