/* Packs samples into their places in a batch. In one pass it does to pixels what SegDataPreProcessor (1.x), or
 * Normalize, DefaultFormatBundle and the collate function (0.x) do. Bound by writing the batch: 4 bytes a sample. */
#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"
#include "io/imgproc/imgproc.h"

enum { PATTERN = 16 * SAMPLE_MAX_CHANNELS };

/* How the numbers of a row become floats. Either x; or (x - mean) * (1 / std), the difference in float32 and the
 * product in double, as cv2 does it for 0.x; or (x - mean) / std in float32, as torch does it for 1.x. The patterns
 * repeat every 16 pixels, so that whole vectors serve any number of channels. */
typedef struct form {
    enum { PLAIN, TIMES, OVER } how;
    int64_t n; /* length of the pattern: 16 * channels */
    float mean[PATTERN], std[PATTERN];
    double inverse[PATTERN];
} form;

/* turned: channels are exchanged after they are normalised, so mean and std are exchanged too. */
static void fill_form(form *f, const double *mean, const double *std, int n, int64_t c, bool times, bool turned)
{
    f->how = n == 0 ? PLAIN : times ? TIMES : OVER;
    f->n = 16 * c;
    for (int64_t i = 0; i < f->n && n; i++) {
        int64_t k = turned ? i % c / 3 * 3 + 2 - i % c % 3 : i % c;
        k %= n;
        f->mean[i] = (float)mean[k];
        f->std[i] = (float)std[k];
        f->inverse[i] = 1 / (double)f->std[i];
    }
}

#define INLINE static inline __attribute__((always_inline))

INLINE float one(const form *f, int64_t i, float x)
{
    if (f->how == PLAIN)
        return x;
    x -= f->mean[i];
    return f->how == TIMES ? (float)((double)x * f->inverse[i]) : x / f->std[i];
}

#define TO_FLOATS(type_name, type)                                                                                     \
    static void floats_##type_name(const form *f, const type *from, float *to, int64_t n, int64_t first)               \
    {                                                                                                                  \
        int64_t k = first % f->n;                                                                                      \
        for (int64_t i = first; i < n; i++, k = k + 1 == f->n ? 0 : k + 1)                                             \
            to[i] = one(f, k, (float)from[i]);                                                                         \
    }
TO_FLOATS(u8, uint8_t)
TO_FLOATS(u16, uint16_t)
TO_FLOATS(i16, int16_t)
TO_FLOATS(i32, int32_t)
TO_FLOATS(f32, float)

#if defined(__x86_64__)
#include <immintrin.h>
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256 eight(const form *f, int64_t k, __m256 x)
{
    if (f->how == PLAIN)
        return x;
    x = _mm256_sub_ps(x, _mm256_loadu_ps(f->mean + k));
    if (f->how == OVER)
        return _mm256_div_ps(x, _mm256_loadu_ps(f->std + k));
    __m256d low = _mm256_cvtps_pd(_mm256_castps256_ps128(x)), high = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    low = _mm256_mul_pd(low, _mm256_loadu_pd(f->inverse + k));
    high = _mm256_mul_pd(high, _mm256_loadu_pd(f->inverse + k + 4));
    return _mm256_set_m128(_mm256_cvtpd_ps(high), _mm256_cvtpd_ps(low));
}

/* Both take eight numbers a turn and return how many they did. */
AVX2 static int64_t floats_u8_avx2(const form *f, const uint8_t *from, float *to, int64_t n)
{
    int64_t i = 0, k = 0;
    for (; i + 8 <= n; i += 8, k = k + 8 == f->n ? 0 : k + 8) {
        __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(from + i)));
        _mm256_storeu_ps(to + i, eight(f, k, _mm256_cvtepi32_ps(v)));
    }
    return i;
}

AVX2 static int64_t floats_f32_avx2(const form *f, const float *from, float *to, int64_t n)
{
    int64_t i = 0, k = 0;
    for (; i + 8 <= n; i += 8, k = k + 8 == f->n ? 0 : k + 8)
        _mm256_storeu_ps(to + i, eight(f, k, _mm256_loadu_ps(from + i)));
    return i;
}
#else
#define floats_u8_avx2(f, from, to, n) 0
#define floats_f32_avx2(f, from, to, n) 0
#endif

static void to_floats(const form *f, image_type type, const void *from, float *to, int64_t n)
{
    switch (type) {
    case IMAGE_U8:
        floats_u8(f, from, to, n, imgproc_has_avx2() ? floats_u8_avx2(f, from, to, n) : 0);
        break;
    case IMAGE_F32:
        floats_f32(f, from, to, n, imgproc_has_avx2() ? floats_f32_avx2(f, from, to, n) : 0);
        break;
    case IMAGE_U16:
        floats_u16(f, from, to, n, 0);
        break;
    case IMAGE_I16:
        floats_i16(f, from, to, n, 0);
        break;
    default:
        floats_i32(f, from, to, n, 0);
        break;
    }
}

static void fill_floats(float *to, int64_t n, float v)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = v;
}

static cseg_status check_channels(const preprocessor *pre, const sample *s, int64_t group, cseg_error *err)
{
    const char *path = s->path ? s->path : "the image";
    int wanted = s->norm.n ? s->norm.n : pre->n;
    if (s->img.c > SAMPLE_MAX_CHANNELS)
        return fail(err, CSEG_SHAPE, "%s has %lld channels, more than %d", path, (long long)s->img.c,
                    SAMPLE_MAX_CHANNELS);
    if (wanted && wanted != 1 && wanted != group && wanted != s->img.c)
        return fail(err, CSEG_SHAPE, "%s has %lld channels, but there are %d means to normalise with", path,
                    (long long)s->img.c, wanted);
    if (s->norm.n && pre->n)
        return fail(err, CSEG_CONFIG, "%s is normalised twice, by Normalize and by the data_preprocessor", path);
    return CSEG_OK;
}

/* Packs the rows of the picture, then the padding beside and below it. */
static cseg_status pack_rows(const image *m, const delayed *d, const pixel_order *o, const form *f, int64_t h,
                             int64_t w, const float pads[2], int64_t pad_h, int64_t pad_w, float *slot, cseg_error *err)
{
    resizer *rows = NULL;
    char *row = mem_alloc_raw((size_t)d->w * (size_t)o->c * o->size);
    if (!row)
        return fail_memory(err);
    cseg_status status = resizer_open(m, d, &rows, err);
    for (int64_t y = 0; y < d->h && status == CSEG_OK; y++) {
        float *to = slot + (d->flip_y ? d->h - 1 - y : y) * w * o->c;
        const void *from = resizer_row(rows, y);
        if (o->reverse || o->swap) {
            imgproc_put_in_order(o, from, row, d->w);
            from = row;
        }
        to_floats(f, m->type, from, to, d->w * o->c);
        fill_floats(to + d->w * o->c, (pad_w - d->w) * o->c, pads[0]);
        fill_floats(to + pad_w * o->c, (w - pad_w) * o->c, pads[1]);
    }
    for (int64_t y = d->h; y < h && status == CSEG_OK; y++) {
        int64_t inner = y < pad_h ? pad_w : 0;
        fill_floats(slot + y * w * o->c, inner * o->c, pads[0]);
        fill_floats(slot + (y * w + inner) * o->c, (w - inner) * o->c, pads[1]);
    }
    resizer_close(rows);
    mem_free(row);
    return status;
}

cseg_status pipeline_pack(const preprocessor *pre, sample *s, int64_t h, int64_t w, float *slot, cseg_error *err)
{
    if (!image_exists(&s->img))
        return fail(err, CSEG_CONFIG, "%s: there is no image to pack", s->path ? s->path : "the sample");
    int64_t group = s->n_images > 1 && s->img.c % s->n_images == 0 ? s->img.c / s->n_images : s->img.c;
    delayed d = delayed_or_whole(&s->todo, &s->img);
    int64_t pad_h = sample_padded_height(s), pad_w = sample_padded_width(s);
    TRY(check_channels(pre, s, group, err));
    if (pad_h > h || pad_w > w)
        return fail(err, CSEG_SHAPE, "%s is %lld x %lld, larger than its batch's %lld x %lld",
                    s->path ? s->path : "the image", (long long)pad_h, (long long)pad_w, (long long)h, (long long)w);
    form f;
    bool swap = pre->swap && (s->img.c == 3 || (pre->pairs && group == 3));
    if (s->norm.n)
        fill_form(&f, s->norm.mean, s->norm.std, s->norm.n, s->img.c, true, swap);
    else
        fill_form(&f, pre->mean, pre->std, pre->n, s->img.c, false, false);
    pixel_order o = {.reverse = d.flip_x,
                     .swap = swap != (s->norm.n && s->norm.to_rgb),
                     .c = s->img.c,
                     .group = group,
                     .size = image_type_size(s->img.type)};
    float pads[2] = {(float)s->norm.pad_val, (float)pre->pad_val};
    TRY(pack_rows(&s->img, &d, &o, &f, h, w, pads, pad_h, pad_w, slot, err));
    s->pad_h = h;
    s->pad_w = w;
    return CSEG_OK;
}

/* ---- maps ---- */

static cseg_status find_map(sample *s, const char *key, bool weight, int64_t h, int64_t w, sample_map **out,
                            cseg_error *err)
{
    const char *path = s->path ? s->path : "the sample";
    sample_map *m = sample_find(s, key);
    if (!m || !m->map.data)
        return fail(err, CSEG_NOT_FOUND, "%s has no %s", path, key);
    if (m->is_weight != weight)
        return fail(err, CSEG_USAGE, "%s: %s %s", path, key, weight ? "holds labels, not weights" : "holds weights");
    int64_t mh = m->todo.any ? m->todo.h : m->map.h, mw = m->todo.any ? m->todo.w : m->map.w;
    if (mh > h || mw > w)
        return fail(err, CSEG_SHAPE, "%s: %s is %lld x %lld, larger than its batch's %lld x %lld", path, key,
                    (long long)mh, (long long)mw, (long long)h, (long long)w);
    *out = m;
    return CSEG_OK;
}

cseg_status pipeline_pack_labels(const preprocessor *pre, sample *s, const char *key, int64_t h, int64_t w,
                                 int32_t *slot, cseg_error *err)
{
    sample_map *m;
    TRY(find_map(s, key, false, h, w, &m, err));
    delayed d = delayed_or_whole(&m->todo, &m->map);
    int32_t fill = (int32_t)pre->seg_pad_val;
    resizer *rows;
    TRY(resizer_open(&m->map, &d, &rows, err));
    for (int64_t y = 0; y < h; y++) {
        int32_t *to = slot + (d.flip_y && y < d.h ? d.h - 1 - y : y) * w;
        int64_t x = 0;
        if (y < d.h) {
            imgproc_widen_labels(resizer_row(rows, y), to, d.w, d.flip_x);
            x = d.w;
        }
        for (; x < w; x++)
            to[x] = fill;
    }
    resizer_close(rows);
    return CSEG_OK;
}

cseg_status pipeline_pack_weights(sample *s, const char *key, int64_t h, int64_t w, float *slot, cseg_error *err)
{
    sample_map *m;
    TRY(find_map(s, key, true, h, w, &m, err));
    delayed d = delayed_or_whole(&m->todo, &m->map);
    resizer *rows;
    TRY(resizer_open(&m->map, &d, &rows, err));
    for (int64_t y = 0; y < h; y++) {
        float *to = slot + (d.flip_y && y < d.h ? d.h - 1 - y : y) * w;
        int64_t x = 0;
        if (y < d.h) {
            const float *from = resizer_row(rows, y);
            for (; x < d.w; x++)
                to[x] = from[d.flip_x ? d.w - 1 - x : x];
        }
        fill_floats(to + x, w - x, 0);
    }
    resizer_close(rows);
    return CSEG_OK;
}
