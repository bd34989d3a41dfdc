/* cseg area: how much ground each class of a mask covers. */
#include <math.h>
#include <string.h>

#include "base/outputs.h"
#include "base/text.h"
#include "cli/class_names.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "geo/area.h"

typedef struct area_args {
    names_args names;
    const char *confidence, *json, *csv;
    bool force, allow_remote;
} area_args;

static cseg_status check_outputs(const char *mask, const area_args *a, arena *mem, cseg_error *err)
{
    outputs *o = outputs_new(mem);
    if (!o)
        return fail_memory(err);
    TRY(outputs_add_input(o, mask, "the mask", err));
    if (a->confidence)
        TRY(outputs_add_input(o, a->confidence, "the confidence", err));
    if (a->json)
        TRY(outputs_add(o, a->json, "the areas", NULL, err));
    if (a->csv)
        TRY(outputs_add(o, a->csv, "the areas as CSV", NULL, err));
    return outputs_check(o, "give another name", err);
}

/* Columns: name 26, pixels 14, m2 17, ha 14, share 8; the name is shorter where a confidence comes too. */
static void print_row(const area_report *r, const char *name, const area_class *c, bool has_share)
{
    char m2[32] = "-", ha[32] = "-", share[16] = "";
    if (isfinite(c->m2)) {
        snprintf(m2, sizeof m2, "%.0f", c->m2);
        snprintf(ha, sizeof ha, "%.2f", c->m2 / 1e4);
    }
    if (has_share)
        snprintf(share, sizeof share, "%.2f%%", 100.0 * c->share);
    int width = r->has_confidence ? 19 : 26;
    text_fprintf(stdout, "%-*.*s %12lld %16s %14s %8s", width, width, name, (long long)c->pixels, m2, ha, share);
    if (r->has_confidence && has_share && isfinite(c->confidence))
        printf(" %6.3f", c->confidence);
    printf("\n");
}

static void print_table(const area_report *r)
{
    int width = r->has_confidence ? 19 : 26;
    printf("%-*s %12s %16s %14s %8s%s\n", width, "class", "pixels", "m2", "ha", "share",
           r->has_confidence ? "  conf." : "");
    for (int i = 0; i < r->n_classes; i++) {
        char number[32];
        snprintf(number, sizeof number, "%lld", (long long)r->classes[i].id);
        print_row(r, r->classes[i].name ? r->classes[i].name : number, &r->classes[i], true);
    }
    print_row(r, "all", &r->all, true);
    if (r->nodata.pixels)
        print_row(r, "no data", &r->nodata, false);
}

static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const area_args *a = options;
    mask_source source = {
        .mask = args->at[0], .confidence = a->confidence, .force = a->force, .progress = class_rows_progress};
    area_report report;
    TRY(check_outputs(args->at[0], a, mem, err));
    TRY(class_names_read(&a->names, mem, &source, err));
    common_allow_remote(a->allow_remote);
    raster_limit_cache(CLASS_ROWS_CACHE);
    interrupt_watch();
    TRY(area_measure(&source, mem, &report, err));
    progress_clear();
    print_table(&report);
    if (a->json)
        TRY(area_write_json(a->json, &report, mem, err));
    return a->csv ? area_write_csv(a->csv, &report, mem, err) : CSEG_OK;
}

static const cli_option options[] = {
    {.names = "--json",
     .type = O_STR,
     .offset = offsetof(area_args, json),
     .value = "FILE",
     .about = "write the figures there too, with all their digits"},
    {.names = "--csv",
     .type = O_STR,
     .offset = offsetof(area_args, csv),
     .value = "FILE",
     .about = "write a line for each class there"},
    {.names = "--confidence",
     .type = O_STR,
     .offset = offsetof(area_args, confidence),
     .value = "CONF",
     .about = "a raster of the mask's size, probability * 250 in 8 bits, 255 for none: adds the mean"},
    OPTIONS_NAMES(area_args, names),
    {.names = "--force",
     .type = O_FLAG,
     .offset = offsetof(area_args, force),
     .about = "use a CONF that by its georeference lies elsewhere than the mask"},
    OPTION_ALLOW_REMOTE(area_args),
    OPTIONS_END,
};
const cli_command command_area = {
    .name = "area",
    .arguments = "MASK",
    .about = "measure the area of each class of a mask",
    .details = "The mask is read row by row and may be of any size. With longitude and latitude areas are the "
               "ellipsoid's; in a projection they are those of its plane, in metres whatever its unit. Shares are of "
               "the pixels with data.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .size = sizeof(area_args),
    .run = run,
};
