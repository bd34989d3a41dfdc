/* Computes from which pixels each pixel of a resized axis is interpolated, as torch.nn.functional.interpolate does (in
 * float32). */
#ifndef CPU_INTERPOLATION_H
#define CPU_INTERPOLATION_H

#include "backend/cpu/cpu.h"

/* Output position i is (1 - w[i]) * in[i0[i]] + w[i] * in[i1[i]]. Input position r contributes to the outputs first[r]
 * ... last[r] (inclusive; last < first: to none). */
typedef struct interpolation {
    int64_t in, out;
    int32_t *i0, *i1, *first, *last;
    float *w;
} interpolation;

/* Fills the tables. scale: the given scale_factor, or 0 for out / in. false: out of memory. */
bool interpolation_init(interpolation *p, int64_t in, int64_t out, bool align_corners, bool nearest, double scale,
                        arena *mem);
/* Returns the weight of input r in output i. */
static inline float interpolation_weight(const interpolation *p, int64_t i, int64_t r)
{
    return (p->i0[i] == r ? 1 - p->w[i] : 0) + (p->i1[i] == r ? p->w[i] : 0);
}

#endif
