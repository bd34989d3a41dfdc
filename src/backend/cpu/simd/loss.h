/* The inner loops of losses and of argmax, on tiles of logits.
 *
 * A tile is [classes][lanes]: one class of neighbouring pixels lies together, so a vector's lanes are pixels, and no
 * operation crosses lanes. `lanes`, the number of pixels, is a multiple of 16 and at most LOSS_LANES. Arguments with a
 * value for each pixel are arrays of `lanes`. The element_ functions take arrays of any length instead. */
#ifndef SIMD_LOSS_H
#define SIMD_LOSS_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSS_LANES = 64 };

/* Pixels interpolated along a row: (1 - w[p]) * x[i0[p]] + w[p] * x[i1[p]]. i0 NULL: the pixels as they are. x:
 * [..][classes]. */
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
    /* Writes pixels of x into a tile; lanes from n on repeat the last pixel. */
    void (*spread)(const loss_pixels *p, const float *x, float *to, int64_t lanes);
    /* The transpose of spread: adds a tile's n pixels to the pixels of x that they were interpolated from. If i0 is
     * NULL, writes them. */
    void (*gather)(const loss_pixels *p, const float *from, int64_t lanes, float *x);
    /* Gives the first class that has the largest logit, as a float. */
    void (*best)(const loss_tile *t, float *best);
    /* Gives the largest logit, the sum of exp(logit - largest), and the best class unless `best` is NULL. Returns the
     * tile of the logits: `room`, or the one tile that they already are. */
    const float *(*sums)(const loss_tile *t, float *room, float *most, float *sum, float *best);
    /* Sets class[i] = label[i] as a float if it is one of the classes and not `ignored`, else -1; lanes from n on get
     * -1. Returns how many labels are not `ignored`. */
    int64_t (*labels)(const int32_t *label, int64_t n, int64_t ignored, int64_t classes, float *class, int64_t lanes);
    /* Returns the sum of weight * (log(sum) + most - x[class]) over the pixels that have a class; weight may be
     * NULL. */
    double (*losses)(const float *x, const float *class, const float *most, const float *sum, const double *weight,
                     int64_t lanes);
    int64_t (*equal)(const float *a, const float *b, int64_t lanes); /* Returns in how many lanes a and b are equal. */
    /* Computes g = weight * (softmax - one at `class`), 0 if class is negative. Adds (1 - t->w) * g to a and, if t->w
     * is not 0, t->w * g to b. If a is NULL, g is left in room; else room is left undefined. */
    void (*grad)(const loss_tile *t, float *room, const float *class, const float *weight, float *a, float *b);
    /* Binary cross-entropy of each channel: its target is 1 at the pixel's class, else 0. A tile of one channel tells
     * classes 0 and 1 apart. class_weight, of targets that are 1: one for each channel, or NULL.
     * Returns the sum of weight * loss over the channels of the pixels that have a class. */
    double (*binary_losses)(const loss_tile *t, const float *class, const float *class_weight, const float *weight);
    /* Computes g, the slope of weight * loss, and leaves it as `grad` does. */
    void (*binary_grad)(const loss_tile *t, float *room, const float *class, const float *class_weight,
                        const float *weight, float *a, float *b);
    /* Binary cross-entropy of each element with its own target; weight [n], of targets that are 1, may be NULL. y and
     * dx may be x. */
    void (*element_losses)(const float *x, const float *target, const float *weight, float *y, int64_t n);
    void (*element_slopes)(const float *x, const float *target, const float *weight, const float *dy, float *dx,
                           int64_t n);
} loss_table;

#endif
