#include "io/torch/convert/weight_bands.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static cseg_status parse_places(const char *text, const char *at, weight_bands *out, cseg_error *err)
{
    out->how = BANDS_PLACED;
    for (out->n = 0;; at++) {
        char *end;
        long v = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
        bool again = false;
        for (size_t i = 0; i < out->n; i++)
            again |= out->place[i] == v - 1;
        if (v < 1 || v > 4096 || again || out->n == WEIGHT_BANDS_MOST || (*end && *end != ','))
            return fail(err, CSEG_USAGE, "'%s': rgb-first takes different channels from 1, as rgb-first=4,3,2", text);
        out->place[out->n++] = v - 1;
        if (!*end)
            return CSEG_OK;
        at = end;
    }
}

cseg_status weight_bands_parse(const char *text, weight_bands *out, cseg_error *err)
{
    static const char *const names[] = {"mean", "repeat", "zero"};
    static const char placed[] = "rgb-first=";
    *out = (weight_bands){0};
    for (int i = 0; i < 3; i++)
        if (strcmp(text, names[i]) == 0) {
            out->how = i == 0 ? BANDS_MEAN : i == 1 ? BANDS_REPEAT : BANDS_ZERO;
            return CSEG_OK;
        }
    if (strncmp(text, placed, strlen(placed)) == 0)
        return parse_places(text, text + strlen(placed), out, err);
    return fail(err, CSEG_USAGE, "'%s' is none of mean, repeat, zero, rgb-first=R,G,B", text);
}

static cseg_status check(const weight_bands *b, int64_t old, int64_t new, cseg_error *err)
{
    if (b->how == BANDS_ZERO && new < old)
        return fail(err, CSEG_SHAPE, "zero keeps all %lld channels, but there are %lld now; take mean or repeat",
                    (long long)old, (long long)new);
    if (b->how != BANDS_PLACED)
        return CSEG_OK;
    if ((int64_t)b->n != old)
        return fail(err, CSEG_SHAPE, "rgb-first names %zu channels, the weights have %lld", b->n, (long long)old);
    for (size_t k = 0; k < b->n; k++)
        if (b->place[k] >= new)
            return fail(err, CSEG_SHAPE, "rgb-first names channel %lld of %lld", (long long)b->place[k] + 1,
                        (long long)new);
    return CSEG_OK;
}

/* How much of old channel j is in new channel i. */
static double share(const weight_bands *b, int64_t j, int64_t i, int64_t old, int64_t new)
{
    switch (b->how) {
    case BANDS_MEAN:
        return 1.0 / (double)new;
    case BANDS_REPEAT:
        if (new < old)
            return j % new == i;
        return i % old == j ? 1.0 / (double)(new / old + (j < new % old)) : 0;
    case BANDS_ZERO:
        return i == j;
    default:
        return b->place[j] == i;
    }
}

cseg_status weight_bands_apply(const weight_bands *b, const float *from, int64_t o, int64_t old, int64_t taps,
                               int64_t new, float *to, cseg_error *err)
{
    TRY(check(b, old, new, err));
    for (int64_t k = 0; k < o; k++)
        for (int64_t i = 0; i < new; i++)
            for (int64_t t = 0; t < taps; t++) {
                double sum = 0;
                for (int64_t j = 0; j < old; j++) {
                    double s = share(b, j, i, old, new);
                    sum += s > 0 ? s * (double)from[(k * old + j) * taps + t] : 0; /* what has no share may be NaN */
                }
                to[(k * new + i) * taps + t] = (float)sum;
            }
    return CSEG_OK;
}
