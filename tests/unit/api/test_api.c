/* The public functions, on a small model with weights by chance that the test saves itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cseg/cseg.h>

#include "engine/setup/build.h"
#include "io/raster/raster.h"
#include "io/torch/pth.h"

#include <cmocka.h> /* last: it has a macro called fail */

enum { H = 30, W = 44 };
static const char config_path[] = SOURCE_DIR "/tests/cli/tiny_0x.py", one_x_path[] = SOURCE_DIR "/tests/cli/tiny.py";
static const char checkpoint[] = "weights.pth", picture[] = "picture.png";
static cseg_error err;

static void save_weights(const char *config, const char *path)
{
    arena *mem = arena_new();
    experiment *e;
    model *m;
    assert_int_equal(experiment_load(config, NULL, 0, mem, &e, NULL), CSEG_OK);
    assert_int_equal(build_model(e, NULL, true, &m, NULL), CSEG_OK);
    model_init_weights(m, 1);
    /* Logits that differ, for both heads. */
    for (size_t i = 0; i < m->params.n; i++)
        if (strstr(m->params.at[i]->name, "conv_seg.weight"))
            for (int64_t k = 0; k < m->params.at[i]->count; k++)
                ((float *)m->params.at[i]->data)[k] = (float)(k % 5 - 2 + (k * 7 + (int64_t)i) % 3);
    pth_builder b = {.mem = mem};
    pth_value *root = pth_ordered_dict(&b);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        pth_set(&b, root, p->name,
                pth_tensor_value(&b, p->type == DT_I64 ? PTH_I64 : PTH_F32, p->rank, p->dim, p->data));
    }
    assert_int_equal(pth_write(path, &b, root, NULL), CSEG_OK);
    model_free(m);
    arena_free(mem);
}

/* Rows of blue, green, red with a few bytes of padding behind each. */
static uint8_t pixels[H][W * 3 + 5];

static int set_up(void **state)
{
    (void)state;
    image m = {0};
    assert_int_equal(image_new(H, W, 3, IMAGE_U8, &m, NULL), CSEG_OK);
    for (int64_t y = 0; y < H; y++)
        for (int64_t i = 0; i < W * 3; i++)
            pixels[y][i] = image_u8(&m, y, 0)[i] = (uint8_t)(y * y * 3 + i * 5 + (i % 3) * 40);
    assert_int_equal(image_write(picture, &m, NULL, NULL), CSEG_OK);
    image_release(&m);
    save_weights(config_path, checkpoint);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(checkpoint);
    unlink(picture);
    return 0;
}

static cseg_segmentor *open_segmentor(int head)
{
    cseg_segmentor *s;
    cseg_segmentor_options o = {.threads = 1, .head = head};
    if (cseg_segmentor_open(config_path, checkpoint, &o, &s, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return s;
}

static void configs_open_and_print(void **state)
{
    (void)state;
    cseg_config *c;
    const char *text, *const changes[] = {"runner.max_iters=77", "model.decode_head.0.num_classes=5"};
    assert_int_equal(cseg_config_open(config_path, changes, 2, &c, &err), CSEG_OK);
    assert_int_equal(cseg_config_python(c, &text, &err), CSEG_OK);
    assert_non_null(strstr(text, "max_iters=77"));
    assert_int_equal(cseg_config_json(c, &text, &err), CSEG_OK);
    assert_non_null(strstr(text, "\"num_classes\": 5"));
    cseg_config_close(c);
    assert_int_equal(cseg_config_open("nowhere.py", NULL, 0, &c, &err), CSEG_NOT_FOUND);
    assert_null(c);
    assert_non_null(strstr(err.text, "nowhere.py"));
    cseg_config_close(c);
}

static void classes_have_names_and_colours(void **state)
{
    (void)state;
    cseg_segmentor *s = open_segmentor(0);
    uint8_t rgb[3];
    assert_int_equal(cseg_segmentor_class_count(s), 2);
    assert_string_equal(cseg_segmentor_class_name(s, 1), "water");
    assert_null(cseg_segmentor_class_name(s, 2));
    assert_int_equal(cseg_segmentor_class_colour(s, 1, rgb, &err), CSEG_OK);
    assert_memory_equal(rgb, ((uint8_t[]){30, 100, 200}), 3);
    assert_int_equal(cseg_segmentor_class_colour(s, -1, rgb, &err), CSEG_USAGE);
    cseg_segmentor_close(s);
}

static void pixels_give_what_the_file_gives(void **state)
{
    (void)state;
    cseg_segmentor *s = open_segmentor(0);
    cseg_map file, memory, red;
    assert_int_equal(cseg_segment_file(s, picture, &file, &err), CSEG_OK);
    assert_int_equal(file.height, H);
    assert_int_equal(file.width, W);
    assert_non_null(file.ids);
    assert_null(file.ids32);
    cseg_pixels p = {.height = H, .width = W, .channels = 3, .row_bytes = W * 3 + 5, .bytes = pixels[0]};
    assert_int_equal(cseg_segment_pixels(s, &p, &memory, &err), CSEG_OK);
    assert_memory_equal(file.ids, memory.ids, H * W);
    uint8_t both[2] = {0, 0};
    for (int i = 0; i < H * W; i++)
        both[file.ids[i]] = 1;
    assert_true(both[0] && both[1]); /* else the comparisons say little */
    uint8_t turned[H][W][3];
    for (int y = 0; y < H; y++)
        for (int i = 0; i < W * 3; i++)
            turned[y][i / 3][2 - i % 3] = pixels[y][i];
    p = (cseg_pixels){.height = H, .width = W, .channels = 3, .red_first = 1, .bytes = turned[0][0]};
    assert_int_equal(cseg_segment_pixels(s, &p, &red, &err), CSEG_OK);
    assert_memory_equal(file.ids, red.ids, H * W);
    cseg_map_release(&file);
    cseg_map_release(&memory);
    cseg_map_release(&red);
    assert_null(red.ids);
    cseg_segmentor_close(s);
}

static void heads_are_chosen_by_number(void **state)
{
    (void)state;
    cseg_segmentor *usual = open_segmentor(0), *first = open_segmentor(1), *second = open_segmentor(2), *none;
    cseg_map a, b, c;
    assert_int_equal(cseg_segment_file(usual, picture, &a, &err), CSEG_OK);
    assert_int_equal(cseg_segment_file(first, picture, &b, &err), CSEG_OK);
    assert_int_equal(cseg_segment_file(second, picture, &c, &err), CSEG_OK);
    assert_memory_equal(a.ids, b.ids, H * W);
    assert_memory_not_equal(a.ids, c.ids, H * W);
    assert_int_equal(cseg_segmentor_open(config_path, checkpoint, &(cseg_segmentor_options){.head = 3}, &none, &err),
                     CSEG_USAGE);
    assert_null(none);
    cseg_map_release(&a);
    cseg_map_release(&b);
    cseg_map_release(&c);
    cseg_segmentor_close(usual);
    cseg_segmentor_close(first);
    cseg_segmentor_close(second);
}

static void maps_are_saved_with_their_colours(void **state)
{
    (void)state;
    cseg_segmentor *s = open_segmentor(0);
    cseg_map map;
    image ids = {0}, colours = {0};
    assert_int_equal(cseg_segment_file(s, picture, &map, &err), CSEG_OK);
    assert_int_equal(cseg_map_save(s, &map, "map.png", &err), CSEG_OK);
    assert_int_equal(image_read("map.png", IMAGE_UNCHANGED | IMAGE_PILLOW, &ids, &err), CSEG_OK);
    assert_int_equal(image_read("map.png", IMAGE_COLOR | IMAGE_RGB, &colours, &err), CSEG_OK);
    assert_memory_equal(ids.data, map.ids, H * W);
    for (int64_t i = 0; i < H * W; i++) {
        uint8_t want[3];
        cseg_segmentor_class_colour(s, map.ids[i], want, NULL);
        assert_memory_equal((uint8_t *)colours.data + 3 * i, want, 3);
    }
    assert_int_equal(cseg_map_save(s, &map, "no/such/folder/map.png", &err), CSEG_NOT_FOUND);
    unlink("map.png");
    image_release(&ids);
    image_release(&colours);
    cseg_map_release(&map);
    cseg_segmentor_close(s);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    cseg_segmentor *s = NULL;
    cseg_map map;
    assert_int_equal(cseg_segmentor_open("nowhere.py", checkpoint, NULL, &s, &err), CSEG_NOT_FOUND);
    assert_int_equal(cseg_segmentor_open(config_path, "nowhere.pth", NULL, &s, &err), CSEG_NOT_FOUND);
    assert_int_equal(cseg_segmentor_open(one_x_path, checkpoint, NULL, &s, &err), CSEG_SHAPE); /* one head, not two */
    assert_null(s);
    cseg_segmentor_close(s);
    s = open_segmentor(0);
    assert_int_equal(cseg_segment_file(s, "nowhere.png", &map, &err), CSEG_NOT_FOUND);
    assert_null(map.ids);
    static const uint8_t four[H * W * 4];
    cseg_pixels p = {.height = H, .width = W, .channels = 4, .bytes = four};
    assert_int_equal(cseg_segment_pixels(s, &p, &map, &err), CSEG_SHAPE);
    p = (cseg_pixels){.height = H, .width = W, .channels = 3, .row_bytes = W, .bytes = pixels[0]};
    assert_int_equal(cseg_segment_pixels(s, &p, &map, &err), CSEG_USAGE);
    p = (cseg_pixels){.height = 0, .width = W, .channels = 3, .bytes = pixels[0]};
    assert_int_equal(cseg_segment_pixels(s, &p, &map, &err), CSEG_SHAPE);
    cseg_map_release(&map);
    cseg_segmentor_close(s);
}

/* The mask that the program would write has 255 where the raster says that there is nothing. */
static void nodata_has_no_class(void **state)
{
    (void)state;
    arena *mem = arena_new();
    raster_writer *w;
    image m = {0};
    static const raster_place place = {.has_transform = true, .transform = {1, 2, 0, 3, 0, -2}, .projection = ""};
    raster_spec spec = {.h = H, .w = W, .bands = 3, .type = IMAGE_U8, .place = &place, .has_nodata = true, .nodata = 9};
    assert_int_equal(image_new(H, W, 3, IMAGE_U8, &m, NULL), CSEG_OK);
    for (int64_t i = 0; i < H * W * 3; i++)
        ((uint8_t *)m.data)[i] = i / 3 % W < 20 ? 9 : (uint8_t)(i * 7 % 200 + 10);
    assert_int_equal(raster_create("holes.tif", &spec, mem, &w, &err), CSEG_OK);
    assert_int_equal(raster_write(w, 0, 0, 0, &m, &err), CSEG_OK);
    assert_int_equal(raster_commit(w, &err), CSEG_OK);
    cseg_segmentor *s = open_segmentor(0);
    cseg_map map;
    assert_int_equal(cseg_segment_file(s, "holes.tif", &map, &err), CSEG_OK);
    for (int i = 0; i < H * W; i++)
        assert_true(i % W < 20 ? map.ids[i] == CSEG_NODATA : map.ids[i] < 2);
    cseg_map_release(&map);
    cseg_segmentor_close(s);
    image_release(&m);
    unlink("holes.tif");
    arena_free(mem);
}

static int heard;
static void hear(void *arg, cseg_log_level level, const char *text)
{
    assert_ptr_equal(arg, &heard);
    assert_int_equal(level, CSEG_LOG_INFO);
    heard += strstr(text, "weights.pth") != NULL;
}

static void the_log_goes_where_it_is_asked_to(void **state)
{
    (void)state;
    cseg_log_to(hear, &heard);
    cseg_segmentor_close(open_segmentor(0));
    assert_true(heard > 0);
    heard = 0;
    cseg_log_to(NULL, NULL);
    cseg_segmentor_close(open_segmentor(0));
    assert_int_equal(heard, 0);
}

static void statuses_have_names(void **state)
{
    (void)state;
    assert_string_equal(cseg_version(), CSEG_VERSION);
    for (int i = CSEG_OK; i <= CSEG_INTERRUPTED; i++) {
        assert_non_null(cseg_status_name((cseg_status)i));
        assert_string_not_equal(cseg_status_name((cseg_status)i), "unknown");
    }
    assert_string_equal(cseg_status_name((cseg_status)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_open_and_print),
        cmocka_unit_test(classes_have_names_and_colours),
        cmocka_unit_test(pixels_give_what_the_file_gives),
        cmocka_unit_test(heads_are_chosen_by_number),
        cmocka_unit_test(maps_are_saved_with_their_colours),
        cmocka_unit_test(nodata_has_no_class),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_log_goes_where_it_is_asked_to),
        cmocka_unit_test(statuses_have_names),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
