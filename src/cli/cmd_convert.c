/* cseg convert: brings a dataset, as its authors publish it, into the folders that configs expect. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/common.h"
#include "cli/interrupt.h"
#include "cli/terminal.h"
#include "data/convert/convert_dataset.h"

typedef struct convert_args {
    const char *out, *gt_dir, *overlap;
    int64_t clip_size, stride_size, patch_width, patch_height, threads;
    bool allow_partial, overwrite;
} convert_args;

static void show(void *unused, int64_t done, int64_t all)
{
    (void)unused;
    progress_show(&(progress){.done = done, .all = all, .what = "convert"});
}

static cseg_status read_overlap(const char *text, int64_t *out, cseg_error *err)
{
    char *end = NULL;
    *out = 0;
    if (!text)
        return CSEG_OK;
    errno = 0;
    *out = strtoll(text, &end, 10);
    if (end != text && !*end && errno == 0 && *out >= 0)
        return CSEG_OK;
    return fail(err, CSEG_USAGE, "--overlap_area needs a whole number of pixels, not '%s'", text);
}

static int threads_of(const convert_args *a)
{
    long n = a->threads ? (long)a->threads : sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

static void print_report(const convert_report *r)
{
    text_fprintf(stdout, "%s: %lld images and %lld masks written", r->out, (long long)r->images, (long long)r->masks);
    if (r->kept)
        printf(", %lld were there", (long long)r->kept);
    printf("\n");
}

/* Behind the dataset's name come its sources and, unless --out_dir names it, the output. A dataset that is converted in
 * place needs none: then all but the name are sources if they are as many as it has. */
static cseg_status run(const void *options, const str_list *args, arena *mem, cseg_error *err)
{
    const convert_args *a = options;
    convert_options o = {.name = args->at[0],
                         .sources = args->at + 1,
                         .n_sources = args->n - 1,
                         .out = a->out,
                         .gt_dir = a->gt_dir,
                         .clip_size = a->clip_size,
                         .stride_size = a->stride_size,
                         .patch_width = a->patch_width,
                         .patch_height = a->patch_height,
                         .has_overlap = a->overlap != NULL,
                         .threads = threads_of(a),
                         .allow_partial = a->allow_partial,
                         .overwrite = a->overwrite,
                         .stop = interrupt_seen,
                         .progress = show};
    convert_report report;
    TRY(read_overlap(a->overlap, &o.overlap, err));
    size_t in_place = convert_in_place(o.name);
    if (!o.out && o.n_sources > (in_place ? in_place : 1)) {
        o.n_sources--;
        o.out = o.sources[o.n_sources];
    }
    interrupt_watch();
    TRY(convert_dataset(&o, mem, &report, err));
    progress_clear();
    print_report(&report);
    return CSEG_OK;
}

#define SIZE(name_, field_, about_)                                                                                    \
    {                                                                                                                  \
        .names = name_, .type = O_INT, .offset = offsetof(convert_args, field_), .min = 1, .max = 1e6, .about = about_ \
    }
static const cli_option options[] = {
    {.names = "--out_dir|--out-dir|-o|--save-path",
     .type = O_STR,
     .offset = offsetof(convert_args, out),
     .value = "DIR",
     .about = "the output; then all other arguments are sources"},
    {.names = "--gt-dir",
     .type = O_STR,
     .offset = offsetof(convert_args, gt_dir),
     .value = "DIR",
     .about = "cityscapes: the folder of polygons (default gtFine)"},
    SIZE("--clip_size|--clip-size", clip_size,
         "potsdam, vaihingen, levircd: the side of a piece (default 512; levircd 256)"),
    SIZE("--stride_size|--stride-size", stride_size,
         "the same: what the number of pieces is reckoned with, as the reference does (default 256)"),
    SIZE("--patch_width|--patch-width", patch_width,
         "isaid: rows of a patch, as the reference has it in spite of the name (default 896)"),
    SIZE("--patch_height|--patch-height", patch_height, "isaid: columns of a patch (default 896)"),
    {.names = "--overlap_area|--overlap-area",
     .type = O_STR,
     .offset = offsetof(convert_args, overlap),
     .value = "N",
     .about = "isaid: pixels that neighbouring patches share (default 384)"},
    {.names = "--allow-partial|--allow_partial",
     .type = O_FLAG,
     .offset = offsetof(convert_args, allow_partial),
     .about = "take what there is where the reference insists on the whole dataset"},
    {.names = "--overwrite",
     .type = O_FLAG,
     .offset = offsetof(convert_args, overwrite),
     .about = "make files again that are there, whole and newer than their source"},
    {.names = "--threads|--nproc",
     .type = O_INT,
     .offset = offsetof(convert_args, threads),
     .min = 0,
     .max = 1024,
     .about = "how many sources are converted at a time; 0: one for each processor (default)"},
    {.names = "--tmp_dir|--tmp-dir", .type = O_IGNORED, .value = "DIR", .about = "nothing is unpacked to disk"},
    OPTIONS_END,
};

#define CONVERTER(name) " " #name
const cli_command command_convert = {
    .name = "convert",
    .arguments = "DATASET SOURCE... [OUTPUT]",
    .about = "bring a published dataset into the folders that configs expect",
    .details =
        "Does what MMSegmentation's tools/dataset_converters do, with the same names and pixels. A SOURCE is the "
        "folder that holds the archives, or each archive in the reference's order; cseg convert DATASET says "
        "which. Datasets that are converted in place need no OUTPUT. A run that was stopped goes on with the "
        "same command.\n"
        "Datasets:"
#include "data/convert/converters.h"
    ,
    .min_args = 1,
    .max_args = 8,
    .options = options,
    .size = sizeof(convert_args),
    .run = run,
};
#undef CONVERTER
