/* Dropout layers: what they set to zero, that the rest makes up for it, and when they do nothing. */
#include <math.h>
#include <string.h>

#include "backend/backend.h"
#include "golden_layer.h"
#include "graph/plan.h"

enum { IMAGES = 64, SIDE = 4, CHANNELS = 32, PIXELS = SIDE * SIDE, COUNT = IMAGES * PIXELS * CHANNELS };

/* y of ones. */
static void run(module *m, bool train, float *y)
{
    cseg_error err;
    plan *p = NULL;
    backend *b = backend_ref_new();
    graph *g = graph_new(train);
    assert_true(b && g);
    tensor *x = op_fill(g, 4, (int64_t[]){IMAGES, SIDE, SIDE, CHANNELS}, 1);
    graph_add_output(g, "y", layer_run(m, g, x));
    if (plan_build(g, b, &p, &err) != CSEG_OK || plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    memcpy(y, plan_output(p, "y", NULL), COUNT * sizeof *y);
    plan_free(p);
    graph_free(g);
    backend_free(b);
}

typedef enum { OF_ELEMENTS, OF_CHANNELS, OF_SAMPLES } unit;

/* The element that decides over element i. */
static int decider(unit u, int i)
{
    int image = i / (PIXELS * CHANNELS), channel = i % CHANNELS;
    return u == OF_ELEMENTS ? i : image * PIXELS * CHANNELS + (u == OF_CHANNELS ? channel : 0);
}

/* Units are set to zero with about this probability, all others multiplied by 1 / (1 - p). */
static void assert_drops(module *m, unit u, double p)
{
    static float y[COUNT];
    run(m, true, y);
    int units = 0, zeros = 0;
    for (int i = 0; i < COUNT; i++) {
        int d = decider(u, i);
        if (y[i] != y[d])
            fail_msg("%s: element %d is %g, its unit's first %g", m->class_name, i, (double)y[i], (double)y[d]);
        if (y[i] != 0 && fabs(y[i] * (1 - p) - 1) > 1e-6)
            fail_msg("%s: element %d is %g", m->class_name, i, (double)y[i]);
        units += i == d;
        zeros += i == d && y[i] == 0;
    }
    double share = (double)zeros / units, limit = 4 * sqrt(p * (1 - p) / units);
    if (fabs(share - p) > limit)
        fail_msg("%s: %g of %d units are zero", m->class_name, share, units);
}

static void assert_passes(module *m, bool train)
{
    static float y[COUNT];
    run(m, train, y);
    for (int i = 0; i < COUNT; i++)
        assert_true(y[i] == 1);
}

static void they_drop_their_units(void **state)
{
    (void)state;
    model *m = layer_model();
    module *layers[] = {dropout_new(m->root, "a", 0.25), dropout2d_new(m->root, "b", 0.5),
                        drop_path_new(m->root, "c", 0.375)};
    layer_allocate(m);
    assert_drops(layers[0], OF_ELEMENTS, 0.25);
    assert_drops(layers[1], OF_CHANNELS, 0.5);
    assert_drops(layers[2], OF_SAMPLES, 0.375);
    for (int i = 0; i < 3; i++)
        assert_passes(layers[i], false);
    m->options.no_dropout = true;
    for (int i = 0; i < 3; i++)
        assert_passes(layers[i], true);
    arena_free(m->mem);
}

static value *literal(model *m, const char *text)
{
    value *v = NULL;
    if (config_parse_literal(text, "test.py", m->mem, &v, &m->error) != CSEG_OK)
        fail_msg("%s", m->error.text);
    return v;
}

static void they_are_built_from_configs(void **state)
{
    (void)state;
    model *m = layer_model();
    module *path = dropout_layer_new(m->root, "a", literal(m, "dict(type='DropPath')"));
    module *elements = dropout_layer_new(m->root, "b", literal(m, "dict(type='Dropout')"));
    module *given = dropout_layer_new(m->root, "c", literal(m, "dict(type='DropPath', drop_prob=0.75)"));
    module *none = dropout_layer_new(m->root, "d", NULL), *empty = dropout_layer_new(m->root, "e", literal(m, "{}"));
    layer_allocate(m);
    assert_drops(path, OF_SAMPLES, 0.1);
    assert_drops(elements, OF_ELEMENTS, 0.5);
    assert_drops(given, OF_SAMPLES, 0.75);
    assert_passes(none, true);
    assert_passes(empty, true);
    arena_free(m->mem);
}

static void refused(const char *text, const char *why)
{
    model *m = layer_model();
    assert_null(dropout_layer_new(m->root, "a", literal(m, text)));
    if (!strstr(m->error.text, why) || !strstr(m->error.text, "test.py:1"))
        fail_msg("%s: %s", text, m->error.text);
    arena_free(m->mem);
}

static void odd_configs_are_refused(void **state)
{
    (void)state;
    refused("dict(type='Dropout', drop_prob=1.5)", "drop_prob");
    refused("dict(type='DropPath', inplace=True)", "inplace");
    refused("dict(type='Dropout3d')", "there are Dropout and DropPath");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_drop_their_units),
        cmocka_unit_test(they_are_built_from_configs),
        cmocka_unit_test(odd_configs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
