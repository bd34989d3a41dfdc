/* A JPEG within a GeoTIFF whose data end early: GDAL paints gray there and only warns. Refused, as JPEG files are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cpl_string.h>
#include <gdal.h>

#include "base/file.h"
#include "io/image/image.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { SIDE = 256 };
static cseg_error err;
static arena *mem;
/* false: this GDAL writes no JPEG within TIFF. */
static bool write_jpeg_tiff(const char *path)
{
    static uint8_t bytes[SIDE * SIDE];
    gdal_scope scope;
    for (int i = 0; i < SIDE * SIDE; i++)
        bytes[i] = (uint8_t)((int64_t)i * i / 7 + i);
    gdal_begin(&scope);
    char **options = CSLSetNameValue(NULL, "COMPRESS", "JPEG");
    GDALDatasetH set = GDALCreate(GDALGetDriverByName("GTiff"), path, SIDE, SIDE, 1, GDT_Byte, options);
    bool good = set && GDALDatasetRasterIO(set, GF_Write, 0, 0, SIDE, SIDE, bytes, SIDE, SIDE, GDT_Byte, 1, NULL, 0, 0,
                                           0) == CE_None;
    if (set)
        GDALClose(set);
    CSLDestroy(options);
    gdal_end(&scope);
    return good;
}

static void pixels_that_were_made_up_are_refused(void **state)
{
    (void)state;
    char *bytes;
    size_t n;
    image m = {0};
    if (!write_jpeg_tiff("doubt.tif"))
        skip();
    assert_int_equal(image_read("doubt.tif", IMAGE_UNCHANGED, &m, &err), CSEG_OK);
    image_release(&m);
    assert_int_equal(file_read("doubt.tif", 0, mem, &bytes, &n, &err), CSEG_OK);
    bytes[n / 2] = (char)0xff; /* "end of image", in the midst of a strip */
    bytes[n / 2 + 1] = (char)0xd9;
    assert_int_equal(file_replace_bytes("doubt.tif", bytes, n, mem, &err), CSEG_OK);
    assert_int_equal(image_read("doubt.tif", IMAGE_UNCHANGED, &m, &err), CSEG_CORRUPT);
    if (!strstr(err.text, "doubt.tif: cannot read its pixels (truncated or damaged?)") || !strstr(err.text, "JPEG"))
        fail_msg("%s", err.text);
    unlink("doubt.tif");
}

/* Bytes within a JPEG that belong to nothing: no pixel is lost. */
static void other_doubts_are_told_of(void **state)
{
    (void)state;
    gdal_scope scope;
    gdal_begin(&scope);
    CPLError(CE_Warning, CPLE_AppDefined, "Corrupt JPEG data: 3 extraneous bytes before marker 0xd9");
    CPLError(CE_Warning, CPLE_AppDefined, "another");
    gdal_end(&scope);
    assert_string_equal(scope.text, "");
    assert_string_equal(scope.doubt, "Corrupt JPEG data: 3 extraneous bytes before marker 0xd9");
    gdal_begin(&scope);
    CPLError(CE_Warning, CPLE_AppDefined, "JPEGLib:Premature end of JPEG file");
    gdal_end(&scope);
    assert_string_equal(scope.text, "JPEGLib:Premature end of JPEG file");
}

static int set_up(void **state)
{
    (void)state;
    return (mem = arena_new()) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_that_were_made_up_are_refused),
        cmocka_unit_test(other_doubts_are_told_of),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
