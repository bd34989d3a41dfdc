/* The inner loops of masks compared with a label map (op_mask_sums in graph.h), for one of its lines.
 *
 *     masks_line one = {.n = 5, .line = v, .inside = v};
 *     masks_attr half = {.alpha = 0.5f, .gamma = 2};
 *     double sum = ((const masks_table *)data)->errors(&half, &one); // one of simd_table's
 */
#ifndef SIMD_MASKS_H
#define SIMD_MASKS_H

#include <stdint.h>

#include "graph/tensor.h"

typedef struct masks_line {
    int64_t n;     /* pixels of the label map's line */
    float *line;   /* logits, which the slopes replace */
    float *inside; /* 1 where the label is the mask's class, else 0 */
} masks_line;

/* How a line of a mask is enlarged: pixel i is (1 - w[i]) * small[i0[i]] + w[i] * small[i1[i]]; i0 and i1 rise. */
typedef struct masks_columns {
    int64_t in, out;
    const int32_t *i0, *i1;
    const float *w;
} masks_columns;

typedef struct masks_table {
    void (*inside)(const int32_t *label, int32_t class, int64_t n, float *inside);
    /* line = (1 - t) * top + t * bottom, enlarged; small: room for `in` numbers. */
    void (*enlarge)(const masks_columns *c, const float *top, const float *bottom, float t, float *small, float *line);
    /* Adds to top and bottom what they get of the line's slopes. */
    void (*give)(const masks_columns *c, const float *line, float t, float *small, float *top, float *bottom);
    double (*errors)(const masks_attr *a, const masks_line *l);
    void (*error_slopes)(const masks_attr *a, const masks_line *l, float dy);
    /* Adds overlap, size and number of the pixels inside. */
    void (*overlap)(const masks_attr *a, const masks_line *l, double sum[3]);
    void (*overlap_slopes)(const masks_attr *a, const masks_line *l, const float *dy);
} masks_table;

#endif
