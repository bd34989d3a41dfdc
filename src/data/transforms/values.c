/* Transforms of pixel values: normalising, gamma, equalisation, range, gray. */
#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"

static cseg_status need_u8(const sample *s, cseg_error *err)
{
    TRY(sample_need_image(s, err));
    if (s->img.type == IMAGE_U8)
        return CSEG_OK;
    return fail(err, CSEG_UNSUPPORTED, "it works on 8-bit images, this one is %s; leave to_float32 out, or this",
                image_type_name(s->img.type));
}

/* ---- Normalize ---- */

typedef struct normalize_conf {
    floats mean, std;
    bool to_rgb;
} normalize_conf;

static const field normalize_fields[] = {
    FIELD(normalize_conf, F_FLOATS, mean, NULL, "one a channel (red first if to_rgb)"),
    FIELD(normalize_conf, F_FLOATS, std, NULL, "one a channel; not 0"),
    FIELD(normalize_conf, F_BOOL, to_rgb, "True", "exchange blue and red first"),
};
static const field_table normalize_table = FIELDS(normalize_fields, normalize_conf);

static cseg_status normalize_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    normalize_conf *c = conf;
    (void)t;
    if (c->mean.n < 1 || c->mean.n != c->std.n || c->mean.n > SAMPLE_MAX_CHANNELS)
        return transform_fail(b, err, "'mean' and 'std' must have one number a channel, up to %d", SAMPLE_MAX_CHANNELS);
    for (size_t i = 0; i < c->std.n; i++)
        if (!isfinite(c->mean.at[i]) || !isfinite(c->std.at[i]) || (float)c->std.at[i] == 0)
            return transform_fail(b, err, "'std' must not be 0, and all numbers finite");
    b->info->norm_n = (int)c->mean.n;
    b->info->to_rgb = c->to_rgb;
    for (size_t i = 0; i < c->mean.n; i++) {
        b->info->mean[i] = c->mean.at[i];
        b->info->std[i] = c->std.at[i];
    }
    return CSEG_OK;
}

/* Only noted: pipeline_pack does it while it fills the batch. */
static cseg_status normalize_apply(const transform *t, sample *s, cseg_error *err)
{
    const normalize_conf *c = t->conf;
    int64_t group = sample_group(s);
    TRY(sample_need_image(s, err));
    if (s->norm.n) /* once more */
        TRY(sample_need_pixels(s, err));
    if (group != (int64_t)c->mean.n)
        return fail(err, CSEG_SHAPE, "there are %zu means for images of %lld channels", c->mean.n, (long long)group);
    if (c->to_rgb && group != 3)
        return fail(err, CSEG_SHAPE, "to_rgb=True needs 3 channels, the image has %lld", (long long)group);
    s->norm.n = (int)c->mean.n;
    s->norm.to_rgb = c->to_rgb;
    s->norm.pad_val = 0;
    for (size_t i = 0; i < c->mean.n; i++) {
        s->norm.mean[i] = c->mean.at[i];
        s->norm.std[i] = c->std.at[i];
    }
    return CSEG_OK;
}

const transform_kind transform_normalize = {&normalize_table, "Pixels become (x - mean) / std.", normalize_build,
                                            normalize_apply, WINDOWS_POINTWISE};

/* ---- AdjustGamma ---- */

typedef struct gamma_conf {
    double gamma;
    uint8_t table[256];
} gamma_conf;

static const field gamma_fields[] = {
    FIELD_RANGE(gamma_conf, F_FLOAT, gamma, "1.0", 1e-6, 1e6, "pixels become (x / 255)^(1 / gamma) * 255"),
};
static const field_table gamma_table = FIELDS(gamma_fields, gamma_conf);

static cseg_status gamma_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    gamma_conf *c = conf;
    (void)b;
    (void)t;
    (void)err;
    for (int i = 0; i < 256; i++)
        c->table[i] = (uint8_t)(pow(i / 255.0, 1.0 / c->gamma) * 255);
    return CSEG_OK;
}

static cseg_status gamma_apply(const transform *t, sample *s, cseg_error *err)
{
    const gamma_conf *c = t->conf;
    TRY(need_u8(s, err));
    TRY(sample_need_pixels(s, err));
    imgproc_lut(s->img.data, s->img.h * s->img.w * s->img.c, c->table);
    return CSEG_OK;
}

const transform_kind transform_adjust_gamma = {&gamma_table, "Gamma correction of 8-bit images.", gamma_build,
                                               gamma_apply, WINDOWS_POINTWISE};

/* ---- CLAHE ---- */

typedef struct clahe_conf {
    double clip_limit;
    ints tile_grid_size;
} clahe_conf;

static const field clahe_fields[] = {
    FIELD_RANGE(clahe_conf, F_FLOAT, clip_limit, "40.0", 0, 1e6, "limit of a histogram's bin over its mean; 0: none"),
    FIELD_RANGE(clahe_conf, F_INTS, tile_grid_size, "(8, 8)", 1, 1024, "tiles along x and y"),
};
static const field_table clahe_table = FIELDS(clahe_fields, clahe_conf);

static cseg_status clahe_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    clahe_conf *c = conf;
    (void)t;
    return c->tile_grid_size.n == 2 ? CSEG_OK : transform_fail(b, err, "'tile_grid_size' must be two whole numbers");
}

static cseg_status clahe_apply(const transform *t, sample *s, cseg_error *err)
{
    const clahe_conf *c = t->conf;
    TRY(need_u8(s, err));
    TRY(sample_need_pixels(s, err));
    return imgproc_clahe(&s->img, c->clip_limit, (int)c->tile_grid_size.at[0], (int)c->tile_grid_size.at[1], err);
}

const transform_kind transform_clahe = {
    &clahe_table, "Contrast limited adaptive histogram equalisation of each channel of 8-bit images.", clahe_build,
    clahe_apply, WINDOWS_WHOLE};

/* ---- Rerange ---- */

typedef struct rerange_conf {
    double min_value, max_value;
} rerange_conf;

static const field rerange_fields[] = {
    FIELD(rerange_conf, F_FLOAT, min_value, "0", "what the smallest value of the image becomes"),
    FIELD(rerange_conf, F_FLOAT, max_value, "255", "what the largest becomes"),
};
static const field_table rerange_table = FIELDS(rerange_fields, rerange_conf);

typedef struct extremes {
    double *low, *high;
    arena *mem;
    int64_t c;
} extremes;

static cseg_status look_at_extremes(void *arg, const image *m, cseg_error *err)
{
    extremes *e = arg;
    if (!e->low) {
        e->c = m->c;
        e->low = ARENA_ARRAY(e->mem, (size_t)m->c, double);
        e->high = ARENA_ARRAY(e->mem, (size_t)m->c, double);
        if (!e->low || !e->high)
            return fail_memory(err);
        for (int64_t k = 0; k < m->c; k++) {
            e->low[k] = INFINITY;
            e->high[k] = -INFINITY;
        }
    }
    for (int64_t i = 0, n = m->h * m->w * m->c; i < n; i++) {
        double v = image_get(m, 0, i / m->c, i % m->c);
        e->low[i % m->c] = v < e->low[i % m->c] ? v : e->low[i % m->c];
        e->high[i % m->c] = v > e->high[i % m->c] ? v : e->high[i % m->c];
    }
    return CSEG_OK;
}

static cseg_status rerange_measure(const transform *t, const picture_parts *p, arena *mem, sample_range *out,
                                   cseg_error *err)
{
    extremes e = {.mem = mem};
    (void)t;
    TRY(picture_each_part(p, look_at_extremes, &e, err));
    *out = (sample_range){true, e.low, e.high};
    return CSEG_OK;
}

static cseg_status rerange_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    rerange_conf *c = conf;
    t->measure = rerange_measure;
    return c->min_value < c->max_value ? CSEG_OK : transform_fail(b, err, "'min_value' must be less than 'max_value'");
}

/* Numbers of an image lie pixel after pixel, channel after channel. Those of one date have i % all / each == date. */
static bool is_of(int64_t i, int64_t all, int64_t each, int64_t date)
{
    return i % all / each == date;
}

static cseg_status rerange_date(const rerange_conf *c, const sample *s, const sample_range *range, int64_t date,
                                float *to, cseg_error *err)
{
    const image *m = &s->img;
    int64_t n = m->h * m->w * m->c, each = sample_group(s);
    double low = INFINITY, high = -INFINITY;
    for (int64_t k = date * each; k < (date + 1) * each; k++) {
        low = range->low[k] < low ? range->low[k] : low;
        high = range->high[k] > high ? range->high[k] : high;
    }
    if (!(low < high))
        return fail(err, CSEG_NUMERIC, "all pixels are the same, so they have no range");
    bool single = m->type == IMAGE_F32; /* numpy keeps the precision that the image has; else it takes double */
    for (int64_t i = 0; i < n; i++) {
        if (!is_of(i, m->c, each, date))
            continue;
        double v = image_get(m, 0, i / m->c, i % m->c);
        if (single) {
            float f = ((float)v - (float)low) / ((float)high - (float)low);
            to[i] = f * (float)(c->max_value - c->min_value) + (float)c->min_value;
        } else {
            to[i] = (float)((v - low) / (high - low) * (c->max_value - c->min_value) + c->min_value);
        }
    }
    return CSEG_OK;
}

static cseg_status rerange_apply(const transform *t, sample *s, cseg_error *err)
{
    image done;
    sample_range range;
    TRY(sample_need_pixels(s, err));
    TRY(sample_measure(t, s, &range, err));
    TRY(imgproc_new(s->img.h, s->img.w, s->img.c, IMAGE_F32, &done, err));
    cseg_status status = CSEG_OK;
    for (int64_t date = 0; date < s->img.c / sample_group(s) && status == CSEG_OK; date++)
        status = rerange_date(t->conf, s, &range, date, done.data, err);
    if (status != CSEG_OK) {
        image_release(&done);
        return status;
    }
    picture_replace(&s->img, done);
    return CSEG_OK;
}

const transform_kind transform_rerange = {&rerange_table, "Stretches an image's values to a range; gives float32.",
                                          rerange_build, rerange_apply, WINDOWS_RANGE};

/* ---- RGB2Gray ---- */

typedef struct gray_conf {
    ints out_channels;
    floats weights;
} gray_conf;

static const field gray_fields[] = {
    FIELD_RANGE(gray_conf, F_INTS, out_channels, "None", 1, SAMPLE_MAX_CHANNELS,
                "copies of the gray channel; None: as many as before"),
    FIELD(gray_conf, F_FLOATS, weights, "(0.299, 0.587, 0.114)", "of the channels, in the order they have"),
};
static const field_table gray_table = FIELDS(gray_fields, gray_conf);

static cseg_status gray_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    gray_conf *c = conf;
    (void)t;
    if (c->out_channels.n > 1)
        return transform_fail(b, err, "'out_channels' is one number");
    return c->weights.n ? CSEG_OK : transform_fail(b, err, "'weights' must have one number a channel");
}

static cseg_status gray_apply(const transform *t, sample *s, cseg_error *err)
{
    const gray_conf *c = t->conf;
    image done;
    TRY(sample_need_pixels(s, err));
    int64_t in = sample_group(s), dates = s->img.c / in, out = c->out_channels.n ? c->out_channels.at[0] : in;
    if (in != (int64_t)c->weights.n)
        return fail(err, CSEG_SHAPE, "there are %zu weights for images of %lld channels", c->weights.n, (long long)in);
    TRY(imgproc_new(s->img.h, s->img.w, dates * out, IMAGE_F32, &done, err));
    for (int64_t i = 0; i < s->img.h * s->img.w; i++)
        for (int64_t d = 0; d < dates; d++) {
            double sum = 0;
            for (int64_t k = 0; k < in; k++)
                sum += image_get(&s->img, 0, i, d * in + k) * c->weights.at[k];
            for (int64_t k = 0; k < out; k++)
                ((float *)done.data)[(i * dates + d) * out + k] = (float)sum;
        }
    picture_replace(&s->img, done);
    return CSEG_OK;
}

const transform_kind transform_rgb2gray = {&gray_table, "The weighted sum of the channels in place of each; float32.",
                                           gray_build, gray_apply, WINDOWS_POINTWISE};
