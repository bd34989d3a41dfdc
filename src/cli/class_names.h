/* Names of a mask's classes, for commands that have a mask alone.
 *
 *     names_args asked = {.config = "configs/water.py"};
 *     mask_source source = {.mask = "map.tif"};
 *     TRY(class_names_read(&asked, mem, &source, err));
 */
#ifndef CLI_CLASS_NAMES_H
#define CLI_CLASS_NAMES_H

#include "cli/common.h"
#include "data/datasets/dataset.h"
#include "geo/mask_rows.h"

typedef struct names_args {
    str_list names;     /* --names */
    const char *config; /* --config */
} names_args;

#define OPTIONS_NAMES(struct_, member)                                                                                 \
    {.names = "--names",                                                                                               \
     .type = O_LIST,                                                                                                   \
     .offset = offsetof(struct_, member.names),                                                                        \
     .value = "NAME",                                                                                                  \
     .about = "what the classes are called, from 0 on (default: as the mask's file says)"},                            \
    {                                                                                                                  \
        .names = "--config", .type = O_STR, .offset = offsetof(struct_, member.config), .value = "CONFIG",             \
        .about = "the config whose dataset names the classes"                                                          \
    }

/* Fills source->names and n_names from what was asked for; leaves them if nothing was. CSEG_USAGE: both were. */
cseg_status class_names_read(const names_args *asked, arena *mem, mask_source *source, cseg_error *err);

/* What the dataset of --config says of its classes: names and colours. */
cseg_status class_names_config(const char *path, arena *mem, dataset_meta *out, cseg_error *err);

/* Blocks of pixels that GDAL keeps while a mask is read by rows: a row of tiles of a wide scene. */
enum { CLASS_ROWS_CACHE = 64 << 20 };
/* A mask_source's progress: shows it, and ends it if a signal says so. */
cseg_status class_rows_progress(void *unused, int64_t done, int64_t all, cseg_error *err);

#endif
