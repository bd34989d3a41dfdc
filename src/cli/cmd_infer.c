/* cseg infer: masks of images, folders of images and scenes. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/pictures.h"
#include "cli/terminal.h"
#include "data/visual.h"
#include "engine/infer.h"
#include "geo/scene.h"

typedef struct infer_args {
    str_list cfg_options;
    const char *out, *second, *backend, *precision;
    double opacity;
    int64_t threads, head;
    bool all_heads, tta, scores, windows, mask_only;
} infer_args;

/* One image: where it is, and its name below --out. */
typedef struct input {
    const char *path, *path2, *name;
} input;

typedef struct session {
    const infer_args *o;
    arena *mem; /* for one image */
    infer *x;
    painter paint;
    VEC(input) inputs;
} session;

/* Above this many pixels a raster is segmented by windows, which its memory does not grow with. */
static const int64_t WINDOWS_FROM = (int64_t)5000 * 5000;

static const char *const image_endings[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp",
                                            ".jp2", ".img", ".vrt",  ".gif", ".pgm",  ".ppm"};

static bool is_image_name(const char *path)
{
    char ending[16];
    const char *from = path_ext(path);
    size_t n = strlen(from);
    if (n >= sizeof ending)
        return false;
    for (size_t i = 0; i <= n; i++)
        ending[i] = from[i] >= 'A' && from[i] <= 'Z' ? (char)(from[i] + 32) : from[i];
    for (size_t i = 0; i < sizeof image_endings / sizeof *image_endings; i++)
        if (strcmp(ending, image_endings[i]) == 0)
            return true;
    return false;
}

/* ---- which images --------------------------------------------------------------------------------------------- */

static cseg_status add_input(session *s, const char *path, const char *name, arena *mem, cseg_error *err)
{
    input in = {.path = path, .name = name};
    if (s->o->second) {
        in.path2 = file_is_dir(s->o->second) ? path_join(mem, s->o->second, name) : s->o->second;
        if (!in.path2)
            return fail_memory(err);
    }
    return vec_push(mem, &s->inputs, in) ? CSEG_OK : fail_memory(err);
}

static cseg_status add_folder(session *s, const char *folder, arena *mem, cseg_error *err)
{
    char **names;
    size_t n, before = s->inputs.n;
    TRY(dir_list(folder, NULL, true, mem, &names, &n, err));
    for (size_t i = 0; i < n; i++) {
        char *path = path_join(mem, folder, names[i]);
        if (!path)
            return fail_memory(err);
        if (is_image_name(names[i]))
            TRY(add_input(s, path, names[i], mem, err));
    }
    if (s->inputs.n == before)
        return fail(err, CSEG_NOT_FOUND, "%s: no image in this folder", folder);
    return CSEG_OK;
}

/* Two inputs must not be written to one place. */
static cseg_status check_names(const session *s, cseg_error *err)
{
    for (size_t i = 0; i < s->inputs.n; i++)
        for (size_t k = 0; k < i; k++) {
            const char *a = s->inputs.at[i].name, *b = s->inputs.at[k].name;
            size_t n = strlen(a) - strlen(path_ext(a));
            if (n == strlen(b) - strlen(path_ext(b)) && strncmp(a, b, n) == 0)
                return fail(err, CSEG_USAGE,
                            "%s and %s would be written to the same files; segment them one by one, "
                            "with other --out",
                            s->inputs.at[k].path, s->inputs.at[i].path);
        }
    return CSEG_OK;
}

static cseg_status find_inputs(session *s, const str_list *args, arena *mem, cseg_error *err)
{
    for (size_t i = 2; i < args->n; i++) {
        const char *path = args->at[i];
        if (file_is_dir(path))
            TRY(add_folder(s, path, mem, err));
        else if (!file_exists(path) && !str_starts(path, "/vsi"))
            return fail(err, CSEG_NOT_FOUND, "%s: no such file or folder", path);
        else
            TRY(add_input(s, path, path_base(path), mem, err));
    }
    return check_names(s, err);
}

/* ---- one image ------------------------------------------------------------------------------------------------ */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* "", or "_NAME" of the head when several are written. */
static char *place_for(session *s, const input *in, int head, const char *suffix, cseg_error *err)
{
    char *whole = s->o->all_heads ? arena_printf(s->mem, "_%s%s", infer_model(s->x)->heads.at[head].name, suffix)
                                  : arena_strdup(s->mem, suffix);
    if (!whole) {
        fail_memory(err);
        return NULL;
    }
    char *path = output_path(s->o->out ? s->o->out : "segmented", in->name, whole, s->mem, err);
    if (path && same_file(path, in->path)) {
        fail(err, CSEG_USAGE, "%s would be written over by its own mask; give another --out", in->path);
        return NULL;
    }
    return path;
}

/* The image that a map is of: ChangeExtraSegmentor's maps of the second date are of the second image. */
static const char *shown_image(const session *s, const input *in, int head)
{
    return in->path2 && str_ends(infer_model(s->x)->heads.at[head].name, ".to") ? in->path2 : in->path;
}

/* holes: where the raster has no data; NULL: nowhere. */
static cseg_status write_pictures(session *s, const input *in, int head, const image *labels, const uint8_t *holes,
                                  cseg_error *err)
{
    if (s->o->mask_only)
        return CSEG_OK;
    char *colour = place_for(s, in, head, "_colour.png", err), *over = place_for(s, in, head, "_overlay.png", err);
    if (!colour || !over)
        return err->code;
    image marked = {0};
    cseg_status status = CSEG_OK;
    if (holes) { /* ids without a colour are black */
        TRY_DONE(image_convert(labels, IMAGE_I32, &marked, err));
        for (int64_t i = 0; i < labels->h * labels->w; i++)
            if (holes[i])
                ((int32_t *)marked.data)[i] = INT32_MAX;
    }
    TRY_DONE(picture_write_colour(colour, holes ? &marked : labels, &s->paint, err));
    TRY_DONE(picture_write_overlay(over, shown_image(s, in, head), labels, holes, &s->paint, err));
done:
    image_release(&marked);
    return status;
}

static cseg_status write_scores(session *s, const input *in, int head, const image *scores, const raster_place *place,
                                cseg_error *err)
{
    char *path = place_for(s, in, head, "_scores.tif", err);
    raster_writer *w;
    if (!path)
        return err->code;
    raster_spec spec = {.h = scores->h, .w = scores->w, .bands = scores->c, .type = IMAGE_F32, .place = place};
    TRY(raster_create(path, &spec, s->mem, &w, err));
    TRY(raster_write(w, 0, 0, 0, scores, err));
    return raster_commit(w, err);
}

static cseg_status write_png(session *s, const input *in, int head, const image *labels, cseg_error *err)
{
    char *path = place_for(s, in, head, ".png", err);
    if (!path)
        return err->code;
    if (labels->type == IMAGE_U8 && s->paint.n <= 256)
        return visual_write_palette(path, labels, s->paint.palette, s->paint.n, err);
    image wide = {0};
    cseg_status status = image_convert(labels, IMAGE_U16, &wide, err);
    if (status == CSEG_OK)
        status = image_write(path, &wide, NULL, err);
    image_release(&wide);
    return status;
}

static cseg_status write_geotiff(session *s, const input *in, int head, const scene *geo, const image *labels,
                                 cseg_error *err)
{
    scene_mask *mask;
    char *path = place_for(s, in, head, ".tif", err);
    bool wide = infer_model(s->x)->heads.at[head].num_classes > 255;
    if (!path)
        return err->code;
    TRY(scene_mask_create(path, geo, wide ? IMAGE_U16 : IMAGE_U8, s->paint.palette, (int)s->paint.n, s->mem, &mask,
                          err));
    TRY(scene_mask_write(mask, 0, 0, labels, err));
    return scene_mask_commit(mask, err);
}

static cseg_status write_all(session *s, const input *in, int head, const scene *geo, const prediction *out,
                             cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const image *labels = &out->labels;
    uint8_t *holes = NULL;
    if (geo) {
        int64_t n;
        holes = mem_alloc((size_t)(labels->h * labels->w));
        if (!holes)
            return fail_memory(err);
        TRY_DONE(scene_nodata(geo, 0, 0, labels->h, labels->w, holes, &n, err));
        TRY_DONE(write_geotiff(s, in, head, geo, labels, err));
    } else {
        TRY_DONE(write_png(s, in, head, labels, err));
    }
    TRY_DONE(write_pictures(s, in, head, labels, holes, err));
    if (s->o->scores)
        TRY_DONE(write_scores(s, in, head, &out->scores, geo ? &geo->info->place : NULL, err));
done:
    mem_free(holes);
    return status;
}

static cseg_status show_crops(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    (void)arg;
    progress_show(&(progress){.done = done, .all = all, .what = "windows"});
    return interrupt_seen(NULL) ? fail(err, CSEG_INTERRUPTED, "stopped by a signal") : CSEG_OK;
}

static cseg_status run_windows(session *s, const input *in, int head, cseg_error *err)
{
    infer_scene job = {
        .path = in->path, .mask_path = place_for(s, in, head, ".tif", err), .head = head, .progress = show_crops};
    if (!job.mask_path)
        return err->code;
    if (s->o->scores && !(job.scores_path = place_for(s, in, head, "_scores.tif", err)))
        return err->code;
    return infer_run_scene(s->x, &job, err);
}

static cseg_status run_head(session *s, const input *in, int head, const scene *geo, bool windows, cseg_error *err)
{
    prediction out;
    memset(&out, 0, sizeof out);
    s->paint.palette = infer_head_palette(s->x, head, &s->paint.n);
    if (windows)
        return run_windows(s, in, head, err);
    cseg_status status = infer_file(s->x, in->path, in->path2, head, s->o->scores, &out, err);
    if (status == CSEG_OK && geo && (geo->info->h != out.labels.h || geo->info->w != out.labels.w))
        status =
            fail(err, CSEG_SHAPE, "%s: the raster is %lld x %lld, the image read from it %lld x %lld", in->path,
                 (long long)geo->info->h, (long long)geo->info->w, (long long)out.labels.h, (long long)out.labels.w);
    if (status == CSEG_OK)
        status = write_all(s, in, head, geo, &out, err);
    prediction_release(&out);
    return status;
}

/* A raster that knows its place on earth, or that is a GeoTIFF in any case, gets a GeoTIFF. */
static bool is_raster(const raster_info *info)
{
    return info->place.has_transform || *info->place.projection || strcmp(info->driver, "GTiff") == 0;
}

static cseg_status run_input(session *s, const input *in, cseg_error *err)
{
    const model *m = infer_model(s->x);
    scene source, *geo = NULL;
    if ((m->dates == 2) != (in->path2 != NULL))
        return fail(err, CSEG_USAGE,
                    m->dates == 2 ? "this model compares two dates: give the second with --second"
                                  : "this model sees one image: --second has no meaning for it");
    cseg_error ignored;
    if (scene_open(in->path, IMAGE_COLOR, s->mem, &source, &ignored) == CSEG_OK && is_raster(source.info))
        geo = &source;
    bool windows = geo && (s->o->windows || source.info->h * source.info->w > WINDOWS_FROM);
    int first = s->o->all_heads ? 0 : s->o->head ? (int)s->o->head - 1 : m->answer_head;
    int last = s->o->all_heads ? m->n_heads - 1 : first;
    if (last >= m->n_heads)
        return fail(err, CSEG_USAGE, "--head %lld: the model gives %d map%s", (long long)s->o->head, m->n_heads,
                    m->n_heads == 1 ? "" : "s");
    for (int head = first; head <= last; head++)
        TRY(run_head(s, in, head, geo, windows, err));
    return CSEG_OK;
}

/* ---- all of them ---------------------------------------------------------------------------------------------- */

static bool stops_all(cseg_status status)
{
    return status == CSEG_USAGE || status == CSEG_IO || status == CSEG_NO_MEMORY || status == CSEG_INTERRUPTED ||
           status == CSEG_CONFIG;
}

/* One bad image does not keep the others from being done; in the end it is a failure all the same. */
static cseg_status run_inputs(session *s, cseg_error *err)
{
    size_t bad = 0;
    for (size_t i = 0; i < s->inputs.n; i++) {
        if (interrupt_seen(NULL))
            return fail(err, CSEG_INTERRUPTED, "stopped by a signal after %zu of %zu images", i, s->inputs.n);
        s->mem = arena_new();
        if (!s->mem)
            return fail_memory(err);
        cseg_status status = run_input(s, &s->inputs.at[i], err);
        arena_free(s->mem);
        if (status != CSEG_OK && (stops_all(status) || s->inputs.n == 1))
            return status;
        if (status != CSEG_OK) {
            log_say(LOG_ERROR, "%s", err->text);
            bad++;
        }
        progress_show(&(progress){.done = (int64_t)i + 1, .all = (int64_t)s->inputs.n, .what = "infer"});
    }
    progress_clear();
    printf("%zu of %zu images segmented, in %s\n", s->inputs.n - bad, s->inputs.n, s->o->out ? s->o->out : "segmented");
    return bad ? fail(err, CSEG_DATA, "%zu of %zu images could not be segmented", bad, s->inputs.n) : CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    session s = {.o = options};
    experiment *e;
    TRY(find_inputs(&s, args, mem, err));
    TRY(experiment_load(args->at[0], s.o->cfg_options.at, (int)s.o->cfg_options.n, mem, &e, err));
    infer_options how = {
        .backend = s.o->backend, .threads = (int)s.o->threads, .bf16 = common_is_bf16(s.o->precision), .tta = s.o->tta};
    TRY(infer_open(e, args->at[1], &how, mem, &s.x, err));
    s.paint = (painter){infer_palette(s.x), infer_classes(s.x), s.o->opacity > 0.0 ? s.o->opacity : 0.5};
    interrupt_watch();
    cseg_status status = run_inputs(&s, err);
    infer_close(s.x);
    return status;
}

static const cli_option options[] = {
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(infer_args, out),
     .value = "DIR",
     .about = "where the masks go (default: segmented)"},
    {.names = "--opacity",
     .type = O_FLOAT,
     .offset = offsetof(infer_args, opacity),
     .min = 0.001,
     .max = 1,
     .about = "of the overlay's paint, in (0, 1] (default 0.5)"},
    {.names = "--scores|--probabilities",
     .type = O_FLAG,
     .offset = offsetof(infer_args, scores),
     .about = "write NAME_scores.tif too: a band for each class, float32"},
    {.names = "--all-heads",
     .type = O_FLAG,
     .offset = offsetof(infer_args, all_heads),
     .about = "write the map of every decode head, as NAME_HEAD.png"},
    {.names = "--head",
     .type = O_INT,
     .offset = offsetof(infer_args, head),
     .min = 1,
     .max = 1000,
     .about = "the map of this head, from 1; default: what test_cfg says"},
    {.names = "--second",
     .type = O_STR,
     .offset = offsetof(infer_args, second),
     .value = "PATH",
     .about = "the second date for change detection: a file, or a folder with files of the same names"},
    {.names = "--tta",
     .type = O_FLAG,
     .offset = offsetof(infer_args, tta),
     .about = "average over the views of the config's tta_pipeline (1.x)"},
    {.names = "--windows",
     .type = O_FLAG,
     .offset = offsetof(infer_args, windows),
     .about = "rasters of any size by windows; above 25 million pixels that is done anyway"},
    {.names = "--mask-only",
     .type = O_FLAG,
     .offset = offsetof(infer_args, mask_only),
     .about = "no colour mask and no overlay"},
    OPTION_CFG(infer_args),
    OPTION_THREADS(infer_args),
    OPTION_PRECISION(infer_args, "fp32"),
    {.names = "--backend",
     .type = O_STR,
     .offset = offsetof(infer_args, backend),
     .choices = "cpu|ref",
     .about = "what computes; ref is slow and for checking"},
    OPTIONS_END,
};
const cli_command command_infer = {
    .name = "infer",
    .arguments = "CONFIG CHECKPOINT IMAGE|FOLDER...",
    .about = "segment images, folders of images and scenes",
    .details = "For each image: NAME.png, the classes' numbers with their colours as palette, NAME_colour.png and "
               "NAME_overlay.png. Rasters that know their place on earth get NAME.tif instead, a GeoTIFF with the same "
               "place, whose nodata is 255 where the raster has none. The config's test pipeline says how images are "
               "read and scaled; windows of large rasters are read as they are, only normalised, and overlap as in "
               "test_cfg's mode='slide' (else by a third of the crop size).",
    .min_args = 3,
    .max_args = -1,
    .computes = true,
    .options = options,
    .size = sizeof(infer_args),
    .run = run,
};
