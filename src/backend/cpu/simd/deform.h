/* The inner loops of multi-scale deformable attention (op_deform_attention in graph.h), for one head of one query.
 *
 *     deform_level one = {.h = h, .w = w};
 *     deform_sizes eight = {.levels = 1, .points = 4, .d = 32, .step = 8 * 32, .level = &one};
 *     float read[32];
 *     ((const deform_table *)data)->forward(&eight, v, v, v, v, read); // one of simd_table's
 */
#ifndef SIMD_DEFORM_H
#define SIMD_DEFORM_H

#include <stdbool.h>
#include <stdint.h>

enum { DEFORM_PLACES = 128 }; /* of a head of a query: levels times points */

typedef struct deform_level {
    int64_t h, w, first; /* first: its first pixel among the values */
} deform_level;

typedef struct deform_sizes {
    int64_t levels, points, d; /* d: channels of a head */
    int64_t step;              /* from a pixel's value to the next one's, in elements: heads * d */
    const deform_level *level;
    bool half, half_y; /* value, and y or dy, are bfloat16 */
} deform_sizes;

typedef struct deform_table {
    /* y [d] = sum of share times the value at each place. value: of the head, its first pixel's; at [2]: the query's
     * place; offset [levels,points,2], share [levels,points]. */
    void (*forward)(const deform_sizes *s, const void *value, const float *at, const float *offset, const float *share,
                    void *y);
    /* Adds to dvalue, which begins as value does; sets doffset and dshare. */
    void (*grad)(const deform_sizes *s, const void *value, const float *at, const float *offset, const float *share,
                 const void *dy, float *dvalue, float *doffset, float *dshare);
} deform_table;

#endif
