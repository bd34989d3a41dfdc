/* The loops of depthwise_kernels.h for one instruction set. Bound by loads of the first-level cache and multiply-adds,
 * one of each a tap, as long as lines are in the second level; with few taps by memory. */
#include "backend/cpu/simd/depthwise_kernels.h"
#include "backend/cpu/simd/functions.h"

/* DEPTHWISE_SUMS in registers cover the latency of multiply-adds: those of DEPTHWISE_PIXELS pixels, or of fewer pixels
 * and up to DEPTHWISE_VECS vectors of each. */
#if defined(__AVX512F__)
enum { DEPTHWISE_SUMS = 16, DEPTHWISE_PIXELS = 8 };
#else
enum { DEPTHWISE_SUMS = 8, DEPTHWISE_PIXELS = 4 };
#endif
enum {
    DEPTHWISE_VECS = 4,
    DEPTHWISE_LANE = 8,       /* pixels */
    DEPTHWISE_MOST_LANE = 11, /* taps */
    DEPTHWISE_TAPS = 9,       /* sums of weights' gradients in registers */
    DEPTHWISE_STRETCH = 32    /* pixels between loads and stores of those sums */
};

/* Applies an activation that takes long: in a loop over memory, so that it is compiled once, and sums stay in registers
 * where there is none. */
static __attribute__((noinline)) void SIMD_NAME(depthwise_slow_act)(const depthwise_end *e, vec *sum, int count)
{
    for (int i = 0; i < count; i++)
        sum[i] = vec_unary((unary_kind)(e->act - 1), e->alpha, sum[i]);
}

VEC_INLINE void SIMD_NAME(depthwise_act)(const depthwise_end *e, vec *sum, int count)
{
    vec room[DEPTHWISE_SUMS];
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        room[i] = sum[i];
    SIMD_NAME(depthwise_slow_act)(e, room, count);
#pragma GCC unroll 16
    for (int i = 0; i < count; i++)
        sum[i] = room[i];
}

/* Applies the end to sums of `pixels` pixels and `vecs` vectors of channels, and stores them. */
VEC_INLINE void SIMD_NAME(depthwise_finish)(const depthwise_end *e, vec *sum, int pixels, int vecs, map y, int64_t at,
                                            int64_t step, int64_t n)
{
    int count = pixels * vecs;
    if (e->residual.at)
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] = vec_add(sum[i],
                             vec_load_map(e->residual.at, e->residual.half, at + i / vecs * step + i % vecs * VEC, n));
    if (e->act == UNARY_RELU + 1)
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] = vec_relu(sum[i]);
    else if (e->act == UNARY_RELU6 + 1)
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            sum[i] = vec_clamp(sum[i], 0, 6);
    else if (e->act)
        SIMD_NAME(depthwise_act)(e, sum, count);
    if (y.half)
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            vec_store_map(y.at, true, at + i / vecs * step + i % vecs * VEC, sum[i], n);
    else
#pragma GCC unroll 16
        for (int i = 0; i < count; i++)
            vec_store_map(y.at, false, at + i / vecs * step + i % vecs * VEC, sum[i], n);
}

/* A span at work: the first `seen` of the row's taps are those that it sees. */
typedef struct SIMD_NAME(depthwise_work) {
    const depthwise_row *r;
    const depthwise_span *s;
    const depthwise_end *end;
    const float *w;
    map y;
    int64_t out_ld, seen;
    int64_t w_step; /* from the weight of a tap of a line to that of the next */
} SIMD_NAME(depthwise_work);

/* Computes pixels i ... i + pixels - 1 of the span, `vecs` vectors of n channels from c on. */
VEC_INLINE void SIMD_NAME(depthwise_sums)(const SIMD_NAME(depthwise_work) * k, int64_t i, int pixels, int vecs,
                                          int64_t c, int64_t n)
{
    vec sum[DEPTHWISE_SUMS];
    int64_t step = k->r->in_step * k->r->in_ld, from = i * step + c;
    const float *bias = k->end->bias, *w = k->w + c;
#pragma GCC unroll 16
    for (int j = 0; j < pixels * vecs; j++)
        sum[j] = bias ? vec_load_map(bias, false, c + j % vecs * VEC, n) : vec_zero();
    for (const depthwise_seen *at = k->r->seen, *end = at + k->seen; at < end; at++) {
        const float *x = at->x + from, *tap = w + at->w;
        vec weight[DEPTHWISE_VECS];
#pragma GCC unroll 4
        for (int v = 0; v < vecs; v++)
            weight[v] = vec_load_map(tap, false, v * VEC, n);
#pragma GCC unroll 16
        for (int j = 0; j < pixels * vecs; j++)
            sum[j] = vec_fma(vec_load_map(x, false, j / vecs * step + j % vecs * VEC, n), weight[j % vecs], sum[j]);
    }
    int64_t out_step = k->r->out_step * k->out_ld, to = k->s->from * k->out_ld + i * out_step + c;
    SIMD_NAME(depthwise_finish)(k->end, sum, pixels, vecs, k->y, to, out_step, n);
}

/* Computes all channels of pixels i ... i + PIXELS - 1. A last vector that would be ragged begins earlier, so some
 * channels are computed twice. Each is a function of its own, so that its loops have the registers for themselves. */
#define DEPTHWISE_PART(name, pixels)                                                                                   \
    static __attribute__((noinline)) void SIMD_NAME(name)(const SIMD_NAME(depthwise_work) * k, int64_t i)              \
    {                                                                                                                  \
        enum { VECS = DEPTHWISE_SUMS / (pixels) < DEPTHWISE_VECS ? DEPTHWISE_SUMS / (pixels) : DEPTHWISE_VECS };       \
        int64_t c = 0, width = k->r->width;                                                                            \
        for (; c + VECS * VEC <= width; c += VECS * VEC)                                                               \
            SIMD_NAME(depthwise_sums)(k, i, pixels, VECS, c, VEC);                                                     \
        for (; VECS > 2 && c + 2 * VEC <= width; c += 2 * VEC)                                                         \
            SIMD_NAME(depthwise_sums)(k, i, pixels, 2, c, VEC);                                                        \
        for (; c < width && width >= VEC; c += VEC)                                                                    \
            SIMD_NAME(depthwise_sums)(k, i, pixels, 1, c + VEC <= width ? c : width - VEC, VEC);                       \
        if (width < VEC)                                                                                               \
            SIMD_NAME(depthwise_sums)(k, i, pixels, 1, 0, width);                                                      \
    }
DEPTHWISE_PART(depthwise_pixels, DEPTHWISE_PIXELS)
DEPTHWISE_PART(depthwise_four, 4)
DEPTHWISE_PART(depthwise_two, 2)
DEPTHWISE_PART(depthwise_one, 1)
#undef DEPTHWISE_PART

/* Fetches a vector of each of a lane's pixels: they lie apart, and no processor foresees so many places. */
VEC_INLINE void SIMD_NAME(depthwise_fetch)(const char *at, int64_t step)
{
#pragma GCC unroll 8
    for (int j = 0; j < DEPTHWISE_LANE; j++)
        __builtin_prefetch(at + j * step, 0, 2);
}

/* Computes DEPTHWISE_LANE pixels where each tap sees the pixel that the tap before sees for the next one: each pixel of
 * a line is loaded once for `taps` taps. */
VEC_INLINE void SIMD_NAME(depthwise_lane_sums)(const SIMD_NAME(depthwise_work) * k, int64_t i, int taps, int64_t c,
                                               int64_t n)
{
    vec sum[DEPTHWISE_LANE], weight[DEPTHWISE_MOST_LANE];
    int64_t ld = k->r->in_step * k->r->in_ld, w_step = k->w_step, from = i * ld + c;
    const float *bias = k->end->bias, *w = k->w + c;
    int64_t out_step = k->r->out_step * k->out_ld, to = k->s->from * k->out_ld + i * out_step + c;
    int64_t size = (int64_t)k->y.size;
    SIMD_NAME(depthwise_fetch)((const char *)k->y.at + to * size, out_step * size);
    if (k->r->next)
        SIMD_NAME(depthwise_fetch)((const char *)(k->r->next + k->s->taps->at * k->r->in_ld + from), ld * 4);
    vec first = bias ? vec_load_map(bias, false, c, n) : vec_zero();
#pragma GCC unroll 8
    for (int j = 0; j < DEPTHWISE_LANE; j++)
        sum[j] = first;
    for (const depthwise_seen *at = k->r->seen, *end = at + k->seen; at < end; at += taps) {
        const float *x = at->x + from, *tap = w + at->w;
#pragma GCC unroll 11
        for (int t = 0; t < taps; t++)
            weight[t] = vec_load_map(tap, false, t * w_step, n);
#pragma GCC unroll 18
        for (int j = 0; j < DEPTHWISE_LANE + taps - 1; j++, x += ld) {
            vec v = vec_load_map(x, false, 0, n);
#pragma GCC unroll 11
            for (int t = 0; t < taps; t++)
                if (j - t >= 0 && j - t < DEPTHWISE_LANE)
                    sum[j - t] = vec_fma(v, weight[t], sum[j - t]);
        }
    }
    SIMD_NAME(depthwise_finish)(k->end, sum, DEPTHWISE_LANE, 1, k->y, to, out_step, n);
}

#define DEPTHWISE_LANES(taps)                                                                                          \
    static __attribute__((noinline)) void SIMD_NAME(depthwise_lane_##taps)(const SIMD_NAME(depthwise_work) * k,        \
                                                                           int64_t i)                                  \
    {                                                                                                                  \
        int64_t width = k->r->width;                                                                                   \
        for (int64_t c = 0; c < width && width >= VEC; c += VEC)                                                       \
            SIMD_NAME(depthwise_lane_sums)(k, i, taps, c + VEC <= width ? c : width - VEC, VEC);                       \
        if (width < VEC)                                                                                               \
            SIMD_NAME(depthwise_lane_sums)(k, i, taps, 0, width);                                                      \
    }
DEPTHWISE_LANES(3)
DEPTHWISE_LANES(5)
DEPTHWISE_LANES(7)
DEPTHWISE_LANES(11)
#undef DEPTHWISE_LANES

/* Computes as many pixels as whole lanes have; returns their number. */
static int64_t SIMD_NAME(depthwise_lanes)(SIMD_NAME(depthwise_work) * k)
{
    const depthwise_tap *t = k->s->taps;
    int64_t i = 0, n = k->s->n_taps;
    for (int64_t j = 1; j < n; j++)
        if (t[j].at != t[j - 1].at + k->r->in_step)
            return 0;
    void (*lane)(const SIMD_NAME(depthwise_work) *, int64_t) = n == 0       ? NULL
                                                               : n % 7 == 0 ? SIMD_NAME(depthwise_lane_7)
                                                               : n % 5 == 0 ? SIMD_NAME(depthwise_lane_5)
                                                               : n % 3 == 0 ? SIMD_NAME(depthwise_lane_3)
                                                               : n == 11    ? SIMD_NAME(depthwise_lane_11)
                                                                            : NULL;
    if (!lane)
        return 0;
    k->w_step = (t[1].tap - t[0].tap) * k->r->w_ld;
    for (; i + DEPTHWISE_LANE <= k->s->count; i += DEPTHWISE_LANE)
        lane(k, i);
    return i;
}

/* Lists the taps that a span sees. */
static int64_t SIMD_NAME(depthwise_look)(const depthwise_row *r, const depthwise_span *s)
{
    depthwise_seen *to = r->seen;
    for (int64_t l = 0; l < r->n_lines; l++)
        for (int64_t t = 0; t < s->n_taps; t++)
            *to++ = (depthwise_seen){r->lines[l].at + s->taps[t].at * r->in_ld,
                                     (r->lines[l].tap + s->taps[t].tap) * r->w_ld};
    return to - r->seen;
}

static void SIMD_NAME(depthwise_row)(const depthwise_row *r, const float *w, const depthwise_end *end, map y,
                                     int64_t out_ld)
{
    for (const depthwise_span *s = r->spans; s < r->spans + r->n_spans; s++) {
        SIMD_NAME(depthwise_work) k = {r, s, end, w, y, out_ld, SIMD_NAME(depthwise_look)(r, s), 0};
        int64_t i = SIMD_NAME(depthwise_lanes)(&k);
        for (; i + DEPTHWISE_PIXELS <= s->count; i += DEPTHWISE_PIXELS)
            SIMD_NAME(depthwise_pixels)(&k, i);
        for (; i + 4 <= s->count; i += 4)
            SIMD_NAME(depthwise_four)(&k, i);
        for (; i + 2 <= s->count; i += 2)
            SIMD_NAME(depthwise_two)(&k, i);
        if (i < s->count)
            SIMD_NAME(depthwise_one)(&k, i);
    }
}

static bool SIMD_NAME(depthwise_can_end)(int act)
{
    return !act || vec_has_unary((unary_kind)(act - 1));
}

/* Sums of weights' gradients at a group of taps, for n channels from c on of `pixels` pixels. They are added to old
 * values: a ragged last vector has fewer channels, as none may be added twice. */
VEC_INLINE void SIMD_NAME(depthwise_group_sums)(const depthwise_row *r, const depthwise_seen *seen, int taps,
                                                const float *dy, int64_t dy_ld, int64_t i, int64_t pixels, float *sums,
                                                int64_t c, int64_t n)
{
    vec sum[DEPTHWISE_TAPS];
    const float *at[DEPTHWISE_TAPS], *last = dy + pixels * dy_ld + c;
    int64_t step = r->in_step * r->in_ld, from = i * step + c;
#pragma GCC unroll 9
    for (int t = 0; t < taps; t++) {
        sum[t] = vec_zero();
        at[t] = seen[t].x + from;
    }
    from = 0;
    for (const float *d = dy + c; d < last; d += dy_ld, from += step) {
        vec v = vec_load_map(d, false, 0, n);
#pragma GCC unroll 9
        for (int t = 0; t < taps; t++)
            sum[t] = vec_fma(vec_load_map(at[t], false, from, n), v, sum[t]);
    }
#pragma GCC unroll 9
    for (int t = 0; t < taps; t++) {
        float *to = sums + seen[t].w + c;
        vec_store_map(to, false, 0, vec_add(vec_load_map(to, false, 0, n), sum[t]), n);
    }
}

/* depthwise_group_sums of `taps` taps for all channels. */
#define DEPTHWISE_GROUP(taps)                                                                                          \
    static __attribute__((noinline)) void SIMD_NAME(depthwise_group_##taps)(                                           \
        const depthwise_row *r, const depthwise_seen *seen, const float *dy, int64_t dy_ld, int64_t i, int64_t pixels, \
        float *sums)                                                                                                   \
    {                                                                                                                  \
        int64_t c = 0;                                                                                                 \
        for (; c + VEC <= r->width; c += VEC)                                                                          \
            SIMD_NAME(depthwise_group_sums)(r, seen, taps, dy, dy_ld, i, pixels, sums, c, VEC);                        \
        if (c < r->width)                                                                                              \
            SIMD_NAME(depthwise_group_sums)(r, seen, taps, dy, dy_ld, i, pixels, sums, c, r->width - c);               \
    }
DEPTHWISE_GROUP(1)
DEPTHWISE_GROUP(2)
DEPTHWISE_GROUP(3)
DEPTHWISE_GROUP(4)
DEPTHWISE_GROUP(5)
DEPTHWISE_GROUP(6)
DEPTHWISE_GROUP(7)
DEPTHWISE_GROUP(8)
DEPTHWISE_GROUP(9)
#undef DEPTHWISE_GROUP

static void SIMD_NAME(depthwise_weights)(const depthwise_row *r, const float *dy, int64_t dy_ld, float *sums)
{
    static void (*const group[DEPTHWISE_TAPS + 1])(const depthwise_row *, const depthwise_seen *, const float *,
                                                   int64_t, int64_t, int64_t, float *) = {
        NULL,
        SIMD_NAME(depthwise_group_1),
        SIMD_NAME(depthwise_group_2),
        SIMD_NAME(depthwise_group_3),
        SIMD_NAME(depthwise_group_4),
        SIMD_NAME(depthwise_group_5),
        SIMD_NAME(depthwise_group_6),
        SIMD_NAME(depthwise_group_7),
        SIMD_NAME(depthwise_group_8),
        SIMD_NAME(depthwise_group_9),
    };
    for (const depthwise_span *s = r->spans; s < r->spans + r->n_spans; s++) {
        int64_t dy_step = r->out_step * dy_ld;
        int64_t all = SIMD_NAME(depthwise_look)(r, s), groups = (all + DEPTHWISE_TAPS - 1) / DEPTHWISE_TAPS;
        for (int64_t i = 0; i < s->count; i += DEPTHWISE_STRETCH) {
            int64_t pixels = s->count - i < DEPTHWISE_STRETCH ? s->count - i : DEPTHWISE_STRETCH;
            for (int64_t g = 0; g < groups; g++) {
                int64_t from = all * g / groups, n = all * (g + 1) / groups - from;
                group[n](r, r->seen + from, dy + s->from * dy_ld + i * dy_step, dy_step, i, pixels, sums);
            }
        }
    }
}

static void SIMD_NAME(depthwise_add_up)(const float *x, int64_t ld, int64_t pixels, int64_t width, float *sum)
{
    for (int64_t i = 0; i < pixels; i++, x += ld)
#pragma omp simd
        for (int64_t c = 0; c < width; c++)
            sum[c] += x[c];
}

VEC_INLINE void SIMD_NAME(depthwise_spread_of)(map x, int64_t ld, int64_t pixels, int64_t width, float *to, bool half)
{
    for (int64_t i = 0; i < pixels; i++, to += width)
        for (int64_t c = 0; c < width; c += VEC)
            vec_store(to + c, vec_load_map(x.at, half, i * ld + c, width - c));
}

static void SIMD_NAME(depthwise_spread)(map x, int64_t ld, int64_t pixels, int64_t width, int64_t times, float *to)
{
    if (times == 1 && x.half)
        SIMD_NAME(depthwise_spread_of)(x, ld, pixels, width, to, true);
    else if (times == 1)
        SIMD_NAME(depthwise_spread_of)(x, ld, pixels, width, to, false);
    else
        for (int64_t i = 0; i < pixels; i++)
            for (int64_t c = 0; c < width; c++, to += times) {
                float at[VEC];
                vec_store(at, vec_load_map(x.at, x.half, i * ld + c, 1));
                for (int64_t j = 0; j < times; j += VEC)
                    vec_store(to + j, vec_set(at[0]));
            }
}

static void SIMD_NAME(depthwise_fold)(const float *from, int64_t pixels, int64_t width, int64_t times, map y,
                                      int64_t ld)
{
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < width; c += VEC) {
            float sum[VEC] = {0};
            int64_t n = width - c < VEC ? width - c : VEC;
            for (int64_t j = 0; j < n; j++, from += times)
                for (int64_t k = 0; k < times; k++)
                    sum[j] += from[k];
            vec_store_map(y.at, y.half, i * ld + c, vec_load(sum), n);
        }
}

static const depthwise_table SIMD_NAME(depthwise) = {
    .can_end = SIMD_NAME(depthwise_can_end),
    .row = SIMD_NAME(depthwise_row),
    .weights = SIMD_NAME(depthwise_weights),
    .add_up = SIMD_NAME(depthwise_add_up),
    .spread = SIMD_NAME(depthwise_spread),
    .fold = SIMD_NAME(depthwise_fold),
};
