/* Decides which elements dropout keeps, from the run's seed, the node and the element alone. So forward and gradient
 * agree without storing a mask, and the number of threads does not matter.
 *
 *     dropout_attr how = {.p = 0.1f, .salt = 7};
 *     dropout_mask mask = dropout_mask_of(&how, (int64_t[]){42, 0});
 *     v[0] *= dropout_factor(&mask, dropout_unit(&how, 0, n, 64));
 */
#ifndef OPS_DROPOUT_MASK_H
#define OPS_DROPOUT_MASK_H

#include <math.h>

#include "base/random.h"
#include "graph/tensor.h"

/* What all elements of a run share. */
typedef struct dropout_mask {
    uint64_t key;
    uint32_t limit; /* a unit is dropped if its 24 random bits are below this, which has probability p */
    float kept;     /* 1 / (1 - p), or 0 if everything is dropped */
} dropout_mask;

/* Returns the key of a node's random numbers, which differ by its salt. seed: the graph's, two words. */
static inline uint64_t draw_key(uint64_t salt, const int64_t *seed)
{
    uint64_t z = rng_mix((uint64_t)seed[0] + 0x9E3779B97F4A7C15u * ((uint64_t)seed[1] + 1));
    return rng_mix(z ^ salt);
}

/* Prepares the mask. seed: the graph's input, two words. */
static inline dropout_mask dropout_mask_of(const dropout_attr *a, const int64_t *seed)
{
    return (dropout_mask){draw_key(a->salt, seed), (uint32_t)ceil((double)a->p * 0x1p24),
                          a->p < 1 ? 1 / (1 - a->p) : 0};
}

/* Returns the unit of element i. A unit's elements are kept or dropped together: one element, a channel of an image, or
 * a sample. */
static inline uint64_t dropout_unit(const dropout_attr *a, int64_t i, int64_t per_sample, int64_t channels)
{
    uint64_t n = (uint64_t)(i / per_sample);
    if (a->samples)
        return n;
    return a->channels ? n * (uint64_t)channels + (uint64_t)(i % channels) : (uint64_t)i;
}

/* Returns the factor for the elements of a unit. */
static inline float dropout_factor(const dropout_mask *m, uint64_t unit)
{
    return rng_bits(m->key, unit) < m->limit ? 0 : m->kept;
}

#endif
