/* The page's text: names cannot become markup, the data are JSON, pictures are whole, any number of classes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "draw/page.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static const char water[] = SOURCE_DIR "/examples/water/scene.tif", mask[] = SOURCE_DIR "/examples/water/mask.tif";

#define GOOD(call)                                                                                                     \
    do {                                                                                                               \
        if ((call) != CSEG_OK)                                                                                         \
            fail_msg("%s", err.text);                                                                                  \
    } while (0)

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
    remove("page.html");
    return 0;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

/* The data of page.html; cJSON_Delete. *whole: all of its text. */
static cJSON *read_page(char **whole)
{
    static const char begin[] = "id=\"data\">";
    size_t n;
    GOOD(file_read("page.html", 0, mem, whole, &n, &err));
    const char *from = strstr(*whole, begin), *to = from ? strstr(from, "</script>") : NULL;
    assert_non_null(to);
    cJSON *data = cJSON_ParseWithLength(from + strlen(begin), (size_t)(to - from) - strlen(begin));
    assert_non_null(data);
    return data;
}

static const char *text_of(const cJSON *data, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, key));
}

/* Decodes "data:image/...;base64,..." */
static void check_picture(const char *uri, int64_t h, int64_t w, int64_t c, image *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(uri, ',') + 1;
    uint8_t *bytes = ARENA_ARRAY(mem, strlen(at), uint8_t);
    size_t n = 0;
    unsigned v = 0, bits = 0;
    for (; *at && *at != '='; at++) {
        v = v << 6 | (unsigned)(strchr(digits, *at) - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            bytes[n++] = (uint8_t)(v >> bits);
        }
    }
    GOOD(image_decode(bytes, n, "picture", IMAGE_UNCHANGED | IMAGE_RGB, out, &err));
    assert_int_equal(out->h, h);
    assert_int_equal(out->w, w);
    assert_int_equal(out->c, c);
}

static void names_stay_text(void **state)
{
    (void)state;
    static const char bad[] = "</script><script>alert(1)</script><!--<b>&\"'\\\xff\x1b";
    map_layers *l;
    map_layers_options grid = {.scene = water, .mask = mask, .most_w = 100, .most_h = 100};
    char *whole;
    GOOD(map_layers_open(&grid, mem, &l, &err));
    page_fact fact = {bad, bad};
    page_info about = {.title = bad, .subtitle = bad, .left = bad, .right = bad, .facts = &fact, .n_facts = 1};
    about.classes = l->classes;
    about.n_classes = l->n_classes;
    GOOD(page_write("page.html", &(page_info){.title = "plain"}, l, mem, &err));
    cJSON_Delete(read_page(&whole));
    int scripts = count(whole, "<script"), comments = count(whole, "<!--");
    l->classes[0].name = bad;
    GOOD(page_write("page.html", &about, l, mem, &err));
    cJSON *data = read_page(&whole);
    assert_int_equal(count(whole, "<script"), scripts);
    assert_int_equal(count(whole, "</script"), scripts);
    assert_int_equal(count(whole, "<!--"), comments);
    const char *name = text_of(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(data, "classes"), 0), "name");
    assert_int_equal(strncmp(name, bad, strlen(bad) - 2), 0);
    assert_non_null(strstr(whole, "<title>&lt;/script&gt;&lt;script&gt;alert(1)"));
    assert_null(strchr(whole, '\x1b'));
    cJSON_Delete(data);
}

static void pictures_are_whole(void **state)
{
    (void)state;
    map_layers *l;
    map_layers_options grid = {.scene = water, .mask = mask, .most_w = 100, .most_h = 100};
    image m = {0};
    char *whole;
    GOOD(map_layers_open(&grid, mem, &l, &err));
    page_info about = {.title = "water", .classes = l->classes, .n_classes = l->n_classes};
    l->classes[1].confidence = 0.875;
    GOOD(page_write("page.html", &about, l, mem, &err));
    cJSON *data = read_page(&whole), *scene = cJSON_GetObjectItemCaseSensitive(data, "scene");
    check_picture(text_of(scene, "image"), l->h, l->w, 3, &m);
    image_release(&m);
    check_picture(text_of(scene, "alpha"), l->h, l->w, 1, &m);
    for (int64_t i = 0; i < l->h * l->w; i++)
        assert_int_equal(((uint8_t *)m.data)[i], ((uint8_t *)l->scene.data)[4 * i + 3]);
    image_release(&m);
    check_picture(text_of(data, "map"), l->h, l->w, 1, &m);
    for (int64_t i = 0; i < l->h * l->w; i++)
        assert_int_equal(((uint8_t *)m.data)[i], ((int32_t *)l->map.data)[i] + 1);
    image_release(&m);
    cJSON *c = cJSON_GetObjectItemCaseSensitive(data, "classes");
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(c, 0), "confidence")));
    assert_float_equal(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(c, 1), "confidence")),
                       0.875, 1e-9);
    assert_float_equal(cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(c, 1), "area")) /
                           ((double)l->classes[1].pixels * 300.0379 * 300.0418),
                       1, 1e-4);
    cJSON_Delete(data);
}

static void many_classes_have_two_bytes(void **state)
{
    (void)state;
    enum { SIDE = 20 };
    uint16_t ids[SIDE * SIDE];
    image m = {.h = SIDE, .w = SIDE, .c = 1, .type = IMAGE_U16, .data = ids};
    raster_spec spec = {.h = SIDE, .w = SIDE, .bands = 1, .type = IMAGE_U16};
    raster_writer *w;
    map_layers *l;
    map_layers_options grid = {.scene = "many.tif", .mask = "many.tif", .most_w = SIDE, .most_h = SIDE};
    char *whole;
    for (int i = 0; i < SIDE * SIDE; i++)
        ids[i] = (uint16_t)(3 * i);
    GOOD(raster_create("many.tif", &spec, mem, &w, &err));
    GOOD(raster_write(w, 0, 0, 0, &m, &err));
    GOOD(raster_commit(w, &err));
    GOOD(map_layers_open(&grid, mem, &l, &err));
    assert_int_equal(l->n_classes, SIDE * SIDE);
    page_info about = {.title = "many", .classes = l->classes, .n_classes = l->n_classes};
    GOOD(page_write("page.html", &about, l, mem, &err));
    cJSON *data = read_page(&whole);
    image map = {0};
    assert_true(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(data, "wide")));
    check_picture(text_of(data, "map"), SIDE, SIDE, 3, &map);
    for (int i = 0; i < SIDE * SIDE; i++)
        assert_int_equal(((uint8_t *)map.data)[3 * i] + 256 * ((uint8_t *)map.data)[3 * i + 1], i + 1);
    image_release(&map);
    cJSON_Delete(data);
    remove("many.tif");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_stay_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pictures_are_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_classes_have_two_bytes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
