#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "base/str.h"
#include "io/image/image.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;

static const char *data_root(void)
{
    const char *d = getenv("CSEG_DATA");
    return d ? d : SOURCE_DIR "/../shared/data";
}

static char *path_of(arena *mem, const char *name)
{
    if (str_starts(name, "camvid/"))
        return path_join(mem, data_root(), name);
    return path_join(mem, TEST_DATA "/io", name);
}

static image_flags flags_of(const char *mode)
{
    if (strcmp(mode, "color") == 0)
        return IMAGE_COLOR;
    if (strcmp(mode, "grayscale") == 0)
        return IMAGE_GRAYSCALE;
    if (strcmp(mode, "unchanged") == 0)
        return IMAGE_UNCHANGED;
    if (strcmp(mode, "pillow") == 0)
        return IMAGE_UNCHANGED | IMAGE_PILLOW;
    assert_string_equal(mode, "color_ignore_orientation");
    return IMAGE_COLOR | IMAGE_IGNORE_ORIENTATION;
}

static bool check_line(arena *mem, char *line)
{
    char *name = strtok(line, "\t"), *mode = strtok(NULL, "\t"), *h = strtok(NULL, "\t\n");
    char *path = path_of(mem, name);
    image m;
    if (!file_exists(path)) {
        assert_true(str_starts(name, "camvid/"));
        return false;
    }
    cseg_status status = image_read(path, flags_of(mode), &m, &err);
    if (strcmp(h, "refused") == 0) {
        assert_int_equal(status, CSEG_UNSUPPORTED);
        return true;
    }
    if (status != CSEG_OK)
        fail_msg("%s %s: %s", name, mode, err.text);
    long w = atol(strtok(NULL, "\t")), c = atol(strtok(NULL, "\t"));
    const char *type = strtok(NULL, "\t"), *hash = strtok(NULL, "\t\n");
    char got[32];
    snprintf(got, sizeof got, "%016llx", str_fnv1a64(m.data, image_bytes(&m)));
    if (m.h != atol(h) || m.w != w || m.c != c || strcmp(image_type_name(m.type), type) != 0 || strcmp(got, hash) != 0)
        fail_msg("%s %s: %lld x %lld x %lld %s %s, the reference has %s x %ld x %ld %s %s", name, mode, (long long)m.h,
                 (long long)m.w, (long long)m.c, image_type_name(m.type), got, h, w, c, type, hash);
    int64_t ph, pw, pc;
    assert_int_equal(image_probe(path, flags_of(mode), &ph, &pw, &pc, &err), CSEG_OK);
    assert_true(ph == m.h && pw == m.w && pc == m.c);
    image_release(&m);
    return true;
}

static void every_kind_decodes_as_the_reference_does(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char line[512];
    int checked = 0, missing = 0;
    FILE *f = fopen(TEST_DATA "/io/images.tsv", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        check_line(mem, line) ? checked++ : missing++;
    fclose(f);
    if (missing)
        print_message("skipped: %d images of CamVid, which is not under %s\n", missing, data_root());
    assert_in_range(checked, 178, 1000);
    arena_free(mem);
}

static void rgb_order_is_the_other_order(void **state)
{
    (void)state;
    static const char *const names[] = {"rgb_sub2.jpg", "rgb.png", "rgba.png", "rgb.tif", "cmyk.jpg"};
    arena *mem = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int flags = IMAGE_COLOR; flags <= IMAGE_UNCHANGED; flags += IMAGE_UNCHANGED) {
            image a, b;
            char *path = path_join(mem, TEST_DATA "/io/images", names[i]);
            assert_int_equal(image_read(path, (image_flags)flags, &a, &err), CSEG_OK);
            assert_int_equal(image_read(path, (image_flags)flags | IMAGE_RGB, &b, &err), CSEG_OK);
            assert_memory_not_equal(a.data, b.data, image_bytes(&a));
            image_swap_red_blue(&a);
            assert_memory_equal(a.data, b.data, image_bytes(&a));
            image_release(&a);
            image_release(&b);
        }
    arena_free(mem);
}

/* A shorter file is never taken for a whole one. The end markers alone may be missing in JPEG's and PNG's last bytes,
 * where all pixels are there; that too is an error. */
static void truncation_is_found_at_every_byte(void **state)
{
    (void)state;
    static const char *const names[] = {"orientation6.jpg", "progressive.jpg", "orientation6.png", "palette4.png",
                                        "interlaced.png",   "gray16.png",      "rgb.bmp"};
    arena *mem = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *bytes, *path = path_join(mem, TEST_DATA "/io/images", names[i]);
        size_t n;
        assert_int_equal(file_read(path, 0, mem, &bytes, &n, &err), CSEG_OK);
        for (size_t cut = 0; cut < n; cut++) {
            image m;
            char *part = malloc(cut + 1); /* its own block, so that reading on is seen by the sanitizer */
            memcpy(part, bytes, cut);
            part = realloc(part, cut ? cut : 1);
            if (image_decode(part, cut, "part", IMAGE_COLOR, &m, &err) != CSEG_CORRUPT)
                fail_msg("%s cut at byte %zu of %zu is accepted", names[i], cut, n);
            assert_null(m.data);
            free(part);
        }
    }
    arena_free(mem);
}

static void damage_never_crashes(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char **names;
    size_t count, n;
    assert_int_equal(dir_list(TEST_DATA "/io/images", NULL, false, mem, &names, &count, &err), CSEG_OK);
    for (size_t i = 0; i < count; i++) {
        char *bytes;
        assert_int_equal(file_read(path_join(mem, TEST_DATA "/io/images", names[i]), 0, mem, &bytes, &n, &err),
                         CSEG_OK);
        for (size_t at = 0; at < n; at += n / 50 + 1) {
            image m;
            bytes[at] ^= 0x55;
            cseg_status status = image_decode(bytes, n, "damaged", IMAGE_UNCHANGED, &m, &err);
            assert_true(status == CSEG_OK || (!m.data && err.text[0]));
            image_release(&m);
            bytes[at] ^= 0x55;
        }
    }
    arena_free(mem);
}

static void sizes_that_lie_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char *bytes;
    size_t n;
    image m;
    assert_int_equal(file_read(TEST_DATA "/io/images/rgb_sub0.jpg", 0, mem, &bytes, &n, &err), CSEG_OK);
    unsigned char *p = (unsigned char *)bytes;
    for (size_t i = 0; i + 9 < n; i++)
        if (p[i] == 0xff && p[i + 1] == 0xc0)
            memset(p + i + 5, 0xf0, 4);
    assert_int_equal(image_decode(bytes, n, "liar.jpg", IMAGE_COLOR, &m, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "liar.jpg: truncated JPEG: 61680 x 61680 pixels"));
    arena_free(mem);
}

/* The first scan of a good progressive file, again and again: small files must not cost hours. */
static void endless_scans_are_refused(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char *bytes;
    size_t n, scan = 0, end;
    image m;
    assert_int_equal(file_read(TEST_DATA "/io/images/progressive.jpg", 0, mem, &bytes, &n, &err), CSEG_OK);
    while (memcmp(bytes + scan, "\xff\xda", 2) != 0)
        scan++;
    for (end = scan + 2; bytes[end] != '\xff' || bytes[end + 1] == 0;)
        end++;
    strbuf b = {.mem = mem};
    strbuf_addn(&b, bytes, scan);
    for (int i = 0; i < 600; i++)
        strbuf_addn(&b, bytes + scan, end - scan);
    strbuf_addn(&b, bytes + end, n - end);
    assert_false(b.failed);
    assert_int_equal(image_decode(b.text, b.n, "scans.jpg", IMAGE_COLOR, &m, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "more than 500 scans"));
    arena_free(mem);
}

static void missing_and_odd_files_have_clear_messages(void **state)
{
    (void)state;
    image m;
    assert_int_equal(image_read("/nowhere/a.png", IMAGE_COLOR, &m, &err), CSEG_NOT_FOUND);
    assert_int_equal(image_read(TEST_DATA, IMAGE_COLOR, &m, &err), CSEG_IO);
    assert_non_null(strstr(err.text, "is a folder"));
    assert_int_equal(image_read(TEST_DATA "/io/images.tsv", IMAGE_COLOR, &m, &err), CSEG_CORRUPT);
    assert_non_null(strstr(err.text, "images.tsv"));
}

static void written_png_is_read_back_equal(void **state)
{
    (void)state;
    for (int type = IMAGE_U8; type <= IMAGE_U16; type++)
        for (int c = 1; c <= 4; c++) {
            image m, back;
            image_save how = {.rgb = true};
            assert_int_equal(image_new(5, 7, c, (image_type)type, &m, &err), CSEG_OK);
            for (size_t i = 0; i < image_bytes(&m); i++)
                ((uint8_t *)m.data)[i] = (uint8_t)(i * 37);
            assert_int_equal(image_write("t.png", &m, &how, &err), CSEG_OK);
            assert_int_equal(image_read("t.png", IMAGE_UNCHANGED | IMAGE_RGB, &back, &err), CSEG_OK);
            if (c != 2) { /* gray with alpha comes back as colour with alpha, as in cv2 */
                assert_int_equal(back.c, c);
                assert_memory_equal(back.data, m.data, image_bytes(&m));
            }
            image_release(&m);
            image_release(&back);
        }
    remove("t.png");
}

static void palette_png_keeps_indices(void **state)
{
    (void)state;
    static const uint8_t palette[] = {0, 0, 0, 250, 10, 20, 3, 5, 7};
    image m, back;
    image_save how = {.palette = palette, .palette_n = 3};
    assert_int_equal(image_new(2, 3, 1, IMAGE_U8, &m, &err), CSEG_OK);
    memcpy(m.data, "\0\1\2\2\1\0", 6);
    assert_int_equal(image_write("t.png", &m, &how, &err), CSEG_OK);
    assert_int_equal(image_read("t.png", IMAGE_UNCHANGED | IMAGE_PILLOW, &back, &err), CSEG_OK);
    assert_int_equal(back.c, 1);
    assert_memory_equal(back.data, m.data, 6);
    image_release(&back);
    assert_int_equal(image_read("t.png", IMAGE_COLOR | IMAGE_RGB, &back, &err), CSEG_OK);
    assert_memory_equal(back.data, "\0\0\0\372\12\24\3\5\7\3\5\7\372\12\24\0\0\0", 18);
    image_release(&back);
    ((uint8_t *)m.data)[4] = 3;
    assert_int_equal(image_write("u.png", &m, &how, &err), CSEG_DATA);
    assert_non_null(strstr(err.text, "pixel (1, 1) has index 3"));
    assert_false(file_exists("u.png"));
    image_release(&m);
    remove("t.png");
}

static void written_jpeg_is_near(void **state)
{
    (void)state;
    image m, back;
    assert_int_equal(image_new(32, 48, 3, IMAGE_U8, &m, &err), CSEG_OK);
    for (int y = 0; y < 32; y++)
        for (int x = 0; x < 48; x++)
            memcpy(image_at(&m, y, x), (uint8_t[]){(uint8_t)(x * 5), (uint8_t)(y * 7), 40}, 3);
    assert_int_equal(image_write("t.jpg", &m, NULL, &err), CSEG_OK);
    assert_int_equal(image_read("t.jpg", IMAGE_COLOR, &back, &err), CSEG_OK);
    for (size_t i = 0; i < image_bytes(&m); i++)
        assert_in_range(abs(((uint8_t *)m.data)[i] - ((uint8_t *)back.data)[i]), 0, 12);
    image_release(&m);
    image_release(&back);
    remove("t.jpg");
}

static void conversion_rounds_and_clamps(void **state)
{
    (void)state;
    static const float from[] = {-3, 0.5f, 1.5f, 254.6f, 300, 70000};
    image f = {.h = 1, .w = 6, .c = 1, .type = IMAGE_F32, .data = (void *)from}, m;
    assert_int_equal(image_convert(&f, IMAGE_U8, &m, &err), CSEG_OK);
    assert_memory_equal(m.data, "\0\0\2\377\377\377", 6);
    image_release(&m);
    assert_int_equal(image_convert(&f, IMAGE_I16, &m, &err), CSEG_OK);
    assert_int_equal((int)image_get(&m, 0, 0, 0), -3);
    assert_int_equal((int)image_get(&m, 0, 5, 0), 32767);
    image_release(&m);
    assert_int_equal(image_new(1, 0, 3, IMAGE_U8, &m, &err), CSEG_SHAPE);
    assert_int_equal(image_new(INT64_MAX, INT64_MAX, 3, IMAGE_U8, &m, &err), CSEG_SHAPE);
}

/* A file size limit stands for a full disk: the write fails in the same way. */
static void a_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    image m;
    char *bytes;
    size_t n;
    arena *mem = arena_new();
    struct rlimit old, small;
    assert_int_equal(image_new(200, 200, 3, IMAGE_U8, &m, &err), CSEG_OK);
    for (size_t i = 0; i < image_bytes(&m); i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i * i >> 5);
    static const char *const names[] = {"full.png", "full.jpg"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(file_replace_bytes(names[i], "old", 3, mem, &err), CSEG_OK);
        signal(SIGXFSZ, SIG_IGN);
        getrlimit(RLIMIT_FSIZE, &old);
        small = old;
        small.rlim_cur = 4096;
        setrlimit(RLIMIT_FSIZE, &small);
        cseg_status status = image_write(names[i], &m, NULL, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        assert_int_equal(status, CSEG_IO);
        assert_non_null(strstr(err.text, names[i]));
        assert_int_equal(file_read(names[i], 0, mem, &bytes, &n, &err), CSEG_OK);
        assert_string_equal(bytes, "old");
        remove(names[i]);
    }
    image_release(&m);
    arena_free(mem);
}

static void every_failing_allocation_is_reported(void **state)
{
    (void)state;
    static const char *const names[] = {"orientation6.jpg", "cmyk.jpg", "palette4.png", "palette.tif", "rgb16.tif"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/io/images/%s", TEST_DATA, names[i]);
        cseg_status status = CSEG_NO_MEMORY;
        int failures = 0;
        for (long nth = 1; status != CSEG_OK; nth++) {
            image m;
            mem_fail_at(nth);
            status = image_read(path, IMAGE_COLOR, &m, &err);
            mem_fail_at(0);
            if (status != CSEG_OK) {
                assert_int_equal(status, CSEG_NO_MEMORY);
                assert_null(m.data);
                failures++;
            }
            image_release(&m);
        }
        assert_in_range(failures, 2, 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_decodes_as_the_reference_does),
        cmocka_unit_test(rgb_order_is_the_other_order),
        cmocka_unit_test(truncation_is_found_at_every_byte),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(sizes_that_lie_are_refused_before_memory_is_taken),
        cmocka_unit_test(endless_scans_are_refused),
        cmocka_unit_test(missing_and_odd_files_have_clear_messages),
        cmocka_unit_test(written_png_is_read_back_equal),
        cmocka_unit_test(palette_png_keeps_indices),
        cmocka_unit_test(written_jpeg_is_near),
        cmocka_unit_test(conversion_rounds_and_clamps),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(every_failing_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
