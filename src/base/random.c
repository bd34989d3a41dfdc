#include "base/random.h"

#include <math.h>

static const uint64_t GOLDEN = 0x9E3779B97F4A7C15u;

rng rng_derive(uint64_t seed, uint64_t a, uint64_t b)
{
    uint64_t s = rng_mix(seed + GOLDEN);
    s = rng_mix(s ^ rng_mix(a + 2 * GOLDEN));
    return (rng){rng_mix(s ^ rng_mix(b + 3 * GOLDEN))};
}

uint64_t rng_next(rng *r)
{
    r->state += GOLDEN;
    return rng_mix(r->state);
}

double rng_uniform(rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_range(rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

int64_t rng_below(rng *r, int64_t n)
{
    if (n <= 1)
        return 0;
    uint64_t m = (uint64_t)n, limit = UINT64_MAX - UINT64_MAX % m, v;
    do
        v = rng_next(r);
    while (v >= limit);
    return (int64_t)(v % m);
}

double rng_normal(rng *r)
{
    double u = 1.0 - rng_uniform(r), v = rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(2.0 * 3.14159265358979323846 * v);
}

double rng_named(uint64_t seed, uint64_t i)
{
    return (double)rng_bits(seed, i) * 0x1p-24;
}
