/* What a file may make GDAL do: nothing but read that file. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "io/raster/raster.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static int listener, port;

/* Nobody answers here; whoever asks is found out. */
static int set_up(void **state)
{
    (void)state;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    mem = arena_new();
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (!mem || listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &n) != 0)
        return -1;
    port = ntohs(at.sin_port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(listener);
    arena_free(mem);
    return 0;
}

static void nobody_has_called(void)
{
    int fd = accept(listener, NULL, NULL);
    assert_int_equal(fd, -1);
    assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
}

static void write_text(const char *path, const char *text)
{
    if (file_replace_bytes(path, text, strlen(text), mem, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

/* A raster of one value. */
static void write_tif(const char *path, int64_t h, int64_t w, int value)
{
    raster_spec spec = {.h = h, .w = w, .bands = 1, .type = IMAGE_U8};
    raster_writer *out;
    image m;
    assert_int_equal(image_new(h, w, 1, IMAGE_U8, &m, &err), CSEG_OK);
    memset(m.data, value, (size_t)(h * w));
    assert_int_equal(raster_create(path, &spec, mem, &out, &err), CSEG_OK);
    assert_int_equal(raster_write(out, 0, 0, 0, &m, &err), CSEG_OK);
    if (raster_commit(out, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    image_release(&m);
}

/* As raster and as image; both say `why` (and `also`). */
static void refused(const char *path, cseg_status code, const char *why, const char *also)
{
    raster *r;
    image m;
    int64_t h, w, c;
    for (int i = 0; i < 3; i++) {
        cseg_status status = i == 0   ? raster_open(path, mem, &r, &err)
                             : i == 1 ? image_read(path, IMAGE_COLOR, &m, &err)
                                      : image_probe(path, IMAGE_UNCHANGED, &h, &w, &c, &err);
        if (status != code || !strstr(err.text, why) || !strstr(err.text, also))
            fail_msg("%s, way %d: status %d, %s", path, i, status, status ? err.text : "it was read");
    }
    nobody_has_called();
}

static void opened(const char *path, int value)
{
    image m;
    if (image_read(path, IMAGE_UNCHANGED, &m, &err) != CSEG_OK)
        fail_msg("%s: %s", path, err.text);
    assert_true(image_get(&m, 0, 0, 0) == value);
    image_release(&m);
}

static const char *vrt_of(const char *source, const char *more)
{
    return arena_printf(mem,
                        "<VRTDataset rasterXSize=\"8\" rasterYSize=\"8\"><VRTRasterBand dataType=\"Byte\" band=\"1\"%s"
                        "<SimpleSource><SourceFilename relativeToVRT=\"1\">%s</SourceFilename>"
                        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>",
                        more, source);
}

static void xml_that_names_an_address_is_no_image(void **state)
{
    (void)state;
    static const char *const names[] = {"wms.png", "wms.tif", "wms.jpg", "wms.xml"};
    const char *text = arena_printf(mem,
                                    "<GDAL_WMS><Service name=\"TMS\"><ServerUrl>http://127.0.0.1:%d/${z}/${x}/${y}"
                                    "</ServerUrl></Service><DataWindow><SizeX>256</SizeX><SizeY>256</SizeY>"
                                    "<UpperLeftX>0</UpperLeftX><UpperLeftY>0</UpperLeftY><LowerRightX>1</LowerRightX>"
                                    "<LowerRightY>1</LowerRightY></DataWindow><BandsCount>3</BandsCount></GDAL_WMS>",
                                    port);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        write_text(names[i], text);
        refused(names[i], CSEG_UNSUPPORTED, "<GDAL_WMS>", "--allow-remote");
    }
    write_text("tiles.png",
               arena_printf(mem, "{\"type\": \"FeatureCollection\", \"a\": \"http://127.0.0.1:%d\"}", port));
    refused("tiles.png", CSEG_UNSUPPORTED, "JSON", "--allow-remote");
    write_text("login.png", "\n<!DOCTYPE html><html><body>Sign in</body></html>");
    refused("login.png", CSEG_CORRUPT, "HTML page", "login.png");
    write_text("any.h5", "\x89HDF\r\n\x1a\n0123456789");
    refused("any.h5", CSEG_UNSUPPORTED, "HDF5", "--allow-remote");
}

static void addresses_are_no_paths(void **state)
{
    (void)state;
    static const char *const names[] = {"/vsicurl/http://127.0.0.1:%d/a.tif", "http://127.0.0.1:%d/a.tif",
                                        "/vsizip//vsicurl/http://127.0.0.1:%d/a.zip/a.tif",
                                        "/vsizip/{/vsicurl/http://127.0.0.1:%d/a.zip}/a.tif",
                                        "WMS:http://127.0.0.1:%d/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[200];
        snprintf(name, sizeof name, names[i], port);
        refused(name, CSEG_UNSUPPORTED, "is no", "--allow-remote");
    }
    refused("/vsistdin/", CSEG_UNSUPPORTED, "is no local file", "");
    refused("/vsizip/nowhere.zip/a.tif", CSEG_NOT_FOUND, "nowhere.zip", "");
}

static void a_vrt_is_one_by_its_name(void **state)
{
    (void)state;
    write_tif("part.tif", 8, 8, 77);
    write_text("d.png", vrt_of("part.tif", ">"));
    refused("d.png", CSEG_UNSUPPORTED, "holds no pixels but a VRT", ".vrt");
    write_text("d.vrt", vrt_of("part.tif", ">"));
    opened("d.vrt", 77);
    write_text("D.VRT", vrt_of("d.vrt", ">")); /* and one of one */
    opened("D.VRT", 77);
    /* A part that is a VRT under another name is as little one. */
    write_text("e.vrt", vrt_of("d.png", ">"));
    refused("e.vrt", CSEG_UNSUPPORTED, "d.png", "e.vrt, a VRT, names it");
    write_text("loop.vrt", vrt_of("loop.vrt", ">"));
    refused("loop.vrt", CSEG_UNSUPPORTED, "more than 8 deep", "");
}

static void the_parts_of_a_vrt_are_local_rasters(void **state)
{
    (void)state;
    write_tif("part.tif", 8, 8, 77);
    static const struct {
        const char *source, *more, *why;
    } cases[] = {
        {"/vsicurl/http://127.0.0.1:%d/a.tif", ">", "no local file"},
        {"http://127.0.0.1:%d/a.tif", ">", "no local file"},
        {"vrt://part.tif?bands=1", ">", "no local file"},
        {"&lt;VRTDataset/&gt;", ">", "no local file"},
        {"MEM:::DATAPOINTER=1", ">", "no local file"},
        {"wms.tif", ">", "<GDAL_WMS>"},
        {"gone.tif", ">", "gone.tif"},
        {"part.tif", " subClass=\"VRTDerivedRasterBand\"><PixelFunctionType>sum</PixelFunctionType>",
         "VRTDerivedRasterBand"},
        {"part.tif", "><PixelFunctionLanguage>Python</PixelFunctionLanguage>", "PixelFunctionLanguage"},
        {"part.tif", " subClass=\"VRTRawRasterBand\">", "VRTRawRasterBand"},
        {"part.tif", "><OpenOptions><OOI key=\"A\">B</OOI></OpenOptions>", "OpenOptions"},
        {"part.tif",
         "><MaskBand><VRTRasterBand dataType=\"Byte\"><SimpleSource><SourceFilename>/vsicurl/x"
         "</SourceFilename></SimpleSource></VRTRasterBand></MaskBand>",
         "no local file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char source[200];
        snprintf(source, sizeof source, cases[i].source, port);
        write_text("c.vrt", vrt_of(source, cases[i].more));
        raster *r;
        cseg_status status = raster_open("c.vrt", mem, &r, &err);
        if (status == CSEG_OK || !strstr(err.text, cases[i].why) || !strstr(err.text, "c.vrt"))
            fail_msg("case %zu: %s", i, status ? err.text : "it was opened");
        nobody_has_called();
    }
}

/* A name is taken as a file's, not as what GDAL has for names of that kind. */
static void files_with_colons_are_files(void **state)
{
    (void)state;
    write_tif("secret.tif", 8, 8, 13);
    write_tif("GTIFF_DIR:1:secret.tif", 8, 8, 14);
    opened("GTIFF_DIR:1:secret.tif", 14);
    assert_int_equal(remove("GTIFF_DIR:1:secret.tif"), 0);
    opened("GTIFF_DIR:1:secret.tif", 13); /* and so where there is none */
    refused("NETCDF:secret.tif:x", CSEG_CORRUPT, "secret.tif", "");
    refused("NETCDF:gone.nc:x", CSEG_NOT_FOUND, "gone.nc", "");
}

static void what_lies_beside_is_a_raster_too(void **state)
{
    (void)state;
    write_tif("s.tif", 8, 8, 21);
    write_tif("part.tif", 8, 8, 77);
    write_text("s.tif.msk", vrt_of("part.tif", ">"));
    refused("s.tif", CSEG_UNSUPPORTED, "s.tif.msk", "no TIFF");
    assert_int_equal(remove("s.tif.msk"), 0);
    write_text("s.tif.ovr", "<GDAL_WMS></GDAL_WMS>");
    refused("s.tif", CSEG_UNSUPPORTED, "s.tif.ovr", "");
    assert_int_equal(remove("s.tif.ovr"), 0);
    write_text("s.tif.aux.xml", "<PAMDataset><Metadata domain=\"OVERVIEWS\"><MDI key=\"OVERVIEW_FILE\">"
                                "/vsicurl/http://127.0.0.1/x</MDI></Metadata></PAMDataset>");
    refused("s.tif", CSEG_UNSUPPORTED, "as its overview", "--allow-remote");
    assert_int_equal(remove("s.tif.aux.xml"), 0);
    assert_int_equal(mkfifo("s.tif.aux.xml", 0600), 0);
    refused("s.tif", CSEG_IO, "s.tif.aux.xml", "a pipe");
    assert_int_equal(remove("s.tif.aux.xml"), 0);
    opened("s.tif", 21);
}

static void pipes_devices_and_folders_are_no_rasters(void **state)
{
    (void)state;
    remove("pipe.tif");
    assert_int_equal(mkfifo("pipe.tif", 0600), 0);
    refused("pipe.tif", CSEG_IO, "is a pipe", "");
    refused("/dev/zero", CSEG_IO, "is a device", "");
    refused(".", CSEG_IO, "is a folder", "");
    remove("pipe.tif");
}

/* A TIFF of one strip: its tags, little endian, and `n` bytes of pixels. */
static void write_lying_tiff(const char *path, uint32_t side, int compression, uint32_t n)
{
    uint8_t b[512] = "II*\0\10\0\0\0";
    const uint32_t tags[][4] = {{256, 4, 1, side}, {257, 4, 1, side},
                                {258, 3, 1, 8},    {259, 3, 1, (uint32_t)compression},
                                {262, 3, 1, 1},    {273, 4, 1, n ? 8 + 2 + 9 * 12 + 4 : 0},
                                {277, 3, 1, 1},    {278, 4, 1, side},
                                {279, 4, 1, n}};
    size_t at = 8;
    b[at++] = 9;
    b[at++] = 0;
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < 4; k++) {
            int size = k < 2 ? 2 : 4;
            for (int j = 0; j < size; j++)
                b[at++] = (uint8_t)(tags[i][k] >> 8 * j);
        }
    at += 4 + n;
    assert_int_equal(file_replace_bytes(path, b, at, mem, &err), CSEG_OK);
}

static void a_header_that_lies_gets_no_memory(void **state)
{
    (void)state;
    write_lying_tiff("lie.tif", 60000, 8, 20);
    refused("lie.tif", CSEG_CORRUPT, "cannot be in its", "60000 x 60000");
    /* A sparse one is legal: its missing blocks are 0. */
    write_lying_tiff("sparse.tif", 1000, 1, 0);
    opened("sparse.tif", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xml_that_names_an_address_is_no_image),
        cmocka_unit_test(addresses_are_no_paths),
        cmocka_unit_test(a_vrt_is_one_by_its_name),
        cmocka_unit_test(the_parts_of_a_vrt_are_local_rasters),
        cmocka_unit_test(files_with_colons_are_files),
        cmocka_unit_test(what_lies_beside_is_a_raster_too),
        cmocka_unit_test(pipes_devices_and_folders_are_no_rasters),
        cmocka_unit_test(a_header_that_lies_gets_no_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
