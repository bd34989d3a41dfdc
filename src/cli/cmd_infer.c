/* cseg infer: images and scenes into masks and pictures. */
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "data/visual.h"
#include "engine/infer.h"
#include "geo/scene.h"

typedef struct infer_args {
    str_list cfg_options;
    const char *out, *backend;
    double opacity;
    int64_t threads;
    bool probabilities, all_heads, tta;
} infer_args;

typedef struct session {
    const infer_args *o;
    infer *x;
    arena *mem;
    int64_t done, all;
} session;

static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".PNG", ".JPG", ".JPEG", ".TIF"};

static bool is_image(const char *name)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (str_ends(name, suffixes[i]))
            return true;
    return false;
}

typedef VEC(const char *) paths;

/* Folders give their images. */
static cseg_status collect(const str_list *args, arena *mem, paths *out, cseg_error *err)
{
    for (size_t i = 2; i < args->n; i++) {
        if (!file_is_dir(args->at[i])) {
            if (!vec_push(mem, out, args->at[i]))
                return fail_memory(err);
            continue;
        }
        char **names;
        size_t n, before = out->n;
        TRY(dir_list(args->at[i], NULL, false, mem, &names, &n, err));
        for (size_t k = 0; k < n; k++) {
            char *path = path_join(mem, args->at[i], names[k]);
            if (!path || (is_image(names[k]) && !vec_push(mem, out, path)))
                return fail_memory(err);
        }
        if (out->n == before)
            return fail(err, CSEG_NOT_FOUND, "%s: holds no images (.png, .jpg, .tif, .bmp)", args->at[i]);
    }
    return CSEG_OK;
}

/* OUT/STEM[.HEAD]_KIND.EXT */
static char *name_of(const session *s, const char *path, int head, const char *ending, arena *mem)
{
    const char *base = path_base(path);
    int n = (int)(strlen(base) - strlen(path_ext(base)));
    const char *out = s->o->out ? s->o->out : "results";
    if (head < 0)
        return arena_printf(mem, "%s/%.*s_%s", out, n, base, ending);
    return arena_printf(mem, "%s/%.*s.head%d_%s", out, n, base, head, ending);
}

static cseg_status write_pictures(session *s, const char *path, const image *labels, int head, arena *mem, cseg_error *err)
{
    image img = {0}, colour = {0}, over = {0};
    const uint8_t *palette = infer_palette(s->x);
    int64_t n = infer_classes(s->x);
    char *colour_path = name_of(s, path, head, "color.png", mem), *over_path = name_of(s, path, head, "overlay.png", mem);
    cseg_status status = colour_path && over_path ? CSEG_OK : fail_memory(err);
    if (status == CSEG_OK)
        status = visual_colour(labels, palette, n, &colour, err);
    if (status == CSEG_OK)
        status = image_write(colour_path, &colour, NULL, err);
    if (status == CSEG_OK)
        status = image_read(path, IMAGE_COLOR, &img, err);
    if (status == CSEG_OK)
        status = visual_overlay(&img, labels, palette, n, s->o->opacity > 0 ? s->o->opacity : 0.5, &over, err);
    if (status == CSEG_OK)
        status = image_write(over_path, &over, NULL, err);
    image_release(&img);
    image_release(&colour);
    image_release(&over);
    return status;
}

static cseg_status write_scores(const session *s, const char *path, const image *scores, int head, arena *mem,
                                cseg_error *err)
{
    raster_writer *w;
    raster_spec spec = {.h = scores->h, .w = scores->w, .bands = scores->c, .type = IMAGE_F32};
    char *to = name_of(s, path, head, "prob.tif", mem);
    if (!to)
        return fail_memory(err);
    TRY(raster_create(to, &spec, mem, &w, err));
    TRY(raster_write(w, 0, 0, 0, scores, err));
    return raster_commit(w, err);
}

static cseg_status one_image(session *s, const char *path, const char *path2, int head, arena *mem, cseg_error *err)
{
    prediction out;
    memset(&out, 0, sizeof out);
    image mask = {0};
    char *to = name_of(s, path, head, "mask.png", mem);
    cseg_status status = to ? infer_file(s->x, path, path2, head, s->o->probabilities, &out, err) : fail_memory(err);
    if (status == CSEG_OK && out.labels.type == IMAGE_U8)
        status = visual_write_palette(to, &out.labels, infer_palette(s->x), infer_classes(s->x), err);
    else if (status == CSEG_OK) {
        status = image_convert(&out.labels, IMAGE_U16, &mask, err);
        if (status == CSEG_OK)
            status = image_write(to, &mask, NULL, err);
    }
    if (status == CSEG_OK)
        status = write_pictures(s, path, &out.labels, head, mem, err);
    if (status == CSEG_OK && s->o->probabilities)
        status = write_scores(s, path, &out.scores, head, mem, err);
    image_release(&mask);
    prediction_release(&out);
    return status;
}

static cseg_status scene_progress(void *arg, int64_t done, int64_t all, cseg_error *err)
{
    (void)arg;
    progress_show(&(progress){.done = done, .all = all, .what = "infer"});
    return interrupt_seen(NULL) ? fail(err, CSEG_INTERRUPTED, "stopped; nothing was written") : CSEG_OK;
}

enum { PICTURE_PIXELS = 64 * 1024 * 1024 };

static cseg_status one_scene(session *s, const char *path, int head, const raster_info *info, arena *mem, cseg_error *err)
{
    infer_scene job = {.path = path, .mask_path = name_of(s, path, head, "mask.tif", mem), .head = head,
                         .progress = scene_progress};
    if (s->o->probabilities)
        job.scores_path = name_of(s, path, head, "prob.tif", mem);
    if (!job.mask_path || (s->o->probabilities && !job.scores_path))
        return fail_memory(err);
    TRY(infer_run_scene(s->x, &job, err));
    /* Pictures are for looking at: of scenes that fit a viewer. */
    if (info->h * info->w > PICTURE_PIXELS)
        return CSEG_OK;
    image labels;
    TRY(image_read(job.mask_path, IMAGE_UNCHANGED | IMAGE_PILLOW, &labels, err));
    cseg_status status = write_pictures(s, path, &labels, head, mem, err);
    image_release(&labels);
    return status;
}

/* Rasters that lie somewhere on the earth, and those too large to be taken at once, are scenes. */
static bool is_scene(const char *path, raster_info *info, arena *mem)
{
    raster *r;
    if (!str_ends(path, ".tif") && !str_ends(path, ".tiff") && !str_ends(path, ".TIF"))
        return false;
    if (raster_open(path, mem, &r, NULL) != CSEG_OK)
        return false;
    *info = *raster_describe(r);
    raster_close(r);
    return info->place.has_transform || info->h * info->w > PICTURE_PIXELS / 4;
}

static cseg_status one_path(session *s, const char *path, const char *path2, cseg_error *err)
{
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    raster_info info;
    bool by_windows = !path2 && is_scene(path, &info, mem);
    int heads = s->o->all_heads ? infer_model(s->x)->n_heads : 1;
    cseg_status status = CSEG_OK;
    for (int h = 0; h < heads && status == CSEG_OK; h++) {
        int head = s->o->all_heads ? h : -1;
        status = by_windows ? one_scene(s, path, head, &info, mem, err) : one_image(s, path, path2, head, mem, err);
    }
    arena_free(mem);
    return status;
}

static cseg_status run_all(session *s, const paths *all, cseg_error *err)
{
    size_t step = infer_model(s->x)->dates == 2 ? 2 : 1;
    if (all->n % step)
        return fail(err, CSEG_USAGE, "this model takes pairs: name first date, second date, first date, ...");
    for (size_t i = 0; i < all->n; i += step) {
        progress_show(&(progress){.done = (int64_t)(i / step), .all = (int64_t)(all->n / step), .what = "infer"});
        if (interrupt_seen(NULL))
            return fail(err, CSEG_INTERRUPTED, "stopped after %zu of %zu images", i / step, all->n / step);
        TRY(one_path(s, all->at[i], step == 2 ? all->at[i + 1] : NULL, err));
    }
    progress_clear();
    printf("%zu image%s segmented into %s\n", all->n / step, all->n / step == 1 ? "" : "s", s->o->out ? s->o->out : "results");
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const infer_args *o = options;
    experiment *e;
    paths all = {0};
    session s = {.o = o, .mem = mem};
    TRY(collect(args, mem, &all, err));
    for (size_t i = 0; i < all.n; i++)
        if (!file_exists(all.at[i]))
            return fail(err, CSEG_NOT_FOUND, "%s: there is no such image", all.at[i]);
    TRY(experiment_load(args->at[0], o->cfg_options.at, (int)o->cfg_options.n, mem, &e, err));
    infer_options how = {.backend = o->backend, .threads = (int)o->threads, .tta = o->tta};
    TRY(infer_open(e, args->at[1], &how, mem, &s.x, err));
    interrupt_watch();
    cseg_status status = dir_create(o->out ? o->out : "results", err);
    if (status == CSEG_OK)
        status = run_all(&s, &all, err);
    infer_close(s.x);
    return status;
}

static const cli_option options[] = {
    {.names = "--out|-o", .type = O_STR, .offset = offsetof(infer_args, out), .value = "DIR",
     .about = "where results go; default results"},
    {.names = "--opacity", .type = O_FLOAT, .offset = offsetof(infer_args, opacity), .value = "A", .min = 0.01, .max = 1,
     .about = "of the colours in the overlay; default 0.5"},
    {.names = "--probabilities", .type = O_FLAG, .offset = offsetof(infer_args, probabilities),
     .about = "write each class's probability too, as a float TIFF"},
    {.names = "--all-heads", .type = O_FLAG, .offset = offsetof(infer_args, all_heads),
     .about = "of a model with several heads: the answer of each"},
    {.names = "--tta|--aug-test", .type = O_FLAG, .offset = offsetof(infer_args, tta),
     .about = "test-time augmentation: the config's tta_pipeline"},
    OPTION_CFG(infer_args),
    OPTION_THREADS(infer_args),
    {.names = "--backend", .type = O_STR, .offset = offsetof(infer_args, backend), .choices = "cpu|ref",
     .about = "what computes; ref is slow and for checking"},
    OPTIONS_END,
};
const cli_command command_infer = {
    .name = "infer",
    .arguments = "CONFIG CHECKPOINT IMAGE|FOLDER...",
    .about = "segment images, folders of them, and scenes of any size",
    .details = "Writes for each image NAME_mask.png (class numbers, with the classes' colours as palette), "
               "NAME_color.png and NAME_overlay.png. Georeferenced TIFFs and very large ones are read window by window "
               "and give NAME_mask.tif with the same georeference. A change-detection model takes pairs: first date, "
               "second date.",
    .min_args = 3,
    .max_args = -1,
    .options = options,
    .size = sizeof(infer_args),
    .run = run,
};
