/* Statistics of scenes: against sums by hand, for every type, with any number of threads, windows and scenes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "geo/stats.h"
#include "io/raster/raster.h"

static cseg_status cseg_stopped(cseg_error *err)
{
    return fail(err, CSEG_INTERRUPTED, "stopped");
}

#include <cmocka.h> /* last: it has a macro called fail */

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

static void save(const char *path, const image *m, bool has_nodata, double nodata)
{
    raster_writer *w;
    raster_spec spec = {
        .h = m->h, .w = m->w, .bands = m->c, .type = m->type, .has_nodata = has_nodata, .nodata = nodata};
    if (raster_create(path, &spec, mem, &w, &err) || raster_write(w, 0, 0, 0, m, &err) || raster_commit(w, &err))
        fail_msg("%s", err.text);
}

/* offset: a large one loses the deviation to rounding, if sums of squares are taken. */
static image values(int64_t h, int64_t w, int64_t c, image_type t, double nodata, double offset)
{
    image floats_, out;
    assert_int_equal(image_new(h, w, c, IMAGE_F32, &floats_, &err), CSEG_OK);
    for (int64_t i = 0; i < h * w; i++)
        for (int64_t k = 0; k < c; k++) {
            double v =
                (double)((i * 7919 + i / w * 13 + k * 131) % 233) * (t == IMAGE_U8 ? 1 : (double)(k + 1)) + offset;
            image_f32(&floats_, 0, i)[k] = (float)(i % 97 < 20 || (i + k) % 59 == 0 ? nodata : v);
        }
    assert_int_equal(image_convert(&floats_, t, &out, &err), CSEG_OK);
    image_release(&floats_);
    return out;
}

static bool counts(const image *m, int64_t i, int64_t k, const double *nodata)
{
    double v = image_get(m, 0, i, k);
    bool all = true;
    for (int64_t j = 0; nodata && j < m->c; j++)
        all &= image_get(m, 0, i, j) == *nodata;
    return isfinite(v) && !(nodata && (m->type == IMAGE_U8 ? all : v == *nodata));
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* labels: only those pixels of class c; NULL: all. */
static void expect(const image *const *m, size_t n, int64_t k, const double *nodata, const uint8_t *labels, int c,
                   const stats_moments *got, const double *parts, const double *percentiles, size_t n_parts)
{
    int64_t all = 0, count = 0;
    for (size_t s = 0; s < n; s++)
        all += m[s]->h * m[s]->w;
    double *v = malloc((size_t)all * sizeof *v), sum = 0, squares = 0;
    assert_non_null(v);
    for (size_t s = 0; s < n; s++)
        for (int64_t i = 0; i < m[s]->h * m[s]->w; i++)
            if (counts(m[s], i, k, nodata) && (!labels || labels[i] == c))
                sum += v[count++] = image_get(m[s], 0, i, k);
    assert_int_equal(got->n, count);
    if (count) {
        qsort(v, (size_t)count, sizeof *v, by_size);
        for (int64_t i = 0; i < count; i++)
            squares += (v[i] - sum / (double)count) * (v[i] - sum / (double)count);
        double deviation = sqrt(squares / (double)count);
        assert_true(got->min == v[0] && got->max == v[count - 1]);
        assert_true(fabs(got->mean - sum / (double)count) <= 1e-9 * fabs(got->mean));
        assert_true(fabs(stats_deviation(got) - deviation) <= 1e-9 * deviation);
        for (size_t i = 0; i < n_parts; i++) {
            double at = parts[i] / 100 * (double)(count - 1);
            int64_t low = (int64_t)at, high = low + 1 < count ? low + 1 : low;
            double want = v[low] + (v[high] - v[low]) * (at - (double)low);
            assert_true(fabs(percentiles[i] - want) <= 1e-9 * fabs(want));
        }
    }
    free(v);
}

static const double parts[] = {0, 2, 50, 98, 100};

static void every_type_is_exact(void **state)
{
    (void)state;
    static const struct {
        image_type type;
        double nodata, offset;
    } forms[] = {{IMAGE_U8, 0, 0},       {IMAGE_U16, 0, 5000},    {IMAGE_U16, 65535, 100}, {IMAGE_I16, -9999, -3000},
                 {IMAGE_I32, -1, 80000}, {IMAGE_F32, -9999, 9e6}, {IMAGE_F32, NAN, -0.5}};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        image m = values(613, 701, 3, forms[f].type, forms[f].nodata, forms[f].offset);
        const image *const all[] = {&m};
        const char *path = "scene.tif";
        stats_report one, many;
        save(path, &m, true, forms[f].nodata);
        stats_options o = {.percentiles = parts, .n_percentiles = 5, .threads = 1};
        assert_int_equal(stats_run(&path, 1, &o, mem, &one, &err), CSEG_OK);
        o.threads = 5;
        assert_int_equal(stats_run(&path, 1, &o, mem, &many, &err), CSEG_OK);
        assert_int_equal(one.pixels, 613 * 701);
        assert_int_equal(one.type, forms[f].type);
        for (int64_t k = 0; k < 3; k++) {
            expect(all, 1, k, isnan(forms[f].nodata) ? NULL : &forms[f].nodata, NULL, 0, &one.band[k].all, parts,
                   one.band[k].percentiles, 5);
            assert_int_equal(one.band[k].nodata, one.pixels - one.band[k].all.n);
            assert_memory_equal(&one.band[k].all, &many.band[k].all, sizeof one.band[k].all);
            assert_memory_equal(one.band[k].percentiles, many.band[k].percentiles, sizeof parts);
        }
        image_release(&m);
    }
}

/* More than a window of WINDOW_BYTES, joined in order. */
static void large_scenes_are_joined(void **state)
{
    (void)state;
    image m = values(1900, 1700, 2, IMAGE_F32, -9999, 1e6);
    const image *const all[] = {&m};
    const char *path = "large.tif";
    const double nodata = -9999;
    stats_report r[2];
    save(path, &m, true, nodata);
    for (int i = 0; i < 2; i++) {
        stats_options o = {.percentiles = parts, .n_percentiles = 5, .threads = i ? 3 : 1};
        assert_int_equal(stats_run(&path, 1, &o, mem, &r[i], &err), CSEG_OK);
        assert_true(r[i].windows > 1 && r[i].windows == r[i].windows_all);
    }
    for (int64_t k = 0; k < 2; k++) {
        expect(all, 1, k, &nodata, NULL, 0, &r[0].band[k].all, parts, r[0].band[k].percentiles, 5);
        assert_memory_equal(&r[0].band[k].all, &r[1].band[k].all, sizeof r[0].band[k].all);
    }
    stats_options some = {.percentiles = parts, .n_percentiles = 5, .sample = 1};
    assert_int_equal(stats_run(&path, 1, &some, mem, &r[1], &err), CSEG_OK);
    assert_true(r[1].windows == 1 && r[1].pixels > 0 && r[1].pixels < r[0].pixels);
    image_release(&m);
}

static void scenes_count_together(void **state)
{
    (void)state;
    image a = values(90, 70, 4, IMAGE_U8, 0, 0), b = values(33, 140, 4, IMAGE_U16, 0, 400);
    const char *const paths[] = {"a.tif", "b.tif"};
    const image *const all[] = {&a, &b};
    const double nodata = 0;
    const int64_t bands[] = {4, 2};
    stats_report r;
    save("a.tif", &a, true, 0);
    save("b.tif", &b, true, 0);
    stats_options o = {.percentiles = parts, .n_percentiles = 5, .bands = bands, .n_bands = 2};
    assert_int_equal(stats_run(paths, 2, &o, mem, &r, &err), CSEG_OK);
    assert_int_equal(r.bands, 2);
    assert_int_equal(r.type, IMAGE_U16);
    for (int64_t k = 0; k < 2; k++)
        expect(all, 2, bands[k] - 1, &nodata, NULL, 0, &r.band[k].all, parts, r.band[k].percentiles, 5);
    image_release(&a);
    image_release(&b);
}

static void classes_have_their_own(void **state)
{
    (void)state;
    static const image_type types[] = {IMAGE_U16, IMAGE_F32};
    for (int t = 0; t < 2; t++) {
        image m = values(400, 350, 2, types[t], 7, 1000), labels;
        const image *const all[] = {&m};
        const char *path = "scene.tif", *mask = "mask.png";
        const double nodata = 7;
        stats_report r;
        assert_int_equal(image_new(400, 350, 1, IMAGE_U8, &labels, &err), CSEG_OK);
        for (int64_t i = 0; i < 400 * 350; i++)
            ((uint8_t *)labels.data)[i] = i % 41 == 0 ? 255 : (uint8_t)(i / 3 % 4);
        save(path, &m, true, nodata);
        assert_int_equal(image_write(mask, &labels, NULL, &err), CSEG_OK);
        stats_options o = {.masks = &mask};
        assert_int_equal(stats_run(&path, 1, &o, mem, &r, &err), CSEG_OK);
        for (int c = 0; c < STATS_CLASSES; c++)
            for (int64_t k = 0; k < 2; k++)
                expect(all, 1, k, &nodata, labels.data, c, &r.by_class[c * 2 + k], NULL, NULL, 0);
        assert_true(r.labels[2] > 0 && r.labels[255] > 0 && r.labels[4] == 0);
        image_release(&m);
        image_release(&labels);
    }
}

static cseg_status stop(void *arg, int64_t done, int64_t all, cseg_error *e)
{
    (void)arg;
    assert_true(done > 0 && done <= all);
    return cseg_stopped(e);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    image a = values(40, 30, 2, IMAGE_U8, 0, 0), b = values(40, 30, 3, IMAGE_U8, 0, 0),
          small = values(9, 9, 1, IMAGE_U8, 0, 0);
    const char *const paths[] = {"a.tif", "b.tif"}, *mask = "small.png";
    stats_report r;
    save("a.tif", &a, false, 0);
    save("b.tif", &b, false, 0);
    assert_int_equal(image_write(mask, &small, NULL, &err), CSEG_OK);
    assert_int_equal(stats_run(paths, 2, &(stats_options){0}, mem, &r, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "b.tif has 3 bands, a.tif has 2"));
    assert_int_equal(stats_run(paths, 1, &(stats_options){.masks = &mask}, mem, &r, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "small.png is 9 x 9 pixels"));
    assert_int_equal(stats_run(paths, 1, &(stats_options){.bands = (const int64_t[]){3}, .n_bands = 1}, mem, &r, &err),
                     CSEG_SHAPE);
    assert_int_equal(stats_run(paths, 1, &(stats_options){.progress = stop}, mem, &r, &err), CSEG_INTERRUPTED);
    const char *missing = "none.tif";
    assert_int_equal(stats_run(&missing, 1, &(stats_options){0}, mem, &r, &err), CSEG_NOT_FOUND);
    /* Damage that shows only as pixels are read. */
    FILE *f = fopen("b.tif", "r+");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    assert_int_equal(ftruncate(fileno(f), ftell(f) / 2), 0);
    fclose(f);
    missing = "b.tif";
    for (int threads = 1; threads < 4; threads++)
        assert_int_not_equal(stats_run(&missing, 1, &(stats_options){.threads = threads}, mem, &r, &err), CSEG_OK);
    assert_non_null(strstr(err.text, "b.tif"));
    image_release(&a);
    image_release(&b);
    image_release(&small);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {TEST(every_type_is_exact), TEST(large_scenes_are_joined),
                                       TEST(scenes_count_together), TEST(classes_have_their_own),
                                       TEST(what_cannot_be_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
