/* Every transform says how it can be done by windows; windows of resized pictures whose source is read piece by piece
 * are those of the whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "data/transforms/transform.h"

#include <cmocka.h> /* last: it has a macro called fail */

static void every_transform_says_how(void **state)
{
    (void)state;
    assert_true(transforms_count() > 40);
    for (int i = 0; i < transforms_count(); i++) {
        transform_windows how;
        const char *name = transforms_name(i, &how);
        if (how == WINDOWS_UNSAID)
            fail_msg("%s does not say how it is done by windows", name);
    }
}

static int64_t most_read;
static cseg_status read_part(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    const image *m = arg;
    assert_true(y >= 0 && x >= 0 && y + h <= m->h && x + w <= m->w);
    most_read = h * w > most_read ? h * w : most_read;
    TRY(image_new(h, w, m->c, m->type, out, err));
    for (int64_t i = 0; i < h; i++)
        memcpy(image_at(out, i, 0), image_at(m, y + i, x), (size_t)image_row_bytes(out));
    return CSEG_OK;
}

static image noise(int64_t h, int64_t w, int64_t c, image_type t)
{
    image m, out;
    rng r = rng_derive(4, (uint64_t)h, (uint64_t)w);
    assert_int_equal(image_new(h, w, c, IMAGE_F32, &m, NULL), CSEG_OK);
    for (int64_t i = 0; i < h * w * c; i++)
        ((float *)m.data)[i] = (float)rng_below(&r, 256);
    assert_int_equal(image_convert(&m, t, &out, NULL), CSEG_OK);
    image_release(&m);
    return out;
}

static void windows_of_the_resized(const image *m, int64_t h, int64_t w, resize_kind kind)
{
    image whole, like = *m;
    delayed d = {.any = true, .resizes = true, .kind = kind, .full_h = h, .full_w = w, .h = h, .w = w};
    resize_source from = {read_part, (void *)m};
    assert_int_equal(imgproc_settle(m, &d, &whole, NULL), CSEG_OK);
    like.data = NULL;
    size_t pixel = (size_t)m->c * image_type_size(m->type);
    for (int64_t y = 0; y < h; y += 13)
        for (int64_t x = 0; x < w; x += 17) {
            delayed part = d;
            resizer *r;
            part.y = y;
            part.x = x;
            part.h = h - y < 20 ? h - y : 20;
            part.w = w - x < 30 ? w - x : 30;
            assert_int_equal(resizer_open_from(&like, &from, &part, &r, NULL), CSEG_OK);
            for (int64_t i = 0; i < part.h; i++)
                assert_memory_equal(resizer_row(r, i), image_at(&whole, y + i, x), (size_t)part.w * pixel);
            resizer_close(r);
        }
    image_release(&whole);
}

static void resized_by_parts_is_as_the_whole(void **state)
{
    (void)state;
    static const int64_t sizes[][2] = {{40, 56}, {80, 112}, {37, 61}, {97, 131}, {240, 30}, {20, 28}, {1, 1}};
    static const image_type types[] = {IMAGE_U8, IMAGE_U16, IMAGE_I16, IMAGE_F32};
    for (int vectors = 0; vectors < 2; vectors++)
        for (size_t t = 0; t < 4; t++)
            for (int64_t c = 1; c <= 5; c++) {
                image m = noise(80, 112, c, types[t]);
                imgproc_use_vectors(vectors);
                for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                    for (int kind = RESIZE_NEAREST; kind <= RESIZE_AREA; kind++)
                        windows_of_the_resized(&m, sizes[i][0], sizes[i][1], (resize_kind)kind);
                image_release(&m);
            }
    imgproc_use_vectors(true);
}

static void only_what_is_needed_is_read(void **state)
{
    (void)state;
    image m = noise(400, 300, 3, IMAGE_U8), like = m;
    delayed d = {.any = true,
                 .resizes = true,
                 .kind = RESIZE_LINEAR,
                 .full_h = 800,
                 .full_w = 600,
                 .y = 300,
                 .x = 200,
                 .h = 20,
                 .w = 30};
    resize_source from = {read_part, &m};
    resizer *r;
    like.data = NULL;
    most_read = 0;
    assert_int_equal(resizer_open_from(&like, &from, &d, &r, NULL), CSEG_OK);
    assert_non_null(resizer_row(r, 0));
    assert_true(most_read > 0 && most_read <= 12 * 17);
    resizer_close(r);
    image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_transform_says_how),
        cmocka_unit_test(resized_by_parts_is_as_the_whole),
        cmocka_unit_test(only_what_is_needed_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
