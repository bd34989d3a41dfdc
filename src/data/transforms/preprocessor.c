/* The 1.x config's data_preprocessor, and the size that a batch takes. */
#include <math.h>
#include <string.h>

#include "config/scope.h"
#include "data/transforms/transform.h"

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
    FIELD_RANGE(preprocessor_conf, F_INTS, size_divisor, "None", 0, 1000000,
                "or: to the batch's largest, a multiple of it"),
    FIELD(preprocessor_conf, F_FLOAT, pad_val, "0", "fills images, after normalisation"),
    FIELD(preprocessor_conf, F_FLOAT, seg_pad_val, "255", "fills labels; weights get 0"),
    FIELD(preprocessor_conf, F_BOOL, bgr_to_rgb, "False", "exchange blue and red"),
    FIELD(preprocessor_conf, F_BOOL, rgb_to_bgr, "False", "the same"),
    FIELD(preprocessor_conf, F_VALUE, batch_augments, "None", "only None"),
    FIELD(preprocessor_conf, F_VALUE, test_cfg, "None",
          "dict(size=) or dict(size_divisor=) for testing; None: no padding"),
    FIELD_IGNORED(non_blocking, "there is one memory"),
};
static const field_table preprocessor_table = FIELDS(preprocessor_fields, preprocessor_conf);

typedef struct padding_conf {
    ints size, size_divisor;
} padding_conf;

static const field padding_fields[] = {
    FIELD_RANGE(padding_conf, F_INTS, size, "None", 1, 1000000, "(h, w)"),
    FIELD_RANGE(padding_conf, F_INTS, size_divisor, "None", 0, 1000000, "or a multiple of it"),
};
static const field_table padding_table = FIELDS(padding_fields, padding_conf);

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
    char full[160];
    if (scope_of(dict) & (SCOPE_FOREIGN | SCOPE_ROOT | SCOPE_TORCH))
        return fail(err, CSEG_UNSUPPORTED, "%sthere is no data preprocessor '%s' here; known are mmseg's and Open-CD's",
                    value_place(dict, place), scope_full_name(dict, full));
    if (strcmp(kind, "SegDataPreProcessor") != 0 && strcmp(kind, "DualInputSegDataPreProcessor") != 0)
        return fail(err, CSEG_CONFIG, "%sthere is no data preprocessor '%s'; did you mean 'SegDataPreProcessor'?",
                    value_place(dict, place), kind);
    TRY(fields_parse(&preprocessor_table, kind, dict, NULL, mem, &c, err));
    if (c.bgr_to_rgb && c.rgb_to_bgr)
        return fail(err, CSEG_CONFIG, "%s%s: bgr_to_rgb and rgb_to_bgr undo each other", value_place(dict, place),
                    kind);
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
    out->pairs = strcmp(kind, "DualInputSegDataPreProcessor") == 0 || out->n == 3;
    out->pad_val = c.pad_val;
    out->seg_pad_val = (int64_t)c.seg_pad_val;
    TRY(read_padding(dict, &c.size, &c.size_divisor, &out->h, &out->w, &out->divisor, err));
    out->test.any = value_true(c.test_cfg);
    if (!out->test.any)
        return CSEG_OK;
    TRY(fields_parse(&padding_table, "test_cfg", c.test_cfg, NULL, mem, &test, err));
    if (!test.size.n && !test.size_divisor.n)
        return fail(err, CSEG_CONFIG, "%s%s: test_cfg needs 'size' or 'size_divisor'", value_place(c.test_cfg, place),
                    kind);
    return read_padding(c.test_cfg, &test.size, &test.size_divisor, &out->test.h, &out->test.w, &out->test.divisor,
                        err);
}

int64_t sample_padded_height(const sample *s)
{
    return s->norm.n && s->pad_h > sample_height(s) ? s->pad_h : sample_height(s);
}

int64_t sample_padded_width(const sample *s)
{
    return s->norm.n && s->pad_w > sample_width(s) ? s->pad_w : sample_width(s);
}

static bool padded_alike(const sample *a, const sample *b)
{
    return sample_padded_height(a) == sample_padded_height(b) && sample_padded_width(a) == sample_padded_width(b);
}

/* The sample whose size is the odd one out: of the first sample and one that differs from it, the one with fewer like
 * it. */
static int odd_one(const sample *const *samples, int n, int *other)
{
    int differs = 0, like_first = 0, like_other = 0;
    while (differs < n - 1 && padded_alike(samples[0], samples[differs]))
        differs++;
    for (int i = 0; i < n; i++) {
        like_first += padded_alike(samples[i], samples[0]);
        like_other += padded_alike(samples[i], samples[differs]);
    }
    *other = like_first < like_other ? differs : 0;
    return like_first < like_other ? 0 : differs;
}

static cseg_status sizes_differ(const preprocessor *pre, const sample *const *samples, int n, bool training,
                                cseg_error *err)
{
    int other, odd = odd_one(samples, n, &other);
    const sample *a = samples[odd], *b = samples[other];
    const char *step = a->image_step.name ? a->image_step.name : b->image_step.name;
    return fail(err, CSEG_SHAPE,
                "images of one batch have different sizes: %s is %lld x %lld, %s is %lld x %lld (height x width)%s%s; "
                "%s",
                a->path ? a->path : "one", (long long)sample_padded_height(a), (long long)sample_padded_width(a),
                b->path ? b->path : "another", (long long)sample_padded_height(b), (long long)sample_padded_width(b),
                step ? " after " : "", step ? step : "",
                !training        ? "test with a batch size of 1"
                : pre->same_size ? pre->same_size
                                 : "crop or pad them alike, by RandomCrop or Pad(size=...), or give the "
                                   "data_preprocessor a 'size'");
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
        int64_t sh = sample_padded_height(samples[i]), sw = sample_padded_width(samples[i]);
        if (!image_exists(&samples[i]->img) || samples[i]->img.c != samples[0]->img.c)
            return fail(err, CSEG_SHAPE, "%s has %lld channels, others of its batch have %lld",
                        samples[i]->path ? samples[i]->path : "a sample", (long long)samples[i]->img.c,
                        (long long)samples[0]->img.c);
        alike = alike && padded_alike(samples[i], samples[0]);
        *h = sh > *h ? sh : *h;
        *w = sw > *w ? sw : *w;
    }
    if (!alike && (!training || (!fixed_h && !divisor)))
        return sizes_differ(pre, samples, n, training, err);
    if (fixed_h) {
        if (!alike && (*h > fixed_h || *w > fixed_w))
            return fail(err, CSEG_SHAPE,
                        "images of up to %lld x %lld do not fit the data_preprocessor's size %lld x %lld",
                        (long long)*h, (long long)*w, (long long)fixed_h, (long long)fixed_w);
        *h = *h > fixed_h ? *h : fixed_h;
        *w = *w > fixed_w ? *w : fixed_w;
    } else if (divisor > 1) {
        *h = (*h + divisor - 1) / divisor * divisor;
        *w = (*w + divisor - 1) / divisor * divisor;
    }
    return CSEG_OK;
}

void preprocessor_document(FILE *out)
{
    fprintf(out, "\n## SegDataPreProcessor\nThe 1.x config's `data_preprocessor`: from samples to a batch.\n\n");
    fields_document(&preprocessor_table, out);
}
