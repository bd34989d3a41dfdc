/* An image of other channels than the model takes is refused by the public functions as by the program: by the message
 * of the place where all inputs of a model are compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cseg/cseg.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/setup/build.h"
#include "io/torch/pth.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

/* tests/cli/tiny.py, whose loader gives what `load` says. */
static const char *config_of(const char *name, const char *load)
{
    strbuf text = {.mem = mem};
    strbuf_addf(&text,
                "_base_ = '%s/tests/cli/tiny.py'\n"
                "model = dict(data_preprocessor=dict(mean=None, std=None, bgr_to_rgb=False))\n"
                "test_dataloader = dict(dataset=dict(pipeline=[%s, dict(type='PackSegInputs')]))\n",
                SOURCE_DIR, load);
    assert_int_equal(file_replace_bytes(name, text.text, text.n, mem, &err), CSEG_OK);
    return name;
}

static void save_weights(const char *config, const char *path)
{
    experiment *e;
    model *m;
    pth_builder b = {.mem = mem};
    pth_value *root = pth_ordered_dict(&b);
    assert_int_equal(experiment_load(config, NULL, 0, mem, &e, NULL), CSEG_OK);
    assert_int_equal(build_model(e, NULL, true, &m, NULL), CSEG_OK);
    model_init_weights(m, 1);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        pth_set(&b, root, p->name,
                pth_tensor_value(&b, p->type == DT_I64 ? PTH_I64 : PTH_F32, p->rank, p->dim, p->data));
    }
    assert_int_equal(pth_write(path, &b, root, NULL), CSEG_OK);
    model_free(m);
}

static cseg_segmentor *open_as(const char *name, const char *load)
{
    cseg_segmentor *s;
    cseg_segmentor_options o = {.threads = 1};
    const char *config = config_of(name, load);
    save_weights(config, "channels.pth");
    if (cseg_segmentor_open(config, "channels.pth", &o, &s, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return s;
}

static void write_picture(const char *name, int channels)
{
    image m;
    assert_int_equal(image_new(32, 32, channels, IMAGE_U8, &m, &err), CSEG_OK);
    assert_int_equal(image_write(name, &m, NULL, &err), CSEG_OK);
    image_release(&m);
}

static void files_of_other_channels_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *load, *said;
        int channels;
    } cases[] = {
        {"dict(type='LoadImageFromFile', color_type='grayscale')", "c.png has 1 channels, the model takes 3", 3},
        {"dict(type='LoadImageFromFile', color_type='unchanged')", "c.png has 1 channels, the model takes 3", 1},
        {"dict(type='LoadImageFromFile', color_type='unchanged')", "c.png has 4 channels, the model takes 3", 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cseg_map map;
        write_picture("c.png", cases[i].channels);
        cseg_segmentor *s = open_as("channels.py", cases[i].load);
        assert_int_equal(cseg_segment_file(s, "c.png", &map, &err), CSEG_SHAPE);
        if (!strstr(err.text, cases[i].said))
            fail_msg("%s", err.text);
        assert_null(map.ids);
        /* It goes on with what fits. */
        write_picture("c.png", 3);
        if (i > 0 && cseg_segment_file(s, "c.png", &map, &err) != CSEG_OK)
            fail_msg("%s", err.text);
        cseg_map_release(&map);
        cseg_segmentor_close(s);
    }
}

static void pixels_of_other_channels_are_refused(void **state)
{
    (void)state;
    static const uint8_t bytes[32 * 32 * 6];
    cseg_segmentor *s = open_as("channels.py", "dict(type='LoadImageFromFile', color_type='unchanged')");
    for (int channels = 1; channels <= 6; channels++) {
        cseg_map map;
        cseg_pixels p = {.height = 32, .width = 32, .channels = channels, .bytes = bytes};
        cseg_status status = cseg_segment_pixels(s, &p, &map, &err);
        assert_int_equal(status, channels == 3 ? CSEG_OK : CSEG_SHAPE);
        if (channels != 3)
            assert_non_null(strstr(err.text, arena_printf(mem, "%d channels", channels)));
        cseg_map_release(&map);
    }
    cseg_segmentor_close(s);
}

static int set_up(void **state)
{
    (void)state;
    return (mem = arena_new()) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(mem);
    unlink("c.png");
    unlink("channels.py");
    unlink("channels.pth");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_other_channels_are_refused),
        cmocka_unit_test(pixels_of_other_channels_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
