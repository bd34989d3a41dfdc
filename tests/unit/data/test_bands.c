/* Bands that are chosen, stretched and computed with: against sums by hand, and by windows as the whole. */
#include "transform_test.h"

#include <math.h>

#include "data/transforms/formula.h"
#include "data/transforms/windows.h"
#include "io/image/image_quantile.h"
#include "io/raster/raster.h"

static cseg_error err;
static arena *mem;

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

enum { H = 70, W = 90, BANDS = 5 };

/* Some of any type; `nodata` on a part of the pixels, in all bands, and in one band alone now and then. */
static image values(image_type t, double nodata)
{
    image m, out;
    OK(image_new(H, W, BANDS, IMAGE_F32, &m, &err));
    for (int64_t i = 0; i < H * W; i++)
        for (int64_t k = 0; k < BANDS; k++) {
            double v = (double)((i * 7919 + k * 131 + i * k) % 241);
            v = t == IMAGE_U8 ? v : t == IMAGE_F32 ? v / 7 - 11 : v * 40 + (double)k;
            bool hole = i % W < 9 || (i + k) % 53 == 0;
            image_f32(&m, 0, i)[k] = (float)(hole ? nodata : v);
        }
    OK(image_convert(&m, t, &out, &err));
    image_release(&m);
    return out;
}

static void save(const char *path, const image *m, bool has_nodata, double nodata)
{
    raster_writer *w;
    raster_spec spec = {
        .h = m->h, .w = m->w, .bands = m->c, .type = m->type, .has_nodata = has_nodata, .nodata = nodata};
    OK(raster_create(path, &spec, mem, &w, &err));
    OK(raster_write(w, 0, 0, 0, m, &err));
    OK(raster_commit(w, &err));
}

static image run(const char *steps, const char *path)
{
    sample s = {.mem = mem, .path = path, .n_images = 1};
    OK(pipeline_apply(pipeline_of(steps, DIALECT_1X, mem), &s, &err));
    OK(sample_settle(&s, &err));
    return s.img;
}

typedef struct file {
    raster *r;
    const char *path;
    image_flags flags;
} file;

static cseg_status read_file(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *e)
{
    file *f = arg;
    return raster_read_as(f->r, f->path, y, x, h, w, f->flags, out, e);
}

static void by_windows_as_the_whole(const char *steps, const char *path)
{
    pipeline *p = pipeline_of(steps, DIALECT_1X, mem);
    const pipeline_info *info = pipeline_describe(p);
    image whole = run(steps, path);
    file f = {.path = path, .flags = info->flags};
    windowed *w;
    OK(raster_open(path, mem, &f.r, &err));
    if (info->n_bands)
        OK(raster_select(f.r, info->bands, info->n_bands, &err));
    window_source from = {
        .path = path, .h = H, .w = W, .bands = info->bands, .n_bands = info->n_bands, .read = read_file, .arg = &f};
    OK(windowed_open(p, &from, mem, &w, &err));
    const windowed_info *made = windowed_describe(w);
    assert_int_equal(made->h, whole.h);
    assert_int_equal(made->c, whole.c);
    for (int64_t y = 0; y < made->h; y += 31)
        for (int64_t x = 0; x < made->w; x += 37) {
            int64_t h = made->h - y < 31 ? made->h - y : 31, n = made->w - x < 37 ? made->w - x : 37;
            sample s = {0};
            OK(windowed_read(w, y, x, h, n, &s, &err));
            OK(sample_settle(&s, &err));
            for (int64_t i = 0; i < h; i++)
                if (memcmp(image_at(&s.img, i, 0), image_at(&whole, y + i, x), (size_t)image_row_bytes(&s.img)) != 0)
                    fail_msg("%s of %s: another window at row %d, column %d", steps, path, (int)(y + i), (int)x);
            sample_release(&s);
        }
    image_release(&whole);
}

static void loaders_take_bands(void **state)
{
    (void)state;
    image m = values(IMAGE_U16, 0);
    save("bands.tif", &m, false, 0);
    image three = run("[dict(type='LoadSingleRSImageFromFile', bands=[4, 1, 4, 5])]", "bands.tif");
    assert_int_equal(three.c, 4);
    for (int64_t i = 0; i < H * W; i++) {
        const uint16_t *v = (const uint16_t *)m.data + i * BANDS;
        const float *o = image_f32(&three, 0, i);
        assert_true(o[0] == v[3] && o[1] == v[0] && o[2] == v[3] && o[3] == v[4]);
    }
    image_release(&three);
    /* Colours of a file whose bands are others: red is band 3, green 2, blue 5, and blue comes first. */
    image eight = values(IMAGE_U8, 0);
    save("eight.tif", &eight, false, 0);
    image colour = run("[dict(type='LoadImageFromFile', bands=[3, 2, 5])]", "eight.tif");
    assert_int_equal(colour.type, IMAGE_U8);
    for (int64_t i = 0; i < H * W; i++) {
        const uint8_t *v = image_u8(&eight, 0, i), *o = image_u8(&colour, 0, i);
        assert_true(o[0] == v[4] && o[1] == v[1] && o[2] == v[2]);
    }
    by_windows_as_the_whole("[dict(type='LoadImageFromFile', bands=[3, 2, 5])]", "eight.tif");
    by_windows_as_the_whole("[dict(type='LoadSingleRSImageFromFile', bands=[5, 1])]", "bands.tif");
    image_release(&colour);
    image_release(&eight);
    image_release(&m);
    sample s = {.mem = mem, .path = "bands.tif", .n_images = 1};
    assert_int_equal(
        pipeline_apply(pipeline_of("[dict(type='LoadSingleRSImageFromFile', bands=[1, 6])]", DIALECT_1X, mem), &s,
                       &err),
        CSEG_SHAPE);
    assert_non_null(strstr(err.text, "bands.tif: there is no band 6; it has 5, from 1 to 5"));
}

/* Windows of all bands, where the loader takes some, would go unnoticed. */
static void windows_of_other_bands_are_refused(void **state)
{
    (void)state;
    image m = values(IMAGE_U8, 0);
    save("eight.tif", &m, false, 0);
    image_release(&m);
    file f = {.path = "eight.tif", .flags = IMAGE_COLOR};
    windowed *w;
    OK(raster_open("eight.tif", mem, &f.r, &err));
    window_source from = {.path = "eight.tif", .h = H, .w = W, .read = read_file, .arg = &f};
    pipeline *p = pipeline_of("[dict(type='LoadImageFromFile', bands=[3, 2, 5])]", DIALECT_1X, mem);
    assert_int_equal(windowed_open(p, &from, mem, &w, &err), CSEG_UNSUPPORTED);
}

static void bands_are_set_in_a_config(void **state)
{
    (void)state;
    value *cfg;
    OK(config_parse_literal("dict(a=[dict(type='LoadImageFromFile'), dict(type='AddIndices', indices='b1', "
                            "bands=None)], b=dict(dataset=dict(pipeline=[dict(type='mmseg.LoadSingleRSImageFromFile', "
                            "bands=[1]), dict(type='LoadAnnotations')])), c=dict(type='LoadMultipleRSImageFromFile'))",
                            "test.py", mem, &cfg, &err));
    OK(pipeline_set_bands(cfg, (const int64_t[]){4, 3, 2}, 3, mem, &err));
    const char *const paths[] = {"a.0.bands", "b.dataset.pipeline.0.bands", "c.bands"};
    for (int i = 0; i < 3; i++) {
        int64_t v;
        assert_int_equal(value_count(value_find(cfg, paths[i])), 3);
        assert_true(value_integer(value_item(value_find(cfg, paths[i]), 0), &v) && v == 4);
    }
    assert_true(value_is_none(value_find(cfg, "a.1.bands")));
    assert_null(value_find(cfg, "b.dataset.pipeline.1.bands"));
    OK(config_parse_literal("[dict(type='Resize', scale=2)]", "test.py", mem, &cfg, &err));
    assert_int_equal(pipeline_set_bands(cfg, (const int64_t[]){1}, 1, mem, &err), CSEG_CONFIG);
}

static int looks;
static cseg_status count_looks(void *arg, int64_t done, int64_t all, cseg_error *e)
{
    (void)arg;
    assert_true(done > 0 && done <= all && all == H * W);
    if (++looks < 2)
        return CSEG_OK;
    *e = (cseg_error){.code = CSEG_INTERRUPTED, .text = "stopped"};
    return e->code;
}

/* Looking at a scene beforehand may take long: it is told of, and can be stopped. */
static void looking_can_be_stopped(void **state)
{
    (void)state;
    image m = values(IMAGE_F32, 0);
    save("floats.tif", &m, false, 0);
    image_release(&m);
    file f = {.path = "floats.tif", .flags = IMAGE_UNCHANGED | IMAGE_RGB};
    windowed *w;
    OK(raster_open("floats.tif", mem, &f.r, &err));
    window_source from = {.path = "floats.tif", .h = H, .w = W, .read = read_file, .looked = count_looks, .arg = &f};
    pipeline *p = pipeline_of("[dict(type='LoadSingleRSImageFromFile'), dict(type='Stretch')]", DIALECT_1X, mem);
    looks = 0;
    assert_int_equal(windowed_open(p, &from, mem, &w, &err), CSEG_INTERRUPTED); /* in the second of two passes */
    assert_int_equal(looks, 2);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* numpy.percentile of a channel's samples that count. */
static double percentile(const image *m, int64_t k, const double *nodata, bool whole, double part)
{
    static double all[H * W];
    size_t n = 0;
    for (int64_t i = 0; i < m->h * m->w; i++) {
        double v = image_get(m, 0, i, k);
        bool hole = nodata && v == *nodata;
        for (int64_t j = 0; hole && whole && j < m->c; j++)
            hole = image_get(m, 0, i, j) == *nodata;
        if (!hole && !isnan(v))
            all[n++] = v;
    }
    qsort(all, n, sizeof *all, by_size);
    double at = part * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return all[low] + (all[high] - all[low]) * (at - (double)low);
}

static void percentiles_are_exact(void **state)
{
    (void)state;
    static const image_type types[] = {IMAGE_U8, IMAGE_U16, IMAGE_I16, IMAGE_I32, IMAGE_F32};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (double nodata = 0; nodata > -10000; nodata -= 9999) {
            image m = values(types[t], nodata);
            const double parts[] = {0, 0.02, 0.333, 0.5, 0.98, 1};
            image_quantile *q;
            uint8_t skip[H * W];
            if (types[t] == IMAGE_F32)
                ((float *)m.data)[77] = NAN;
            OK(image_quantile_new(m.type, &q, &err));
            image_skip_nodata(&m, 2, BANDS, &(image_nodata){true, types[t] == IMAGE_U8, nodata}, skip);
            do
                image_quantile_add(q, &m, 2, skip);
            while (image_quantile_again(q, parts, 6));
            for (int i = 0; i < 6; i++) {
                double want = percentile(&m, 2, &nodata, types[t] == IMAGE_U8, parts[i]),
                       got = image_quantile_at(q, parts[i]);
                if (fabs(got - want) > 1e-12 * fabs(want))
                    fail_msg("type %d, part %g: %.12g instead of %.12g", (int)types[t], parts[i], got, want);
            }
            image_quantile_free(q);
            image_release(&m);
        }
}

static void stretch_goes_between_percentiles(void **state)
{
    (void)state;
    static const image_type types[] = {IMAGE_U8, IMAGE_U16, IMAGE_I16, IMAGE_I32, IMAGE_F32};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        double nodata = types[t] == IMAGE_F32 || types[t] == IMAGE_I16 ? -9999 : 0;
        image m = values(types[t], nodata);
        static const char steps[] = "[dict(type='LoadSingleRSImageFromFile', to_float32=%s), dict(type='Stretch', "
                                    "percentiles=(2, 98), max_value=1)]";
        char text[300];
        snprintf(text, sizeof text, steps, t % 2 ? "False" : "True");
        save("stretch.tif", &m, true, nodata);
        image as_loaded = m;
        image out = run(text, "stretch.tif");
        assert_int_equal(out.type, IMAGE_F32);
        if (t % 2 == 0)
            OK(image_convert(&m, IMAGE_F32, &as_loaded, &err));
        for (int64_t k = 0; k < BANDS; k++) {
            bool whole = types[t] == IMAGE_U8;
            double low = percentile(&as_loaded, k, &nodata, whole, 0.02),
                   high = percentile(&as_loaded, k, &nodata, whole, 0.98);
            for (int64_t i = 0; i < H * W; i++) {
                double v = image_get(&as_loaded, 0, i, k), want = v == nodata ? 0 : (v - low) / (high - low);
                want = want < 0 ? 0 : want > 1 ? 1 : want;
                assert_true(fabs(image_get(&out, 0, i, k) - want) < 1e-6);
            }
        }
        by_windows_as_the_whole(text, "stretch.tif");
        by_windows_as_the_whole("[dict(type='LoadSingleRSImageFromFile'), dict(type='Resize', scale=(130, 110), "
                                "keep_ratio=False), dict(type='Stretch')]",
                                "stretch.tif");
        if (t % 2 == 0)
            image_release(&as_loaded);
        image_release(&out);
        image_release(&m);
    }
}

static void stretch_takes_values(void **state)
{
    (void)state;
    image m = values(IMAGE_U16, 0);
    save("given.tif", &m, false, 0);
    static const char steps[] = "[dict(type='LoadSingleRSImageFromFile', bands=[2, 3]), dict(type='Stretch', low=[0, "
                                "1000], high=[5000, 9000])]";
    image out = run(steps, "given.tif");
    for (int64_t i = 0; i < H * W; i++)
        for (int64_t k = 0; k < 2; k++) {
            double v = image_get(&m, 0, i, k + 1), want = k ? (v - 1000) / 8000 * 255 : v / 5000 * 255;
            want = want < 0 ? 0 : want > 255 ? 255 : want;
            assert_true(fabs(image_get(&out, 0, i, k) - want) < 1e-4);
        }
    by_windows_as_the_whole(steps, "given.tif");
    image_release(&out);
    image_release(&m);
}

static float formula_of(const char *text, const float *v, int64_t c)
{
    formula *f;
    float to;
    OK(formula_parse(text, &(formula_names){2, (const formula_name[]){{"nir", 4}, {"red", 3}}}, mem, &f, &err));
    assert_true(formula_channels(f) <= c);
    formula_run(f, v, c, 1, 1, &to, 1);
    return to;
}

static void formulas_are_read_as_python_reads_them(void **state)
{
    (void)state;
    const float v[4] = {1, 2, 3, 5};
    static const struct {
        const char *text;
        double is;
    } good[] = {{"(nir - red) / (nir + red)", 0.25},
                {"b1 + b2 * b3 - b4", 2},
                {"-b2 ** 2", -4},
                {"2 ** b3 ** 2", 512},
                {"2 ** -1", 0.5},
                {"10 / 4 / 5 * 2", 1},
                {"1 - 2 - 3", -4},
                {"sqrt(b4 + 4) + abs(-b1)", 4},
                {"min(b1, max(b2, 7.5e0)) * 1e-1", 0.1},
                {"exp(log(nir))", 5},
                {"+ + 3 -- 2", 5},
                {"1.5e+2", 150}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (fabs((double)formula_of(good[i].text, v, 4) - good[i].is) > 1e-6)
            fail_msg("%s is %g", good[i].text, (double)formula_of(good[i].text, v, 4));
    static const char *const bad[] = {"",        "b1 +",    "(b1", "b1 b2",  "b0",    "b5000",      "swir", "min(b1)",
                                      "sqrt b1", "b1 // 2", "1e",  "b1 % 2", "b1;b2", "__import__", "0x10", "inf"};
    char deep[900];
    formula *f;
    formula_names none = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (formula_parse(bad[i], &none, mem, &f, &err) != CSEG_CONFIG)
            fail_msg("'%s' is no formula", bad[i]);
    memset(deep, '(', sizeof deep);
    deep[899] = 0;
    assert_int_equal(formula_parse(deep, &none, mem, &f, &err), CSEG_CONFIG);
    memset(deep, '-', sizeof deep - 1);
    assert_int_equal(formula_parse(deep, &none, mem, &f, &err), CSEG_CONFIG);
    deep[0] = 0;
    for (int i = 0; i < 40; i++)
        strcat(deep, "1 + (");
    assert_int_equal(formula_parse(deep, &none, mem, &f, &err), CSEG_CONFIG);
}

static double ratio(double a, double b, double nodata)
{
    double v = (a - b) / (a + b);
    return isfinite(v) && a != nodata && b != nodata ? v : -7;
}

static void indices_come_behind_the_bands(void **state)
{
    (void)state;
    static const image_type types[] = {IMAGE_U16, IMAGE_F32};
    for (size_t t = 0; t < 2; t++) {
        double nodata = t ? -9999 : 0;
        image m = values(types[t], nodata);
        if (t)
            ((float *)m.data)[20 * BANDS + 1] = NAN;
        static const char steps[] =
            "[dict(type='LoadSingleRSImageFromFile'), dict(type='AddIndices', indices=['NDWI', 'EVI', '(b5 - nir) / "
            "(b5 + nir)'], bands=dict(blue=1, green=2, red=3, nir=4), scale=0.0001, fill=-7)]";
        save("indices.tif", &m, true, nodata);
        image out = run(steps, "indices.tif");
        assert_int_equal(out.c, BANDS + 3);
        for (int64_t i = 0; i < H * W; i++) {
            double b[BANDS];
            for (int64_t k = 0; k < BANDS; k++) {
                b[k] = image_get(&m, 0, i, k);
                if (!isnan(b[k]))
                    assert_true(b[k] == image_get(&out, 0, i, k));
            }
            double s = 1e-4, evi = 2.5 * s * (b[3] - b[2]) / (s * (b[3] + 6 * b[2] - 7.5 * b[0]) + 1);
            if (b[0] == nodata || b[2] == nodata || b[3] == nodata || !isfinite(evi))
                evi = -7;
            assert_true(fabs(image_get(&out, 0, i, BANDS) - ratio(b[1], b[3], nodata)) < 1e-4);
            assert_true(fabs(image_get(&out, 0, i, BANDS + 1) - evi) < 1e-4 * fmax(1, fabs(evi)));
            assert_true(fabs(image_get(&out, 0, i, BANDS + 2) - ratio(b[4], b[3], nodata)) < 1e-4);
        }
        if (!t)
            by_windows_as_the_whole(steps, "indices.tif");
        image_release(&out);
        out = run("[dict(type='LoadSingleRSImageFromFile'), dict(type='AddIndices', indices='b1 + 1', only=True)]",
                  "indices.tif");
        assert_int_equal(out.c, 1);
        image_release(&out);
        image_release(&m);
    }
}

/* Of 8 bits a single 0 is a colour, also where 0 stands for no data. */
static void bytes_are_colours(void **state)
{
    (void)state;
    image m = values(IMAGE_U8, 0);
    save("bytes.tif", &m, true, 0);
    image out = run("[dict(type='LoadSingleRSImageFromFile'), dict(type='AddIndices', indices='b1 - b2', fill=-300)]",
                    "bytes.tif");
    int64_t holes = 0, zeros = 0;
    for (int64_t i = 0; i < H * W; i++) {
        const uint8_t *v = image_u8(&m, 0, i);
        bool hole = !v[0] && !v[1] && !v[2] && !v[3] && !v[4];
        holes += hole;
        zeros += !hole && (!v[0] || !v[1]);
        assert_true(image_f32(&out, 0, i)[BANDS] == (hole ? -300.0f : (float)(v[0] - v[1])));
    }
    assert_true(holes > 100 && zeros > 100);
    image_release(&out);
    image_release(&m);
}

static void each_date_has_its_indices(void **state)
{
    (void)state;
    image a = values(IMAGE_U16, 0), b = values(IMAGE_U16, 3);
    save("first.tif", &a, false, 0);
    save("second.tif", &b, false, 0);
    sample s = {.mem = mem, .path = "first.tif", .path2 = "second.tif", .n_images = 2};
    OK(pipeline_apply(pipeline_of("[dict(type='LoadMultipleRSImageFromFile', bands=[1, 3]), dict(type='AddIndices', "
                                  "indices='b1 - b2')]",
                                  DIALECT_1X, mem),
                      &s, &err));
    assert_int_equal(s.img.c, 6);
    for (int64_t i = 0; i < H * W; i++) {
        const float *v = image_f32(&s.img, 0, i);
        assert_true(v[0] == (float)image_get(&a, 0, i, 0) && v[1] == (float)image_get(&a, 0, i, 2) &&
                    v[2] == v[0] - v[1]);
        assert_true(v[3] == (float)image_get(&b, 0, i, 0) && v[4] == (float)image_get(&b, 0, i, 2) &&
                    v[5] == v[3] - v[4]);
    }
    sample_release(&s);
    image_release(&a);
    image_release(&b);
}

/* As imaging spectrometers have them. */
static void hundreds_of_bands_are_packed(void **state)
{
    (void)state;
    enum { MANY = 224, SIDE = 12 };
    image m;
    value *dict;
    preprocessor pre;
    strbuf means = {.mem = mem}, stds = {.mem = mem};
    float *slot = ARENA_ARRAY(mem, SIDE * SIDE * MANY, float);
    OK(image_new(SIDE, SIDE, MANY, IMAGE_U16, &m, &err));
    for (int64_t i = 0; i < SIDE * SIDE * MANY; i++)
        ((uint16_t *)m.data)[i] = (uint16_t)(i * 31 % 5003);
    save("many.tif", &m, false, 0);
    for (int k = 0; k < MANY; k++) {
        strbuf_addf(&means, "%d, ", 1000 + k);
        strbuf_addf(&stds, "%d, ", 100 + k);
    }
    char *text = arena_printf(mem, "dict(type='SegDataPreProcessor', mean=[%s], std=[%s])", means.text, stds.text);
    OK(config_parse_literal(text, "test.py", mem, &dict, &err));
    OK(preprocessor_build(dict, mem, &pre, &err));
    sample s = {.mem = mem, .path = "many.tif", .n_images = 1};
    OK(pipeline_apply(pipeline_of("[dict(type='LoadSingleRSImageFromFile')]", DIALECT_1X, mem), &s, &err));
    OK(pipeline_pack(&pre, &s, SIDE, SIDE, slot, &err));
    for (int64_t i = 0; i < SIDE * SIDE * MANY; i++) {
        int64_t k = i % MANY;
        float want = ((float)((uint16_t *)m.data)[i] - (float)(1000 + k)) / (float)(100 + k);
        assert_true(slot[i] == want);
    }
    sample_release(&s);
    image_release(&m);
}

static void refused(const char *steps, const char *text)
{
    value *list;
    pipeline *p;
    OK(config_parse_literal(steps, "test.py", mem, &list, &err));
    if (pipeline_build(list, rules_of(DIALECT_1X), mem, &p, &err) != CSEG_CONFIG || !strstr(err.text, text))
        fail_msg("%s: '%s' instead of '%s'", steps, err.text, text);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    refused("[dict(type='Stretch', percentiles=(98, 2))]", "'percentiles' must be two numbers");
    refused("[dict(type='Stretch', low=[1, 2], high=[3])]", "'low' and 'high'");
    refused("[dict(type='Stretch', low=[3], high=[3])]", "must be less");
    refused("[dict(type='AddIndices', indices=[])]", "'indices' must be a list");
    refused("[dict(type='AddIndices', indices=['NDVI'])]",
            "there is no band 'nir': give its number in bands=dict(nir=");
    refused("[dict(type='AddIndices', indices=['NDVI'], bands=dict(nir=0))]", "counts channels from 1");
    refused("[dict(type='AddIndices', indices=['b1 +'])]", "test.py:1: AddIndices: 'b1 +': a number, a name");
    refused("[dict(type='LoadImageFromFile', bands=[0])]", "bands");
    image m = values(IMAGE_U8, 0);
    save("eight.tif", &m, false, 0);
    image_release(&m);
    sample s = {.mem = mem, .path = "eight.tif", .n_images = 1};
    pipeline *p =
        pipeline_of("[dict(type='LoadImageFromFile'), dict(type='AddIndices', indices='b4')]", DIALECT_1X, mem);
    assert_int_equal(pipeline_apply(p, &s, &err), CSEG_SHAPE);
    sample_release(&s);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(loaders_take_bands),
        TEST(windows_of_other_bands_are_refused),
        TEST(bands_are_set_in_a_config),
        TEST(looking_can_be_stopped),
        TEST(percentiles_are_exact),
        TEST(stretch_goes_between_percentiles),
        TEST(stretch_takes_values),
        TEST(formulas_are_read_as_python_reads_them),
        TEST(indices_come_behind_the_bands),
        TEST(bytes_are_colours),
        TEST(each_date_has_its_indices),
        TEST(hundreds_of_bands_are_packed),
        TEST(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
