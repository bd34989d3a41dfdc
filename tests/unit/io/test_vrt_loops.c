/* VRTs that name each other so often that no time is enough to read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;

/* A VRT of one band that names `part` n times. */
static void write_vrt(const char *path, const char *part, int n, arena *mem)
{
    strbuf b = {.mem = mem};
    strbuf_add(&b, "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><VRTRasterBand dataType=\"Byte\" band=\"1\">");
    for (int i = 0; i < n; i++)
        strbuf_addf(&b,
                    "<SimpleSource><SourceFilename relativeToVRT=\"1\">%s</SourceFilename><SourceBand>1</SourceBand>"
                    "</SimpleSource>",
                    part);
    strbuf_add(&b, "</VRTRasterBand></VRTDataset>");
    assert_false(b.failed);
    assert_int_equal(file_replace_bytes(path, b.text, b.n, mem, &err), CSEG_OK);
}

static void write_tif(const char *path, arena *mem)
{
    raster_spec spec = {.h = 8, .w = 8, .bands = 1, .type = IMAGE_U8};
    raster_writer *out;
    image m;
    assert_int_equal(image_new(8, 8, 1, IMAGE_U8, &m, &err), CSEG_OK);
    memset(m.data, 7, 64);
    assert_int_equal(raster_create(path, &spec, mem, &out, &err), CSEG_OK);
    assert_int_equal(raster_write(out, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(out, &err), CSEG_OK);
    image_release(&m);
}

/* fan0 names fan1 n times, and so on: the last of `levels` names the raster. */
static void write_fan(int levels, int n, arena *mem)
{
    for (int i = 0; i < levels; i++) {
        char *name = arena_printf(mem, "fan%d.vrt", i), *next = arena_printf(mem, "fan%d.vrt", i + 1);
        assert_true(name && next);
        write_vrt(name, i + 1 < levels ? next : "leaf.tif", n, mem);
    }
}

static cseg_status open_it(const char *path, arena *mem)
{
    raster *r;
    cseg_status status = raster_open(path, mem, &r, &err);
    if (status == CSEG_OK)
        raster_close(r);
    return status;
}

static void parts_count_as_often_as_they_are_read(void **state)
{
    (void)state;
    arena *mem = arena_new();
    write_tif("leaf.tif", mem);
    write_fan(6, 100, mem); /* a hundred thousand million parts */
    assert_int_equal(open_it("fan0.vrt", mem), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "a VRT of more than 10000000 parts"));
    assert_int_equal(open_it("fan3.vrt", mem), CSEG_OK); /* a million */
    arena_free(mem);
}

static void depth_is_that_of_the_deepest(void **state)
{
    (void)state;
    arena *mem = arena_new();
    write_tif("leaf.tif", mem);
    write_fan(8, 2, mem);
    assert_int_equal(open_it("fan0.vrt", mem), CSEG_OK);
    write_fan(9, 2, mem);
    assert_int_equal(open_it("fan0.vrt", mem), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "more than 8 deep"));
    /* One that was looked at near the surface is no less deep when it is met again further down. */
    write_vrt("once.vrt", "fan1.vrt", 1, mem);
    strbuf b = {.mem = mem};
    strbuf_add(&b, "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><VRTRasterBand dataType=\"Byte\" band=\"1\">");
    for (int i = 0; i < 2; i++)
        strbuf_addf(&b,
                    "<SimpleSource><SourceFilename relativeToVRT=\"1\">%s</SourceFilename><SourceBand>1</SourceBand>"
                    "</SimpleSource>",
                    i ? "once.vrt" : "fan2.vrt");
    strbuf_add(&b, "</VRTRasterBand></VRTDataset>");
    assert_int_equal(file_replace_bytes("both.vrt", b.text, b.n, mem, &err), CSEG_OK);
    assert_int_equal(open_it("both.vrt", mem), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "more than 8 deep"));
    arena_free(mem);
}

static void loops_end(void **state)
{
    (void)state;
    arena *mem = arena_new();
    write_vrt("self.vrt", "self.vrt", 1000, mem);
    assert_int_equal(open_it("self.vrt", mem), CSEG_UNSUPPORTED);
    write_vrt("there.vrt", "back.vrt", 1000, mem);
    write_vrt("back.vrt", "there.vrt", 1000, mem);
    assert_int_equal(open_it("there.vrt", mem), CSEG_UNSUPPORTED);
    assert_non_null(strstr(err.text, "more than 8 deep"));
    arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_count_as_often_as_they_are_read),
        cmocka_unit_test(depth_is_that_of_the_deepest),
        cmocka_unit_test(loops_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
