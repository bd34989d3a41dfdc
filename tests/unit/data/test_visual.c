#include "data/visual.h"

#include "data_test.h"

static const uint8_t palette[] = {120, 120, 120, 6, 230, 231, 255, 0, 9};

static image mask_of(const uint8_t *ids, int64_t h, int64_t w)
{
    image m;
    assert_int_equal(image_new(h, w, 1, IMAGE_U8, &m, &err), CSEG_OK);
    memcpy(m.data, ids, (size_t)(h * w));
    return m;
}

static void ids_get_their_colours_blue_first(void **state)
{
    (void)state;
    const uint8_t ids[] = {0, 1, 2, 255};
    const uint8_t colours[] = {120, 120, 120, 231, 230, 6, 9, 0, 255, 0, 0, 0};
    image m = mask_of(ids, 2, 2), wide, out;
    assert_int_equal(visual_colour(&m, palette, 3, &out, &err), CSEG_OK);
    assert_memory_equal(out.data, colours, sizeof colours);
    image_release(&out);
    for (image_type t = IMAGE_U16; t <= IMAGE_I32; t = t == IMAGE_U16 ? IMAGE_I32 : IMAGE_TYPES) {
        assert_int_equal(image_convert(&m, t, &wide, &err), CSEG_OK);
        assert_int_equal(visual_colour(&wide, palette, 3, &out, &err), CSEG_OK);
        assert_memory_equal(out.data, colours, sizeof colours);
        image_release(&out);
        image_release(&wide);
    }
    assert_int_equal(image_convert(&m, IMAGE_F32, &wide, &err), CSEG_OK);
    assert_int_equal(visual_colour(&wide, palette, 3, &out, &err), CSEG_SHAPE);
    image_release(&wide);
    image_release(&m);
}

/* (img * (1 - opacity) + colour * opacity).astype(uint8), worked out with numpy. */
static void overlays_are_the_references(void **state)
{
    (void)state;
    const uint8_t ids[] = {0, 1, 2, 7}, pixels[] = {10, 20, 31, 255, 254, 253, 1, 2, 4, 77, 88, 99};
    const struct {
        double opacity;
        uint8_t out[12];
    } cases[] = {
        {0.5, {65, 70, 75, 243, 242, 129, 5, 1, 129, 38, 44, 49}},
        {0.8, {98, 100, 102, 235, 234, 55, 7, 0, 204, 15, 17, 19}},
        {1.0, {120, 120, 120, 231, 230, 6, 9, 0, 255, 0, 0, 0}},
    };
    image m = mask_of(ids, 2, 2), img, out;
    assert_int_equal(image_new(2, 2, 3, IMAGE_U8, &img, &err), CSEG_OK);
    memcpy(img.data, pixels, sizeof pixels);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(visual_overlay(&img, &m, palette, 3, cases[i].opacity, &out, &err), CSEG_OK);
        assert_memory_equal(out.data, cases[i].out, 12);
        image_release(&out);
    }
    assert_int_equal(visual_overlay(&img, &m, palette, 3, 0, &out, &err), CSEG_USAGE);
    assert_int_equal(visual_overlay(&img, &m, palette, 3, 1.1, &out, &err), CSEG_USAGE);
    image_release(&img);
    /* gray images are drawn over too, and masks of another size stretched */
    assert_int_equal(image_new(4, 4, 1, IMAGE_U8, &img, &err), CSEG_OK);
    assert_int_equal(visual_overlay(&img, &m, palette, 3, 1, &out, &err), CSEG_OK);
    assert_int_equal(out.c, 3);
    assert_memory_equal(image_u8(&out, 1, 1), cases[2].out, 3);
    assert_memory_equal(image_u8(&out, 1, 2), cases[2].out + 3, 3);
    assert_memory_equal(image_u8(&out, 3, 0), cases[2].out + 6, 3);
    image_release(&out);
    image_release(&img);
    image_release(&m);
}

static void indexed_pngs_read_back_as_ids_and_as_colours(void **state)
{
    (void)state;
    const uint8_t ids[] = {0, 1, 2, 255, 1, 1};
    image m = mask_of(ids, 2, 3), back;
    const char *path = in_folder("mask.png");
    assert_int_equal(visual_write_palette(path, &m, palette, 3, &err), CSEG_OK);
    assert_int_equal(image_read(path, IMAGE_UNCHANGED | IMAGE_PILLOW, &back, &err), CSEG_OK);
    assert_int_equal(back.c, 1);
    assert_memory_equal(back.data, ids, sizeof ids);
    image_release(&back);
    assert_int_equal(image_read(path, IMAGE_COLOR, &back, &err), CSEG_OK);
    assert_memory_equal(image_u8(&back, 0, 1), ((uint8_t[]){231, 230, 6}), 3);
    image_release(&back);
    image_release(&m);
    assert_int_equal(image_new(1, 1, 1, IMAGE_U16, &m, &err), CSEG_OK);
    *(uint16_t *)m.data = 256;
    assert_int_equal(visual_write_palette(in_folder("deep.png"), &m, palette, 3, &err), CSEG_SHAPE);
    assert_false(file_exists(in_folder("deep.png")));
    image_release(&m);
}

static void no_memory_is_told(void **state)
{
    (void)state;
    const uint8_t ids[] = {0, 1, 2, 255};
    image m = mask_of(ids, 2, 2), out;
    mem_fail_at(1);
    assert_int_equal(visual_colour(&m, palette, 3, &out, &err), CSEG_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(visual_overlay(&m, &m, palette, 3, 0.5, &out, &err), CSEG_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(visual_write_palette("/nowhere/at/all.png", &m, palette, 3, &err), CSEG_NO_MEMORY);
    mem_fail_at(0);
    image_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ids_get_their_colours_blue_first),
        TEST(overlays_are_the_references),
        TEST(indexed_pngs_read_back_as_ids_and_as_colours),
        TEST(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
