/* What the vector code of a processor gives is what the plain code gives, byte for byte. */
#include <math.h>

#include "transform_test.h"

static cseg_error err;

static void random_bytes(uint8_t *v, int64_t n, rng *r)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = (uint8_t)rng_below(r, 256);
}

static distortion draw(rng *r)
{
    return (distortion){.brightens = rng_below(r, 2),
                        .contrasts = rng_below(r, 2),
                        .saturates = rng_below(r, 2),
                        .shifts = rng_below(r, 2),
                        .contrast_first = rng_below(r, 2),
                        .brightness = (float)rng_range(r, -40, 40),
                        .contrast = (float)rng_range(r, 0.4, 1.7),
                        .saturation = (float)rng_range(r, 0.4, 1.7),
                        .hue = (int)rng_below(r, 180)};
}

static void distorted_rows(void **state)
{
    (void)state;
    enum { MOST = 1000 };
    uint8_t row[2][3 * MOST + 1];
    rng r = rng_derive(4, 4, 4);
    for (int i = 0; i < 3000; i++) {
        int64_t w = i < 100 ? 1 + i : 1 + rng_below(&r, MOST);
        distortion d = draw(&r);
        random_bytes(row[0], 3 * w, &r);
        row[0][3 * w] = 77; /* must stay */
        memcpy(row[1], row[0], sizeof row[0]);
        for (int vectors = 0; vectors < 2; vectors++) {
            imgproc_use_vectors(vectors);
            imgproc_distort(row[vectors], w, &d);
            assert_int_equal(row[vectors][3 * w], 77);
        }
        assert_memory_equal(row[0], row[1], (size_t)(3 * w));
    }
}

/* Every colour, there and back with nothing changed, and turned by a third. */
static void every_colour(void **state)
{
    (void)state;
    enum { W = 256 * 256 };
    uint8_t *row[2] = {malloc(3 * W), malloc(3 * W)};
    for (int blue = 0; blue < 256; blue += 3)
        for (int turn = 0; turn < 2; turn++) {
            distortion d = {.saturates = !turn, .shifts = turn, .saturation = 1, .hue = 60};
            for (int vectors = 0; vectors < 2; vectors++) {
                for (int i = 0; i < W; i++) {
                    row[vectors][3 * i] = (uint8_t)blue;
                    row[vectors][3 * i + 1] = (uint8_t)(i & 255);
                    row[vectors][3 * i + 2] = (uint8_t)(i >> 8);
                }
                imgproc_use_vectors(vectors);
                imgproc_distort(row[vectors], W, &d);
            }
            assert_memory_equal(row[0], row[1], 3 * W);
        }
    free(row[0]);
    free(row[1]);
}

static void orders(void **state)
{
    (void)state;
    enum { MOST = 100 };
    static const struct {
        int64_t c, group;
        size_t size;
    } kinds[] = {{3, 3, 1}, {6, 3, 1}, {3, 3, 4}, {1, 1, 1}};
    uint8_t in[12 * MOST], out[3][12 * MOST];
    rng r = rng_derive(5, 5, 5);
    for (int64_t n = 1; n <= MOST; n++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            size_t pixel = (size_t)kinds[k].c * kinds[k].size, size = kinds[k].size;
            random_bytes(in, (int64_t)sizeof in, &r);
            for (int reverse = 0; reverse < 2; reverse++)
                for (int swap = 0; swap < 1 + (kinds[k].c > 1); swap++) {
                    pixel_order o = {reverse, swap, kinds[k].c, kinds[k].group, size};
                    for (int64_t i = 0; i < n; i++)
                        for (int64_t c = 0; c < o.c; c++) {
                            int64_t from = swap ? c / 3 * 3 + 2 - c % 3 : c;
                            memcpy(out[2] + (size_t)i * pixel + (size_t)c * size,
                                   in + (size_t)(reverse ? n - 1 - i : i) * pixel + (size_t)from * size, size);
                        }
                    for (int vectors = 0; vectors < 2; vectors++) {
                        imgproc_use_vectors(vectors);
                        imgproc_put_in_order(&o, in, out[vectors], n);
                        assert_memory_equal(out[vectors], out[2], (size_t)n * pixel);
                        if (!swap && reverse) {
                            imgproc_reverse(out[vectors], in, n, pixel);
                            assert_memory_equal(out[vectors], out[2], (size_t)n * pixel);
                        }
                    }
                }
        }
}

static void labels(void **state)
{
    (void)state;
    enum { MOST = 200 };
    rng r = rng_derive(6, 6, 6);
    for (int64_t n = 1; n <= MOST; n++) {
        uint8_t in[MOST];
        int64_t run = 0;
        for (int64_t i = 0; i < n; i++, run--) {
            if (run <= 0)
                run = rng_below(&r, 50);
            in[i] = run > 1 && i ? in[i - 1] : (uint8_t)rng_below(&r, 256);
        }
        for (int vectors = 0; vectors < 2; vectors++) {
            int32_t wide[MOST];
            uint32_t part[4][256] = {0}, wanted[256] = {0};
            imgproc_use_vectors(vectors);
            for (int reverse = 0; reverse < 2; reverse++) {
                imgproc_widen_labels(in, wide, n, reverse);
                for (int64_t i = 0; i < n; i++)
                    assert_int_equal(wide[i], in[reverse ? n - 1 - i : i]);
            }
            imgproc_count(in, n, part);
            for (int64_t i = 0; i < n; i++)
                wanted[in[i]]++;
            for (int i = 0; i < 256; i++)
                assert_int_equal(part[0][i] + part[1][i] + part[2][i] + part[3][i], wanted[i]);
        }
    }
}

/* Of one channel and of three, enlarged and shrunk, so far that the vector code cannot follow too. */
static void nearest_samples(void **state)
{
    (void)state;
    rng r = rng_derive(7, 7, 7);
    for (int k = 0; k < 600; k++) {
        image in, out[2];
        OK(image_new(1 + rng_below(&r, 20), 1 + rng_below(&r, 150), k % 4 ? 1 : 3, IMAGE_U8, &in, &err));
        random_bytes(in.data, in.h * in.w * in.c, &r);
        int64_t h = 1 + rng_below(&r, 30), w = 1 + (int64_t)((double)in.w * rng_range(&r, 0.2, 3));
        for (int vectors = 0; vectors < 2; vectors++) {
            imgproc_use_vectors(vectors);
            OK(imgproc_resize(&in, h, w, RESIZE_NEAREST, &out[vectors], &err));
        }
        assert_same_image("nearest", &out[1], &out[0]);
        for (int64_t x = 0; x < w; x++) { /* and what it is */
            double place = floor((double)x * (1. / ((double)w / (double)in.w)));
            int64_t from = place < (double)(in.w - 1) ? (int64_t)place : in.w - 1;
            assert_memory_equal(image_at(&out[1], 0, x), image_at(&in, 0, from), (size_t)in.c);
        }
        image_release(&in);
        image_release(&out[0]);
        image_release(&out[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distorted_rows), cmocka_unit_test(every_colour),    cmocka_unit_test(orders),
        cmocka_unit_test(labels),         cmocka_unit_test(nearest_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
