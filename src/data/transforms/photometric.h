/* Distorts colours by decisions that are made already, so that a test can set them.
 *
 *     photometric how = {.brightens = true, .brightness = 20};
 *     TRY(photometric_apply(img, 0, &how, err));
 */
#ifndef DATA_TRANSFORMS_PHOTOMETRIC_H
#define DATA_TRANSFORMS_PHOTOMETRIC_H

#include "io/image/image.h"

typedef struct photometric {
    bool brightens, contrasts, saturates, shifts;
    bool contrast_first;
    double brightness; /* added */
    double contrast;   /* factor */
    double saturation; /* factor */
    int64_t hue;       /* added, modulo 180 */
} photometric;

/* Distorts channels `first` ... first + 2 of an 8-bit image (blue, green, red), in place. CSEG_NO_MEMORY. */
cseg_status photometric_apply(image *m, int64_t first, const photometric *p, cseg_error *err);

#endif
