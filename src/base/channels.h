/* Compares the channels of an image with those that a model takes. Errors about channels have one wording, which is
 * this one.
 *
 *     channel_count given = {.n = 6, .dates = 2}, taken = {.n = 3};
 *     TRY(channels_compare("scene.tif", given, taken, err));
 */
#ifndef BASE_CHANNELS_H
#define BASE_CHANNELS_H

#include <stdint.h>

#include "base/error.h"

typedef struct channel_count {
    int64_t n;
    int dates; /* how many dates n counts together: 2 for a pair; 0: not known */
} channel_count;

/* CSEG_SHAPE if the counts differ: "FILE has 6 (two dates of 3) channels, the model takes 3". */
cseg_status channels_compare(const char *file, channel_count given, channel_count taken, cseg_error *err);

#endif
