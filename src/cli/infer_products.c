#include "cli/infer_products.h"

#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "base/text.h"
#include "cli/class_names.h"
#include "cli/terminal.h"
#include "draw/page.h"
#include "draw/quicklook.h"
#include "geo/area.h"
#include "geo/vectorize.h"

static const char *const types[] = {"gpkg", "geojson", "json", "shp"};

static bool is_type(const char *text)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(text, types[i]) == 0)
            return true;
    return false;
}

bool products_asked(const product_args *o)
{
    return o->vector || o->stats || o->html;
}

cseg_status products_check(const product_args *o, size_t scenes, cseg_error *err)
{
    if ((o->min_area != 0.0 || o->simplify != 0.0 || o->dates.n) && !o->vector)
        return fail(err, CSEG_USAGE, "--min-area, --simplify and --dates are for polygons: give --vector too");
    if (o->min_area < 0.0 || o->simplify < 0.0)
        return fail(err, CSEG_USAGE, "--min-area and --simplify are at least 0");
    if (o->dates.n > 2)
        return fail(err, CSEG_USAGE, "--dates takes the first date and the second, not %zu", o->dates.n);
    if (!o->vector || is_type(o->vector))
        return CSEG_OK;
    const char *ending = path_ext(o->vector);
    if (!*ending || !is_type(ending + 1))
        return fail(err, CSEG_USAGE,
                    "--vector %s: give a file that ends in .gpkg, .geojson or .shp, or one of these types", o->vector);
    if (scenes > 1)
        return fail(
            err, CSEG_USAGE,
            "--vector %s is one file, and there are %zu scenes: give the type alone, --vector %s, for a file of "
            "each",
            o->vector, scenes, ending + 1);
    return CSEG_OK;
}

const char *products_vector(const product_args *o, const char *stem, arena *mem)
{
    if (!o->vector || !is_type(o->vector))
        return o->vector;
    return arena_printf(mem, "%s.%s", stem, o->vector);
}

static mask_source source_of(const product_input *in)
{
    return (mask_source){.mask = in->mask, .confidence = in->confidence, .progress = class_rows_progress};
}

static cseg_status make_vector(const product_args *o, const product_input *in, arena *mem, cseg_error *err)
{
    vectorize_options how = {.source = source_of(in),
                             .out = products_vector(o, in->stem, mem),
                             .min_area = o->min_area,
                             .simplify = o->simplify};
    vectorize_report report;
    for (size_t i = 0; i < o->dates.n; i++)
        how.dates[i] = o->dates.at[i];
    if (!how.out)
        return fail_memory(err);
    TRY(vectorize(&how, &report, err));
    progress_clear();
    text_fprintf(stdout, "%s: %lld polygons\n", how.out, (long long)report.shapes);
    return CSEG_OK;
}

static cseg_status write_stats(const char *stem, const area_report *r, arena *mem, cseg_error *err)
{
    char *json = arena_printf(mem, "%s_area.json", stem), *csv = arena_printf(mem, "%s_area.csv", stem);
    if (!json || !csv)
        return fail_memory(err);
    TRY(area_write_json(json, r, mem, err));
    return area_write_csv(csv, r, mem, err);
}

static cseg_status make_page(const product_input *in, const area_report *r, arena *mem, cseg_error *err)
{
    map_layers *l;
    map_layers_options grid = {
        .scene = in->scene, .second = in->second, .mask = in->mask, .most_w = PAGE_MOST, .most_h = PAGE_MOST};
    page_fact facts[] = {
        {"Map", path_base(in->mask)}, {"Config", path_base(in->config)}, {"Checkpoint", path_base(in->checkpoint)}};
    char *path = arena_printf(mem, "%s.html", in->stem);
    if (!path)
        return fail_memory(err);
    TRY(map_layers_open(&grid, mem, &l, err));
    map_layers_take_areas(l, r);
    page_info about = {.title = path_base(in->scene),
                       .facts = facts,
                       .n_facts = sizeof facts / sizeof *facts,
                       .classes = l->classes,
                       .n_classes = l->n_classes};
    TRY(page_write(path, &about, l, mem, err));
    text_fprintf(stdout, "%s\n", path);
    return CSEG_OK;
}

static cseg_status make_picture(const product_input *in, arena *mem, cseg_error *err)
{
    map_layers *l;
    image m = {0};
    quicklook_options o = {.scene = in->scene,
                           .width = 1024,
                           .two_dates = in->second != NULL,
                           .opacity = in->opacity,
                           .legend = true,
                           .scale_bar = true,
                           .background = BACKGROUND_WHITE};
    map_layers_options grid = {.scene = in->scene, .second = in->second, .mask = in->mask};
    TRY(quicklook_room(&o, &grid.most_w, &grid.most_h, err));
    TRY(map_layers_open(&grid, mem, &l, err));
    cseg_status status = quicklook_draw(&o, l, mem, &m, err);
    if (status == CSEG_OK)
        status = image_write(in->picture, &m, &(image_save){.rgb = true}, err);
    image_release(&m);
    return status;
}

cseg_status products_make(const product_args *o, const product_input *in, arena *mem, cseg_error *err)
{
    area_report areas;
    if (o->vector)
        TRY(make_vector(o, in, mem, err));
    if (o->stats || o->html) {
        mask_source source = source_of(in);
        TRY(area_measure(&source, mem, &areas, err));
        progress_clear();
    }
    if (o->stats)
        TRY(write_stats(in->stem, &areas, mem, err));
    if (o->html)
        TRY(make_page(in, &areas, mem, err));
    return in->picture ? make_picture(in, mem, err) : CSEG_OK;
}
