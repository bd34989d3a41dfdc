#include "cases.h"

#include <string.h>

#include "base/random.h"
#include "base/str.h"

size_t op_case_count(void)
{
    return cases_conv().n + cases_transposed().n + cases_norm().n + cases_elementwise().n + cases_shape().n +
           cases_spatial().n + cases_loss().n + cases_labels().n + cases_points().n + cases_attention().n +
           cases_deform().n;
}

const op_case *op_case_at(size_t i)
{
    const case_list lists[] = {cases_conv(),   cases_transposed(), cases_norm(),  cases_elementwise(),
                               cases_shape(),  cases_spatial(),    cases_loss(),  cases_labels(),
                               cases_points(), cases_attention(),  cases_deform()};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        if (i < lists[k].n)
            return &lists[k].at[i];
        i -= lists[k].n;
    }
    return NULL;
}

static float odd_eighth(rng *r, double low, double high)
{
    return (float)(2 * rng_below(r, (int64_t)((high - low) * 4)) + 1) / 8 + (float)low;
}

static void fill_distinct(float *out, int64_t n, rng *r)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = (float)(i - n / 2) / 4;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = rng_below(r, i + 1);
        float kept = out[i];
        out[i] = out[k];
        out[k] = kept;
    }
}

static void fill_labels(int32_t *out, int64_t n, holds what, int32_t classes, rng *r)
{
    const int32_t wild[] = {-1, classes, 300};
    for (int64_t i = 0; i < n; i++) {
        out[i] = (int32_t)rng_below(r, classes);
        int64_t odds = rng_below(r, 10);
        if (odds < 2 || what == HOLDS_IGNORED)
            out[i] = 255;
        else if (odds < 5 && what == HOLDS_WILD)
            out[i] = wild[odds - 2];
    }
}

void case_fill(const op_case *c, int i, int round, const tensor *t, void *out)
{
    rng r = rng_derive(str_fnv1a64(c->name, strlen(c->name)), (uint64_t)i, (uint64_t)round);
    int64_t n = tensor_count(t);
    float *to = out;
    switch (c->in[i].holds) {
    case HOLDS_INTS:
        for (int64_t k = 0; k < n; k++)
            to[k] = (float)(rng_below(&r, 7) - 3);
        break;
    case HOLDS_FRACTIONS:
        for (int64_t k = 0; k < n; k++)
            to[k] = (float)(2 * rng_below(&r, 1 << 23) + 1 - (1 << 23)) / (float)(1 << 23);
        break;
    case HOLDS_ODD:
    case HOLDS_LARGE:
        for (int64_t k = 0; k < n; k++)
            to[k] = odd_eighth(&r, -4, 4) + (c->in[i].holds == HOLDS_LARGE ? 1000 : 0);
        break;
    case HOLDS_POSITIVE:
        for (int64_t k = 0; k < n; k++)
            to[k] = odd_eighth(&r, 0.5, 4);
        break;
    case HOLDS_DISTINCT:
        fill_distinct(to, n, &r);
        break;
    case HOLDS_LABELS:
    case HOLDS_WILD:
    case HOLDS_IGNORED:
        fill_labels(out, n, c->in[i].holds, (int32_t)c->n[0], &r);
        break;
    case HOLDS_SEED:
        ((int64_t *)out)[0] = 7 + round;
        ((int64_t *)out)[1] = 11;
        break;
    }
}
