/* One sample of an image of any type that is resized or warped. */
#ifndef IO_IMGPROC_IMGPROC_SAMPLE_H
#define IO_IMGPROC_IMGPROC_SAMPLE_H

#include "io/image/image.h"

/* Inlined everywhere: with a constant type it is one load in a loop. */
static inline __attribute__((always_inline)) float imgproc_load(const void *p, image_type t, int64_t i)
{
    switch (t) {
    case IMAGE_U8:
        return ((const uint8_t *)p)[i];
    case IMAGE_U16:
        return ((const uint16_t *)p)[i];
    case IMAGE_I16:
        return ((const int16_t *)p)[i];
    default:
        return ((const float *)p)[i];
    }
}

#endif
