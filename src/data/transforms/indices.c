/* Spectral indices, and formulas of one's own, as further channels. */
#include <math.h>
#include <string.h>

#include "data/transforms/formula.h"
#include "data/transforms/transform.h"

/* By their authors: Rouse 1974, Gitelson 1996, Gitelson 1994, McFeeters 1996, Xu 2006, Gao 1996, Zha 2003, Hall 1995,
 * Key 1999, Huete 2002, Jiang 2008, Huete 1988, Qi 1994, Rikimaru 2002, Feyisa 2014 (two). */
static const struct {
    const char *name, *text;
} known[] = {
    {"NDVI", "(nir - red) / (nir + red)"},
    {"GNDVI", "(nir - green) / (nir + green)"},
    {"NDRE", "(nir - rededge) / (nir + rededge)"},
    {"NDWI", "(green - nir) / (green + nir)"},
    {"MNDWI", "(green - swir1) / (green + swir1)"},
    {"NDMI", "(nir - swir1) / (nir + swir1)"},
    {"NDBI", "(swir1 - nir) / (swir1 + nir)"},
    {"NDSI", "(green - swir1) / (green + swir1)"},
    {"NBR", "(nir - swir2) / (nir + swir2)"},
    {"EVI", "2.5 * (nir - red) / (nir + 6 * red - 7.5 * blue + 1)"},
    {"EVI2", "2.5 * (nir - red) / (nir + 2.4 * red + 1)"},
    {"SAVI", "1.5 * (nir - red) / (nir + red + 0.5)"},
    {"MSAVI", "(2 * nir + 1 - sqrt((2 * nir + 1) ** 2 - 8 * (nir - red))) / 2"},
    {"BSI", "((swir1 + red) - (nir + blue)) / ((swir1 + red) + (nir + blue))"},
    {"AWEInsh", "4 * (green - swir1) - (0.25 * nir + 2.75 * swir2)"},
    {"AWEIsh", "blue + 2.5 * green - 1.5 * (nir + swir1) - 0.25 * swir2"},
};

typedef struct indices_conf {
    const value *indices, *bands;
    double scale, fill;
    bool only;
    formula **formulas; /* n of them */
    size_t n;
} indices_conf;

static const field indices_fields[] = {
    FIELD(
        indices_conf, F_VALUE, indices, NULL,
        "names (NDVI, GNDVI, NDRE, NDWI, MNDWI, NDMI, NDBI, NDSI, NBR, EVI, EVI2, SAVI, MSAVI, BSI, AWEInsh, AWEIsh), "
        "and formulas as '(b2 - b4) / (b2 + b4)' of channels from b1 on and of names in `bands`; + - * / **, sqrt, "
        "abs, exp, log, min, max"),
    FIELD(indices_conf, F_VALUE, bands, "None",
          "which channels of the image, from 1, have these names: dict(blue=1, green=2, red=3, nir=4, rededge=5, "
          "swir1=6, swir2=7)"),
    FIELD(indices_conf, F_FLOAT, scale, "1.0",
          "channels are multiplied by it before the formulas: 0.0001 where EVI and its kin want reflectance"),
    FIELD(indices_conf, F_FLOAT, fill, "0.0", "in place of what is no number (0 / 0, no data)"),
    FIELD(indices_conf, F_BOOL, only, "False", "the indices in place of the channels; else they come behind them"),
};
static const field_table indices_table = FIELDS(indices_fields, indices_conf);

static cseg_status read_names(const transform_builder *b, const indices_conf *c, formula_names *out, cseg_error *err)
{
    size_t n = value_count(c->bands);
    *out = (formula_names){0};
    if (value_is_none(c->bands))
        return CSEG_OK;
    if (c->bands->kind != V_DICT)
        return transform_fail(b, err, "'bands' is a dict of names and numbers, as dict(green=2, nir=4)");
    formula_name *at = ARENA_ARRAY(b->mem, n + 1, formula_name);
    if (!at)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        int64_t channel;
        at[i].name = c->bands->as.dict.entry[i].key;
        bool good = value_integer(c->bands->as.dict.entry[i].item, &channel);
        at[i].channel = good ? channel : 0;
        if (at[i].channel < 1 || at[i].channel > IMAGE_MAX_CHANNELS)
            return transform_fail(b, err, "'bands': the number of '%s' counts channels from 1", at[i].name);
    }
    *out = (formula_names){n, at};
    return CSEG_OK;
}

static cseg_status read_formula(const transform_builder *b, const char *text, const formula_names *names, formula **out,
                                cseg_error *err)
{
    cseg_error why;
    const char *formula_text = text;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        formula_text = strcmp(known[i].name, text) == 0 ? known[i].text : formula_text;
    cseg_status status = formula_parse(formula_text, names, b->mem, out, &why);
    if (status == CSEG_NO_MEMORY)
        return fail_memory(err);
    return status == CSEG_OK ? CSEG_OK
                             : transform_fail(b, err, "%s%s%-s", formula_text == text ? "" : text,
                                              formula_text == text ? "" : " = ", why.text);
}

static cseg_status indices_build(transform_builder *b, void *conf, transform *t, cseg_error *err)
{
    indices_conf *c = conf;
    formula_names names;
    bool one = value_text(c->indices) != NULL;
    (void)t;
    c->n = one ? 1 : value_count(c->indices);
    if ((!one && !value_is_list(c->indices)) || c->n < 1 || c->n > SAMPLE_MAX_CHANNELS)
        return transform_fail(b, err, "'indices' must be a list of 1 to %d names and formulas", SAMPLE_MAX_CHANNELS);
    TRY(read_names(b, c, &names, err));
    c->formulas = ARENA_ARRAY(b->mem, c->n, formula *);
    if (!c->formulas)
        return fail_memory(err);
    for (size_t i = 0; i < c->n; i++) {
        const char *text = value_text(one ? c->indices : value_item(c->indices, i));
        if (!text)
            return transform_fail(b, err, "'indices' must be a list of 1 to %d names and formulas",
                                  SAMPLE_MAX_CHANNELS);
        TRY(read_formula(b, text, &names, &c->formulas[i], err));
    }
    return CSEG_OK;
}

/* Whether a formula read a sample without data. */
static bool reads_hole(const formula *f, const float *pixel, int64_t channels, const image_nodata *nodata)
{
    bool any = false, all = true;
    for (int64_t k = 0; k < channels; k++) {
        bool hole = pixel[k] == (float)nodata->value;
        all &= hole;
        any |= hole && formula_reads(f, k + 1);
    }
    return nodata->whole ? all : any;
}

/* Fills what a formula made of samples without data, and what is no number. */
static void fill(const indices_conf *c, const formula *f, const float *in, int64_t channels, int64_t n,
                 const image_nodata *nodata, float *to, int64_t stride)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(to[i * stride]) || (nodata->known && reads_hole(f, in + i * channels, channels, nodata)))
            to[i * stride] = (float)c->fill;
}

/* from: the image as float32; its dates' channels lie one after the other. */
static void compute(const indices_conf *c, const image *from, int64_t dates, const image_nodata *nodata, image *to)
{
    int64_t in = from->c / dates, out = to->c / dates, kept = out - (int64_t)c->n, n = from->h * from->w;
    const float *v = from->data;
    float *o = to->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t d = 0; d < dates; d++)
            memcpy(o + (i * dates + d) * out, v + (i * dates + d) * in, (size_t)kept * sizeof *o);
    for (size_t k = 0; k < c->n; k++) {
        /* The dates of a pixel are like pixels, one behind the other. */
        float *at = o + kept + (int64_t)k;
        formula_run(c->formulas[k], v, in, n * dates, c->scale, at, out);
        fill(c, c->formulas[k], v, in, n * dates, nodata, at, out);
    }
}

static cseg_status indices_apply(const transform *t, sample *s, cseg_error *err)
{
    const indices_conf *c = t->conf;
    image floats_ = {0}, done = {0};
    image_nodata nodata;
    TRY(sample_need_pixels(s, err));
    int64_t in = sample_group(s), dates = s->img.c / in;
    for (size_t k = 0; k < c->n; k++)
        if (formula_channels(c->formulas[k]) > in)
            return fail(err, CSEG_SHAPE, "formula %zu of 'indices' reads channel %lld, but the image has %lld", k + 1,
                        (long long)formula_channels(c->formulas[k]), (long long)in);
    TRY(sample_nodata(s, &nodata, err));
    bool converts = s->img.type != IMAGE_F32;
    if (converts)
        TRY(image_convert(&s->img, IMAGE_F32, &floats_, err));
    cseg_status status =
        imgproc_new(s->img.h, s->img.w, dates * ((c->only ? 0 : in) + (int64_t)c->n), IMAGE_F32, &done, err);
    if (status == CSEG_OK) {
        compute(c, converts ? &floats_ : &s->img, dates, &nodata, &done);
        picture_replace(&s->img, done);
    }
    image_release(&floats_);
    return status;
}

const transform_kind transform_add_indices = {&indices_table,
                                              "Adds spectral indices and formulas of the channels as further channels, "
                                              "to each date of a pair; gives float32.",
                                              indices_build, indices_apply, WINDOWS_POINTWISE};
