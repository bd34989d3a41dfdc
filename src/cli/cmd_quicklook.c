/* cseg quicklook: a picture or a page of a scene with its map, outlines, or a second date. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/outputs.h"
#include "base/text.h"
#include "cli/class_names.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "draw/page.h"
#include "draw/quicklook.h"
#include "io/image/image_watch.h"

typedef struct quicklook_args {
    str_list vectors;
    names_args names;
    const char *mask, *confidence, *second, *out, *html, *size, *bands, *stretch, *title, *background;
    int64_t width;
    double opacity;
    bool legend, scale_bar, allow_remote;
} quicklook_args;

enum { DEFAULT_WIDTH = 1024, LEAST_SIDE = 64, MOST_SIDE = 16384 };

/* Room for a row of blocks of 512 pixels across 100,000, three bands of 16 bits; GDAL's own limit is a share of the
 * machine's memory. */
static const int64_t CACHE_BYTES = INT64_C(320) << 20;

/* Reads whole numbers from `least` to `most`, separated by `mark`; returns how many, -1: it is something else. */
static int read_numbers(const char *text, char mark, int64_t least, int64_t most, int64_t *to, int room)
{
    int n = 0;
    while (n < room) {
        char *end;
        errno = 0;
        long long v = strtoll(text, &end, 10);
        if (end == text || *text < '0' || *text > '9' || errno || v < least || v > most)
            return -1;
        to[n++] = v;
        if (!*end)
            return n;
        if (*end != mark)
            return -1;
        text = end + 1;
    }
    return -1;
}

static cseg_status read_size(const quicklook_args *a, quicklook_options *o, cseg_error *err)
{
    int64_t size[2];
    o->width = a->width ? a->width : DEFAULT_WIDTH;
    if (!a->size)
        return CSEG_OK;
    if (a->width)
        return fail(err, CSEG_USAGE, "give --size or --width, not both");
    if (read_numbers(a->size, 'x', LEAST_SIDE, MOST_SIDE, size, 2) != 2)
        return fail(err, CSEG_USAGE, "--size takes width and height in pixels, %d to %d, as 1024x768, not '%s'",
                    LEAST_SIDE, MOST_SIDE, a->size);
    o->width = size[0];
    o->height = size[1];
    return CSEG_OK;
}

static cseg_status read_bands(const quicklook_args *a, map_layers_options *o, arena *mem, cseg_error *err)
{
    int64_t *bands;
    size_t n;
    TRY(common_bands(a->bands, mem, &bands, &n, err));
    if (n != 0 && n != 1 && n != 3)
        return fail(err, CSEG_USAGE,
                    "--bands takes the bands for red, green and blue, as 4,3,2, or one for gray, not %s", a->bands);
    for (size_t i = 0; i < n; i++)
        o->bands[i] = (int)bands[i] - 1;
    o->n_bands = (int)n;
    return CSEG_OK;
}

static cseg_status read_stretch(const char *text, stretch *to, cseg_error *err)
{
    char *end;
    if (!text)
        return CSEG_OK;
    if (strcmp(text, "none") == 0) {
        to->how = STRETCH_NONE;
        return CSEG_OK;
    }
    *to = (stretch){STRETCH_PERCENT, 0, 100};
    if (strcmp(text, "min,max") == 0)
        return CSEG_OK;
    to->low = strtod(text, &end);
    bool good = end != text && *end == ',';
    const char *second = good ? end + 1 : end;
    to->high = good ? strtod(second, &end) : 0;
    if (good && end != second && !*end && to->low >= 0 && to->low < to->high && to->high <= 100)
        return CSEG_OK;
    return fail(err, CSEG_USAGE, "--stretch takes two percentiles, as 2,98, or min,max, or none, not '%s'", text);
}

/* --config gives colours too. */
static cseg_status read_classes(const quicklook_args *a, map_layers_options *o, arena *mem, cseg_error *err)
{
    mask_source named = {0};
    dataset_meta meta;
    if (a->names.names.n || !a->names.config) {
        TRY(class_names_read(&a->names, mem, &named, err));
        o->names = named.names;
        o->n_names = (size_t)named.n_names;
        return CSEG_OK;
    }
    TRY(class_names_config(a->names.config, mem, &meta, err));
    o->names = meta.classes;
    o->n_names = (size_t)meta.n_classes;
    o->palette = meta.palette;
    o->n_colours = (size_t)meta.n_classes;
    return CSEG_OK;
}

static cseg_status check_outputs(const quicklook_args *a, const char *scene, const char *png, arena *mem,
                                 cseg_error *err)
{
    outputs *o = outputs_new(mem);
    if (!o)
        return fail_memory(err);
    TRY(outputs_add_input(o, scene, "the scene", err));
    if (a->mask)
        TRY(outputs_add_input(o, a->mask, "the mask", err));
    if (a->confidence)
        TRY(outputs_add_input(o, a->confidence, "the confidence", err));
    if (a->second)
        TRY(outputs_add_input(o, a->second, "the second date", err));
    if (a->names.config)
        TRY(outputs_add_input(o, a->names.config, "the config", err));
    for (size_t i = 0; i < a->vectors.n; i++)
        TRY(outputs_add_input(o, a->vectors.at[i], "the vector file", err));
    if (png)
        TRY(outputs_add(o, png, "the picture of", scene, err));
    if (a->html)
        TRY(outputs_add(o, a->html, "the page of", scene, err));
    return outputs_check(o, "give another --out or --html", err);
}

static cseg_status write_png(const quicklook_options *o, map_layers_options *grid, const char *path, arena *mem,
                             cseg_error *err)
{
    map_layers *l;
    image m = {0};
    TRY(quicklook_room(o, &grid->most_w, &grid->most_h, err));
    grid->enlarge = true;
    TRY(map_layers_open(grid, mem, &l, err));
    cseg_status status = quicklook_draw(o, l, mem, &m, err);
    if (status == CSEG_OK)
        status = image_write(path, &m, &(image_save){.rgb = true}, err);
    image_release(&m);
    if (status == CSEG_OK)
        text_fprintf(stdout, "%s\n", path);
    return status;
}

static cseg_status add_confidence(const quicklook_args *a, map_layers *l, arena *mem, cseg_error *err)
{
    mask_source source = {.mask = a->mask, .confidence = a->confidence, .progress = class_rows_progress};
    area_report report;
    if (!a->confidence)
        return CSEG_OK;
    TRY(area_measure(&source, mem, &report, err));
    progress_clear();
    map_layers_take_areas(l, &report);
    return CSEG_OK;
}

static cseg_status write_page(const quicklook_args *a, map_layers_options *grid, arena *mem, cseg_error *err)
{
    map_layers *l;
    grid->most_w = grid->most_h = PAGE_MOST;
    grid->enlarge = false;
    TRY(map_layers_open(grid, mem, &l, err));
    TRY(add_confidence(a, l, mem, err));
    page_fact facts[4];
    page_info about = {.title = a->title ? a->title : path_base(grid->scene),
                       .subtitle = a->title ? path_base(grid->scene) : NULL,
                       .facts = facts,
                       .classes = l->classes,
                       .n_classes = l->n_classes};
    if (a->second && strcmp(path_base(grid->scene), path_base(a->second)) != 0) {
        about.left = path_base(grid->scene);
        about.right = path_base(a->second);
    }
    if (a->mask)
        facts[about.n_facts++] = (page_fact){"Map", path_base(a->mask)};
    if (a->names.config)
        facts[about.n_facts++] = (page_fact){"Config", path_base(a->names.config)};
    TRY(page_write(a->html, &about, l, mem, err));
    text_fprintf(stdout, "%s\n", a->html);
    return CSEG_OK;
}

static bool holds_alpha(const char *picture)
{
    return picture && strcasecmp(path_ext(picture), ".png") == 0;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const quicklook_args *a = options;
    const char *scene = args->at[0], *png = a->out ? a->out : a->html ? NULL : "quicklook.png";
    map_layers_options grid = {.scene = scene, .second = a->second, .mask = a->mask};
    quicklook_options o = {.scene = scene,
                           .two_dates = a->second != NULL,
                           .vectors = a->vectors.at,
                           .n_vectors = a->vectors.n,
                           .title = a->title,
                           .opacity = a->opacity > 0 ? a->opacity : 0.5,
                           .legend = a->legend && a->mask,
                           .scale_bar = a->scale_bar,
                           .background = !a->background || strcmp(a->background, "none") == 0 ? BACKGROUND_NONE
                                         : strcmp(a->background, "white") == 0                ? BACKGROUND_WHITE
                                                                                              : BACKGROUND_CHECKERED};
    if (o.background == BACKGROUND_NONE && ((!a->background && (o.legend || o.title)) || !holds_alpha(png)))
        o.background = BACKGROUND_WHITE;
    if (a->legend && !a->mask)
        return fail(err, CSEG_USAGE, "--legend lists the classes of a map: give --mask");
    if (a->confidence && !(a->mask && a->html))
        return fail(err, CSEG_USAGE, "--confidence is shown on the page of a map: give --mask and --html");
    if (a->vectors.n && !png)
        return fail(err, CSEG_USAGE, "--vector is drawn into the picture: give --out");
    TRY(read_size(a, &o, err));
    TRY(read_bands(a, &grid, mem, err));
    TRY(read_stretch(a->stretch, &grid.stretch, err));
    TRY(check_outputs(a, scene, png, mem, err));
    TRY(read_classes(a, &grid, mem, err));
    common_allow_remote(a->allow_remote);
    raster_limit_cache(CACHE_BYTES);
    interrupt_watch();
    image_watch_stop(interrupt_seen, NULL);
    if (png)
        TRY(write_png(&o, &grid, png, mem, err));
    return a->html ? write_page(a, &grid, mem, err) : CSEG_OK;
}

static const cli_option options[] = {
    {.names = "--mask",
     .type = O_STR,
     .offset = offsetof(quicklook_args, mask),
     .value = "MASK",
     .about = "a map of class ids (GeoTIFF, PNG) to draw over the scene"},
    {.names = "--confidence",
     .type = O_STR,
     .offset = offsetof(quicklook_args, confidence),
     .value = "CONF",
     .about =
         "a raster of the mask's size, probability * 250 in 8 bits, 255 for none: the page gives each class's mean"},
    {.names = "--second",
     .type = O_STR,
     .offset = offsetof(quicklook_args, second),
     .value = "SCENE",
     .about = "a second date, to stand beside the first"},
    {.names = "--vector",
     .type = O_LIST,
     .offset = offsetof(quicklook_args, vectors),
     .value = "FILE",
     .about = "outlines to draw: GeoPackage, GeoJSON, Shapefile, FlatGeobuf, in any coordinate system"},
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(quicklook_args, out),
     .value = "PNG",
     .about = "the picture, PNG or JPEG (default: quicklook.png, unless there is --html)"},
    {.names = "--html",
     .type = O_STR,
     .offset = offsetof(quicklook_args, html),
     .value = "PAGE",
     .about = "a page of its own with a divider between scene and map, or between two dates"},
    {.names = "--size",
     .type = O_STR,
     .offset = offsetof(quicklook_args, size),
     .value = "WxH",
     .about = "of the picture in pixels: 1024x768"},
    {.names = "--width",
     .type = O_INT,
     .offset = offsetof(quicklook_args, width),
     .min = LEAST_SIDE,
     .max = MOST_SIDE,
     .about = "of the picture (default 1024); its height follows the scene's shape"},
    {.names = "--bands",
     .type = O_STR,
     .offset = offsetof(quicklook_args, bands),
     .value = "R,G,B",
     .about = "the bands to show, counted from 1, as 4,3,2; one band: gray (default: the first three)"},
    {.names = "--stretch",
     .type = O_STR,
     .offset = offsetof(quicklook_args, stretch),
     .value = "LOW,HIGH",
     .about = "percentiles to stretch each band between, as 2,98; or min,max; or none (default: 2,98, but none for "
              "8-bit scenes)"},
    {.names = "--opacity",
     .type = O_FLOAT,
     .offset = offsetof(quicklook_args, opacity),
     .min = 0.001,
     .max = 1,
     .about = "of the map, in (0, 1] (default 0.5)"},
    {.names = "--background",
     .type = O_STR,
     .offset = offsetof(quicklook_args, background),
     .choices = "none|white|checkered",
     .about = "where the scene has no data (default: none, which is transparent; white with a legend or title)"},
    {.names = "--legend",
     .type = O_FLAG,
     .offset = offsetof(quicklook_args, legend),
     .about = "list the classes with colours, shares and areas"},
    {.names = "--scale-bar",
     .type = O_FLAG,
     .offset = offsetof(quicklook_args, scale_bar),
     .about = "draw a scale bar and an arrow to the north, if the scene says its place"},
    {.names = "--title",
     .type = O_STR,
     .offset = offsetof(quicklook_args, title),
     .value = "TEXT",
     .about = "stands above the picture, and on the page"},
    OPTIONS_NAMES(quicklook_args, names),
    OPTION_ALLOW_REMOTE(quicklook_args),
    OPTIONS_END,
};
const cli_command command_quicklook = {
    .name = "quicklook",
    .arguments = "SCENE",
    .about = "draw a scene and its map as a picture, or as a page",
    .details =
        "The scene may be of any size: it is read through its overviews, or else once, with memory that does not "
        "grow with it. Each pixel of the picture is the mean of what lies under it, and the class that most of it "
        "has. Mask, second date and outlines are placed by their georeference. Areas are counted in the mask "
        "itself.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .size = sizeof(quicklook_args),
    .run = run,
};
