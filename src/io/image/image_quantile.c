#include "io/image/image_quantile.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"

/* Samples become keys that have their order. The upper half of a key of 32 bits is counted in the first pass; in the
 * second the lower halves of those keys whose upper half is one that is asked for. */
enum { HALF = 1 << 16 };

struct image_quantile {
    image_type type;
    bool failed;
    int pass;
    int64_t n; /* samples in a pass */
    int64_t *high;
    int32_t *slot; /* of upper halves: which `low` counts them; -1: none */
    int64_t *low[2 * IMAGE_QUANTILE_PARTS];
    int n_low;
};

static bool is_wide(image_type t)
{
    return t == IMAGE_I32 || t == IMAGE_F32;
}

cseg_status image_quantile_new(image_type type, image_quantile **out, cseg_error *err)
{
    image_quantile *q = mem_alloc(sizeof *q);
    if (!q)
        return fail_memory(err);
    memset(q, 0, sizeof *q);
    q->type = type;
    q->high = mem_alloc((type == IMAGE_U8 ? 256 : (size_t)HALF) * sizeof *q->high);
    if (!q->high) {
        image_quantile_free(q);
        return fail_memory(err);
    }
    *out = q;
    return CSEG_OK;
}

void image_quantile_free(image_quantile *q)
{
    if (!q)
        return;
    for (int i = 0; i < q->n_low; i++)
        mem_free(q->low[i]);
    mem_free(q->slot);
    mem_free(q->high);
    mem_free(q);
}

static uint32_t key_of_float(float f)
{
    uint32_t bits;
    f = f == 0.0f ? 0.0f : f; /* -0 is 0 */
    memcpy(&bits, &f, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float float_of_key(uint32_t key)
{
    float f;
    key = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    memcpy(&f, &key, sizeof f);
    return f;
}

static double value_of(image_type t, uint32_t key)
{
    switch (t) {
    case IMAGE_I16:
        return (double)key - 32768;
    case IMAGE_I32:
        return (double)key - 2147483648.0;
    case IMAGE_F32:
        return (double)float_of_key(key);
    default:
        return (double)key;
    }
}

static void count_wide(image_quantile *q, uint32_t key)
{
    if (q->pass == 0) {
        q->high[key >> 16]++;
        return;
    }
    int32_t slot = q->slot[key >> 16];
    if (slot >= 0)
        q->low[slot][key & (HALF - 1)]++;
}

void image_quantile_add(image_quantile *q, const image *m, int64_t channel, const uint8_t *skip)
{
    int64_t n = m->h * m->w, counted = 0;
    for (int64_t i = 0, at = channel; i < n; i++, at += m->c) {
        if (skip && skip[i])
            continue;
        if (m->type == IMAGE_U8) {
            q->high[((const uint8_t *)m->data)[at]]++;
        } else if (m->type == IMAGE_U16) {
            q->high[((const uint16_t *)m->data)[at]]++;
        } else if (m->type == IMAGE_I16) {
            q->high[((const int16_t *)m->data)[at] + 32768]++;
        } else if (m->type == IMAGE_I32) {
            count_wide(q, (uint32_t)((const int32_t *)m->data)[at] ^ 0x80000000u);
        } else {
            float f = ((const float *)m->data)[at];
            if (isnan(f))
                continue;
            count_wide(q, key_of_float(f));
        }
        counted++;
    }
    if (q->pass == 0)
        q->n += counted;
}

void image_skip_nodata(const image *m, int64_t channel, int64_t group, const image_nodata *nodata, uint8_t *skip)
{
    int64_t n = m->h * m->w, first = nodata->whole ? channel / group * group : channel;
    int64_t last = nodata->whole ? first + group - 1 : channel;
    memset(skip, 1, (size_t)n);
    for (int64_t k = first; k <= last; k++)
        for (int64_t i = 0, at = k; i < n; i++, at += m->c) {
            bool same;
            switch (m->type) {
            case IMAGE_U8:
                same = ((const uint8_t *)m->data)[at] == nodata->value;
                break;
            case IMAGE_U16:
                same = ((const uint16_t *)m->data)[at] == nodata->value;
                break;
            case IMAGE_I16:
                same = ((const int16_t *)m->data)[at] == nodata->value;
                break;
            case IMAGE_I32:
                same = ((const int32_t *)m->data)[at] == nodata->value;
                break;
            default:
                same = ((const float *)m->data)[at] == (float)nodata->value;
            }
            skip[i] &= same;
        }
}

/* The places, from 0, of the two samples between which a part lies, and how far between. */
static double places_of(const image_quantile *q, double part, int64_t place[static 2])
{
    double at = (part < 0 ? 0 : part > 1 ? 1 : part) * (double)(q->n - 1), whole = floor(at);
    place[0] = (int64_t)whole;
    place[1] = place[0] + 1 < q->n ? place[0] + 1 : place[0];
    return at - whole;
}

/* The bin that holds a place, and the place within it. */
static uint32_t find(const int64_t *bins, uint32_t n, int64_t *place)
{
    uint32_t i = 0;
    while (i < n - 1 && *place >= bins[i])
        *place -= bins[i++];
    return i;
}

static bool want(image_quantile *q, uint32_t high)
{
    if (q->slot[high] >= 0)
        return true;
    int64_t *bins = q->n_low < 2 * IMAGE_QUANTILE_PARTS ? mem_alloc((size_t)HALF * sizeof *bins) : NULL;
    if (!bins)
        return false;
    q->slot[high] = q->n_low;
    q->low[q->n_low++] = bins;
    return true;
}

bool image_quantile_again(image_quantile *q, const double *parts, size_t n)
{
    if (!is_wide(q->type) || q->pass > 0 || q->failed || q->n == 0 || n == 0)
        return false;
    q->slot = mem_alloc((size_t)HALF * sizeof *q->slot);
    q->failed = !q->slot || n > IMAGE_QUANTILE_PARTS;
    for (int i = 0; q->slot && i < HALF; i++)
        q->slot[i] = -1;
    for (size_t i = 0; i < n && !q->failed; i++) {
        int64_t place[2];
        places_of(q, parts[i], place);
        for (int k = 0; k < 2; k++)
            q->failed |= !want(q, find(q->high, HALF, &place[k]));
    }
    q->pass = 1;
    return !q->failed;
}

bool image_quantile_failed(const image_quantile *q)
{
    return q->failed;
}

int64_t image_quantile_count(const image_quantile *q)
{
    return q->n;
}

static double sample_at(const image_quantile *q, int64_t place)
{
    uint32_t bins = q->type == IMAGE_U8 ? 256 : HALF, high = find(q->high, bins, &place);
    if (!is_wide(q->type))
        return value_of(q->type, high);
    if (!q->slot || q->slot[high] < 0)
        return NAN;
    return value_of(q->type, high << 16 | find(q->low[q->slot[high]], HALF, &place));
}

double image_quantile_at(const image_quantile *q, double part)
{
    int64_t place[2];
    if (q->n == 0)
        return NAN;
    double between = places_of(q, part, place), a = sample_at(q, place[0]), b = sample_at(q, place[1]);
    if (a == b) /* infinite ones too */
        return a;
    return between < 0.5 ? a + (b - a) * between : b - (b - a) * (1 - between);
}

void image_quantile_each(const image_quantile *q, image_quantile_visit *visit, void *arg)
{
    uint32_t bins = q->type == IMAGE_U8 ? 256 : HALF;
    for (uint32_t i = 0; i < bins && !is_wide(q->type); i++)
        if (q->high[i])
            visit(arg, value_of(q->type, i), q->high[i]);
}
