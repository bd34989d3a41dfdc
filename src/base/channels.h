/* How many channels an image has, and how many a model takes: one wording wherever the two meet. */
#ifndef BASE_CHANNELS_H
#define BASE_CHANNELS_H

#include <stdint.h>

#include "base/error.h"

typedef struct channel_count {
    int64_t n;
    int dates; /* that n counts together: 2 for a pair; 0: it does not matter */
} channel_count;

/* CSEG_SHAPE: "FILE has 6 (two dates of 3) channels, the model takes 3". */
cseg_status channels_compare(const char *file, channel_count given, channel_count taken, cseg_error *err);

#endif
