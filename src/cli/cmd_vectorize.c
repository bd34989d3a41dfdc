/* cseg vectorize: a mask becomes polygons. */
#include "base/text.h"
#include "cli/class_names.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "geo/vectorize.h"

typedef struct vectorize_args {
    names_args names;
    str_list classes, dates;
    const char *out, *confidence;
    double min_area, simplify;
    int64_t connectivity;
    bool force, allow_remote;
} vectorize_args;

static void print_report(const char *out, const vectorize_report *r)
{
    text_fprintf(stdout, "%s: %lld polygons of %lld pixels", out, (long long)r->shapes, (long long)r->pixels);
    if (r->dropped)
        printf("; %lld of %lld pixels are smaller than --min-area and left out", (long long)r->dropped,
               (long long)r->dropped_pixels);
    if (r->other)
        printf("; %lld pixels have no data or another class", (long long)r->other);
    printf("\n");
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const vectorize_args *a = options;
    vectorize_options o = {.source = {.mask = args->at[0],
                                      .confidence = a->confidence,
                                      .force = a->force,
                                      .progress = class_rows_progress},
                           .out = a->out,
                           .classes = a->classes.at,
                           .n_classes = (int)a->classes.n,
                           .min_area = a->min_area,
                           .simplify = a->simplify,
                           .diagonal = a->connectivity == 8};
    vectorize_report report;
    if (!a->out)
        return fail(err, CSEG_USAGE, "--out FILE is missing: where the polygons go, as map.gpkg");
    if (a->connectivity && a->connectivity != 4 && a->connectivity != 8)
        return fail(err, CSEG_USAGE, "--connectivity is 4 (by sides) or 8 (by corners too), not %lld",
                    (long long)a->connectivity);
    if (a->dates.n > 2)
        return fail(err, CSEG_USAGE, "--dates takes the first date and the second, not %zu", a->dates.n);
    for (size_t i = 0; i < a->dates.n; i++)
        o.dates[i] = a->dates.at[i];
    TRY(class_names_read(&a->names, mem, &o.source, err));
    common_allow_remote(a->allow_remote);
    raster_limit_cache(CLASS_ROWS_CACHE);
    interrupt_watch();
    TRY(vectorize(&o, &report, err));
    progress_clear();
    print_report(a->out, &report);
    return CSEG_OK;
}

static const cli_option options[] = {
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(vectorize_args, out),
     .value = "FILE",
     .about = "the polygons: GeoPackage (.gpkg), GeoJSON (.geojson, .json; in WGS 84) or Shapefile (.shp)"},
    {.names = "--confidence",
     .type = O_STR,
     .offset = offsetof(vectorize_args, confidence),
     .value = "CONF",
     .about = "a raster of the mask's size, probability * 250 in 8 bits, 255 for none: its mean becomes an attribute"},
    {.names = "--classes",
     .type = O_LIST,
     .offset = offsetof(vectorize_args, classes),
     .value = "CLASS",
     .about = "numbers or names of the classes to write (default: all)"},
    {.names = "--min-area",
     .type = O_FLOAT,
     .offset = offsetof(vectorize_args, min_area),
     .min = 0,
     .max = 1e15,
     .value = "M2",
     .about = "leave out polygons smaller than this many square metres"},
    {.names = "--simplify",
     .type = O_FLOAT,
     .offset = offsetof(vectorize_args, simplify),
     .min = 0,
     .max = 1e9,
     .value = "M",
     .about = "simplify borders, by at most this many metres; neighbours keep one border, and none cross"},
    {.names = "--connectivity",
     .type = O_INT,
     .offset = offsetof(vectorize_args, connectivity),
     .min = 4,
     .max = 8,
     .about = "4: pixels belong together by their sides (default); 8: by corners too, in polygons of several parts"},
    OPTIONS_NAMES(vectorize_args, names),
    {.names = "--dates",
     .type = O_LIST,
     .offset = offsetof(vectorize_args, dates),
     .value = "DATE",
     .about = "the dates of a change, first and second, as attributes: 2020-05-01 2024-05-01"},
    {.names = "--force",
     .type = O_FLAG,
     .offset = offsetof(vectorize_args, force),
     .about = "use a CONF that by its georeference lies elsewhere than the mask"},
    OPTION_ALLOW_REMOTE(vectorize_args),
    OPTIONS_END,
};
const cli_command command_vectorize = {
    .name = "vectorize",
    .arguments = "MASK",
    .about = "make polygons of a mask: a map layer",
    .details = "The mask is read row by row and may be of any size. Polygons are valid and whole, holes are kept, and "
               "their pixels add up to the mask's. Attributes: class_id, class, area_m2, pixels, confidence, date_1, "
               "date_2. Areas are the mask's own, on the ellipsoid where it has longitude and latitude, whatever is "
               "simplified. Pixels without data are of no polygon.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .size = sizeof(vectorize_args),
    .run = run,
};
