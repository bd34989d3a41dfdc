/* Stretches each channel between two of its percentiles, or two given values. */
#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"
#include "io/image/image_quantile.h"

typedef struct stretch_conf {
    floats percentiles, low, high;
    double min_value, max_value;
} stretch_conf;

static const field stretch_fields[] = {
    FIELD_RANGE(stretch_conf, F_FLOATS, percentiles, "(2, 98)", 0, 100,
                "of each channel of the image; they become min_value and max_value"),
    FIELD(stretch_conf, F_FLOATS, low, "None",
          "values in place of the lower percentile: one a channel, or one for all"),
    FIELD(stretch_conf, F_FLOATS, high, "None", "in place of the upper one"),
    FIELD(stretch_conf, F_FLOAT, min_value, "0",
          "what is lower becomes it, and what is no data by the file's nodata "
          "value, and NaN"),
    FIELD(stretch_conf, F_FLOAT, max_value, "255", "what is higher becomes it"),
};
static const field_table stretch_table = FIELDS(stretch_fields, stretch_conf);

typedef struct look {
    image_quantile **q; /* one a channel */
    uint8_t *skip;
    int64_t c, room;
    int dates;
    image_nodata nodata;
} look;

static cseg_status add_part(void *arg, const image *m, cseg_error *err)
{
    look *l = arg;
    if (!l->q) {
        l->c = m->c;
        l->q = mem_alloc((size_t)m->c * sizeof *l->q);
        if (!l->q)
            return fail_memory(err);
        for (int64_t k = 0; k < m->c; k++)
            TRY(image_quantile_new(m->type, &l->q[k], err));
    }
    if (l->nodata.known && m->h * m->w > l->room) {
        mem_free(l->skip);
        l->room = 0;
        l->skip = mem_alloc_raw((size_t)(m->h * m->w));
        if (!l->skip)
            return fail_memory(err);
        l->room = m->h * m->w;
    }
    for (int64_t k = 0; k < l->c; k++) {
        if (l->nodata.known)
            image_skip_nodata(m, k, m->c / (l->dates == 2 ? 2 : 1), &l->nodata, l->skip);
        image_quantile_add(l->q[k], m, k, l->nodata.known ? l->skip : NULL);
    }
    return CSEG_OK;
}

static cseg_status once_more(look *l, const double part[2], bool *again, cseg_error *err)
{
    *again = false;
    for (int64_t k = 0; k < l->c; k++) {
        *again |= image_quantile_again(l->q[k], part, 2);
        if (image_quantile_failed(l->q[k]))
            return fail_memory(err);
    }
    return CSEG_OK;
}

static cseg_status find_range(look *l, const stretch_conf *c, arena *mem, sample_range *out, cseg_error *err)
{
    double *low = ARENA_ARRAY(mem, (size_t)l->c, double), *high = ARENA_ARRAY(mem, (size_t)l->c, double);
    if (!low || !high)
        return fail_memory(err);
    for (int64_t k = 0; k < l->c; k++) {
        low[k] = image_quantile_at(l->q[k], c->percentiles.at[0] / 100);
        high[k] = image_quantile_at(l->q[k], c->percentiles.at[1] / 100);
    }
    *out = (sample_range){true, low, high};
    return CSEG_OK;
}

static cseg_status stretch_measure(const transform *t, const picture_parts *p, arena *mem, sample_range *out,
                                   cseg_error *err)
{
    const stretch_conf *c = t->conf;
    const double part[2] = {c->percentiles.at[0] / 100, c->percentiles.at[1] / 100};
    look l = {.nodata = p->nodata, .dates = p->dates};
    bool again = true;
    cseg_status status = CSEG_OK;
    while (again) {
        TRY_DONE(picture_each_part(p, add_part, &l, err));
        TRY_DONE(once_more(&l, part, &again, err));
    }
    status = find_range(&l, c, mem, out, err);
done:
    for (int64_t k = 0; l.q && k < l.c; k++)
        image_quantile_free(l.q[k]);
    mem_free(l.q);
    mem_free(l.skip);
    return status;
}

static cseg_status stretch_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    const stretch_conf *c = conf;
    if (c->low.n || c->high.n) {
        if (c->low.n != c->high.n)
            return transform_fail(b, err, "'low' and 'high' must have one number a channel each, or one for all");
        for (size_t i = 0; i < c->low.n; i++)
            if (!(c->low.at[i] < c->high.at[i]) || !isfinite(c->low.at[i]) || !isfinite(c->high.at[i]))
                return transform_fail(b, err, "each number of 'low' must be less than that of 'high'");
    } else {
        if (c->percentiles.n != 2 || !(c->percentiles.at[0] < c->percentiles.at[1]))
            return transform_fail(b, err, "'percentiles' must be two numbers, the lower first, as (2, 98)");
        t->measure = stretch_measure;
    }
    return c->min_value < c->max_value ? CSEG_OK : transform_fail(b, err, "'min_value' must be less than 'max_value'");
}

/* One channel of `to`, which holds the image as float32. A channel of one value, or without data, becomes min_value. */
static void stretch(const stretch_conf *c, image *to, int64_t channel, double low, double high, const uint8_t *skip)
{
    double by = high > low ? (c->max_value - c->min_value) / (high - low) : 0;
    float *v = (float *)to->data + channel;
    for (int64_t i = 0, n = to->h * to->w; i < n; i++, v += to->c) {
        double x = ((double)*v - low) * by + c->min_value;
        bool inside = x > c->min_value && !(skip && skip[i]); /* false for NaN too */
        *v = (float)(inside ? (x < c->max_value ? x : c->max_value) : c->min_value);
    }
}

static void stretch_all(const stretch_conf *c, const sample *s, const sample_range *range, const image_nodata *nodata,
                        uint8_t *skip, image *to)
{
    for (int64_t k = 0, each = sample_group(s); k < s->img.c; k++) {
        size_t at = c->low.n > 1 ? (size_t)(k % each) : 0;
        if (nodata->known)
            image_skip_nodata(&s->img, k, each, nodata, skip);
        stretch(c, to, k, c->low.n ? c->low.at[at] : range->low[k], c->low.n ? c->high.at[at] : range->high[k],
                nodata->known ? skip : NULL);
    }
}

static cseg_status stretch_apply(const transform *t, sample *s, cseg_error *err)
{
    const stretch_conf *c = t->conf;
    image done = {0};
    sample_range range;
    image_nodata nodata;
    TRY(sample_need_pixels(s, err));
    if (c->low.n > 1 && (int64_t)c->low.n != sample_group(s))
        return fail(err, CSEG_SHAPE, "there are %zu numbers in 'low' for images of %lld channels", c->low.n,
                    (long long)sample_group(s));
    TRY(sample_measure(t, s, &range, err));
    TRY(sample_nodata(s, &nodata, err));
    uint8_t *skip = nodata.known ? mem_alloc_raw((size_t)(s->img.h * s->img.w)) : NULL;
    if (nodata.known && !skip)
        return fail_memory(err);
    cseg_status status =
        s->img.type == IMAGE_F32 ? image_copy(&s->img, &done, err) : image_convert(&s->img, IMAGE_F32, &done, err);
    if (status == CSEG_OK) {
        stretch_all(c, s, &range, &nodata, skip, &done);
        picture_replace(&s->img, done);
    }
    mem_free(skip);
    return status;
}

const transform_kind transform_stretch = {
    &stretch_table,
    "Stretches each channel between two percentiles of the image (of the whole scene, where that is segmented by "
    "windows) or two given values, and cuts off what is beyond; gives float32.",
    stretch_build, stretch_apply, WINDOWS_RANGE};
