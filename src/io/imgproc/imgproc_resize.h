/* What the parts of the resizer share. Only imgproc_resize*.c include it. */
#ifndef IO_IMGPROC_IMGPROC_RESIZE_H
#define IO_IMGPROC_IMGPROC_RESIZE_H

#include <math.h>

#include "io/imgproc/imgproc.h"
#include "io/imgproc/imgproc_sample.h"

enum { RESIZE_MAX_TAPS = 4, RESIZE_BITS = 11, RESIZE_ONE = 1 << RESIZE_BITS };

/* One axis of a resize by taps: output i is the sum over k of weight[i * taps + k] * source[at[i] + k], where source
 * indices are clamped to the axis. */
typedef struct resizer_axis {
    int32_t *at;    /* first tap's index; may be -1 or -2 (clamp) */
    float *weight;  /* taps a place */
    int16_t *fixed; /* the same times 2048, rounded half to even */
    int32_t *pair;  /* linear: fixed[0] | fixed[1] << 16, for the vector code */
} resizer_axis;

/* One axis of area averaging: output i is the sum over first[i] <= k < first[i + 1] of weight[k] * source[index[k]]. */
typedef struct area_axis {
    int32_t *first;
    int32_t *index;
    float *weight;
} area_axis;

struct resizer {
    const image *src;       /* the caller's, or `part` */
    image part;             /* the needed part of a source that was not decoded yet */
    int64_t part_y, part_x; /* where src begins in the whole picture; 0 unless a resize_source gave it */
    int64_t c, w, h;        /* channels; size of the window */
    int64_t group;          /* channels of one picture */
    int64_t row_samples;    /* w * c */
    enum { BY_COPY, BY_NEAREST, BY_LINEAR_U8, BY_TAPS, BY_HALVES_U8, BY_BLOCKS, BY_AREA } how;
    int taps;
    bool fused;               /* sums of taps as Intel's IPP makes them, see imgproc_resize_taps.c */
    float *wide;              /* fused: a source row as float32 */
    int64_t y0, x0, full_w;   /* place of the window; width of the whole */
    int32_t *near_x, *near_y; /* nearest: source pixels */
    resizer_axis x, y;
    area_axis ax, ay;
    int block_h, block_w;        /* averaging of whole blocks */
    uint8_t *shuffles;           /* nearest, one byte a pixel: see imgproc_resize_nearest.c */
    int64_t fast_x;              /* linear, nearest: how many pixels may be read in whole vectors */
    void *ring[RESIZE_MAX_TAPS]; /* rows resized along x; which source row each holds (-1: none) */
    int64_t held[RESIZE_MAX_TAPS];
    float *sum;  /* area */
    void *row;   /* the finished row */
    void *block; /* all memory above */
};

/* Each makes row y of the window in r->row. */
void resize_nearest_row(resizer *r, int64_t y);
void resize_linear_u8_row(resizer *r, int64_t y);
void resize_halves_u8_row(resizer *r, int64_t y); /* in both directions, c of 1, 3, 4 */
void resize_taps_row(resizer *r, int64_t y);
void resize_blocks_row(resizer *r, int64_t y);
void resize_area_row(resizer *r, int64_t y);

/* Gets the part that the window is made from, if the source is not in memory yet. The tables are filled already. */
cseg_status resize_get_source(resizer *r, const resize_source *from, cseg_error *err);
/* Resizing by taps: how many pixels of a row of r->src may be read in whole vectors. */
void resize_find_fast(resizer *r);
/* Prepares r->shuffles from r->near_x. */
void resize_prepare_nearest(resizer *r);

static inline int64_t resize_clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* As OpenCV's saturate_cast: rounded half to even, clamped. */
static inline void resize_store(void *p, image_type t, int64_t i, float v)
{
    switch (t) {
    case IMAGE_U8:
        ((uint8_t *)p)[i] = (uint8_t)resize_clamp((int64_t)nearbyintf(v), 0, 255);
        break;
    case IMAGE_U16:
        ((uint16_t *)p)[i] = (uint16_t)resize_clamp((int64_t)nearbyintf(v), 0, 65535);
        break;
    case IMAGE_I16:
        ((int16_t *)p)[i] = (int16_t)resize_clamp((int64_t)nearbyintf(v), -32768, 32767);
        break;
    default:
        ((float *)p)[i] = v;
        break;
    }
}

#endif
