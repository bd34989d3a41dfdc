/* Rasters in few pixels: means and majorities against sums over all pixels, against GDAL, through overviews, with
 * memory that does not grow; names of values; places of one raster in another; outlines. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cpl_string.h>
#include <gdal.h>
#include <ogr_srs_api.h>

#include "base/file.h"
#include "io/raster/raster_ground.h"
#include "io/raster/raster_small.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static const char utm18[] = "EPSG:32618", path[] = "small.tif";

#define GOOD(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) != CSEG_OK)                                                                                         \
            fail_msg("%s", err.text);                                                                                  \
    } while (0)

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

static unsigned next(unsigned *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

static raster *open_raster(const char *name)
{
    raster *r = NULL;
    GOOD(raster_open(name, mem, &r, &err));
    return r;
}

static void write_raster(const char *name, const raster_spec *spec, const image *m)
{
    raster_writer *w;
    GOOD(raster_create(name, spec, mem, &w, &err));
    if (m)
        GOOD(raster_write(w, 0, 0, 0, m, &err));
    GOOD(raster_commit(w, &err));
}

/* Samples 0 ... most-1; about an eighth of the pixels are 7 in all bands, which is nodata if the spec says so. */
static image noise(int64_t h, int64_t w, int64_t c, image_type t, unsigned most)
{
    image m = {0};
    unsigned seed = (unsigned)(h * 31 + w);
    GOOD(image_new(h, w, c, IMAGE_I32, &m, &err));
    for (int64_t i = 0; i < h * w; i++) {
        bool hole = next(&seed) >> 29 == 0;
        for (int64_t k = 0; k < c; k++)
            ((int32_t *)m.data)[i * c + k] = hole ? 7 : (int32_t)((next(&seed) >> 8) % most);
    }
    image out = {0};
    GOOD(image_convert(&m, t, &out, &err));
    image_release(&m);
    return out;
}

static double overlap(int64_t i, int64_t n, int64_t k, int64_t m)
{
    double a = fmax((double)i / (double)n, (double)k / (double)m);
    return fmax(0, fmin((double)(i + 1) / (double)n, (double)(k + 1) / (double)m) - a);
}

static bool is_hole(const image *m, int64_t y, int64_t x)
{
    for (int64_t k = 0; k < m->c; k++)
        if (image_get(m, y, x, k) != 7)
            return false;
    return true;
}

static void check_mean(int64_t h, int64_t w, int64_t c, image_type t, int64_t out_h, int64_t out_w, bool nodata)
{
    image m = noise(h, w, c, t, t == IMAGE_U8 ? 256 : 30000), small = {0};
    raster_spec spec = {.h = h, .w = w, .bands = c, .type = t, .has_nodata = nodata, .nodata = 7};
    float *cover = mem_alloc((size_t)(out_h * out_w) * sizeof *cover);
    write_raster(path, &spec, &m);
    GOOD(image_new(out_h, out_w, c, IMAGE_F32, &small, &err));
    GOOD(raster_read_mean(open_raster(path), NULL, &small, cover, &err));
    for (int64_t y = 0; y < out_h; y++)
        for (int64_t x = 0; x < out_w; x++) {
            double area = 0, sum[4] = {0};
            for (int64_t i = 0; i < h; i++)
                for (int64_t k = 0; k < w; k++) {
                    double part = overlap(i, h, y, out_h) * overlap(k, w, x, out_w);
                    if (part <= 0 || (nodata && is_hole(&m, i, k)))
                        continue;
                    area += part;
                    for (int64_t b = 0; b < c; b++)
                        sum[b] += part * image_get(&m, i, k, b);
                }
            assert_float_equal(cover[y * out_w + x], area * (double)(out_h * out_w), 1e-5);
            for (int64_t b = 0; b < c; b++) {
                double want = area > 1e-12 ? sum[b] / area : 0;
                assert_float_equal(image_f32(&small, y, x)[b], want, 1e-4 + 1e-5 * want);
            }
        }
    mem_free(cover);
    image_release(&m);
    image_release(&small);
}

static void means_are_those_of_all_pixels(void **state)
{
    (void)state;
    check_mean(37, 53, 3, IMAGE_U8, 10, 16, false);
    check_mean(37, 53, 3, IMAGE_U8, 10, 16, true);
    check_mean(64, 48, 1, IMAGE_U16, 8, 6, true);
    check_mean(5, 7, 2, IMAGE_I16, 13, 11, true); /* enlarged */
    check_mean(5, 7, 2, IMAGE_I16, 13, 11, false);
    check_mean(9, 9, 3, IMAGE_U8, 9, 9, false);
    check_mean(20, 31, 4, IMAGE_F32, 1, 1, true);
    check_mean(6, 300, 1, IMAGE_U8, 6, 7, false);
}

/* GDAL computes in float32 for 16 bits; where sizes divide, both are plain means. */
static void means_are_those_of_gdal(void **state)
{
    (void)state;
    enum { H = 60, W = 96, H2 = 12, W2 = 16 };
    image m = noise(H, W, 1, IMAGE_U16, 30000), small = {0};
    raster_spec spec = {.h = H, .w = W, .bands = 1, .type = IMAGE_U16};
    float cover[H2 * W2], theirs[H2 * W2];
    write_raster(path, &spec, &m);
    GOOD(image_new(H2, W2, 1, IMAGE_F32, &small, &err));
    GOOD(raster_read_mean(open_raster(path), NULL, &small, cover, &err));
    GDALDatasetH set = GDALOpen(path, GA_ReadOnly);
    GDALRasterIOExtraArg how;
    INIT_RASTERIO_EXTRA_ARG(how);
    how.eResampleAlg = GRIORA_Average;
    assert_int_equal(
        GDALRasterIOEx(GDALGetRasterBand(set, 1), GF_Read, 0, 0, W, H, theirs, W2, H2, GDT_Float32, 0, 0, &how),
        CE_None);
    GDALClose(set);
    for (int i = 0; i < H2 * W2; i++)
        assert_true(fabs(theirs[i] - ((float *)small.data)[i]) <= 0.51); /* GDAL may round to the band's type */
    image_release(&m);
    image_release(&small);
}

static void a_palette_gives_its_colours(void **state)
{
    (void)state;
    static const uint8_t palette[] = {0, 0, 0, 200, 100, 40};
    uint8_t ids[4] = {0, 1, 1, 1};
    image m = {.h = 2, .w = 2, .c = 1, .type = IMAGE_U8, .data = ids}, small = {0};
    raster_spec spec = {.h = 2, .w = 2, .bands = 1, .type = IMAGE_U8, .palette = palette, .palette_n = 2};
    float cover;
    write_raster(path, &spec, &m);
    GOOD(image_new(1, 1, 3, IMAGE_F32, &small, &err));
    GOOD(raster_read_mean(open_raster(path), NULL, &small, &cover, &err));
    assert_float_equal(image_f32(&small, 0, 0)[0], 150, 1e-4);
    assert_float_equal(image_f32(&small, 0, 0)[1], 75, 1e-4);
    assert_float_equal(image_f32(&small, 0, 0)[2], 30, 1e-4);
    image_release(&small);
}

static void overviews_are_read_if_they_are_large_enough(void **state)
{
    (void)state;
    enum { SIDE = 512 };
    raster_spec spec = {.h = SIDE, .w = SIDE, .bands = 1, .type = IMAGE_U8};
    image m = {0}, small = {0};
    int levels[] = {2, 4};
    float cover[300 * 300];
    write_raster(path, &spec, NULL);
    GDALDatasetH set = GDALOpen(path, GA_Update);
    assert_non_null(set);
    assert_int_equal(GDALBuildOverviews(set, "AVERAGE", 2, levels, 0, NULL, NULL, NULL), CE_None);
    /* The overviews keep zeros while the raster itself becomes 90. */
    GOOD(image_new(SIDE, SIDE, 1, IMAGE_U8, &m, &err));
    memset(m.data, 90, SIDE * SIDE);
    assert_int_equal(
        GDALRasterIO(GDALGetRasterBand(set, 1), GF_Write, 0, 0, SIDE, SIDE, m.data, SIDE, SIDE, GDT_Byte, 0, 0),
        CE_None);
    GDALClose(set);
    GOOD(image_new(100, 100, 1, IMAGE_F32, &small, &err));
    GOOD(raster_read_mean(open_raster(path), NULL, &small, cover, &err));
    assert_float_equal(image_f32(&small, 50, 50)[0], 0, 0);
    image_release(&small);
    GOOD(image_new(300, 300, 1, IMAGE_F32, &small, &err)); /* the largest overview has 256 */
    GOOD(raster_read_mean(open_raster(path), NULL, &small, cover, &err));
    assert_float_equal(image_f32(&small, 50, 50)[0], 90, 1e-4);
    image_release(&small);
    image_release(&m);
}

static void check_ids(int64_t h, int64_t w, image_type t, int64_t out_h, int64_t out_w, unsigned most)
{
    image m = noise(h, w, 1, t, most), small = {0};
    raster_spec spec = {.h = h, .w = w, .bands = 1, .type = t, .has_nodata = true, .nodata = 7};
    raster_ids found;
    int64_t pixels[64] = {0};
    write_raster(path, &spec, &m);
    GOOD(image_new(out_h, out_w, 1, IMAGE_I32, &small, &err));
    GOOD(raster_read_ids(open_raster(path), NULL, &small, &found, mem, &err));
    for (int64_t y = 0; y < out_h; y++)
        for (int64_t x = 0; x < out_w; x++) {
            int64_t areas[64] = {0}, best = 7; /* in units of which a pixel has out_h x out_w: exact */
            for (int64_t i = 0; i < h; i++)
                for (int64_t k = 0; k < w; k++)
                    areas[(int)image_get(&m, i, k, 0)] += llround(overlap(i, h, y, out_h) * (double)(h * out_h)) *
                                                          llround(overlap(k, w, x, out_w) * (double)(w * out_w));
            for (int64_t id = 0; id < 64; id++)
                if (id != 7 && (areas[id] > areas[best]))
                    best = id;
            assert_int_equal(((int32_t *)small.data)[y * out_w + x], best == 7 ? RASTER_NO_ID : best);
        }
    for (int64_t i = 0; i < h * w; i++)
        pixels[(int)image_get(&m, i / w, i % w, 0)]++;
    assert_int_equal(found.holes, pixels[7]);
    int64_t all = 0;
    for (size_t i = 0; i < found.n; i++) {
        assert_int_equal(found.pixels[i], pixels[found.id[i]]);
        assert_true(i == 0 || found.id[i] > found.id[i - 1]);
        all += found.pixels[i];
    }
    assert_int_equal(all + found.holes, h * w);
    image_release(&m);
    image_release(&small);
}

static void ids_are_those_of_most_of_the_area(void **state)
{
    (void)state;
    check_ids(37, 53, IMAGE_U8, 10, 16, 6);
    check_ids(40, 60, IMAGE_U16, 4, 5, 60); /* more than fit the first table */
    check_ids(5, 7, IMAGE_I32, 12, 15, 6);
    check_ids(300, 4, IMAGE_U8, 3, 2, 3);
}

static double row_number(const void *arg, int64_t y, int64_t from, int64_t to)
{
    return *(const double *)arg * (double)(y * (to - from));
}

static void areas_are_measured_and_the_greatest_number_is_none(void **state)
{
    (void)state;
    uint8_t ids[6] = {4, 4, 255, 0, 255, 255};
    image m = {.h = 3, .w = 2, .c = 1, .type = IMAGE_U8, .data = ids}, small = {0};
    raster_spec spec = {.h = 3, .w = 2, .bands = 1, .type = IMAGE_U8};
    double unit = 10;
    raster_ids found;
    write_raster(path, &spec, &m);
    GOOD(image_new(9, 2, 1, IMAGE_I32, &small, &err)); /* each row of the raster is three of the picture */
    GOOD(raster_read_ids(open_raster(path), &(raster_ruler){row_number, &unit}, &small, &found, mem, &err));
    assert_int_equal(found.n, 2);
    assert_int_equal(found.holes, 3);
    assert_true(found.area[0] == 10 && found.area[1] == 0); /* 0 in row 1, 4 in row 0 */
    assert_int_equal(found.pixels[1], 2);
    assert_int_equal(((int32_t *)small.data)[17], RASTER_NO_ID);
    assert_int_equal(((int32_t *)small.data)[11], 0);
    spec.has_nodata = true;
    write_raster(path, &spec, &m);
    GOOD(raster_read_ids(open_raster(path), NULL, &small, &found, mem, &err));
    assert_int_equal(found.n, 2); /* 4 and 255 */
    assert_int_equal(found.id[1], 255);
    image_release(&small);
}

static void what_is_no_map_is_refused(void **state)
{
    (void)state;
    image m = noise(40, 60, 1, IMAGE_U16, 30000), small = {0};
    raster_spec spec = {.h = 40, .w = 60, .bands = 1, .type = IMAGE_U16};
    raster_ids found;
    write_raster(path, &spec, &m);
    GOOD(image_new(4, 4, 1, IMAGE_I32, &small, &err));
    assert_int_equal(raster_read_ids(open_raster(path), NULL, &small, &found, mem, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "small.tif: holds more than 1024 different values"));
    spec.type = IMAGE_F32;
    write_raster(path, &spec, &m);
    assert_int_equal(raster_read_ids(open_raster(path), NULL, &small, &found, mem, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "a map of classes holds integers"));
    image_release(&m);
    image_release(&small);
}

static long peak_kilobytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* The raster has 225 MB. GDAL's own cache of blocks is bounded by its setting. */
static void memory_does_not_grow_with_the_raster(void **state)
{
    (void)state;
    raster_spec spec = {.h = 15000, .w = 15000, .bands = 1, .type = IMAGE_U8};
    image mean = {0}, ids = {0};
    raster_ids found;
    float cover[64 * 64];
    GDALSetCacheMax64(16 << 20);
    write_raster(path, &spec, NULL);
    GOOD(image_new(64, 64, 1, IMAGE_F32, &mean, &err));
    GOOD(image_new(64, 64, 1, IMAGE_I32, &ids, &err));
    raster *r = open_raster(path);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static const long limit = 1000000; /* they keep what was freed, and more of what is used */
#else
    static const long limit = 130 * 1024;
#endif
    long before = peak_kilobytes();
    GOOD(raster_read_mean(r, NULL, &mean, cover, &err));
    GOOD(raster_read_ids(r, NULL, &ids, &found, mem, &err));
    assert_true(peak_kilobytes() - before < limit);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.pixels[0], INT64_C(225000000));
    image_release(&mean);
    image_release(&ids);
    remove(path);
}

static void names_come_from_categories_and_tables(void **state)
{
    (void)state;
    raster_spec spec = {.h = 2, .w = 2, .bands = 1, .type = IMAGE_U8};
    const raster_info *i;
    write_raster(path, &spec, NULL);
    assert_int_equal(raster_describe(open_raster(path))->categories_n, 0);
    GDALDatasetH set = GDALOpen(path, GA_Update);
    char *list[] = {"land", "", "water", NULL};
    assert_int_equal(GDALSetRasterCategoryNames(GDALGetRasterBand(set, 1), list), CE_None);
    GDALClose(set);
    i = raster_describe(open_raster(path));
    assert_int_equal(i->categories_n, 3);
    assert_string_equal(i->categories[0], "land");
    assert_string_equal(i->categories[1], "");
    assert_string_equal(i->categories[2], "water");
    remove("small.tif.aux.xml");
    write_raster(path, &spec, NULL);
    set = GDALOpen(path, GA_Update);
    GDALRasterAttributeTableH table = GDALCreateRasterAttributeTable();
    GDALRATCreateColumn(table, "Value", GFT_Integer, GFU_MinMax);
    GDALRATCreateColumn(table, "Class", GFT_String, GFU_Name);
    GDALRATSetRowCount(table, 2);
    GDALRATSetValueAsInt(table, 0, 0, 4);
    GDALRATSetValueAsString(table, 0, 1, "roof");
    GDALRATSetValueAsInt(table, 1, 0, 1);
    GDALRATSetValueAsString(table, 1, 1, "road");
    assert_int_equal(GDALSetDefaultRAT(GDALGetRasterBand(set, 1), table), CE_None);
    GDALDestroyRasterAttributeTable(table);
    GDALClose(set);
    i = raster_describe(open_raster(path));
    assert_int_equal(i->categories_n, 5);
    assert_string_equal(i->categories[4], "roof");
    assert_string_equal(i->categories[1], "road");
    assert_string_equal(i->categories[0], "");
    remove("small.tif.aux.xml");
}

/* ---- places ---------------------------------------------------------------------------------------------------- */

static const char *wkt_of(const char *code)
{
    OGRSpatialReferenceH s = OSRNewSpatialReference(NULL);
    char *wkt = NULL;
    assert_int_equal(OSRSetFromUserInput(s, code), OGRERR_NONE);
    assert_int_equal(OSRExportToWkt(s, &wkt), OGRERR_NONE);
    const char *kept = arena_strdup(mem, wkt);
    CPLFree(wkt);
    OSRDestroySpatialReference(s);
    return kept;
}

static raster *made_at(const char *name, int64_t h, int64_t w, double x, double y, double pixel, const char *code)
{
    raster_place place = {.has_transform = true, .transform = {x, pixel, 0, y, 0, -pixel}};
    raster_spec spec = {.h = h, .w = w, .bands = 1, .type = IMAGE_U8, .place = code ? &place : NULL};
    place.projection = code ? wkt_of(code) : NULL;
    write_raster(name, &spec, NULL);
    return open_raster(name);
}

static void one_raster_is_placed_in_another(void **state)
{
    (void)state;
    double m[6];
    raster *a = made_at("a.tif", 100, 80, 1000, 9000, 10, utm18);
    const raster_info *i = raster_describe(a), *b = raster_describe(made_at("b.tif", 7, 9, 1200, 8700, 20, utm18));
    GOOD(raster_place_onto("a.tif", i, "b.tif", b, m, &err));
    const double wanted[6] = {20, 2, 0, 30, 0, 2};
    for (int k = 0; k < 6; k++)
        assert_float_equal(m[k], wanted[k], 1e-9);
    b = raster_describe(made_at("b.tif", 7, 9, 1000, 90000, 20, utm18));
    assert_int_equal(raster_place_onto("a.tif", i, "b.tif", b, m, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "b.tif does not lie where a.tif lies"));
    b = raster_describe(made_at("b.tif", 7, 9, 1200, 8700, 20, "EPSG:32619"));
    assert_int_equal(raster_place_onto("a.tif", i, "b.tif", b, m, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "gdalwarp"));
    b = raster_describe(made_at("b.tif", 7, 9, 0, 0, 1, NULL));
    assert_int_equal(raster_place_onto("a.tif", i, "b.tif", b, m, &err), CSEG_SHAPE);
    b = raster_describe(made_at("b.tif", 100, 80, 0, 0, 1, NULL)); /* the same size: pixel by pixel */
    GOOD(raster_place_onto("a.tif", i, "b.tif", b, m, &err));
    assert_true(m[0] == 0 && m[1] == 1 && m[5] == 1);
}

static void places_have_names_and_directions(void **state)
{
    (void)state;
    const raster_info *i = raster_describe(made_at("a.tif", 100, 80, 1000, 9000, 10, utm18));
    const char *name;
    double corner[8], t[6];
    bool degrees;
    assert_float_equal(raster_north(i), 0, 1e-9);
    GOOD(raster_system_name(i, mem, &name, &err));
    assert_string_equal(name, "WGS 84 / UTM zone 18N (EPSG:32618)");
    i = raster_describe(made_at("a.tif", 2, 2, -60, 46, 1, "EPSG:4326"));
    assert_true(raster_ground_transform(i, t, &degrees) && degrees);
    assert_true(raster_lonlat_grid(i, 1, corner));
    assert_float_equal(corner[0], -60, 1e-9);
    assert_float_equal(corner[7], 44, 1e-9);
    raster_place turned = {.has_transform = true, .transform = {0, 0, 10, 0, 10, 0}}; /* columns run to the north */
    turned.projection = wkt_of(utm18);
    write_raster("a.tif", &(raster_spec){.h = 2, .w = 2, .bands = 1, .type = IMAGE_U8, .place = &turned}, NULL);
    i = raster_describe(open_raster("a.tif"));
    assert_float_equal(raster_north(i), 1.570796, 1e-5); /* right */
    i = raster_describe(made_at("a.tif", 2, 2, 0, 0, 1, NULL));
    assert_true(isnan(raster_north(i)));
    assert_false(raster_ground_transform(i, t, &degrees));
}

static void dates_come_from_metadata(void **state)
{
    (void)state;
    const char *date;
    raster_spec spec = {.h = 2, .w = 2, .bands = 1, .type = IMAGE_U8};
    write_raster(path, &spec, NULL);
    GOOD(raster_date(open_raster(path), mem, &date, &err));
    assert_string_equal(date, "");
    GDALDatasetH set = GDALOpen(path, GA_Update);
    GDALSetMetadataItem(set, "TIFFTAG_DATETIME", "2026:07:01 12:30:00", NULL);
    GDALClose(set);
    GOOD(raster_date(open_raster(path), mem, &date, &err));
    assert_string_equal(date, "2026-07-01 12:30:00");
    set = GDALOpen(path, GA_Update);
    GDALSetMetadataItem(set, "ACQUISITION_DATE", "2026-06-30", NULL);
    GDALClose(set);
    GOOD(raster_date(open_raster(path), mem, &date, &err));
    assert_string_equal(date, "2026-06-30");
    remove(path);
}

static void keep_box(void *arg, const double *xy, size_t n)
{
    double *box = arg;
    for (size_t i = 0; i < n; i++) {
        box[0] = fmin(box[0], xy[2 * i]);
        box[1] = fmin(box[1], xy[2 * i + 1]);
        box[2] = fmax(box[2], xy[2 * i]);
        box[3] = fmax(box[3], xy[2 * i + 1]);
    }
}

static void outlines_come_in_any_system(void **state)
{
    (void)state;
    /* 78 W to 77.99 W, 24 N to 24.01 N, as degrees. */
    static const char json[] =
        "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":{},\"geometry\":{"
        "\"type\":\"Polygon\",\"coordinates\":[[[-78,24],[-77.99,24],[-77.99,24.01],[-78,24.01],[-78,24]]]}}]}";
    double box[4] = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    const raster_info *i = raster_describe(made_at("a.tif", 500, 500, 190000, 2670000, 100, utm18));
    GOOD(file_replace_bytes("box.geojson", json, strlen(json), mem, &err));
    GOOD(raster_outlines("box.geojson", "a.tif", i, keep_box, box, &err));
    assert_float_equal(box[2] - box[0], 10.4, 0.5); /* some 1017 m in pixels of 100 m, and a little for the tilt */
    assert_float_equal(box[3] - box[1], 11.4, 0.5);
    assert_true(box[0] > 0 && box[2] < 500 && box[1] > 0 && box[3] < 500);
    assert_int_equal(raster_outlines("none.geojson", "a.tif", i, keep_box, box, &err), CSEG_NOT_FOUND);
    GOOD(file_replace_bytes("box.geojson", "{\"type\": 3", 10, mem, &err));
    assert_int_equal(raster_outlines("box.geojson", "a.tif", i, keep_box, box, &err), CSEG_CORRUPT);
    i = raster_describe(made_at("b.tif", 500, 500, 0, 0, 1, NULL));
    assert_int_equal(raster_outlines("box.geojson", "b.tif", i, keep_box, box, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "b.tif says no place"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(means_are_those_of_all_pixels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(means_are_those_of_gdal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_palette_gives_its_colours, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overviews_are_read_if_they_are_large_enough, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_are_those_of_most_of_the_area, set_up, tear_down),
        cmocka_unit_test_setup_teardown(areas_are_measured_and_the_greatest_number_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_map_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_the_raster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_come_from_categories_and_tables, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_raster_is_placed_in_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_have_names_and_directions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dates_come_from_metadata, set_up, tear_down),
        cmocka_unit_test_setup_teardown(outlines_come_in_any_system, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
