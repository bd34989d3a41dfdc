/* What the tests of datasets, loader and scan share: folders with tiny images, and datasets from config text. Include
 * last: cmocka makes fail() a macro. */
#ifndef DATA_TEST_H
#define DATA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "config/config.h"
#include "data/datasets/dataset.h"
#include "io/image/image.h"

#include <cmocka.h>

static arena *mem;
static cseg_error err;
static char folder[64]; /* of the test that runs */

static inline int set_up(void **state)
{
    (void)state;
    mem_fail_at(0);
    mem = arena_new();
    strcpy(folder, "/tmp/cseg-data-XXXXXX");
    return mem && mkdtemp(folder) ? 0 : -1;
}

static inline int tear_down(void **state)
{
    (void)state;
    char command[128];
    mem_fail_at(0);
    arena_free(mem);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static inline char *in_folder(const char *name)
{
    char *path = arena_printf(mem, "%s/%s", folder, name);
    assert_non_null(path);
    assert_int_equal(dir_create(path_dir(mem, path), &err), CSEG_OK);
    return path;
}

static inline void write_text(const char *name, const char *text)
{
    assert_int_equal(file_replace_bytes(in_folder(name), text, strlen(text), mem, &err), CSEG_OK);
}

/* An image of h x w x c bytes; sample (y, x, k) is (start + step * (y * w + x) + k) mod 256. */
static inline void write_image(const char *name, int h, int w, int c, int start, int step)
{
    image m;
    assert_int_equal(image_new(h, w, c, IMAGE_U8, &m, &err), CSEG_OK);
    for (int i = 0; i < h * w; i++)
        for (int k = 0; k < c; k++)
            ((uint8_t *)m.data)[i * c + k] = (uint8_t)(start + step * i + k);
    assert_int_equal(image_write(in_folder(name), &m, NULL, &err), CSEG_OK);
    image_release(&m);
}

/* Reads a literal in which every @ stands for the test's folder. */
static inline value *literal(const char *text)
{
    value *v;
    strbuf full = {.mem = mem};
    for (; *text; text++)
        if (*text == '@')
            strbuf_add(&full, folder);
        else
            strbuf_addn(&full, text, 1);
    assert_false(full.failed);
    if (config_parse_literal(full.text, "test.py", mem, &v, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return v;
}

static inline dataset *build_with(const char *text, const dataset_options *options)
{
    dataset *ds;
    if (dataset_build(literal(text), options, mem, &ds, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return ds;
}

static inline dataset *build(const char *text)
{
    return build_with(text, NULL);
}

/* The dataset cannot be built: with this status, and a message that holds this. */
static inline void refuse(const char *text, cseg_status status, const char *part)
{
    dataset *ds;
    if (dataset_build(literal(text), NULL, mem, &ds, &err) == CSEG_OK)
        fail_msg("not refused: %s", text);
    assert_int_equal(err.code, status);
    assert_null(ds);
    if (!strstr(err.text, part))
        fail_msg("'%s' is not in: %s", part, err.text);
}

/* Real data: $CSEG_DATA, else shared/data beside the project. NULL: not there. */
static inline const char *real_data(const char *name)
{
    const char *root = getenv("CSEG_DATA");
    char *path = arena_printf(mem, "%s/%s", root ? root : SOURCE_DIR "/../shared/data", name);
    return path && file_exists(path) ? path : NULL;
}

/* Not every test uses all of these. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
