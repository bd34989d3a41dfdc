/* The public functions, with each allocation failing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cseg/cseg.h>

#include "engine/setup/build.h"
#include "io/torch/pth.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

#include "../out_of_memory.h"

static const char config_path[] = SOURCE_DIR "/tests/cli/tiny_0x.py", checkpoint[] = "weights.pth";
enum { H = 30, W = 44 };
static uint8_t pixels[H * W * 3];

static int set_up(void **state)
{
    (void)state;
    arena *mem = arena_new();
    experiment *e;
    model *m;
    assert_int_equal(experiment_load(config_path, NULL, 0, mem, &e, NULL), CSEG_OK);
    assert_int_equal(build_model(e, NULL, true, &m, NULL), CSEG_OK);
    model_init_weights(m, 1);
    pth_builder b = {.mem = mem};
    pth_value *root = pth_ordered_dict(&b);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        pth_set(&b, root, p->name,
                pth_tensor_value(&b, p->type == DT_I64 ? PTH_I64 : PTH_F32, p->rank, p->dim, p->data));
    }
    assert_int_equal(pth_write(checkpoint, &b, root, NULL), CSEG_OK);
    model_free(m);
    arena_free(mem);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i * 7 + i * 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(checkpoint);
    unlink("pixels.png");
    return 0;
}

static cseg_status print_config(void *arg, cseg_error *err)
{
    const char *text, *const changes[] = {"runner.max_iters=77"};
    cseg_config *c = NULL;
    (void)arg;
    cseg_status status = cseg_config_open(config_path, changes, 1, &c, err);
    if (status == CSEG_OK)
        status = cseg_config_python(c, &text, err);
    if (status == CSEG_OK)
        status = cseg_config_json(c, &text, err);
    cseg_config_close(c);
    return status;
}

static cseg_status segment(void *arg, cseg_error *err)
{
    cseg_segmentor *s = NULL;
    cseg_map map = {0}, again = {0};
    cseg_segmentor_options o = {.threads = 1};
    cseg_pixels p = {.height = H, .width = W, .channels = 3, .bytes = pixels};
    (void)arg;
    cseg_status status = cseg_segmentor_open(config_path, checkpoint, &o, &s, err);
    if (status == CSEG_OK)
        status = cseg_segment_pixels(s, &p, &map, err);
    if (status == CSEG_OK)
        status = cseg_map_save(s, &map, "pixels.png", err);
    if (status == CSEG_OK)
        status = cseg_segment_file(s, "pixels.png", &again, err);
    cseg_map_release(&map);
    cseg_map_release(&again);
    cseg_segmentor_close(s);
    return status;
}

static void configs_are_printed_or_refused(void **state)
{
    (void)state;
    fail_each_allocation("a config", print_config, NULL, 1000);
}

static void pixels_are_segmented_or_refused(void **state)
{
    (void)state;
    fail_each_allocation("a segmentor", segment, NULL, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configs_are_printed_or_refused),
        cmocka_unit_test(pixels_are_segmented_or_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
