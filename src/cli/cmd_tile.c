/* cseg tile: cuts a scene and its labels into tiles to train on and a part to test on. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/common.h"
#include "geo/tile.h"

typedef struct tile_args {
    const char *out, *hold_out, *bands;
    const char *vector, *layer, *attribute;
    str_list classes;
    int64_t burn_value, background;
    bool all_touched;
    int64_t size, stride, ignore;
    double min_labelled, edge_weight, edge_width;
    bool force, allow_remote;
} tile_args;

static cseg_status read_hold_out(const char *text, tile_options *o, cseg_error *err)
{
    static const char *const sides[] = {"none", "top", "bottom", "left", "right"};
    if (!text)
        return CSEG_OK;
    size_t n = strcspn(text, ":");
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        if (strlen(sides[i]) == n && strncmp(sides[i], text, n) == 0) {
            char *end = NULL;
            o->side = (hold_side)i;
            o->part = text[n] ? strtod(text + n + 1, &end) : 0.3;
            if (i == 0 || ((!end || (end != text + n + 1 && !*end)) && o->part > 0.0 && o->part < 1.0))
                return CSEG_OK;
        }
    return fail(err, CSEG_USAGE, "--hold-out takes a side and a part between 0 and 1, as bottom:0.3, not '%s'", text);
}

static cseg_status read_class(const char *text, arena *mem, burn_class *out, cseg_error *err)
{
    const char *number = strrchr(text, '=') + 1;
    char *end;
    long v = strtol(number, &end, 10);
    if (end == number || *end || v < 0 || v > 255)
        return fail(err, CSEG_USAGE, "--classes takes VALUE=N with N from 0 to 255, not '%s'", text);
    *out = (burn_class){arena_strndup(mem, text, (size_t)(number - 1 - text)), (int)v};
    return out->text ? CSEG_OK : fail_memory(err);
}

static cseg_status read_vectors(const tile_args *a, arena *mem, burn_options *out, cseg_error *err)
{
    burn_class *classes = ARENA_ARRAY(mem, a->classes.n + 1, burn_class);
    if (!classes)
        return fail_memory(err);
    if (!a->attribute != !a->classes.n)
        return fail(err, CSEG_USAGE, "--attribute and --classes go together");
    for (size_t i = 0; i < a->classes.n; i++)
        TRY(read_class(a->classes.at[i], mem, &classes[i], err));
    *out = (burn_options){.layer = a->layer,
                          .attribute = a->attribute,
                          .classes = classes,
                          .n_classes = (int)a->classes.n,
                          .value = a->burn_value ? (int)a->burn_value : 1,
                          .background = (int)a->background,
                          .all_touched = a->all_touched};
    return CSEG_OK;
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const tile_args *a = options;
    tile_options o = {.out = a->out ? a->out : "tiles",
                      .size = a->size ? a->size : 256,
                      .min_labelled = a->min_labelled,
                      .ignore = a->ignore ? (int)a->ignore : 255,
                      .force = a->force,
                      .edge_gain = a->edge_weight,
                      .edge_width = a->edge_width > 0.0 ? a->edge_width : 5.0};
    o.stride = a->stride ? a->stride : o.size;
    TRY(read_hold_out(a->hold_out, &o, err));
    TRY(common_bands(a->bands, mem, &o.bands, &o.n_bands, err));
    burn_options burn;
    if (a->vector && args->n > 1)
        return fail(err, CSEG_USAGE, "give a MASK or --vector, not both");
    const char *mask = a->vector ? a->vector : args->n > 1 ? args->at[1] : NULL;
    TRY(read_vectors(a, mem, &burn, err));
    o.burn = a->vector ? &burn : NULL;
    if (o.edge_gain > 0.0 && !mask)
        return fail(err, CSEG_USAGE, "--edge-weight needs a MASK or --vector");
    tile_report report;
    common_allow_remote(a->allow_remote);
    TRY(tile_scene(args->at[0], mask, &o, &report, err));
    text_fprintf(stdout, "%s: %lld tiles to train on", o.out, (long long)report.train);
    if (report.left_out)
        printf(" (%lld more have too few labels)", (long long)report.left_out);
    if (o.side != HOLD_NONE)
        printf(", %lld to test on (%s %lld to %lld of the scene)", (long long)report.val,
               o.side == HOLD_TOP || o.side == HOLD_BOTTOM ? "rows" : "columns", (long long)report.held_from,
               (long long)report.held_to - 1);
    if (report.empty)
        printf("; %lld without any data are left out", (long long)report.empty);
    printf("\n");
    return CSEG_OK;
}

static const cli_option options[] = {
    {.names = "--out",
     .type = O_STR,
     .offset = offsetof(tile_args, out),
     .value = "DIR",
     .about = "gets images/, labels/ (and weights/), each with train/ and val/ (default: tiles)"},
    {.names = "--size",
     .type = O_INT,
     .offset = offsetof(tile_args, size),
     .min = 8,
     .max = 65536,
     .about = "height and width of a tile (default 256)"},
    {.names = "--stride",
     .type = O_INT,
     .offset = offsetof(tile_args, stride),
     .min = 1,
     .max = 65536,
     .about = "distance of training tiles; smaller than --size they overlap (default: --size)"},
    {.names = "--hold-out",
     .type = O_STR,
     .offset = offsetof(tile_args, hold_out),
     .value = "SIDE:PART",
     .about = "one straight cut: this part of the scene is kept for testing, as bottom:0.3 (top, bottom, left, right)"},
    {.names = "--min-labelled",
     .type = O_FLOAT,
     .offset = offsetof(tile_args, min_labelled),
     .min = 0,
     .max = 1,
     .about = "leave out training tiles with a smaller share of labelled pixels (default 0)"},
    {.names = "--ignore-index",
     .type = O_INT,
     .offset = offsetof(tile_args, ignore),
     .min = 1,
     .max = 255,
     .about = "the label of pixels that count nowhere; the scene's nodata gets it (default 255)"},
    {.names = "--vector",
     .type = O_STR,
     .offset = offsetof(tile_args, vector),
     .value = "FILE",
     .about = "burn these vectors in place of a MASK: GeoPackage, GeoJSON, Shapefile, FlatGeobuf; brought to the "
              "scene's coordinate system, later features over earlier ones"},
    {.names = "--layer",
     .type = O_STR,
     .offset = offsetof(tile_args, layer),
     .value = "NAME",
     .about = "the layer of --vector (default: the only one)"},
    {.names = "--attribute",
     .type = O_STR,
     .offset = offsetof(tile_args, attribute),
     .value = "NAME",
     .about = "the attribute that tells a feature's class, by --classes"},
    {.names = "--classes",
     .type = O_PAIRS,
     .offset = offsetof(tile_args, classes),
     .value = "VALUE=N...",
     .about = "the class of each value of --attribute; all values that occur are to be named"},
    {.names = "--burn-value",
     .type = O_INT,
     .offset = offsetof(tile_args, burn_value),
     .min = 1,
     .max = 255,
     .about = "without --attribute: the class of all features (default 1)"},
    {.names = "--background",
     .type = O_INT,
     .offset = offsetof(tile_args, background),
     .min = 0,
     .max = 255,
     .about = "the class where no feature is (default 0)"},
    {.names = "--all-touched",
     .type = O_FLAG,
     .offset = offsetof(tile_args, all_touched),
     .about = "burn all pixels that a feature touches, not only those whose centre lies in it"},
    {.names = "--edge-weight",
     .type = O_FLOAT,
     .offset = offsetof(tile_args, edge_weight),
     .min = 0,
     .max = 1000,
     .about = "write weights/: 1 + X * exp(-d^2 / (2 W^2)), d the distance to the nearest border between classes"},
    {.names = "--edge-width",
     .type = O_FLOAT,
     .offset = offsetof(tile_args, edge_width),
     .min = 0.1,
     .max = 1000,
     .about = "that W, in pixels (default 5)"},
    {.names = "--force",
     .type = O_FLAG,
     .offset = offsetof(tile_args, force),
     .about = "use a MASK that by its georeference lies elsewhere than the scene"},
    OPTION_BANDS(tile_args),
    OPTION_ALLOW_REMOTE(tile_args),
    OPTIONS_END,
};
const cli_command command_tile = {
    .name = "tile",
    .arguments = "SCENE [MASK]",
    .about = "cut a scene and its labels into tiles to train on and a part to test on",
    .details = "The scene is read by windows and may be of any size. The cut is straight and no training tile reaches "
               "across it, so no held-out pixel is trained on. The held-out part is cut into equal pieces that do not "
               "overlap. Where the scene has no data (its mask, alpha or nodata value says so) labels are ignored, and "
               "training tiles without any are left out. A MASK is compared with the scene by size and, where both "
               "know theirs, "
               "by place.",
    .min_args = 1,
    .max_args = 2,
    .options = options,
    .size = sizeof(tile_args),
    .run = run,
};
