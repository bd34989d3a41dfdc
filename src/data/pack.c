/* From samples to batches: what SegDataPreProcessor (1.x), and Normalize, DefaultFormatBundle and the collate function
 * (0.x) do, in one pass over the pixels. Bound by writing the batch: 4 bytes a sample. */
#include <math.h>
#include <string.h>

#include "config/fields.h"
#include "data/imgproc.h"
#include "data/pipeline.h"

/* ---- the config's data_preprocessor ---- */

typedef struct preprocessor_conf {
    floats mean, std;
    ints size, size_divisor;
    double pad_val, seg_pad_val;
    bool bgr_to_rgb, rgb_to_bgr;
    value *batch_augments, *test_cfg;
} preprocessor_conf;

static const field preprocessor_fields[] = {
    FIELD(preprocessor_conf, F_FLOATS, mean, "None", "one a channel (red first if bgr_to_rgb); None: no normalisation"),
    FIELD(preprocessor_conf, F_FLOATS, std, "None", "one a channel; not 0"),
    FIELD_RANGE(preprocessor_conf, F_INTS, size, "None", 1, 1000000, "(h, w) to which training images are padded"),
    FIELD_RANGE(preprocessor_conf, F_INTS, size_divisor, "None", 0, 1000000, "or: to the batch's largest, a multiple of it"),
    FIELD(preprocessor_conf, F_FLOAT, pad_val, "0", "fills images, after normalisation"),
    FIELD(preprocessor_conf, F_FLOAT, seg_pad_val, "255", "fills labels; weights get 0"),
    FIELD(preprocessor_conf, F_BOOL, bgr_to_rgb, "False", "exchange blue and red"),
    FIELD(preprocessor_conf, F_BOOL, rgb_to_bgr, "False", "the same"),
    FIELD(preprocessor_conf, F_VALUE, batch_augments, "None", "only None"),
    FIELD(preprocessor_conf, F_VALUE, test_cfg, "None", "dict(size=) or dict(size_divisor=) for testing; None: no padding"),
    FIELD_IGNORED(non_blocking, "there is one memory"),
};
static const field_table preprocessor_table = {.at = preprocessor_fields,
                                               .n = sizeof preprocessor_fields / sizeof *preprocessor_fields,
                                               .size = sizeof(preprocessor_conf)};

typedef struct padding_conf {
    ints size, size_divisor;
} padding_conf;

static const field padding_fields[] = {
    FIELD_RANGE(padding_conf, F_INTS, size, "None", 1, 1000000, "(h, w)"),
    FIELD_RANGE(padding_conf, F_INTS, size_divisor, "None", 0, 1000000, "or a multiple of it"),
};
static const field_table padding_table = {.at = padding_fields,
                                          .n = sizeof padding_fields / sizeof *padding_fields,
                                          .size = sizeof(padding_conf)};

static cseg_status read_padding(const value *dict, const ints *size, const ints *size_divisor, int64_t *h, int64_t *w,
                                int64_t *divisor, cseg_error *err)
{
    char place[512];
    if (size->n && size_divisor->n)
        return fail(err, CSEG_CONFIG, "%sdata_preprocessor: 'size' and 'size_divisor' exclude each other",
                    value_place(dict, place));
    if (size->n > 2 || size_divisor->n > 1)
        return fail(err, CSEG_CONFIG, "%sdata_preprocessor: 'size' is (h, w), 'size_divisor' one number",
                    value_place(dict, place));
    *h = size->n ? size->at[0] : 0;
    *w = size->n ? size->at[size->n - 1] : 0;
    *divisor = size_divisor->n ? size_divisor->at[0] : 0;
    if (size_divisor->n && *divisor < 1)
        *divisor = 1;
    return CSEG_OK;
}

cseg_status preprocessor_build(const value *dict, arena *mem, preprocessor *out, cseg_error *err)
{
    char place[512];
    preprocessor_conf c;
    padding_conf test;
    *out = (preprocessor){.seg_pad_val = 255};
    if (value_is_none(dict))
        return CSEG_OK;
    const char *kind = value_type_name(dict) ? value_type_name(dict) : "SegDataPreProcessor";
    if (strcmp(kind, "SegDataPreProcessor") != 0 && strcmp(kind, "DualInputSegDataPreProcessor") != 0)
        return fail(err, CSEG_CONFIG, "%sthere is no data preprocessor '%s'; did you mean 'SegDataPreProcessor'?",
                    value_place(dict, place), kind);
    TRY(fields_parse(&preprocessor_table, kind, dict, NULL, mem, &c, err));
    if (c.bgr_to_rgb && c.rgb_to_bgr)
        return fail(err, CSEG_CONFIG, "%s%s: bgr_to_rgb and rgb_to_bgr undo each other", value_place(dict, place), kind);
    if (value_true(c.batch_augments))
        return fail(err, CSEG_UNSUPPORTED, "%s%s: batch_augments is not supported", value_place(dict, place), kind);
    if (c.mean.n != c.std.n || c.mean.n > SAMPLE_MAX_CHANNELS)
        return fail(err, CSEG_CONFIG, "%s%s: 'mean' and 'std' must have one number a channel, up to %d",
                    value_place(dict, place), kind, SAMPLE_MAX_CHANNELS);
    for (size_t i = 0; i < c.mean.n; i++) {
        if (!isfinite(c.mean.at[i]) || !isfinite(c.std.at[i]) || (float)c.std.at[i] == 0)
            return fail(err, CSEG_CONFIG, "%s%s: 'std' must not be 0, and all numbers finite", value_place(dict, place),
                        kind);
        out->mean[i] = c.mean.at[i];
        out->std[i] = c.std.at[i];
    }
    out->n = (int)c.mean.n;
    out->swap = c.bgr_to_rgb || c.rgb_to_bgr;
    out->pad_val = c.pad_val;
    out->seg_pad_val = (int64_t)c.seg_pad_val;
    TRY(read_padding(dict, &c.size, &c.size_divisor, &out->h, &out->w, &out->divisor, err));
    out->test.any = value_true(c.test_cfg);
    if (!out->test.any)
        return CSEG_OK;
    TRY(fields_parse(&padding_table, "test_cfg", c.test_cfg, NULL, mem, &test, err));
    if (!test.size.n && !test.size_divisor.n)
        return fail(err, CSEG_CONFIG, "%s%s: test_cfg needs 'size' or 'size_divisor'", value_place(c.test_cfg, place), kind);
    return read_padding(c.test_cfg, &test.size, &test.size_divisor, &out->test.h, &out->test.w, &out->test.divisor, err);
}

/* ---- the size of a batch ---- */

static int64_t padded_height(const sample *s)
{
    return s->norm.n && s->pad_h > sample_height(s) ? s->pad_h : sample_height(s);
}

static int64_t padded_width(const sample *s)
{
    return s->norm.n && s->pad_w > sample_width(s) ? s->pad_w : sample_width(s);
}

cseg_status preprocessor_size(const preprocessor *pre, const sample *const *samples, int n, bool training, int64_t *h,
                              int64_t *w, cseg_error *err)
{
    int64_t fixed_h = training ? pre->h : pre->test.h, fixed_w = training ? pre->w : pre->test.w;
    int64_t divisor = training ? pre->divisor : pre->test.divisor;
    *h = *w = 0;
    if (n < 1)
        return fail(err, CSEG_USAGE, "a batch needs a sample");
    bool alike = true;
    for (int i = 0; i < n; i++) {
        int64_t sh = padded_height(samples[i]), sw = padded_width(samples[i]);
        if (!samples[i]->img.data || samples[i]->img.c != samples[0]->img.c)
            return fail(err, CSEG_SHAPE, "%s has %lld channels, others of its batch have %lld",
                        samples[i]->path ? samples[i]->path : "a sample", (long long)samples[i]->img.c,
                        (long long)samples[0]->img.c);
        alike = alike && sh == padded_height(samples[0]) && sw == padded_width(samples[0]);
        *h = sh > *h ? sh : *h;
        *w = sw > *w ? sw : *w;
    }
    if (!alike && (!training || (!fixed_h && !divisor)))
        return fail(err, CSEG_SHAPE, "images of one batch have different sizes (%s is %lld x %lld, the largest %lld x "
                    "%lld); %s", samples[0]->path ? samples[0]->path : "the first", (long long)padded_height(samples[0]),
                    (long long)padded_width(samples[0]), (long long)*h, (long long)*w,
                    training ? "crop or pad them alike, or give the data_preprocessor a 'size'"
                             : "test with a batch size of 1");
    if (fixed_h) {
        if (!alike && (*h > fixed_h || *w > fixed_w))
            return fail(err, CSEG_SHAPE, "images of up to %lld x %lld do not fit the data_preprocessor's size %lld x %lld",
                        (long long)*h, (long long)*w, (long long)fixed_h, (long long)fixed_w);
        *h = *h > fixed_h ? *h : fixed_h;
        *w = *w > fixed_w ? *w : fixed_w;
    } else if (divisor > 1) {
        *h = (*h + divisor - 1) / divisor * divisor;
        *w = (*w + divisor - 1) / divisor * divisor;
    }
    return CSEG_OK;
}

/* ---- pixels ---- */

enum { PATTERN = 16 * SAMPLE_MAX_CHANNELS };

/* How the numbers of a row become floats: x; or (x - mean) * (1 / std), the difference in float32 and the product in
 * double, as cv2 does it for 0.x; or (x - mean) / std in float32, as torch does it for 1.x. The patterns repeat every 16
 * pixels, so that any number of channels goes through whole vectors. */
typedef struct form {
    enum { PLAIN, TIMES, OVER } how;
    int64_t n; /* length of the pattern: 16 * channels */
    float mean[PATTERN], std[PATTERN];
    double inverse[PATTERN];
} form;

static void fill_form(form *f, const double *mean, const double *std, int n, int64_t c, bool times)
{
    f->how = n == 0 ? PLAIN : times ? TIMES : OVER;
    f->n = 16 * c;
    for (int64_t i = 0; i < f->n && n; i++) {
        int64_t k = i % c % n;
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

#define TO_FLOATS(type_name, type)                                                                        \
    static void floats_##type_name(const form *f, const type *from, float *to, int64_t n, int64_t first)  \
    {                                                                                                     \
        int64_t k = first % f->n;                                                                         \
        for (int64_t i = first; i < n; i++, k = k + 1 == f->n ? 0 : k + 1)                                \
            to[i] = one(f, k, (float)from[i]);                                                            \
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

/* Both return how many numbers they did, whole patterns' worth of eights. */
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

/* Exchanges bytes 0 and 2 of each pixel of 3; 5 pixels a turn. */
AVX2 static int64_t swap_u8_avx2(const uint8_t *from, uint8_t *to, int64_t pixels)
{
    const __m128i order = _mm_setr_epi8(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 15);
    int64_t i = 0;
    for (; i + 6 <= pixels; i += 5)
        _mm_storeu_si128((__m128i *)(to + 3 * i),
                         _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + 3 * i)), order));
    return i;
}

/* Reverses the pixels of 3 bytes, with or without exchanging bytes 0 and 2. */
AVX2 static int64_t reverse_u8_avx2(const uint8_t *from, uint8_t *to, int64_t pixels, bool swap)
{
    const __m128i turn = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, 0);
    const __m128i turn_swap = _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const uint8_t *end = from + 3 * pixels;
    int64_t i = 0;
    for (; i + 6 <= pixels; i += 5) {
        __m128i v = _mm_loadu_si128((const __m128i *)(end - 3 * i - 16));
        _mm_storeu_si128((__m128i *)(to + 3 * i), _mm_shuffle_epi8(v, swap ? turn_swap : turn));
    }
    return i;
}
#else
#define floats_u8_avx2(f, from, to, n) 0
#define floats_f32_avx2(f, from, to, n) 0
#define swap_u8_avx2(from, to, pixels) 0
#define reverse_u8_avx2(from, to, pixels, swap) 0
#endif

static void to_floats(const form *f, image_type type, const void *from, float *to, int64_t n)
{
    switch (type) {
    case IMAGE_U8: floats_u8(f, from, to, n, imgproc_has_avx2() ? floats_u8_avx2(f, from, to, n) : 0); break;
    case IMAGE_F32: floats_f32(f, from, to, n, imgproc_has_avx2() ? floats_f32_avx2(f, from, to, n) : 0); break;
    case IMAGE_U16: floats_u16(f, from, to, n, 0); break;
    case IMAGE_I16: floats_i16(f, from, to, n, 0); break;
    default: floats_i32(f, from, to, n, 0); break;
    }
}

/* How a row's pixels are put in order before that. */
typedef struct order {
    bool reverse, swap;
    int64_t c, group; /* channels; channels of one date, of which 0 and 2 are exchanged */
    size_t size;      /* of a sample */
} order;

static void put_in_order(const order *o, const char *from, char *to, int64_t w)
{
    int64_t i = 0;
    size_t pixel = (size_t)o->c * o->size;
    if (pixel == 3 && imgproc_has_avx2())
        i = o->reverse ? reverse_u8_avx2((const uint8_t *)from, (uint8_t *)to, w, o->swap)
                       : swap_u8_avx2((const uint8_t *)from, (uint8_t *)to, w);
    for (; i < w; i++) {
        const char *p = from + (size_t)(o->reverse ? w - 1 - i : i) * pixel;
        char *q = to + (size_t)i * pixel;
        memcpy(q, p, pixel);
        for (int64_t g = 0; o->swap && g < o->c; g += o->group) {
            memcpy(q + (size_t)g * o->size, p + (size_t)(g + 2) * o->size, o->size);
            memcpy(q + (size_t)(g + 2) * o->size, p + (size_t)g * o->size, o->size);
        }
    }
}

static void fill_floats(float *to, int64_t n, float v)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = v;
}

/* What is delayed, or the whole picture as it is. */
static delayed whole_or(const delayed *todo, const image *m)
{
    return todo->any ? *todo : (delayed){.any = true, .full_h = m->h, .full_w = m->w, .h = m->h, .w = m->w};
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

/* Rows of the picture, then what is beside and below it. */
static cseg_status pack_rows(const image *m, const delayed *d, const order *o, const form *f, int64_t h, int64_t w,
                             const float pads[2], int64_t pad_h, int64_t pad_w, float *slot, cseg_error *err)
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
            put_in_order(o, from, row, d->w);
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
    if (!s->img.data)
        return fail(err, CSEG_CONFIG, "%s: there is no image to pack", s->path ? s->path : "the sample");
    int64_t group = s->n_images > 1 && s->img.c % s->n_images == 0 ? s->img.c / s->n_images : s->img.c;
    delayed d = whole_or(&s->todo, &s->img);
    int64_t pad_h = padded_height(s), pad_w = padded_width(s);
    TRY(check_channels(pre, s, group, err));
    if (pad_h > h || pad_w > w)
        return fail(err, CSEG_SHAPE, "%s is %lld x %lld, larger than its batch's %lld x %lld",
                    s->path ? s->path : "the image", (long long)pad_h, (long long)pad_w, (long long)h, (long long)w);
    form f;
    if (s->norm.n)
        fill_form(&f, s->norm.mean, s->norm.std, s->norm.n, s->img.c, true);
    else
        fill_form(&f, pre->mean, pre->std, pre->n, s->img.c, false);
    bool swap = s->norm.n ? s->norm.to_rgb : pre->swap;
    order o = {.reverse = d.flip_x, .swap = swap && group == 3, .c = s->img.c, .group = group,
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
    delayed d = whole_or(&m->todo, &m->map);
    int32_t fill = (int32_t)pre->seg_pad_val;
    resizer *rows;
    TRY(resizer_open(&m->map, &d, &rows, err));
    for (int64_t y = 0; y < h; y++) {
        int32_t *to = slot + (d.flip_y && y < d.h ? d.h - 1 - y : y) * w;
        int64_t x = 0;
        if (y < d.h) {
            const uint8_t *from = resizer_row(rows, y);
            for (; x < d.w; x++)
                to[x] = from[d.flip_x ? d.w - 1 - x : x];
        }
        for (; x < w; x++)
            to[x] = fill;
    }
    resizer_close(rows);
    return CSEG_OK;
}

cseg_status pipeline_pack_weights(const preprocessor *pre, sample *s, const char *key, int64_t h, int64_t w,
                                  float *slot, cseg_error *err)
{
    sample_map *m;
    (void)pre;
    TRY(find_map(s, key, true, h, w, &m, err));
    delayed d = whole_or(&m->todo, &m->map);
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
