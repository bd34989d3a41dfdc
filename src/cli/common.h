/* Options and steps that several commands share. */
#ifndef CLI_COMMON_H
#define CLI_COMMON_H

#include <string.h>

#include "cli/options.h"
#include "config/config.h"

#define OPTION_CFG(struct_)                                                                                            \
    {                                                                                                                  \
        .names = "--cfg-options|--options", .type = O_PAIRS, .offset = offsetof(struct_, cfg_options),                 \
        .value = "KEY=VALUE",                                                                                          \
        .about = "change values of the config: model.decode_head.num_classes=2 data.samples_per_gpu=4"                 \
    }
#define OPTION_THREADS(struct_)                                                                                        \
    {                                                                                                                  \
        .names = "--threads", .type = O_INT, .offset = offsetof(struct_, threads), .min = 0, .max = 1024,              \
        .about = "threads for computing; 0: one for each processor (default)"                                          \
    }
#define OPTION_PRECISION(struct_, default_)                                                                            \
    {                                                                                                                  \
        .names = "--precision", .type = O_STR, .offset = offsetof(struct_, precision), .choices = "fp32|bf16",         \
        .about = "bf16: maps and convolutions in bfloat16 where the CPU has it; default " default_                     \
    }
#define OPTION_ALLOW_REMOTE(struct_)                                                                                   \
    {                                                                                                                  \
        .names = "--allow-remote", .type = O_FLAG, .offset = offsetof(struct_, allow_remote),                          \
        .about = "open images that are addresses, or that name addresses and other files (/vsicurl/, WMS, HDF5...)"    \
    }
#define OPTION_BANDS(struct_)                                                                                          \
    {                                                                                                                  \
        .names = "--bands", .type = O_STR, .offset = offsetof(struct_, bands), .value = "N,N...",                      \
        .about = "take these bands of each raster, from 1, in this order: 4,3,2 or 1-4,8"                              \
    }
/* Reads what --bands says; NULL: n 0. CSEG_USAGE. */
cseg_status common_bands(const char *text, arena *mem, int64_t **bands, size_t *n, cseg_error *err);
/* Makes all that loads images in a config take the bands that --bands says; NULL: as the config has it. Before the
 * config is read into an experiment. */
cseg_status common_set_bands(value *cfg, const char *text, arena *mem, cseg_error *err);

/* Whether --precision says bf16; NULL: it was not given. */
static inline bool common_is_bf16(const char *precision)
{
    return precision && strcmp(precision, "bf16") == 0;
}
#define OPTIONS_END                                                                                                    \
    {                                                                                                                  \
        .names = NULL                                                                                                  \
    }

/* Does what --allow-remote asks for. Call it before the first image is opened. */
void common_allow_remote(bool asked);

/* Loads the config and applies the overrides in order. */
cseg_status common_config(const char *path, const str_list *overrides, arena *mem, value **out, cseg_error *err);

#endif
