/* Images in memory: reads JPEG, PNG and every format that GDAL knows, and writes JPEG and PNG.
 *
 *     image photo = {0};
 *     TRY(image_read(path, IMAGE_COLOR, &photo, err));
 *     uint8_t blue = image_u8(&photo, 0, 0)[0];
 *     image_release(&photo);
 *
 * Decoding gives what MMSegmentation's loaders give, byte for byte: cv2.imread (flags color, grayscale, unchanged) or,
 * with IMAGE_PILLOW, what PIL gives for label maps (palette indices instead of colours). */
#ifndef IO_IMAGE_IMAGE_H
#define IO_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef enum { IMAGE_U8, IMAGE_U16, IMAGE_I16, IMAGE_I32, IMAGE_F32, IMAGE_TYPES } image_type;

/* Pixels in rows, channels innermost (HWC), rows packed. A zeroed struct is the empty image. `data` is heap memory of
 * image_new, given back by image_release. If a caller points `data` at its own memory, the image must not be released.
 */
typedef struct image {
    int64_t h, w, c;
    image_type type;
    void *data;
    struct image_coded *coded; /* set by image_read_later, and data is NULL; else NULL */
} image;

/* Largest image: sides, channels, and bytes of its pixels. */
#define IMAGE_MAX_SIDE INT64_C(1000000)
#define IMAGE_MAX_CHANNELS INT64_C(4096)
#define IMAGE_MAX_BYTES (INT64_C(1) << 32)

/* What to ask a decoder for: exactly one of the first three; the others may be added. */
typedef unsigned image_flags;
enum {
    IMAGE_COLOR = 0,     /* u8, 3 channels: gray repeated, alpha dropped, deeper samples reduced as cv2 does */
    IMAGE_GRAYSCALE = 1, /* u8, 1 channel */
    IMAGE_UNCHANGED = 2, /* type and channels of the file, orientation ignored */
    IMAGE_RGB = 16,      /* first three channels red first; without it blue first, as cv2 has them */
    IMAGE_IGNORE_ORIENTATION = 32, /* EXIF orientation is not applied */
    IMAGE_PILLOW = 64 /* with IMAGE_UNCHANGED: palette images give their indices, bilevel ones 0 and 1 (labels) */
};

size_t image_type_size(image_type t);                    /* bytes of one sample */
const char *image_type_name(image_type t);               /* "uint8" ... "float32" */
image_type image_type_wider(image_type a, image_type b); /* the smallest one that holds both; int32 counts as less than
                                                            float32 */
size_t image_bytes(const image *m);                      /* of all pixels */
int64_t image_row_bytes(const image *m);

/* Makes zeroed pixels. CSEG_SHAPE for sizes below 1 or over the limits above. */
cseg_status image_new(int64_t h, int64_t w, int64_t c, image_type t, image *out, cseg_error *err);
/* Checks sizes as image_new does; `name` is used in the message. */
cseg_status image_check_size(int64_t h, int64_t w, int64_t c, image_type t, const char *name, cseg_error *err);
void image_release(
    image *m); /* frees an image, decoded or not, and leaves the empty image; NULL and empty ones are fine */
cseg_status image_copy(const image *from, image *out, cseg_error *err);
/* Converts to another sample type. To integers: rounds half to even, clamps to the type's range, makes NaN 0. */
cseg_status image_convert(const image *from, image_type t, image *out, cseg_error *err);
/* Turns *m so that the picture stands upright, by its EXIF orientation, 1 to 8; 1 does nothing. image_read does this by
 * itself. */
cseg_status image_upright(image *m, int orientation, cseg_error *err);
void image_swap_red_blue(image *m); /* in place; fewer than three channels: nothing */

/* Address of pixel (y, x), channel 0. No check. */
static inline void *image_at(const image *m, int64_t y, int64_t x)
{
    static const uint8_t size[IMAGE_TYPES] = {1, 2, 2, 4, 4};
    return (char *)m->data + (y * m->w + x) * m->c * size[m->type];
}
static inline uint8_t *image_u8(const image *m, int64_t y, int64_t x)
{
    return (uint8_t *)m->data + (y * m->w + x) * m->c;
}
static inline float *image_f32(const image *m, int64_t y, int64_t x)
{
    return (float *)m->data + (y * m->w + x) * m->c;
}
double image_get(const image *m, int64_t y, int64_t x, int64_t c); /* any type; slow */

/* Reads a file. Its first bytes say what it is; its name does not matter. The image is new (image_release).
 * CSEG_NOT_FOUND, CSEG_IO; CSEG_CORRUPT for truncated or damaged data, naming the file and what is wrong;
 * CSEG_UNSUPPORTED for kinds of pixels that have no meaning here (complex numbers). */
cseg_status image_read(const char *path, image_flags flags, image *out, cseg_error *err);
/* The same from memory; `name` stands for the path in messages. */
cseg_status image_decode(const void *bytes, size_t n, const char *name, image_flags flags, image *out, cseg_error *err);
/* Reads as image_read does, but decodes later. If a part of the picture can be decoded at less cost than the whole
 * (JPEG that is not progressive and stands upright), only the header is read, and the file's bytes are kept for
 * image_decode_part. Damage is found when the damaged part is decoded; a missing end is found here. */
cseg_status image_read_later(const char *path, image_flags flags, image *out, cseg_error *err);
static inline bool image_exists(const image *m) /* decoded or not */
{
    return m->data || m->coded;
}
/* Decodes rows y ... y+h-1, columns x ... x+w-1 of an image that is not decoded yet, byte for byte as in the whole
 * picture. *out is new and as large as *m; its other pixels are undefined. */
cseg_status image_decode_part(const image *m, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);

/* Tells the size that image_read would give, from the header alone. */
cseg_status image_probe(const char *path, image_flags flags, int64_t *h, int64_t *w, int64_t *c, cseg_error *err);

/* The same from memory. */
cseg_status image_probe_bytes(const void *bytes, size_t n, const char *name, image_flags flags, int64_t *h, int64_t *w,
                              int64_t *c, cseg_error *err);

/* Reads what image_read would from a file of these bands alone, in this order: n numbers from 1, as files count them
 * (of a picture, red is 1). Any format, through GDAL, upright or not as it is stored. n 0: as image_read. CSEG_USAGE:
 * there is no such band. */
cseg_status image_read_bands(const char *path, const int64_t *bands, size_t n, image_flags flags, image *out,
                             cseg_error *err);

/* Tells what a file holds before any loader converts it, from the header alone. */
typedef struct image_facts {
    int64_t bands; /* palette pictures: 1 */
    image_type type;
    bool palette; /* the one band are indices of colours */
    bool alpha;   /* PNG: the last band is opacity */
    bool picture; /* PNG or JPEG */
} image_facts;
cseg_status image_describe(const char *path, image_facts *out, cseg_error *err);
/* The same of a file of these bands alone; n 0: of all. */
cseg_status image_describe_bands(const char *path, const int64_t *bands, size_t n, image_facts *out, cseg_error *err);
/* The value that stands for "no data" among a file's samples. */
typedef struct image_nodata {
    bool known;
    bool whole; /* the file has 8 bits, where each value is also a colour: only pixels all of whose bands have it count
                 */
    double value;
} image_nodata;
/* Of the file's first band. Not known: it states none, or cannot be read. CSEG_NO_MEMORY alone is an error. */
cseg_status image_nodata_read(const char *path, image_nodata *out, cseg_error *err);

/* How to write. Zeroed: blue first, JPEG quality 95, no palette. */
typedef struct image_save {
    bool rgb;               /* the first three channels are red, green, blue */
    int quality;            /* JPEG, 1 to 100; 0: 95 */
    const uint8_t *palette; /* PNG of one u8 channel: palette_n colours, red, green, blue each */
    int palette_n;          /* 1 to 256 */
} image_save;

/* Writes a file beside `path` and renames it: `path` holds the old file or the whole new one. The name's ending chooses
 * the format: .png (u8 or u16; 1, 2, 3 or 4 channels), .jpg/.jpeg (u8; 1 or 3). `how` may be NULL. For rasters see
 * io/raster/raster.h. */
cseg_status image_write(const char *path, const image *m, const image_save *how, cseg_error *err);
/* The same into memory: *bytes [*n] is the caller's (free). `name` has the ending, and stands for the path in messages.
 */
cseg_status image_encode(const char *name, const image *m, const image_save *how, void **bytes, size_t *n,
                         cseg_error *err);

#endif
