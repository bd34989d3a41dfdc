/* What the decoders behind io/image/image.h share. Nothing outside src/io includes it. */
#ifndef IO_IMAGE_IMAGE_CODEC_H
#define IO_IMAGE_IMAGE_CODEC_H

#include <stdio.h>

#include "io/image/image.h"
#include "io/raster/raster.h"

/* An encoded image in memory. */
typedef struct image_bytes_in {
    const uint8_t *bytes;
    size_t n;
    const char *name; /* for messages */
} image_bytes_in;

/* A part of a picture. */
typedef struct image_window {
    int64_t y, x, h, w;
} image_window;

/* With `header_only` only h, w, c and type of `out` are set. */
cseg_status image_jpeg_decode(const image_bytes_in *in, image_flags flags, bool header_only, image *out,
                              cseg_error *err);
/* Whether image_jpeg_decode_part can decode this file; if so, sets h, w, c and type of `out`. */
bool image_jpeg_has_parts(const image_bytes_in *in, image_flags flags, image *out);
/* Fills the window of `out`, which has the picture's size. */
cseg_status image_jpeg_decode_part(const image_bytes_in *in, image_flags flags, const image_window *at, image *out,
                                   cseg_error *err);
cseg_status image_png_decode(const image_bytes_in *in, image_flags flags, bool header_only, image *out,
                             cseg_error *err);
/* Decodes the usual kinds of files, several times as fast. False: the file is of another kind, or it is damaged. */
bool image_png_decode_plain(const image_bytes_in *in, image_flags flags, image *out);
cseg_status image_raster_decode(raster *r, const char *name, image_flags flags, bool header_only, image *out,
                                cseg_error *err);

/* The caller checks `out` for write errors; these report what the library refuses. */
cseg_status image_jpeg_encode(const image *m, const image_save *how, FILE *out, const char *name, cseg_error *err);
cseg_status image_png_encode(const image *m, const image_save *how, FILE *out, const char *name, cseg_error *err);

/* The EXIF orientation, 1 to 8; 1 if there is none or it makes no sense. `tiff` begins with "II*\0" or "MM\0*". */
int image_exif_orientation(const uint8_t *tiff, size_t n);

#endif
