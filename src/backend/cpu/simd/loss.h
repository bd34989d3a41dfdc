/* The inner loops of losses and of argmax, on tiles of logits.
 *
 * A tile is [classes][lanes]: one class of neighbouring pixels lies together, so a vector's lanes are pixels, and no
 * operation runs across lanes. `lanes`, the number of pixels, is a multiple of 16 and at most LOSS_LANES. An argument
 * with a value for each pixel is an array of `lanes`. */
#ifndef SIMD_LOSS_H
#define SIMD_LOSS_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSS_LANES = 64 };

/* Pixels of a row between those of another one: (1 - w[p]) * x[i0[p]] + w[p] * x[i1[p]]. i0 NULL: the pixels
 * themselves. x: [..][classes]. */
typedef struct loss_pixels {
    const int32_t *i0, *i1;
    const float *w;
    int64_t n; /* at most `lanes` */
    int64_t classes;
} loss_pixels;

/* The logits (1 - w) * a + w * b of two tiles; b is not read where w is 0. */
typedef struct loss_tile {
    const float *a, *b;
    float w;
    int64_t classes, lanes;
} loss_tile;

typedef struct loss_table {
    /* Pixels of x into a tile; lanes from n on repeat the last pixel. */
    void (*spread)(const loss_pixels *p, const float *x, float *to, int64_t lanes);
    /* The transpose: adds a tile's n pixels to those of x that they were made of; or, i0 being NULL, writes them. */
    void (*gather)(const loss_pixels *p, const float *from, int64_t lanes, float *x);
    /* The first class that has the largest logit, as a float. */
    void (*best)(const loss_tile *t, float *best);
    /* The largest logit, the sum of exp(logit - largest), and `best` if it is not NULL. Returns the logits' tile:
     * `room`, or the one that they are. */
    const float *(*sums)(const loss_tile *t, float *room, float *most, float *sum, float *best);
    /* class[i] = label[i] as a float where it is one of the classes and not `ignored`, else -1; -1 in the lanes from n
     * on. Returns how many are not `ignored`. */
    int64_t (*labels)(const int32_t *label, int64_t n, int64_t ignored, int64_t classes, float *class, int64_t lanes);
    /* The sum over the pixels that have a class of weight * (log(sum) + most - x[class]); weight may be NULL. */
    double (*losses)(const float *x, const float *class, const float *most, const float *sum, const double *weight,
                     int64_t lanes);
    int64_t (*equal)(const float *a, const float *b, int64_t lanes); /* how many lanes are */
    /* g = weight * (softmax - one at `class`), 0 where class is negative: to a += (1 - t->w) * g,
     * b += t->w * g (if t->w is not 0). a NULL: g is left in room, else what is left there is of no use. */
    void (*grad)(const loss_tile *t, float *room, const float *class, const float *weight, float *a, float *b);
} loss_table;

#endif
