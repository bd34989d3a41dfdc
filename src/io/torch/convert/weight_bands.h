/* Weights of a convolution that reads images, for images of another number of bands.
 *
 *     weight_bands how;
 *     float to[64 * 4 * 7 * 7];
 *     TRY(weight_bands_parse("mean", &how, err));
 *     TRY(weight_bands_apply(&how, v, 64, 3, 7 * 7, 4, to, err));
 *
 * The sum over the input channels stays for each tap: an image whose bands are all alike gets the answer that the old
 * weights give for such an image. */
#ifndef IO_TORCH_CONVERT_WEIGHT_BANDS_H
#define IO_TORCH_CONVERT_WEIGHT_BANDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { WEIGHT_BANDS_MOST = 16 };

typedef struct weight_bands {
    enum {
        BANDS_MEAN,   /* each new channel has the mean of the old ones, times old / new */
        BANDS_REPEAT, /* the old channels in turn, each divided by how often it comes; where the new are fewer, old ones
                         are added up */
        BANDS_ZERO,   /* the old channels in front, zeros behind them */
        BANDS_PLACED  /* old channel k becomes channel place[k]; zeros elsewhere ("rgb-first=4,3,2") */
    } how;
    size_t n;
    int64_t place[WEIGHT_BANDS_MOST]; /* from 0 */
} weight_bands;

/* "mean", "repeat", "zero", or "rgb-first=4,3,2": which new channel, from 1, each old one becomes. CSEG_USAGE; the text
 * does not name a place. */
cseg_status weight_bands_parse(const char *text, weight_bands *out, cseg_error *err);
/* from [o, old, taps] -> to [o, new, taps]. CSEG_SHAPE: not with these numbers of channels, with the reason. */
cseg_status weight_bands_apply(const weight_bands *b, const float *from, int64_t o, int64_t old, int64_t taps,
                               int64_t new, float *to, cseg_error *err);

#endif
