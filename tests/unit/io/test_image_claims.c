/* Small files that claim to be large, files that are none, and reading that takes long. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "base/file.h"
#include "base/log.h"
#include "io/file_map.h"
#include "io/image/image.h"
#include "io/image/image_watch.h"
#include "io/npy.h"
#include "io/raster/raster.h"

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

static void put32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A chunk whose length may be a lie; returns the bytes it takes. */
static size_t chunk(uint8_t *to, const char *name, const void *body, size_t n, uint32_t says)
{
    put32(to, says);
    memcpy(to + 4, name, 4);
    memcpy(to + 8, body, n);
    put32(to + 8 + n, (uint32_t)crc32(0, to + 4, (uInt)(n + 4)));
    return n + 12;
}

static size_t png_begin(uint8_t *to, uint32_t w, uint32_t h, uint8_t depth, uint8_t color)
{
    uint8_t head[13] = {0};
    memcpy(to, "\x89PNG\r\n\x1a\n", 8);
    put32(head, w);
    put32(head + 4, h);
    head[8] = depth;
    head[9] = color;
    return 8 + chunk(to + 8, "IHDR", head, sizeof head, sizeof head);
}

static size_t png_end(uint8_t *to)
{
    static const uint8_t rows[64];
    uint8_t packed[128];
    uLongf n = sizeof packed;
    assert_int_equal(compress(packed, &n, rows, sizeof rows), Z_OK);
    size_t at = chunk(to, "IDAT", packed, n, (uint32_t)n);
    return at + chunk(to + at, "IEND", "", 0, 0);
}

/* The most address space that this process ever had, in MB. */
static long peak(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmPeak:", 7) == 0)
            kb = atol(line + 7);
    if (f)
        fclose(f);
    return kb >> 10;
}

/* By any way of reading, in a process of its own: as damaged, and no memory is asked for. */
static void refused_with_little_memory(const char *path)
{
    enum { MOST = 300 }; /* MB */
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        static const image_flags flags[] = {IMAGE_COLOR, IMAGE_GRAYSCALE, IMAGE_UNCHANGED,
                                            IMAGE_UNCHANGED | IMAGE_PILLOW};
        long before = peak();
        raster *r;
        image m = {0};
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
            if (image_read(path, flags[i], &m, &err) != CSEG_CORRUPT)
                _exit(1);
        (void)raster_open(path, mem, &r, &err);
        _exit(before < 0 ? 2 : peak() - before > MOST ? 3 : 0);
    }
    int how;
    assert_true(waitpid(child, &how, 0) == child);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        fail_msg("%s: %s %d", path, WIFEXITED(how) ? "exit code" : "signal", WIFEXITED(how) ? WEXITSTATUS(how) : how);
}

static void a_small_png_gets_no_memory_for_what_it_claims(void **state)
{
    (void)state;
    static const char *const names[] = {"eXIf", "tEXt", "zTXt", "iTXt", "sPLT", "iCCP", "zzZz", "tRNS"};
    uint8_t b[512];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = png_begin(b, 8, 8, 8, 2);
        n += chunk(b + n, names[i], "MM\0*abcd", 8, 0x7fffffff);
        n += png_end(b + n);
        assert_in_range(n, 80, 200);
        assert_int_equal(file_replace_bytes("chunk.png", b, n, mem, &err), CSEG_OK);
        refused_with_little_memory("chunk.png");
    }
    static const struct {
        uint32_t w, h;
        uint8_t depth, color;
    } sizes[] = {{30000, 24000, 8, 2}, {1000000, 1000000, 1, 0}, {60000, 60000, 1, 3}, {1000000, 200, 16, 6}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t n = png_begin(b, sizes[i].w, sizes[i].h, sizes[i].depth, sizes[i].color);
        n += png_end(b + n);
        assert_int_equal(file_replace_bytes("size.png", b, n, mem, &err), CSEG_OK);
        refused_with_little_memory("size.png");
    }
}

static void other_formats_get_none_either(void **state)
{
    (void)state;
    static const char pnm[] = "P6\n30000 24000\n255\n0123456789";
    uint8_t bmp[64] = "BM\x40";
    assert_int_equal(file_replace_bytes("lie.ppm", pnm, sizeof pnm, mem, &err), CSEG_OK);
    refused_with_little_memory("lie.ppm");
    bmp[10] = 54;
    bmp[14] = 40;
    bmp[18] = 0x30, bmp[19] = 0x75; /* 30000 */
    bmp[22] = 0x30, bmp[23] = 0x75;
    bmp[26] = 1;
    bmp[28] = 24;
    assert_int_equal(file_replace_bytes("lie.bmp", bmp, sizeof bmp, mem, &err), CSEG_OK);
    refused_with_little_memory("lie.bmp");
    static const char gif[] = "GIF89a\x60\xea\x60\xea\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x60\xea\x60\xea\0\2\1D\0;";
    assert_int_equal(file_replace_bytes("lie.gif", gif, sizeof gif - 1, mem, &err), CSEG_OK);
    refused_with_little_memory("lie.gif");
    /* What is no claim but a picture is read. */
    static const char small[] = "P5\n2 1\n255\n\7\11";
    image m;
    assert_int_equal(file_replace_bytes("good.pgm", small, sizeof small - 1, mem, &err), CSEG_OK);
    if (image_read("good.pgm", IMAGE_GRAYSCALE, &m, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    assert_memory_equal(m.data, "\7\11", 2);
    image_release(&m);
}

/* None of these returns if it waits for a writer. */
static void a_pipe_is_not_waited_for(void **state)
{
    (void)state;
    char *text;
    const uint8_t *bytes;
    size_t n;
    image m;
    int64_t h, w, c;
    unlink("pipe");
    assert_int_equal(mkfifo("pipe", 0600), 0);
    alarm(20);
    const cseg_status got[] = {file_read("pipe", 0, mem, &text, &n, &err), file_map("pipe", mem, &bytes, &n, &err),
                               image_read("pipe", IMAGE_COLOR, &m, &err),
                               image_read_later("pipe", IMAGE_COLOR, &m, &err),
                               image_probe("pipe", IMAGE_COLOR, &h, &w, &c, &err)};
    alarm(0);
    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        assert_int_equal(got[i], CSEG_IO);
    assert_string_equal(err.text, "pipe: is a pipe, not a file; write what comes out of it to a file first");
    assert_int_equal(file_read("/dev/null", 0, mem, &text, &n, &err), CSEG_IO);
    assert_string_equal(err.text, "/dev/null: is a device, not a file");
    assert_int_equal(file_map(".", mem, &bytes, &n, &err), CSEG_IO);
    assert_string_equal(err.text, ".: is a folder, not a file");
    unlink("pipe");
}

/* ---- long reading -------------------------------------------------------------------------------------------- */

static char said[1000];
static int lines;

static void keep(void *arg, log_level level, const char *text)
{
    (void)arg;
    assert_int_equal(level, LOG_INFO);
    lines++;
    snprintf(said, sizeof said, "%s", text);
}

static bool yes(void *arg)
{
    ++*(int *)arg;
    return true;
}

static void long_reading_is_told_once_and_can_be_stopped(void **state)
{
    (void)state;
    image_watch w;
    int questions = 0;
    log_set_sink(keep, NULL);
    image_watch_stop(yes, &questions);
    /* What is read at once is no matter for words, nor for questions. */
    image_watch_begin(&w, "small.png", 1000, 1000, 1000);
    for (int64_t y = 1; y <= 1000; y++)
        assert_false(image_watch_row(&w, y));
    assert_int_equal(lines + questions, 0);
    /* A tenth is done after three seconds: 27 are left. */
    image_watch_begin(&w, "large.png", 20000, 60000, 20000);
    w.began -= 3.0;
    assert_true(image_watch_row(&w, 2000));
    assert_int_equal(questions, 1);
    assert_int_equal(lines, 1);
    assert_non_null(strstr(said, "reading large.png: 60000 x 20000 pixels, about 2"));
    assert_int_equal(image_watch_fail(&w, &err), CSEG_INTERRUPTED);
    /* The same file again. */
    image_watch_begin(&w, "large.png", 20000, 60000, 20000);
    w.began -= 3.0;
    assert_true(image_watch_row(&w, 2000));
    assert_int_equal(lines, 1);
    image_watch_stop(NULL, NULL);
    w.next = 0;
    assert_false(image_watch_row(&w, 3000));
    log_set_sink(NULL, NULL);
}

/* Those that go row by row. */
static void every_decoder_can_be_stopped(void **state)
{
    (void)state;
    static const char *const names[] = {"deep.png", "all.jpg", "all.tif"};
    image deep, all, back;
    raster_writer *w;
    assert_int_equal(image_new(2000, 1500, 3, IMAGE_U16, &deep, &err), CSEG_OK);
    assert_int_equal(image_new(2000, 1500, 3, IMAGE_U8, &all, &err), CSEG_OK);
    assert_int_equal(image_write(names[0], &deep, NULL, &err), CSEG_OK);
    assert_int_equal(image_write(names[1], &all, NULL, &err), CSEG_OK);
    assert_int_equal(
        raster_create(names[2], &(raster_spec){.h = 2000, .w = 1500, .bands = 3, .type = IMAGE_U8}, mem, &w, &err),
        CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &all, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    image_release(&deep);
    image_release(&all);
    for (size_t i = 0; i < 3; i++) {
        int questions = 0;
        image_watch_stop(yes, &questions);
        assert_int_equal(image_read(names[i], IMAGE_UNCHANGED, &back, &err), CSEG_OK);
        image_release(&back);
        assert_int_equal(questions, 0);
        image_watch_patience(0.0);
        cseg_status status = image_read(names[i], IMAGE_UNCHANGED, &back, &err);
        image_watch_patience(2.0);
        image_watch_stop(NULL, NULL);
        if (status != CSEG_INTERRUPTED || back.data || questions != 1)
            fail_msg("%s: status %d after %d questions", names[i], status, questions);
        assert_non_null(strstr(err.text, "reading its 1500 x 2000 pixels was stopped"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_png_gets_no_memory_for_what_it_claims),
        cmocka_unit_test(other_formats_get_none_either),
        cmocka_unit_test(a_pipe_is_not_waited_for),
        cmocka_unit_test(long_reading_is_told_once_and_can_be_stopped),
        cmocka_unit_test(every_decoder_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
