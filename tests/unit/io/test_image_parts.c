/* The short ways of decoding give what the long ones give: plain PNG files without libpng, and parts of a JPEG. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/random.h"
#include "io/image/image_codec.h"

#include <cmocka.h> /* last: it makes fail() a macro */

static cseg_error err;

/* ---- PNG ---- */

typedef struct bytes {
    uint8_t at[1 << 16];
    size_t n;
} bytes;

static void put32(bytes *b, uint32_t v)
{
    for (int i = 3; i >= 0; i--)
        b->at[b->n++] = (uint8_t)(v >> (8 * i));
}

static void put_chunk(bytes *b, const char *name, const uint8_t *data, size_t n)
{
    put32(b, (uint32_t)n);
    size_t begin = b->n;
    memcpy(b->at + b->n, name, 4);
    if (n)
        memcpy(b->at + b->n + 4, data, n);
    b->n += 4 + n;
    put32(b, (uint32_t)crc32(0, b->at + begin, (uInt)(b->n - begin)));
}

typedef struct png_case {
    int w, h, color, depth, pieces;
    const char *extra; /* name of a chunk in front of the data, or NULL */
    bool smooth;       /* long runs of zeros, as in label maps */
} png_case;

/* A file whose rows have all the filters, over bytes that mean nothing. */
static void write_png(const png_case *c, uint64_t seed, bytes *out)
{
    static uint8_t rows[1 << 15], packed[1 << 16];
    rng r = rng_derive(seed, 1, 2);
    size_t row = ((size_t)c->w * (size_t)c->depth * (c->color == 2 ? 3 : 1) + 7) / 8, n = 0;
    for (int y = 0; y < c->h; y++) {
        rows[n++] = (uint8_t)rng_below(&r, 5);
        int64_t run = 0;
        for (size_t i = 0; i < row; i++) {
            if (run-- <= 0 && c->smooth)
                run = rng_below(&r, 60);
            rows[n++] = c->smooth && run > 0 ? 0 : (uint8_t)rng_below(&r, 256);
        }
    }
    uLongf length = sizeof packed;
    assert_int_equal(compress2(packed, &length, rows, (uLong)n, 6), Z_OK);
    uint8_t palette[768] = {0};
    out->n = 8;
    memcpy(out->at, "\x89PNG\r\n\x1a\n", 8);
    uint8_t head[13] = {0, 0, 0, (uint8_t)c->w, 0, 0, 0, (uint8_t)c->h, (uint8_t)c->depth, (uint8_t)c->color};
    put_chunk(out, "IHDR", head, sizeof head);
    if (c->color == 3)
        put_chunk(out, "PLTE", palette, sizeof palette);
    if (c->extra)
        put_chunk(out, c->extra, (const uint8_t *)"abc", 3);
    for (int i = 0; i < c->pieces; i++) {
        size_t begin = length * (size_t)i / (size_t)c->pieces, end = length * (size_t)(i + 1) / (size_t)c->pieces;
        put_chunk(out, "IDAT", packed + begin, end - begin);
    }
    put_chunk(out, "IEND", NULL, 0);
}

static bool is_plain(const bytes *b, image_flags flags, image *out)
{
    /* in a block of its own, so that reading on is seen by the sanitizer */
    uint8_t *copy = malloc(b->n);
    assert_non_null(copy);
    memcpy(copy, b->at, b->n);
    *out = (image){0};
    bool plain = image_png_decode_plain(&(image_bytes_in){copy, b->n, "plain"}, flags, out);
    free(copy);
    return plain;
}

static void check_png(png_case c, image_flags flags, uint64_t seed)
{
    static bytes file;
    image plain, other;
    write_png(&c, seed, &file);
    if (!is_plain(&file, flags, &plain))
        fail_msg("%d x %d, colour type %d: is no plain file", c.w, c.h, c.color);
    c.extra = "prVt"; /* unknown, so that libpng decodes */
    write_png(&c, seed, &file);
    assert_false(is_plain(&file, flags, &other));
    assert_int_equal(image_decode(file.at, file.n, "other", flags, &other, &err), CSEG_OK);
    assert_true(plain.h == other.h && plain.w == other.w && plain.c == other.c && plain.type == other.type);
    if (memcmp(plain.data, other.data, image_bytes(&plain)) != 0)
        fail_msg("%d x %d, colour type %d, seed %llu: other pixels than libpng's", c.w, c.h, c.color,
                 (unsigned long long)seed);
    image_release(&plain);
    image_release(&other);
}

static void plain_png_is_what_libpng_makes_of_it(void **state)
{
    (void)state;
    const image_flags labels = IMAGE_UNCHANGED | IMAGE_PILLOW;
    for (int w = 1; w < 70; w += w < 20 ? 1 : 7)
        for (int pieces = 1; pieces <= 3; pieces++) {
            png_case c = {.w = w, .h = 23, .depth = 8, .pieces = pieces, .smooth = w % 2};
            check_png(c, labels, (uint64_t)w);
            check_png(c, IMAGE_GRAYSCALE, (uint64_t)w);
            check_png(c, IMAGE_UNCHANGED, (uint64_t)w);
            c.color = 3;
            check_png(c, labels, (uint64_t)w);
            c.color = 2;
            check_png(c, IMAGE_COLOR, (uint64_t)w);
            check_png(c, IMAGE_UNCHANGED | IMAGE_RGB, (uint64_t)w);
        }
    for (uint64_t seed = 0; seed < 40; seed++)
        check_png((png_case){.w = 200, .h = 100, .depth = 8, .pieces = 1, .smooth = true}, labels, seed);
}

static void other_png_is_left_to_libpng(void **state)
{
    (void)state;
    static const struct {
        png_case c;
        image_flags flags;
    } cases[] = {
        {{.w = 9, .h = 9, .depth = 4, .pieces = 1}, IMAGE_UNCHANGED | IMAGE_PILLOW},
        {{.w = 9, .h = 9, .depth = 16, .pieces = 1}, IMAGE_UNCHANGED | IMAGE_PILLOW},
        {{.w = 9, .h = 9, .depth = 8, .pieces = 1}, IMAGE_COLOR},             /* gray repeated */
        {{.w = 9, .h = 9, .depth = 8, .pieces = 1, .color = 3}, IMAGE_COLOR}, /* the palette's colours */
        {{.w = 9, .h = 9, .depth = 8, .pieces = 1, .color = 2}, IMAGE_GRAYSCALE},
        {{.w = 9, .h = 9, .depth = 8, .pieces = 1, .extra = "eXIf"}, IMAGE_GRAYSCALE}, /* may be turned */
        {{.w = 9, .h = 9, .depth = 8, .pieces = 1, .extra = "tRNS"}, IMAGE_UNCHANGED},
    };
    static bytes file;
    image m;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_png(&cases[i].c, i, &file);
        assert_false(is_plain(&file, cases[i].flags, &m));
        assert_null(m.data);
    }
    png_case harmless = {.w = 9, .h = 9, .depth = 8, .pieces = 1, .extra = "tEXt"};
    write_png(&harmless, 1, &file);
    assert_true(is_plain(&file, IMAGE_UNCHANGED, &m));
    image_release(&m);
}

static void no_damaged_png_is_plain(void **state)
{
    (void)state;
    static bytes file, part;
    image m;
    write_png(&(png_case){.w = 20, .h = 12, .depth = 8, .pieces = 2, .color = 2}, 5, &file);
    for (size_t i = 8; i < file.n; i++) {
        part = file;
        part.at[i] ^= (uint8_t)(1 << i % 8);
        if (is_plain(&part, IMAGE_COLOR, &m))
            fail_msg("a wrong byte %zu of %zu is not seen", i, file.n);
        part = file;
        part.n = i;
        if (is_plain(&part, IMAGE_COLOR, &m))
            fail_msg("a file cut at byte %zu of %zu is taken for whole", i, file.n);
    }
}

/* ---- parts of a JPEG ---- */

static const char *const jpegs[] = {"keep_rgb.jpg", "rgb_sub0.jpg", "rgb_sub1.jpg", "rgb_sub2.jpg", "gray.jpg"};

static void check_part(const image *later, const image *whole, rng *r, const char *name)
{
    int64_t h = 1 + rng_below(r, whole->h), w = 1 + rng_below(r, whole->w);
    int64_t y = rng_below(r, whole->h - h + 1), x = rng_below(r, whole->w - w + 1);
    image part;
    assert_int_equal(image_decode_part(later, y, x, h, w, &part, &err), CSEG_OK);
    assert_true(part.h == whole->h && part.w == whole->w && part.c == whole->c);
    for (int64_t i = y; i < y + h; i++)
        if (memcmp(image_at(&part, i, x), image_at(whole, i, x), (size_t)(w * whole->c)) != 0)
            fail_msg("%s: row %lld of the part of %lld x %lld at (%lld, %lld) differs", name, (long long)i,
                     (long long)h, (long long)w, (long long)y, (long long)x);
    image_release(&part);
}

/* A picture with edges everywhere, so that no two blocks are alike. */
static image noisy(int64_t h, int64_t w, uint64_t seed)
{
    image m;
    rng r = rng_derive(seed, 0, 0);
    assert_int_equal(image_new(h, w, 3, IMAGE_U8, &m, &err), CSEG_OK);
    for (int64_t i = 0; i < h * w * 3; i++)
        ((uint8_t *)m.data)[i] = (uint8_t)(i / 3 % w * 3 + i / 3 / w * 5 + rng_below(&r, 90));
    return m;
}

static void parts_of_a_jpeg_are_parts_of_the_whole(void **state)
{
    (void)state;
    static const image_flags flags[] = {IMAGE_COLOR, IMAGE_COLOR | IMAGE_RGB, IMAGE_GRAYSCALE, IMAGE_UNCHANGED};
    arena *mem = arena_new();
    rng r = rng_derive(1, 2, 3);
    char *sized = arena_printf(mem, "/tmp/cseg-parts-%ld.jpg", (long)getpid());
    int kept = 0;
    for (size_t i = 0; i < sizeof jpegs / sizeof *jpegs + 6; i++) {
        bool made = i >= sizeof jpegs / sizeof *jpegs; /* sizes that end within a block, on its border, behind it */
        const char *path = made ? sized : path_join(mem, TEST_DATA "/io/images", jpegs[i]);
        if (made) {
            image m = noisy(93 + (int64_t)i, 131 + (int64_t)i, i);
            assert_int_equal(image_write(path, &m, NULL, &err), CSEG_OK);
            image_release(&m);
        } else if (!file_exists(path)) {
            fail_msg("%s is missing", path);
        }
        for (size_t f = 0; f < sizeof flags / sizeof *flags; f++) {
            image later, whole, copy;
            assert_int_equal(image_read(path, flags[f], &whole, &err), CSEG_OK);
            assert_int_equal(image_read_later(path, flags[f], &later, &err), CSEG_OK);
            assert_non_null(later.coded);
            assert_null(later.data);
            assert_true(later.h == whole.h && later.w == whole.w && later.c == whole.c && later.type == whole.type);
            assert_int_equal(image_copy(&later, &copy, &err), CSEG_OK);
            image_release(&later);
            for (int k = 0; k < 150; k++)
                check_part(&copy, &whole, &r, path);
            image_release(&copy);
            image_release(&whole);
            kept++;
        }
    }
    assert_int_equal(kept, 44);
    remove(sized);
    arena_free(mem);
}

/* What parts give nothing for is decoded at once, and what is damaged is refused as image_read refuses it. */
static cseg_status read_bytes_later(const void *file, size_t n, image *out)
{
    FILE *f = fopen("later.jpg", "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(file, 1, n, f), n);
    fclose(f);
    cseg_status status = image_read_later("later.jpg", IMAGE_COLOR, out, &err);
    remove("later.jpg");
    return status;
}

static void other_files_are_not_put_off(void **state)
{
    (void)state;
    static const char *const names[] = {"progressive.jpg", "orientation6.jpg", "cmyk.jpg", "rgb.png", "rgb.bmp"};
    arena *mem = arena_new();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        image now, later;
        char *path = path_join(mem, TEST_DATA "/io/images", names[i]);
        assert_int_equal(image_read(path, IMAGE_COLOR, &now, &err), CSEG_OK);
        assert_int_equal(image_read_later(path, IMAGE_COLOR, &later, &err), CSEG_OK);
        assert_null(later.coded);
        assert_memory_equal(later.data, now.data, image_bytes(&now));
        image part;
        assert_int_equal(image_decode_part(&later, 0, 0, 1, 1, &part, &err), CSEG_USAGE);
        image_release(&now);
        image_release(&later);
    }
    char *all;
    size_t n;
    image m;
    assert_int_equal(file_read(TEST_DATA "/io/images/rgb_sub2.jpg", 0, mem, &all, &n, &err), CSEG_OK);
    for (size_t cut = 3; cut < n; cut++) {
        assert_int_equal(read_bytes_later(all, cut, &m), CSEG_CORRUPT);
        assert_false(image_exists(&m));
    }
    assert_int_equal(read_bytes_later(all, n, &m), CSEG_OK);
    assert_non_null(m.coded);
    image part;
    assert_int_equal(image_decode_part(&m, 0, 1, m.h, m.w, &part, &err), CSEG_USAGE);
    assert_null(part.data);
    image_release(&m);
    arena_free(mem);
}

/* Any bytes may be wrong: it decodes, or says CSEG_CORRUPT, and frees what it took. */
static void damaged_parts_never_crash(void **state)
{
    (void)state;
    arena *mem = arena_new();
    char *all;
    size_t n;
    assert_int_equal(file_read(TEST_DATA "/io/images/rgb_sub2.jpg", 0, mem, &all, &n, &err), CSEG_OK);
    for (size_t i = 3; i < n - 2; i++) {
        image m, part;
        char *wrong = malloc(n);
        memcpy(wrong, all, n);
        wrong[i] = (char)(wrong[i] ^ (1 << i % 8));
        cseg_status status = read_bytes_later(wrong, n, &m);
        if (status == CSEG_OK && m.coded) {
            status = image_decode_part(&m, m.h / 2, m.w / 2, (m.h + 1) / 2, (m.w + 1) / 2, &part, &err);
            assert_true(status == CSEG_OK || status == CSEG_CORRUPT);
            image_release(&part);
        } else {
            assert_true(status == CSEG_OK || status == CSEG_CORRUPT || status == CSEG_SHAPE);
        }
        image_release(&m);
        free(wrong);
    }
    arena_free(mem);
}

static void failing_allocations_are_reported(void **state)
{
    (void)state;
    long n = 1;
    for (; n < 100; n++) {
        image later, part = {0};
        mem_fail_at(n);
        cseg_status status = image_read_later(TEST_DATA "/io/images/rgb_sub2.jpg", IMAGE_COLOR, &later, &err);
        if (status == CSEG_OK)
            status = image_decode_part(&later, 0, 0, 1, 1, &part, &err);
        mem_fail_at(0);
        image_release(&later);
        image_release(&part);
        if (status == CSEG_OK)
            break;
        assert_int_equal(status, CSEG_NO_MEMORY);
    }
    assert_in_range(n, 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_png_is_what_libpng_makes_of_it),
        cmocka_unit_test(other_png_is_left_to_libpng),
        cmocka_unit_test(no_damaged_png_is_plain),
        cmocka_unit_test(parts_of_a_jpeg_are_parts_of_the_whole),
        cmocka_unit_test(other_files_are_not_put_off),
        cmocka_unit_test(damaged_parts_never_crash),
        cmocka_unit_test(failing_allocations_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
