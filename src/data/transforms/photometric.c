#include "data/transforms/photometric.h"

#include <string.h>

#include "data/transforms/transform.h"

typedef struct photometric_conf {
    int64_t brightness_delta, hue_delta;
    floats contrast_range, saturation_range;
    bool consistent_contrast_mode;
} photometric_conf;

static const field photometric_fields[] = {
    FIELD_RANGE(photometric_conf, F_INT, brightness_delta, "32", 0, 255, "added: from minus it to it"),
    FIELD(photometric_conf, F_FLOATS, contrast_range, "(0.5, 1.5)", "factor of all channels: from, to"),
    FIELD(photometric_conf, F_FLOATS, saturation_range, "(0.5, 1.5)", "factor of the saturation: from, to"),
    FIELD_RANGE(photometric_conf, F_INT, hue_delta, "18", 0, 180,
                "added to the hue (in degrees / 2): from minus it to less than it"),
    FIELD(photometric_conf, F_BOOL, consistent_contrast_mode, "False",
          "Open-CD: contrast comes first for both dates of a pair or for none"),
};
static const field_table photometric_table = FIELDS(photometric_fields, photometric_conf);

static cseg_status photometric_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    photometric_conf *c = conf;
    (void)t;
    if (c->contrast_range.n != 2 || c->saturation_range.n != 2)
        return transform_fail(b, err, "'contrast_range' and 'saturation_range' are two numbers each");
    b->info->random = true;
    return CSEG_OK;
}

/* Draws in the reference's order. mode: 1 contrast first, 0 last, -1 drawn here. */
static photometric draw(const photometric_conf *c, rng *r, int mode)
{
    photometric p = {0};
    double delta = (double)c->brightness_delta;
    p.brightens = rng_below(r, 2);
    if (p.brightens)
        p.brightness = rng_range(r, -delta, delta);
    p.contrast_first = mode == 1 || rng_below(r, 2);
    for (int step = 0; step < 3; step++) {
        bool contrast_now = step == (p.contrast_first ? 0 : 2);
        if (contrast_now && (p.contrasts = rng_below(r, 2)))
            p.contrast = rng_range(r, c->contrast_range.at[0], c->contrast_range.at[1]);
        if (step != 1)
            continue;
        if ((p.saturates = rng_below(r, 2)))
            p.saturation = rng_range(r, c->saturation_range.at[0], c->saturation_range.at[1]);
        if ((p.shifts = rng_below(r, 2)))
            p.hue = c->hue_delta ? rng_below(r, 2 * c->hue_delta) - c->hue_delta : 0;
    }
    return p;
}

cseg_status photometric_apply(image *m, int64_t first, const photometric *p, cseg_error *err)
{
    const distortion d = {.brightens = p->brightens,
                          .contrasts = p->contrasts,
                          .saturates = p->saturates,
                          .shifts = p->shifts,
                          .contrast_first = p->contrast_first,
                          .brightness = (float)p->brightness,
                          .contrast = (float)p->contrast,
                          .saturation = (float)p->saturation,
                          .hue = (int)((p->hue % 180 + 180) % 180)};
    if (m->c == 3) {
        for (int64_t y = 0; y < m->h; y++)
            imgproc_distort(image_u8(m, y, 0), m->w, &d);
        return CSEG_OK;
    }
    uint8_t *row = mem_alloc((size_t)m->w * 3);
    if (!row)
        return fail_memory(err);
    for (int64_t y = 0; y < m->h; y++) {
        uint8_t *at = image_u8(m, y, 0) + first;
        for (int64_t x = 0; x < m->w; x++)
            memcpy(row + 3 * x, at + x * m->c, 3);
        imgproc_distort(row, m->w, &d);
        for (int64_t x = 0; x < m->w; x++)
            memcpy(at + x * m->c, row + 3 * x, 3);
    }
    mem_free(row);
    return CSEG_OK;
}

static cseg_status photometric_run(const transform *t, sample *s, cseg_error *err)
{
    const photometric_conf *c = t->conf;
    TRY(sample_need_image(s, err));
    int64_t group = sample_group(s), dates = s->img.c / group;
    if (s->img.type != IMAGE_U8 || group != 3)
        return fail(err, CSEG_UNSUPPORTED,
                    "it works on 8-bit images of 3 channels, this one is %s of %lld; leave "
                    "to_float32 out, or this",
                    image_type_name(s->img.type), (long long)group);
    TRY(sample_need_pixels(s, err));
    int mode = c->consistent_contrast_mode ? (int)rng_below(&s->random, 2) : -1;
    for (int64_t date = 0; date < dates; date++) {
        photometric p = draw(c, &s->random, mode);
        TRY(photometric_apply(&s->img, 3 * date, &p, err));
    }
    return CSEG_OK;
}

const transform_kind transform_photo_metric_distortion = {
    &photometric_table, "Random brightness, contrast, saturation and hue of 8-bit images, each by half a chance.",
    photometric_build, photometric_run, WINDOWS_WHOLE};
