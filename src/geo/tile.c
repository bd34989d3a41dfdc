#include "geo/tile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/outputs.h"
#include "geo/distance.h"
#include "geo/scene.h"

typedef struct window {
    int64_t y, x, h, w;
} window;

typedef struct job {
    const tile_options *o;
    arena *mem;
    scene scene;
    raster *mask;    /* or */
    burner *vectors; /* or NULL both */
    bool labelled;
    const char *stem;
    window train, val; /* regions; h == 0: none */
    tile_report *report;
    outputs *planned; /* while the files are only named */
    struct written {
        VEC(const char *) images;
    } * written;
} job;

static void split(job *j)
{
    const raster_info *i = j->scene.info;
    const tile_options *o = j->o;
    window all = {0, 0, i->h, i->w};
    j->train = all;
    j->val = (window){0};
    if (o->side == HOLD_NONE)
        return;
    bool rows = o->side == HOLD_TOP || o->side == HOLD_BOTTOM;
    bool first = o->side == HOLD_TOP || o->side == HOLD_LEFT;
    int64_t length = rows ? i->h : i->w, held = (int64_t)llround((double)length * o->part);
    int64_t cut = first ? held : length - held;
    window low = all, high = all;
    if (rows) {
        low.h = cut;
        high.y = cut;
        high.h = length - cut;
    } else {
        low.w = cut;
        high.x = cut;
        high.w = length - cut;
    }
    j->train = first ? high : low;
    j->val = first ? low : high;
    j->report->held_from = first ? 0 : cut;
    j->report->held_to = first ? cut : length;
}

static const char *name_of(const job *j, const char *folder, const char *part, window t, const char *ending)
{
    return arena_printf(j->mem, "%s/%s/%s/%s_%05lld_%05lld%s", j->o->out, folder, part, j->stem, (long long)t.y,
                        (long long)t.x, ending);
}

static cseg_status read_label(const job *j, window t, image *label, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    uint8_t *holes = mem_alloc((size_t)(t.h * t.w));
    if (!holes)
        return fail_memory(err);
    if (j->vectors) {
        TRY_DONE(burner_read(j->vectors, t.y, t.x, t.h, t.w, label, err));
    } else {
        TRY_DONE(image_new(t.h, t.w, 1, IMAGE_U8, label, err));
        TRY_DONE(raster_read(j->mask, t.y, t.x, NULL, label, err));
    }
    TRY_DONE(scene_nodata(&j->scene, t.y, t.x, t.h, t.w, holes, NULL, err));
    uint8_t *at = label->data;
    for (int64_t i = 0; i < t.h * t.w; i++)
        if (holes[i])
            at[i] = (uint8_t)j->o->ignore;
done:
    mem_free(holes);
    return status;
}

static double labelled_share(const image *label, int ignore)
{
    const uint8_t *at = label->data;
    int64_t n = label->h * label->w, good = 0;
    for (int64_t i = 0; i < n; i++)
        good += at[i] != ignore;
    return (double)good / (double)n;
}

static cseg_status write_tif(const job *j, const char *path, window t, const image *m, cseg_error *err)
{
    bool whole = m->c == j->scene.info->bands;
    raster_place place;
    raster_spec spec = {.h = t.h,
                        .w = t.w,
                        .bands = m->c,
                        .type = m->type,
                        .place = &place,
                        .has_nodata = j->scene.info->has_nodata && whole,
                        .nodata = j->scene.info->nodata,
                        .has_alpha = j->scene.info->has_alpha && whole};
    arena *mem = arena_new();
    raster_writer *w;
    if (!mem)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    TRY_DONE(raster_place_shift(&j->scene.info->place, t.y, t.x, mem, &place, err));
    TRY_DONE(raster_create(path, &spec, mem, &w, err));
    TRY_DONE(raster_write(w, 0, 0, 0, m, err));
    TRY_DONE(raster_commit(w, err));
done:
    arena_free(mem);
    return status;
}

static const char *image_name(const job *j, const char *part, window t)
{
    const raster_info *info = j->scene.info;
    bool png = info->type == IMAGE_U8 && (info->bands == 1 || info->bands == 3);
    return name_of(j, "images", part, t, png ? ".png" : ".tif");
}

static cseg_status write_image(const job *j, const char *part, window t, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const raster_info *info = j->scene.info;
    const char *path = image_name(j, part, t);
    image m = {0};
    if (!path)
        return fail_memory(err);
    bool png = strcmp(path_ext(path), ".png") == 0;
    TRY_DONE(image_new(t.h, t.w, info->bands, info->type, &m, err));
    TRY_DONE(raster_read(j->scene.r, t.y, t.x, NULL, &m, err));
    TRY_DONE(png ? image_write(path, &m, &(image_save){.rgb = true}, err) : write_tif(j, path, t, &m, err));
    if (!vec_push(j->mem, &j->written->images, path))
        status = fail_memory(err);
done:
    image_release(&m);
    return status;
}

/* Reads a margin around the tile, so that a border just outside it counts as it does for the neighbouring tile. The
 * margin does not reach across the cut. */
static cseg_status write_weight(const job *j, const char *part, window region, window t, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    int64_t margin = (int64_t)ceil(4.0 * j->o->edge_width) + 1;
    window wide;
    wide.y = t.y - margin > region.y ? t.y - margin : region.y;
    wide.x = t.x - margin > region.x ? t.x - margin : region.x;
    int64_t bottom = t.y + t.h + margin, right = t.x + t.w + margin;
    wide.h = (bottom < region.y + region.h ? bottom : region.y + region.h) - wide.y;
    wide.w = (right < region.x + region.w ? right : region.x + region.w) - wide.x;
    image label = {0}, weight = {0}, inner = {0};
    const char *path = name_of(j, "weights", part, t, ".tif");
    if (!path)
        return fail_memory(err);
    TRY_DONE(read_label(j, wide, &label, err));
    TRY_DONE(image_new(wide.h, wide.w, 1, IMAGE_F32, &weight, err));
    TRY_DONE(image_new(t.h, t.w, 1, IMAGE_F32, &inner, err));
    TRY_DONE(
        border_weight(label.data, wide.h, wide.w, j->o->ignore, j->o->edge_gain, j->o->edge_width, weight.data, err));
    for (int64_t y = 0; y < t.h; y++)
        memcpy(image_f32(&inner, y, 0), image_f32(&weight, y + t.y - wide.y, t.x - wide.x),
               (size_t)t.w * sizeof(float));
    TRY_DONE(write_tif(j, path, t, &inner, err));
done:
    image_release(&label);
    image_release(&weight);
    image_release(&inner);
    return status;
}

static cseg_status is_empty(const job *j, window t, bool *empty, cseg_error *err)
{
    int64_t n = 0;
    uint8_t *holes = mem_alloc((size_t)(t.h * t.w));
    if (!holes)
        return fail_memory(err);
    cseg_status status = scene_nodata(&j->scene, t.y, t.x, t.h, t.w, holes, &n, err);
    *empty = n == t.h * t.w;
    mem_free(holes);
    return status;
}

/* Counts it in *kept, or where it is left out. */
static cseg_status write_tile(const job *j, const char *part, window region, window t, double least, int64_t *kept,
                              cseg_error *err)
{
    if (j->labelled) {
        image label = {0};
        cseg_status status = read_label(j, t, &label, err);
        bool enough = status == CSEG_OK && labelled_share(&label, j->o->ignore) >= least;
        if (enough) {
            const char *path = name_of(j, "labels", part, t, ".png");
            status = path ? image_write(path, &label, NULL, err) : fail_memory(err);
        }
        image_release(&label);
        TRY(status);
        if (!enough) {
            j->report->left_out++;
            return CSEG_OK;
        }
        if (j->o->edge_gain > 0.0)
            TRY(write_weight(j, part, region, t, err));
    }
    TRY(write_image(j, part, t, err));
    ++*kept;
    return CSEG_OK;
}

static cseg_status make_folders(const job *j, cseg_error *err)
{
    static const char *const folders[] = {"images", "labels", "weights"}, *const parts[] = {"train", "val"};
    size_t n = !j->labelled ? 1 : j->o->edge_gain > 0.0 ? 3 : 2;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 2; k++) {
            char *path = arena_printf(j->mem, "%s/%s/%s", j->o->out, folders[i], parts[k]);
            if (!path)
                return fail_memory(err);
            TRY(dir_create(path, err));
        }
    return CSEG_OK;
}

static int64_t pieces(int64_t length, int64_t size, int64_t stride)
{
    return length <= size ? 1 : (length - size + stride - 1) / stride + 1;
}

/* What to do with each window: write it, or only name its files. */
typedef cseg_status visit(const job *j, const char *part, window region, window t, cseg_error *err);

static cseg_status cut_train(const job *j, visit *each, cseg_error *err)
{
    window r = j->train;
    int64_t size = j->o->size, stride = j->o->stride, h = r.h < size ? r.h : size, w = r.w < size ? r.w : size;
    int64_t rows = pieces(r.h, size, stride), columns = pieces(r.w, size, stride);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            /* The last ones end at the region's end. */
            window t = {r.y + (i * stride + h <= r.h ? i * stride : r.h - h),
                        r.x + (k * stride + w <= r.w ? k * stride : r.w - w), h, w};
            TRY(each(j, "train", r, t, err));
        }
    return CSEG_OK;
}

static cseg_status cut_val(const job *j, visit *each, cseg_error *err)
{
    window r = j->val;
    if (r.h < 1 || r.w < 1)
        return CSEG_OK;
    int64_t rows = (r.h + j->o->size - 1) / j->o->size, columns = (r.w + j->o->size - 1) / j->o->size;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++) {
            int64_t top = r.h * i / rows, left = r.w * k / columns;
            window t = {r.y + top, r.x + left, r.h * (i + 1) / rows - top, r.w * (k + 1) / columns - left};
            TRY(each(j, "val", r, t, err));
        }
    return CSEG_OK;
}

static cseg_status write_one(const job *j, const char *part, window region, window t, cseg_error *err)
{
    bool empty;
    if (strcmp(part, "val") ==
        0) /* the held-out part is cut as it is: its figures must not depend on what is left out */
        return write_tile(j, part, region, t, 0.0, &j->report->val, err);
    TRY(is_empty(j, t, &empty, err));
    if (!empty)
        return write_tile(j, part, region, t, j->o->min_labelled, &j->report->train, err);
    j->report->empty++;
    return CSEG_OK;
}

static cseg_status plan_one(const job *j, const char *part, window region, window t, cseg_error *err)
{
    (void)region;
    const char *names[] = {image_name(j, part, t), name_of(j, "labels", part, t, ".png"),
                           name_of(j, "weights", part, t, ".tif")};
    size_t n = !j->labelled ? 1 : j->o->edge_gain > 0.0 ? 3 : 2;
    for (size_t i = 0; i < n; i++) {
        if (!names[i])
            return fail_memory(err);
        TRY(outputs_add(j->planned, names[i], "a tile", NULL, err));
    }
    return CSEG_OK;
}

/* No tile may overwrite the scene or its mask. (Overlapping windows at an end may be the same tile twice.) */
static cseg_status check_outputs(const job *j, const char *scene_path, const char *mask_path, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    job plan = *j;
    plan.mem = arena_new();
    plan.planned = plan.mem ? outputs_new(plan.mem) : NULL;
    if (!plan.planned) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(outputs_add_input(plan.planned, scene_path, "the scene", err));
    if (mask_path)
        TRY_DONE(outputs_add_input(plan.planned, mask_path, "its mask", err));
    TRY_DONE(cut_train(&plan, plan_one, err));
    TRY_DONE(cut_val(&plan, plan_one, err));
    status = outputs_check(plan.planned, "give another --out", err);
done:
    arena_free(plan.mem);
    return status;
}

static cseg_status open_mask(job *j, const char *path, cseg_error *err)
{
    TRY(raster_open(path, j->mem, &j->mask, err));
    const raster_info *m = raster_describe(j->mask), *s = j->scene.info;
    if (m->h != s->h || m->w != s->w)
        return fail(err, CSEG_SHAPE, "%s is %lld x %lld pixels, its scene %s is %lld x %lld", path, (long long)m->w,
                    (long long)m->h, j->scene.path, (long long)s->w, (long long)s->h);
    TRY(raster_describe_rpc(j->mask, err));
    TRY(raster_same_place(j->scene.path, s, path, m, j->o->force, err));
    if (m->bands != 1)
        return fail(err, CSEG_DATA,
                    "%s holds %lld bands, a mask one: class numbers. Are scene and mask in this order? A picture in "
                    "colours is to be converted by its palette",
                    path, (long long)m->bands);
    if (m->type != IMAGE_U8)
        return fail(err, CSEG_DATA, "%s holds %s, labels are 8-bit class numbers", path, m->stored);
    return CSEG_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Training on a folder uses all files in it, also those that an earlier run with other options left there. */
static cseg_status warn_left_over(const job *j, cseg_error *err)
{
    static const char *const parts[] = {"train", "val"};
    const char **known = j->written->images.at, **found;
    size_t n = j->written->images.n, n_names, others = 0;
    char **names, *first = NULL;
    if (n)
        qsort(known, n, sizeof *known, by_name);
    for (int part = 0; part < 2; part++) {
        char *dir = arena_printf(j->mem, "%s/images/%s", j->o->out, parts[part]);
        if (!dir)
            return fail_memory(err);
        TRY(dir_list(dir, NULL, false, j->mem, &names, &n_names, err));
        for (size_t i = 0; i < n_names; i++) {
            char *path = arena_printf(j->mem, "%s/%s", dir, names[i]);
            if (!path)
                return fail_memory(err);
            found = n ? bsearch(&path, known, n, sizeof *known, by_name) : NULL;
            others += !found;
            first = found || first ? first : path;
        }
    }
    if (others)
        log_say(LOG_WARNING,
                "%s: holds %zu images that this run has not written, as %s: who trains on this folder trains on them "
                "too; remove them, or give another --out",
                j->o->out, others, first);
    return CSEG_OK;
}

static char *stem_of(arena *mem, const char *path)
{
    const char *base = path_base(path);
    return arena_strndup(mem, base, strlen(base) - strlen(path_ext(base)));
}

cseg_status tile_scene(const char *scene_path, const char *mask_path, const tile_options *options, tile_report *report,
                       cseg_error *err)
{
    cseg_status status = CSEG_OK;
    *report = (tile_report){0};
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    struct written written = {0};
    job j = {.o = options, .mem = mem, .report = report, .written = &written};
    TRY_DONE(scene_open(scene_path, IMAGE_UNCHANGED | IMAGE_RGB, mem, &j.scene, err));
    TRY_DONE(scene_select(&j.scene, options->bands, options->n_bands, err));
    if (mask_path && options->burn)
        TRY_DONE(burner_open(mask_path, options->burn, scene_path, j.scene.info, mem, &j.vectors, err));
    else if (mask_path)
        TRY_DONE(open_mask(&j, mask_path, err));
    j.labelled = mask_path != NULL;
    j.stem = stem_of(mem, scene_path);
    if (!j.stem) {
        status = fail_memory(err);
        goto done;
    }
    split(&j);
    TRY_DONE(check_outputs(&j, scene_path, mask_path, err));
    TRY_DONE(make_folders(&j, err));
    TRY_DONE(cut_train(&j, write_one, err));
    TRY_DONE(cut_val(&j, write_one, err));
    if (report->train == 0 && report->left_out == 0)
        status =
            fail(err, CSEG_DATA, "%s: there are no data where the training tiles lie: all of it is nodata", scene_path);
    else if (report->train == 0)
        status = fail(err, CSEG_DATA, "%s: no tile has labels on %.0f%% of its pixels; lower --min-labelled",
                      scene_path, 100.0 * options->min_labelled);
    else
        status = warn_left_over(&j, err);
done:
    arena_free(mem);
    return status;
}
