/* Image kernels: resizing, rotating, padding, colours. Results are those of opencv-python 5 on x86-64, bit for bit,
 * also where OpenCV calls Intel's IPP (linear resizing of 16 bits and float32). Cubic resizing alone may differ in the
 * last digits; see imgproc_resize_taps.c.
 *
 *     image half = {0};
 *     TRY(imgproc_resize(img, h / 2, w / 2, RESIZE_LINEAR, &half, err));
 *     image_release(&half);
 *
 * Images are HWC with any number of channels unless a function says otherwise. A function that makes an image puts a
 * new one into *out, also if the size stays the same; the caller gives it back with image_release. */
#ifndef IO_IMGPROC_IMGPROC_H
#define IO_IMGPROC_IMGPROC_H

#include "io/image/image.h"

/* How a resize takes its samples, as OpenCV does, bit for bit. */
typedef enum { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC, RESIZE_AREA } resize_kind;

/* Geometry that is still to be done: resize to [full_h, full_w], cut out the window, flip it. Zeroed: nothing. */
typedef struct delayed {
    bool any;
    bool resizes;
    resize_kind kind;
    int64_t full_h, full_w; /* size of the whole resized picture; without resize the picture's own size */
    int64_t y, x, h, w;     /* window in it */
    int64_t group;          /* channels of one picture, which OpenCV gets at a time (half of a pair's); 0: all */
    bool flip_x, flip_y;    /* left and right, top and bottom exchanged, after cutting */
} delayed;

/* Whether the kernels may use AVX2 with FMA: if the processor has them, unless a test turns them off. Results are the
 * same either way. */
bool imgproc_has_avx2(void);
void imgproc_use_vectors(bool yes);

/* As image_new, but the pixels are not cleared. */
cseg_status imgproc_new(int64_t h, int64_t w, int64_t c, image_type t, image *out, cseg_error *err);

/* ---- resizing, by rows ---- */

/* Resizes and cuts a picture row by row, so that nothing is computed that is not used; the reader flips the rows. Reads
 * src while it lives. */
typedef struct resizer resizer;
/* src may be undecoded: the part that the window needs is decoded here. d->any must be set; the window lies within the
 * full size. CSEG_SHAPE for an empty size, CSEG_UNSUPPORTED for sample types that the kind cannot resize (32-bit
 * integers, except by RESIZE_NEAREST). */
cseg_status resizer_open(const image *src, const delayed *d, resizer **out, cseg_error *err);
/* Pixels that are fetched when they are needed, from a picture that is never in memory as a whole. */
typedef struct resize_source {
    /* Makes *out (new) from the window at (y, x). */
    cseg_status (*read)(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);
    void *arg;
} resize_source;
/* The same for `like`, which has a size, channels and a type but no pixels: the part that the window is made from is
 * read from `from` (NULL: as resizer_open). The rows equal those of the whole picture, bit for bit. */
cseg_status resizer_open_from(const image *like, const resize_source *from, const delayed *d, resizer **out,
                              cseg_error *err);
/* Row y of the window, w * c samples of the source's type, not flipped. Any order; ascending is fastest. The row lies
 * in src's memory or in the resizer's, and is valid until the next call. */
const void *resizer_row(resizer *r, int64_t y);
void resizer_close(resizer *r); /* NULL is fine */

cseg_status imgproc_resize(const image *src, int64_t h, int64_t w, resize_kind kind, image *out, cseg_error *err);
/* Resize, cut, flip: all that *d says. */
cseg_status imgproc_settle(const image *src, const delayed *d, image *out, cseg_error *err);

/* ---- geometry ---- */

/* Reverses the order of n pixels of `bytes` bytes each; to and from do not overlap. */
void imgproc_reverse(void *to, const void *from, int64_t n, size_t bytes);
/* What to do with a row of n pixels: reverse their order; exchange channels 0 and 2 of each group of `group` channels
 * (one date's). c channels, samples of `size` bytes. */
typedef struct pixel_order {
    bool reverse, swap;
    int64_t c, group;
    size_t size;
} pixel_order;
void imgproc_put_in_order(const pixel_order *o, const void *from, void *to, int64_t n);
/* Labels as the model wants them. */
void imgproc_widen_labels(const uint8_t *from, int32_t *to, int64_t n, bool reverse);
/* Counts values. Value v occurs part[0][v] + ... + part[3][v] times; the counts are added to what is there. */
void imgproc_count(const uint8_t *v, int64_t n, uint32_t part[4][256]);

typedef enum { BORDER_CONSTANT, BORDER_EDGE, BORDER_REFLECT, BORDER_SYMMETRIC } border_kind;
/* Adds rows below and columns to the right, up to [h, w] (if it is smaller). with: one value a channel, rounded half to
 * even and clamped to the type; NULL: 0. BORDER_REFLECT leaves the edge out (cba|abcd|cb.), SYMMETRIC repeats it. */
cseg_status imgproc_pad(const image *src, int64_t h, int64_t w, border_kind kind, const double *with, image *out,
                        cseg_error *err);

/* Rotates clockwise by `degrees` around (cx, cy), into an image of [h, w] moved by (dx, dy), as mmcv.imrotate calls
 * getRotationMatrix2D and warpAffine. Pixels from outside are `border`, one value a channel. nearest: no interpolation.
 * Channels are taken in groups of 3, 4 or 1, since OpenCV warps up to four (u8, u16, f32). */
typedef struct rotation {
    double degrees, cx, cy, dx, dy;
    int64_t h, w;
    bool nearest;
    const double *border;
} rotation;
cseg_status imgproc_rotate(const image *src, const rotation *r, image *out, cseg_error *err);
/* np.rot90 by k quarter turns counter-clockwise, k in 0 ... 3. */
cseg_status imgproc_rot90(const image *src, int k, image *out, cseg_error *err);

/* ---- values ---- */

/* What to do with the colours of a row, in this order. Each value v becomes clip(v + brightness), then (if
 * contrast_first) clip(v * contrast). In HSV the saturation s becomes clip(s * saturation); in HSV again the hue h
 * becomes (h + hue) mod 180. Then the contrast, if not before. float32, truncated towards zero. */
typedef struct distortion {
    bool brightens, contrasts, saturates, shifts, contrast_first;
    float brightness, contrast, saturation;
    int hue; /* 0 ... 179 */
} distortion;
/* Distorts a whole row of 8-bit pixels, blue, green, red, in place. As in OpenCV, the last width % 32 are rounded
 * otherwise than the rest. */
void imgproc_distort(uint8_t *row, int64_t width, const distortion *d);
void imgproc_lut(uint8_t *v, int64_t n, const uint8_t to[256]);
/* Contrast limited adaptive histogram equalisation of each channel of an 8-bit image, in place. */
cseg_status imgproc_clahe(image *m, double clip_limit, int tiles_x, int tiles_y, cseg_error *err);
/* Dilation by a size x size square, u8, one channel; outside is 0. */
cseg_status imgproc_dilate(const image *src, int size, image *out, cseg_error *err);
/* Fills a polygon of n corners (x, y each, within +-IMGPROC_FARTHEST) in an 8-bit image of one channel, as PIL's
 * ImageDraw.polygon(fill=value) does, pixel for pixel. Corners may lie outside. */
#define IMGPROC_FARTHEST 100000000
cseg_status imgproc_fill_polygon(image *m, const int *xy, int n, uint8_t value, cseg_error *err);

#endif
