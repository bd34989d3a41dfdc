/* Random numbers from a counter. Any (seed, epoch, sample) gives its stream at once, without the numbers before it.
 *
 *     rng r = rng_derive(42, 0, 7);
 *     bool flips = rng_uniform(&r) < 0.5;
 *     int64_t left = rng_below(&r, w - 512 + 1);
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele et al. 2014). The state is the counter: saving it resumes the stream. */
typedef struct rng {
    uint64_t state;
} rng;

static inline uint64_t rng_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
/* A stream that depends on all three. */
rng rng_derive(uint64_t seed, uint64_t a, uint64_t b);
uint64_t rng_next(rng *r);
double rng_uniform(rng *r);                        /* [0, 1), 53 bits */
double rng_range(rng *r, double low, double high); /* [low, high) */
int64_t rng_below(rng *r, int64_t n);              /* 0 ... n-1, unbiased; 0 for n <= 1 */
double rng_normal(rng *r);                         /* mean 0, deviation 1 (Box-Muller; two draws each) */

/* 24 random bits for element i of the stream that `seed` names. */
static inline uint32_t rng_bits(uint64_t seed, uint64_t i)
{
    return (uint32_t)(rng_mix(seed + (i + 1) * 0x9E3779B97F4A7C15u) >> 40);
}
/* The same as a number in [0, 1). The parity oracle gives it to element i of the tensor called name, with
 * FNV-1a-64(name) as the seed. */
double rng_named(uint64_t seed, uint64_t i);

#endif
