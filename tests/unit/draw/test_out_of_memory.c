/* Pictures, pages and charts, with each allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "draw/chart.h"
#include "draw/page.h"
#include "draw/quicklook.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "../out_of_memory.h"

static const char scene[] = SOURCE_DIR "/examples/water/scene.tif", mask[] = SOURCE_DIR "/examples/water/mask.tif";

static cseg_status draw_picture(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    map_layers *l;
    image m = {0};
    quicklook_options how = {.scene = scene,
                             .width = 400,
                             .title = "water",
                             .opacity = 0.5,
                             .legend = true,
                             .scale_bar = true,
                             .background = BACKGROUND_CHECKERED};
    map_layers_options grid = {.scene = scene, .mask = mask, .second = scene, .most_w = 40, .most_h = 40};
    cseg_status status = mem ? map_layers_open(&grid, mem, &l, err) : CSEG_NO_MEMORY;
    if (!mem)
        snprintf(err->text, sizeof err->text, "out of memory");
    if (status == CSEG_OK)
        status = quicklook_draw(&how, l, mem, &m, err);
    image_release(&m);
    arena_free(mem);
    return status;
}

static cseg_status make_page(void *arg, cseg_error *err)
{
    (void)arg;
    arena *mem = arena_new();
    map_layers *l;
    map_layers_options grid = {.scene = scene, .mask = mask, .most_w = 30, .most_h = 30};
    cseg_status status = mem ? map_layers_open(&grid, mem, &l, err) : CSEG_NO_MEMORY;
    if (!mem)
        snprintf(err->text, sizeof err->text, "out of memory");
    if (status == CSEG_OK) {
        page_info about = {.title = "water", .classes = l->classes, .n_classes = l->n_classes};
        status = page_write("page.html", &about, l, mem, err);
    }
    arena_free(mem);
    return status;
}

static cseg_status draw_charts(void *arg, cseg_error *err)
{
    (void)arg;
    const double x[3] = {0, 1, 2}, y[3] = {3, 1, 2};
    const series line[2] = {{"a", x, y, 3}, {"b", y, x, 3}};
    const chart panel[2] = {{"one", "x", line, 2}, {"two", "x", line, 1}};
    image m = {0};
    cseg_status status = chart_draw(panel, 2, 400, 300, &m, err);
    image_release(&m);
    return status;
}

static void pictures(void **state)
{
    (void)state;
    fail_each_allocation("a picture", draw_picture, NULL, 60);
}

static void pages(void **state)
{
    (void)state;
    fail_each_allocation("a page", make_page, NULL, 60);
    unlink("page.html");
}

static void charts(void **state)
{
    (void)state;
    fail_each_allocation("a chart", draw_charts, NULL, 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),
        cmocka_unit_test(pages),
        cmocka_unit_test(charts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
