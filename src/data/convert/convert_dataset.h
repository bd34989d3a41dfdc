/* Converts datasets, as their authors publish them, to the folders that configs expect: what the reference's
 * tools/dataset_converters do, with the same names and pixels.
 *
 *     const char *sources[] = {"LoveDA"};
 *     convert_options o = {.name = "loveda", .sources = sources, .n_sources = 1, .out = "data/loveDA", .threads = 4};
 *     convert_report report;
 *     TRY(convert_dataset(&o, mem, &report, err));
 *
 * Archives are read member by member; nothing is unpacked to disk. A file is written beside its place and renamed when
 * it is whole, so a run that was stopped is continued by the same call: what is there, whole and not older than its
 * source is left. */
#ifndef DATA_CONVERT_CONVERT_DATASET_H
#define DATA_CONVERT_CONVERT_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct convert_options {
    const char *name; /* of the dataset */
    const char *const *sources;
    size_t n_sources;
    const char *out;                   /* NULL: where the reference writes by itself, if that is within the source */
    const char *gt_dir;                /* cityscapes; NULL: "gtFine" */
    int64_t clip_size, stride_size;    /* potsdam, vaihingen, levircd; 0: the reference's */
    int64_t patch_width, patch_height; /* isaid; 0: 896. As in the reference the width counts rows */
    bool has_overlap;                  /* isaid; else 384 */
    int64_t overlap;
    int threads;
    bool allow_partial;      /* files may be missing where the reference insists on all */
    bool overwrite;          /* make again what is there */
    bool (*stop)(void *arg); /* asked now and then, by all threads; NULL: never stops */
    void *stop_arg;
    void (*progress)(void *arg, int64_t done, int64_t all); /* called by one thread at a time; NULL: nobody listens */
    void *progress_arg;
} convert_options;

/* Files written, and those that were there already. */
typedef struct convert_report {
    const char *out;
    int64_t images, masks, kept;
} convert_report;

/* CSEG_USAGE: no such dataset, or sources that do not fit it; CSEG_DATA: files are missing or too many; CSEG_CORRUPT
 * names the file, and the member of an archive; CSEG_INTERRUPTED: stopped, and the same call goes on. */
cseg_status convert_dataset(const convert_options *o, arena *mem, convert_report *out, cseg_error *err);

/* How many sources a dataset has that is converted in place, so that `out` may be left out; 0: it is not, or there is
 * no such dataset. */
size_t convert_in_place(const char *name);

#endif
