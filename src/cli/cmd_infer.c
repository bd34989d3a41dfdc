/* cseg infer: masks of images, folders of images and scenes. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/common.h"
#include "cli/infer_files.h"
#include "cli/infer_products.h"
#include "cli/infer_windows.h"
#include "cli/interrupt.h"
#include "cli/pictures.h"
#include "cli/terminal.h"
#include "data/visual.h"
#include "engine/infer/infer.h"
#include "geo/scene.h"
#include "io/image/image_watch.h"

typedef struct infer_args {
    str_list cfg_options;
    const char *out, *second, *backend, *precision, *bands;
    double opacity;
    int64_t threads, head;
    bool all_heads, tta, scores, own_size, mask_only, force, allow_remote;
    window_args windows;
    product_args products;
} infer_args;

typedef struct session {
    const infer_args *o;
    arena *mem; /* for one image */
    infer *x;
    painter paint;
    infer_inputs inputs;
    const char *config, *checkpoint;
} session;

/* A raster of more pixels than this is segmented by windows, with memory that does not grow with its size. */
static const int64_t WINDOWS_FROM = (int64_t)5000 * 5000;

/* ---- one image ------------------------------------------------------------------------------------------------ */

static const char *out_folder(const session *s)
{
    return s->o->out ? s->o->out : "segmented";
}

/* The path of a result; its folder is made. NULL: *err says why. */
static char *place_for(session *s, const infer_input *in, int head, const char *suffix, cseg_error *err)
{
    const char *name = s->o->all_heads ? infer_model(s->x)->heads.at[head].name : NULL;
    char *path = infer_output(out_folder(s), in, name, suffix, s->mem), *dir = path ? path_dir(s->mem, path) : NULL;
    if (!dir) {
        fail_memory(err);
        return NULL;
    }
    return dir_create(dir, err) == CSEG_OK ? path : NULL;
}

/* The image that a map belongs to. ChangeExtraSegmentor's maps of the second date belong to the second image. */
static const char *shown_image(const session *s, const infer_input *in, int head)
{
    return in->path2 && str_ends(infer_model(s->x)->heads.at[head].name, ".to") ? in->path2 : in->path;
}

/* holes: where the raster has no data; NULL: nowhere. */
static cseg_status write_pictures(session *s, const infer_input *in, int head, const image *labels,
                                  const uint8_t *holes, cseg_error *err)
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

/* Where there are no data there is no probability. */
static cseg_status write_scores(session *s, const infer_input *in, int head, infer_answer *out,
                                const raster_place *place, cseg_error *err)
{
    image *scores = &out->p.scores;
    char *path = place_for(s, in, head, "_scores.tif", err);
    raster_writer *w;
    if (!path)
        return err->code;
    if (out->holes)
        scene_put_nodata(scores, 0, out->holes, scores->h * scores->w);
    raster_spec spec = {.h = scores->h,
                        .w = scores->w,
                        .bands = scores->c,
                        .type = IMAGE_F32,
                        .place = place,
                        .has_nodata = place != NULL,
                        .nodata = NAN};
    TRY(raster_create(path, &spec, s->mem, &w, err));
    TRY(raster_write(w, 0, 0, 0, scores, err));
    return raster_commit(w, err);
}

static cseg_status write_png(session *s, const infer_input *in, int head, const image *labels, cseg_error *err)
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

static cseg_status write_geotiff(session *s, const infer_input *in, int head, const scene *geo, const image *labels,
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

static cseg_status write_all(session *s, const infer_input *in, int head, const scene *geo, infer_answer *out,
                             cseg_error *err)
{
    const image *labels = &out->p.labels;
    if (geo)
        TRY(write_geotiff(s, in, head, geo, labels, err));
    else
        TRY(write_png(s, in, head, labels, err));
    TRY(write_pictures(s, in, head, labels, out->holes, err));
    return s->o->scores ? write_scores(s, in, head, out, geo ? &geo->info->place : NULL, err) : CSEG_OK;
}

/* Whether all of a scene's answer is made of its mask's file, by windows. */
static bool by_windows(const infer_args *o)
{
    return windows_asked(&o->windows) || products_asked(&o->products);
}

/* What is made of the mask: also if an earlier run finished the mask alone. */
static cseg_status make_products(session *s, const infer_input *in, int head, const infer_scene *job, cseg_error *err)
{
    const infer_args *o = s->o;
    product_input about = {.scene = in->path,
                           .second = in->path2,
                           .mask = job->mask_path,
                           .confidence =
                               job->confidence_path && file_exists(job->confidence_path) ? job->confidence_path : NULL,
                           .stem = place_for(s, in, head, "", err),
                           .config = s->config,
                           .checkpoint = s->checkpoint,
                           .opacity = s->paint.opacity};
    if (!about.stem)
        return err->code;
    if (!o->mask_only && !(about.picture = place_for(s, in, head, "_overlay.png", err)))
        return err->code;
    return products_make(&o->products, &about, s->mem, err);
}

static cseg_status run_windows(session *s, const infer_input *in, int head, cseg_error *err)
{
    const window_args *o = &s->o->windows;
    infer_scene job = {.path = in->path,
                       .path2 = in->path2,
                       .mask_path = place_for(s, in, head, ".tif", err),
                       .head = head,
                       .force = s->o->force};
    if (!job.mask_path)
        return err->code;
    if ((s->o->scores || o->probabilities) && !(job.scores_path = place_for(s, in, head, "_scores.tif", err)))
        return err->code;
    bool confidence = o->confidence || products_asked(&s->o->products);
    if (confidence && !(job.confidence_path = place_for(s, in, head, "_confidence.tif", err)))
        return err->code;
    TRY(windows_run(s->x, o, &job, err));
    TRY(make_products(s, in, head, &job, err));
    if (confidence && !o->confidence) /* it was wanted for the polygons and areas alone */
        unlink(job.confidence_path);
    return CSEG_OK;
}

static cseg_status run_head(session *s, const infer_input *in, int head, const scene *geo, bool windows,
                            cseg_error *err)
{
    infer_answer out;
    memset(&out, 0, sizeof out);
    s->paint.palette = infer_head_palette(s->x, head, &s->paint.n);
    if (windows)
        return run_windows(s, in, head, err);
    cseg_status status = infer_image(s->x, in->path, in->path2, head, s->o->scores, &out, err);
    if (status == CSEG_OK)
        status = write_all(s, in, head, geo, &out, err);
    infer_answer_release(&out);
    return status;
}

/* Two dates are compared pixel by pixel. An error of the second file itself is reported when it is read. */
static cseg_status check_pair(const session *s, const infer_input *in, const scene *first, cseg_error *err)
{
    scene second;
    cseg_error ignored;
    if (scene_open(in->path2, IMAGE_COLOR, s->mem, &second, &ignored) != CSEG_OK || second.info->h != first->info->h ||
        second.info->w != first->info->w)
        return CSEG_OK;
    return raster_same_place(in->path, first->info, in->path2, second.info, s->o->force, err);
}

/* Files of red, green, blue and infrared are often written with the last band marked as alpha. */
static void question_alpha(const infer_input *in, const raster_info *info, const model *m)
{
    if (info->has_alpha && m->in_channels == info->bands)
        log_warn_once(
            "%s: band %lld is marked as alpha: where it is 0 there are no data, and no class. If it is a band "
            "like the others, remove that mark (gdal_edit.py -colorinterp_%lld undefined)",
            in->path, (long long)info->bands, (long long)info->bands);
}

static cseg_status run_input(session *s, const infer_input *in, cseg_error *err)
{
    const model *m = infer_model(s->x);
    scene source, *geo = NULL;
    if ((m->dates == 2) != (in->path2 != NULL))
        return fail(err, CSEG_USAGE,
                    m->dates == 2 ? "this model compares two dates: give the second with --second"
                                  : "this model sees one image: --second has no meaning for it");
    bool is_raster;
    TRY(infer_look(in->path, s->mem, &source, &is_raster, err));
    if (is_raster)
        question_alpha(in, source.info, m);
    geo = is_raster ? &source : NULL;
    bool windows = source.r && (by_windows(s->o) || (geo && source.info->h * source.info->w > WINDOWS_FROM));
    if (in->path2 && source.r && !windows)
        TRY(check_pair(s, in, &source, err));
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

/* One bad image does not stop the others; the command fails at the end all the same. */
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
            log_say(LOG_ERROR, "%-s", err->text);
            bad++;
        }
        progress_show(&(progress){.done = (int64_t)i + 1, .all = (int64_t)s->inputs.n, .what = "infer"});
    }
    progress_clear();
    text_fprintf(stdout, "%zu of %zu images segmented, in %s\n", s->inputs.n - bad, s->inputs.n, out_folder(s));
    return bad ? fail(err, CSEG_DATA, "%zu of %zu images could not be segmented", bad, s->inputs.n) : CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    session s = {.o = options, .config = args->at[0], .checkpoint = args->at[1]};
    experiment *e;
    common_allow_remote(s.o->allow_remote);
    TRY(infer_find(args, s.o->second, out_folder(&s), mem, &s.inputs, err));
    infer_scene checked = {0};
    value *cfg;
    TRY(windows_options(&s.o->windows, &checked, err));
    TRY(products_check(&s.o->products, s.inputs.n * (s.o->all_heads ? 2 : 1), err));
    TRY(common_config(args->at[0], &s.o->cfg_options, mem, &cfg, err));
    TRY(common_set_bands(cfg, s.o->bands, mem, err));
    TRY(experiment_read(cfg, args->at[0], mem, &e, err));
    infer_options how = {.backend = s.o->backend,
                         .threads = (int)s.o->threads,
                         .bf16 = common_is_bf16(s.o->precision),
                         .tta = s.o->tta,
                         .own_size = s.o->own_size,
                         .refuses = !s.o->force};
    TRY(infer_open(e, args->at[1], &how, mem, &s.x, err));
    s.paint = (painter){infer_palette(s.x), infer_classes(s.x), s.o->opacity > 0.0 ? s.o->opacity : 0.5};
    interrupt_watch();
    image_watch_stop(interrupt_seen, NULL);
    infer_plan plan = {.out = out_folder(&s),
                       .checkpoint = args->at[1],
                       .pictures = !s.o->mask_only,
                       .scores = s.o->scores,
                       .all_heads = s.o->all_heads};
    cseg_status status = infer_check_outputs(&s.inputs, &plan, e, infer_model(s.x), err);
    if (status == CSEG_OK)
        status = run_inputs(&s, err);
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
    {.names = "--scores",
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
    OPTIONS_WINDOWS(infer_args, windows),
    OPTIONS_PRODUCTS(infer_args, products),
    {.names = "--own-size",
     .type = O_FLAG,
     .offset = offsetof(infer_args, own_size),
     .about = "leave the test pipeline's Resize out: images and scenes at their own resolution"},
    {.names = "--mask-only",
     .type = O_FLAG,
     .offset = offsetof(infer_args, mask_only),
     .about = "no colour mask and no overlay"},
    {.names = "--force",
     .type = O_FLAG,
     .offset = offsetof(infer_args, force),
     .about = "go on with images that the model cannot mean (other bands or values than it learned from), and with "
              "pairs that by their georeferences do not lie at the same place"},
    OPTION_BANDS(infer_args),
    OPTION_ALLOW_REMOTE(infer_args),
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
    .details =
        "For each image: NAME.png, the classes' numbers with their colours as palette, NAME_colour.png and "
        "NAME_overlay.png. Rasters that know their place on earth get NAME.tif instead, a GeoTIFF with the same "
        "place (transform, ground control points or RPCs), which is 255, its nodata value, where the raster has no "
        "data by its mask, alpha or nodata value. The config's test pipeline says how images are read and scaled, also "
        "where large rasters are segmented by windows, which overlap as in test_cfg's mode='slide' (else by a third of "
        "the crop size). With --own-size it resizes nothing.",
    .min_args = 3,
    .max_args = -1,
    .computes = true,
    .options = options,
    .size = sizeof(infer_args),
    .run = run,
};
