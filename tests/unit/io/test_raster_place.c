/* Validity and place: masks, alpha, ground control points, RPCs, and whether two rasters lie at the same place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cpl_conv.h>
#include <gdal.h>

#include "base/log.h"
#include "base/str.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static char warned[2048];

static void keep_warning(void *arg, log_level level, const char *text)
{
    (void)arg;
    if (level == LOG_WARNING)
        snprintf(warned, sizeof warned, "%s", text);
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    log_set_sink(keep_warning, NULL);
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

static raster *open_raster(const char *path)
{
    raster *r = NULL;
    if (raster_open(path, mem, &r, &err) != CSEG_OK || raster_describe_rpc(r, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return r;
}

static void write_all(const char *path, const raster_spec *spec, const image *m)
{
    raster_writer *w;
    if (raster_create(path, spec, mem, &w, &err) != CSEG_OK || raster_write(w, 0, 0, 0, m, &err) != CSEG_OK ||
        raster_commit(w, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* The holes of rows 1 ... 2 and columns 1 ... 3, as text. */
static const char *holes_of(const char *path)
{
    static char text[8];
    uint8_t holes[6];
    int64_t n;
    if (raster_read_holes(open_raster(path), 1, 1, 2, 3, holes, &n, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    for (int i = 0; i < 6; i++) {
        text[i] = holes[i] ? 'x' : '.';
        n -= holes[i];
    }
    assert_int_equal(n, 0);
    return text;
}

enum { H = 4, W = 5 };

/* Samples 10 ... 29 in each of `bands`. */
static image ramp(int64_t bands, image_type type)
{
    image m = {0}, f = {0};
    assert_int_equal(image_new(H, W, bands, IMAGE_F32, &f, &err), CSEG_OK);
    for (int64_t i = 0; i < H * W; i++)
        for (int64_t b = 0; b < bands; b++)
            ((float *)f.data)[i * bands + b] = (float)(10 + i);
    assert_int_equal(image_convert(&f, type, &m, &err), CSEG_OK);
    image_release(&f);
    return m;
}

static void alpha_says_where_there_are_data(void **state)
{
    (void)state;
    for (int bands = 2; bands <= 4; bands += 2)
        for (int t = IMAGE_U8; t <= IMAGE_U16; t++) {
            image m = ramp(bands, (image_type)t);
            raster_spec spec = {.h = H, .w = W, .bands = bands, .type = (image_type)t, .has_alpha = true};
            int64_t at = (2 * W + 2) * bands + bands - 1;
            if (t == IMAGE_U8)
                ((uint8_t *)m.data)[at] = 0;
            else
                ((uint16_t *)m.data)[at] = 0;
            write_all("alpha.tif", &spec, &m);
            assert_true(raster_describe(open_raster("alpha.tif"))->has_alpha);
            assert_string_equal(holes_of("alpha.tif"), "....x.");
            /* The same bands, all of them data. */
            spec.has_alpha = false;
            write_all("bands.tif", &spec, &m);
            assert_false(raster_describe(open_raster("bands.tif"))->has_alpha);
            assert_string_equal(holes_of("bands.tif"), "......");
            image_release(&m);
        }
}

/* Through GDAL itself, since nothing here writes such files. internal: within the TIFF, else in PATH.msk. */
static void add_mask(const char *path, bool internal)
{
    uint8_t row[W] = {255, 255, 0, 255, 255};
    GDALAllRegister();
    CPLSetThreadLocalConfigOption("GDAL_TIFF_INTERNAL_MASK", internal ? "YES" : "NO");
    GDALDatasetH set = GDALOpen(path, GA_Update);
    assert_non_null(set);
    assert_int_equal(GDALCreateDatasetMaskBand(set, GMF_PER_DATASET), CE_None);
    GDALRasterBandH mask = GDALGetMaskBand(GDALGetRasterBand(set, 1));
    for (int y = 0; y < H; y++)
        assert_int_equal(GDALRasterIO(mask, GF_Write, 0, y, W, 1, row, W, 1, GDT_Byte, 0, 0), CE_None);
    GDALClose(set);
}

static void masks_say_where_there_are_data(void **state)
{
    (void)state;
    image m = ramp(3, IMAGE_U8);
    for (int internal = 0; internal < 2; internal++) {
        const char *path = internal ? "inside.tif" : "beside.tif";
        write_all(path, &(raster_spec){.h = H, .w = W, .bands = 3, .type = IMAGE_U8}, &m);
        assert_string_equal(holes_of(path), "......");
        add_mask(path, internal);
        assert_string_equal(holes_of(path), ".x..x.");
    }
    assert_int_equal(remove("beside.tif.msk"), 0);
    assert_string_equal(holes_of("beside.tif"), "......");
    image_release(&m);
}

static void nodata_is_where_every_band_says_so(void **state)
{
    (void)state;
    image m = ramp(3, IMAGE_U8);
    uint8_t *p = m.data;
    memset(p + 3 * (W + 1), 7, 3); /* all bands */
    memset(p + 3 * (W + 2), 7, 2); /* two of three */
    raster_spec spec = {.h = H, .w = W, .bands = 3, .type = IMAGE_U8, .has_nodata = true, .nodata = 7};
    write_all("nodata.tif", &spec, &m);
    assert_string_equal(holes_of("nodata.tif"), "x.....");
    image_release(&m);
    m = ramp(2, IMAGE_F32);
    float *f = m.data;
    f[2 * (2 * W + 3)] = f[2 * (2 * W + 3) + 1] = NAN;
    f[2 * (2 * W + 1)] = NAN;
    write_all("nan.tif", &(raster_spec){.h = H, .w = W, .bands = 2, .type = IMAGE_F32}, &m);
    assert_string_equal(holes_of("nan.tif"), ".....x");
    image_release(&m);
    /* Bands with values of their own. */
    FILE *v = fopen("own.vrt", "w");
    assert_non_null(v);
    fprintf(v, "<VRTDataset rasterXSize=\"5\" rasterYSize=\"4\">");
    for (int b = 1; b <= 2; b++)
        fprintf(v,
                "<VRTRasterBand dataType=\"Byte\" band=\"%d\"><NoDataValue>%d</NoDataValue><SimpleSource>"
                "<SourceFilename relativeToVRT=\"1\">own.tif</SourceFilename><SourceBand>%d</SourceBand>"
                "</SimpleSource></VRTRasterBand>",
                b, b == 1 ? 16 : 99, b);
    fprintf(v, "</VRTDataset>");
    fclose(v);
    m = ramp(2, IMAGE_U8);
    *((uint8_t *)m.data + 2 * (W + 1) + 1) = 99; /* 16 and 99 */
    *((uint8_t *)m.data + 2 * (W + 2) + 1) = 99; /* 17 and 99 */
    write_all("own.tif", &(raster_spec){.h = H, .w = W, .bands = 2, .type = IMAGE_U8}, &m);
    assert_string_equal(holes_of("own.vrt"), "x.....");
    image_release(&m);
}

static const char utm[] =
    "PROJCS[\"WGS 84 / UTM zone 18N\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563,"
    "AUTHORITY[\"EPSG\",\"7030\"]],AUTHORITY[\"EPSG\",\"6326\"]],PRIMEM[\"Greenwich\",0],UNIT[\"degree\","
    "0.0174532925199433],AUTHORITY[\"EPSG\",\"4326\"]],PROJECTION[\"Transverse_Mercator\"],PARAMETER["
    "\"latitude_of_origin\",0],PARAMETER[\"central_meridian\",-75],PARAMETER[\"scale_factor\",0.9996],PARAMETER["
    "\"false_easting\",500000],PARAMETER[\"false_northing\",0],UNIT[\"metre\",1],AUTHORITY[\"EPSG\",\"32618\"]]";
/* The same in other words, and another zone. */
static const char utm_short[] =
    "PROJCS[\"UTM 18 North\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563]],"
    "PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.0174532925199433]],PROJECTION[\"Transverse_Mercator\"],PARAMETER["
    "\"latitude_of_origin\",0],PARAMETER[\"central_meridian\",-75],PARAMETER[\"scale_factor\",0.9996],PARAMETER["
    "\"false_easting\",500000],PARAMETER[\"false_northing\",0],UNIT[\"metre\",1]]";
static const char utm_19[] =
    "PROJCS[\"WGS 84 / UTM zone 19N\",GEOGCS[\"WGS 84\",DATUM[\"WGS_1984\",SPHEROID[\"WGS 84\",6378137,298.257223563]],"
    "PRIMEM[\"Greenwich\",0],UNIT[\"degree\",0.0174532925199433]],PROJECTION[\"Transverse_Mercator\"],PARAMETER["
    "\"latitude_of_origin\",0],PARAMETER[\"central_meridian\",-69],PARAMETER[\"scale_factor\",0.9996],PARAMETER["
    "\"false_easting\",500000],PARAMETER[\"false_northing\",0],UNIT[\"metre\",1]]";
static const raster_gcp points[] = {{"a", "", 0, 0, 500000, 4000000, 3},
                                    {"b", "", 5, 0, 500050, 4000000, 0},
                                    {"c", "", 0, 4, 500000, 3999960, 0},
                                    {"d", "", 5, 4, 500050.5, 3999960.25, 0}};
static const char *const rpc[] = {"LINE_OFF=2.5",
                                  "SAMP_OFF=100",
                                  "LAT_OFF=36.5",
                                  "LONG_OFF=-75",
                                  "HEIGHT_OFF=10",
                                  "LINE_SCALE=2",
                                  "SAMP_SCALE=3",
                                  "LAT_SCALE=0.5",
                                  "LONG_SCALE=0.25",
                                  "HEIGHT_SCALE=100",
                                  "LINE_NUM_COEFF=1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
                                  "LINE_DEN_COEFF=1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  "SAMP_NUM_COEFF=0 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0.125",
                                  "SAMP_DEN_COEFF=1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
                                  NULL};

static double rpc_of(const raster_place *p, const char *key)
{
    for (const char *const *i = p->rpc; i && *i; i++)
        if (strncmp(*i, key, strlen(key)) == 0 && (*i)[strlen(key)] == '=')
            return atof(*i + strlen(key) + 1);
    return NAN;
}

static void points_and_polynomials_move_with_a_window(void **state)
{
    (void)state;
    image m = ramp(1, IMAGE_U8);
    raster_place place = {.gcps = points, .n_gcps = 4, .gcp_projection = utm, .rpc = rpc, .area_or_point = "Point"},
                 moved;
    raster_spec spec = {.h = H, .w = W, .bands = 1, .type = IMAGE_U8, .place = &place};
    for (int shift = 0; shift < 2; shift++) {
        if (shift) {
            assert_int_equal(raster_place_shift(&place, 2, 3, mem, &moved, &err), CSEG_OK);
            spec.place = &moved;
        }
        write_all("points.tif", &spec, &m);
        const raster_place *p = &raster_describe(open_raster("points.tif"))->place;
        assert_false(p->has_transform);
        assert_int_equal(p->n_gcps, 4);
        for (int i = 0; i < 4; i++) {
            if (p->gcps[i].pixel != points[i].pixel - 3 * shift)
                fail_msg("point %d is at %g instead of %g", i, p->gcps[i].pixel, points[i].pixel - 3 * shift);
            assert_true(p->gcps[i].line == points[i].line - 2 * shift);
            assert_true(p->gcps[i].x == points[i].x && p->gcps[i].y == points[i].y && p->gcps[i].z == points[i].z);
        }
        assert_non_null(strstr(p->gcp_projection, "UTM zone 18N"));
        assert_true(rpc_of(p, "LINE_OFF") == 2.5 - 2 * shift && rpc_of(p, "SAMP_OFF") == 100 - 3 * shift);
        assert_true(rpc_of(p, "LONG_OFF") == -75 && rpc_of(p, "HEIGHT_SCALE") == 100);
    }
    image_release(&m);
}

static void what_a_sample_stands_for_is_kept(void **state)
{
    (void)state;
    static const char *const kinds[] = {"Area", "Point"};
    image m = ramp(1, IMAGE_U8);
    for (int i = 0; i < 2; i++) {
        raster_place place = {.has_transform = true,
                              .transform = {1000, 10, 0, 5000, 0, -10},
                              .projection = utm,
                              .area_or_point = kinds[i]};
        write_all("kind.tif", &(raster_spec){.h = H, .w = W, .bands = 1, .type = IMAGE_U8, .place = &place}, &m);
        const raster_place *p = &raster_describe(open_raster("kind.tif"))->place;
        assert_string_equal(p->area_or_point, kinds[i]);
        assert_memory_equal(p->transform, place.transform, sizeof place.transform);
    }
    image_release(&m);
}

static void places_are_compared(void **state)
{
    (void)state;
    static const raster_gcp others[] = {
        {"a", "", 0, 0, 500010, 4000000, 3}, {"b", "", 5, 0, 500060, 4000000, 0}, {"c", "", 0, 4, 500010, 3999960, 0}};
    static const char *const other_rpc[] = {"LINE_OFF=2.5", "SAMP_OFF=101", NULL}, *const short_rpc[] = {
                                                                                       "LINE_OFF=2.50", "SAMP_OFF=1e2",
                                                                                       NULL};
#define AT(x, y, dx, dy, system)                                                                                       \
    {                                                                                                                  \
        .has_transform = true, .transform = {x, dx, 0, y, 0, dy}, .projection = system                                 \
    }
    const struct {
        raster_place a, b;
        place_relation is;
    } cases[] = {
        {AT(0, 0, 10, -10, utm), AT(0, 0, 10, -10, utm), PLACE_SAME},
        {AT(0, 0, 10, -10, utm), AT(1.5, -1.5, 10, -10, utm_short), PLACE_SAME}, /* a fifth of a pixel */
        {AT(0, 0, 10, -10, utm), AT(5, 0, 10, -10, utm), PLACE_ELSEWHERE},       /* half of one */
        {AT(0, 0, 10, -10, utm), AT(0, 0, 10.6, -10, utm), PLACE_ELSEWHERE},     /* at the far corner */
        {AT(0, 0, 10, -10, utm), AT(0, 40, 10, 10, utm), PLACE_ELSEWHERE},       /* upside down */
        {AT(0, 0, 10, -10, utm), AT(0, 0, 10, -10, utm_19), PLACE_ELSEWHERE},
        {AT(0, 0, 10, -10, utm), AT(0, 0, 10, -10, ""), PLACE_SAME},
        {AT(0, 0, 10, -10, utm), {.projection = ""}, PLACE_UNKNOWN},
        {AT(0, 0, 10, -10, utm), {.projection = "", .rpc = rpc}, PLACE_UNKNOWN},
        {{.projection = ""}, {.projection = ""}, PLACE_NOWHERE},
        {{.rpc = rpc}, {.rpc = short_rpc}, PLACE_SAME},
        {{.rpc = rpc}, {.rpc = other_rpc}, PLACE_ELSEWHERE},
        {{.gcps = points, .n_gcps = 3, .gcp_projection = utm}, AT(500000, 4000000, 10, -10, utm), PLACE_SAME},
        {{.gcps = points, .n_gcps = 3, .gcp_projection = utm},
         {.gcps = others, .n_gcps = 3, .gcp_projection = utm},
         PLACE_ELSEWHERE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        raster_info a = {.h = H, .w = W, .bands = 1, .place = cases[i].a}, b = {.h = H, .w = W, .place = cases[i].b};
        for (int turn = 0; turn < 2; turn++) {
            place_relation is = turn ? raster_place_compare(&b, &a, NULL) : raster_place_compare(&a, &b, NULL);
            if (is != cases[i].is)
                fail_msg("case %zu: %d instead of %d", i, is, cases[i].is);
        }
        for (int force = 0; force < 2; force++) {
            *warned = 0;
            bool elsewhere = cases[i].is == PLACE_ELSEWHERE;
            cseg_status status = raster_same_place("scene", &a, "mask", &b, force, &err);
            assert_int_equal(status, elsewhere && !force ? CSEG_DATA : CSEG_OK);
            assert_int_equal(*warned != 0, (elsewhere && force) || cases[i].is == PLACE_UNKNOWN);
        }
    }
    /* Both places are told. */
    raster_info a = {.h = H, .w = W, .bands = 1, .place = AT(100, 200, 10, -10, utm)},
                b = {.h = H, .w = W, .bands = 1, .place = AT(900, 200, 10, -10, utm_19)};
    assert_int_equal(raster_same_place("scene", &a, "mask", &b, false, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "(100, 200) to (150, 160) in WGS 84 / UTM zone 18N (EPSG:32618)"));
    assert_non_null(strstr(err.text, "(900, 200) to (950, 160) in WGS 84 / UTM zone 19N"));
    assert_non_null(strstr(err.text, "--force"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_says_where_there_are_data),
        cmocka_unit_test(masks_say_where_there_are_data),
        cmocka_unit_test(nodata_is_where_every_band_says_so),
        cmocka_unit_test(points_and_polynomials_move_with_a_window),
        cmocka_unit_test(what_a_sample_stands_for_is_kept),
        cmocka_unit_test(places_are_compared),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
