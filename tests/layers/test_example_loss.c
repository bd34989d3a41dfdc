/* The loss that docs/adding-kinds.md shows: the page holds the file, and it works. */
#include "examples/miss_loss.c"

#include <math.h>
#include <string.h>

#include "backend/backends.h"
#include "golden_layer.h"
#include "graph/plan.h"

enum { PIXELS = 6, CLASSES = 3 };
static const float logits[PIXELS][CLASSES] = {{0, 1, 2}, {3, 0, 0}, {1, 1, 1}, {-2, 0, 5}, {0, 4, 0}, {2, 2, 0}};
static const int32_t label[PIXELS] = {2, 0, 255, 1, 1, 0};
static const float weight[PIXELS] = {1, 0.5f, 1, 2, 0, 1};

static void the_page_shows_it(void **state)
{
    (void)state;
    layer_shown("docs/adding-kinds.md", "tests/layers/examples/miss_loss.c");
}

static double miss(int i)
{
    double sum = 0;
    for (int k = 0; k < CLASSES; k++)
        sum += exp(logits[i][k]);
    return label[i] == 255 ? 0 : weight[i] * 2 * (1 - exp(logits[i][label[i]]) / sum);
}

/* The loss with weight 2, for each pixel or in the mean. */
static void run(bool per_pixel, float *out, size_t n)
{
    cseg_error err;
    plan *p = NULL;
    model *m = layer_model();
    module *loss = layer_kind(m, &kind_miss_loss, "dict(loss_weight=2.0)");
    assert_non_null(loss);
    layer_allocate(m);
    backend *b = backend_ref_new();
    graph *g = graph_new(true);
    int64_t dim[] = {1, 2, PIXELS / 2, CLASSES};
    loss_io io = {.x = graph_const(g, DT_F32, 4, dim, logits),
                  .target = graph_const(g, DT_I32, 3, dim, label),
                  .weight = graph_const(g, DT_F32, 3, dim, weight),
                  .ignore_index = 255,
                  .per_pixel = per_pixel};
    tensor *y = loss_run(loss, g, &io);
    assert_non_null(y);
    assert_int_equal(tensor_count(y), n);
    graph_add_output(g, "y", y);
    if (plan_build(g, b, &p, &err) != CSEG_OK || plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    memcpy(out, plan_output(p, "y", NULL), n * sizeof *out);
    plan_free(p);
    graph_free(g);
    backend_free(b);
    arena_free(m->mem);
}

static void it_gives_a_mean_and_each_pixel(void **state)
{
    (void)state;
    float each[PIXELS], mean;
    double sum = 0;
    run(true, each, PIXELS);
    run(false, &mean, 1);
    for (int i = 0; i < PIXELS; i++) {
        assert_true(fabs(each[i] - miss(i)) < 1e-6);
        sum += miss(i);
    }
    assert_true(fabs(mean - sum / PIXELS) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_it),
        cmocka_unit_test(it_gives_a_mean_and_each_pixel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
