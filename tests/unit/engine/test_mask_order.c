/* In which order the pairs of a batch stand, and what is present in an image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "backend/backends.h"
#include "graph/plan.h"
#include "model/heads/mask_match.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

/* Runs g and copies its output "out". */
static void run(graph *g, void *to, size_t size)
{
    cseg_error err = {0};
    backend *b = backend_ref_new();
    plan *p = NULL;
    if (!b || graph_status(g, &err) != CSEG_OK || plan_build(g, b, &p, &err) != CSEG_OK || plan_run(p, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    const tensor *shape = NULL;
    const void *out = plan_output(p, "out", &shape);
    assert_non_null(out);
    assert_int_equal(tensor_bytes(shape), size);
    memcpy(to, out, size);
    plan_free(p);
    backend_free(b);
    graph_free(g);
}

/* Three images with 2, 0 and 1 pairs in three rows each. */
static void pairs_of_a_batch_stand_first(void **state)
{
    (void)state;
    static const float weight[9] = {1, 1, 0, 0, 0, 0, 1, 0, 0};
    static const int32_t wanted[9] = {0, 1, 3, 4, 5, 6, 2, 7, 8};
    int32_t got[9];
    graph *g = graph_new(false);
    assert_non_null(g);
    mask_pairs pairs = {.weight = graph_const(g, DT_F32, 2, (int64_t[]){3, 3}, weight)};
    graph_add_output(g, "out", mask_row_order(g, &pairs));
    run(g, got, sizeof got);
    assert_memory_equal(got, wanted, sizeof got);
}

static void expect_present(int64_t classes, int64_t ignored, const float *wanted)
{
    static const int32_t label[8] = {0, 255, 2, 2, 1, 1, 1, 255};
    float got[8];
    graph *g = graph_new(false);
    assert_non_null(g);
    tensor *map = graph_const(g, DT_I32, 3, (int64_t[]){2, 2, 2}, label);
    graph_add_output(g, "out", mask_present(g, map, classes, ignored));
    run(g, got, (size_t)(2 * classes) * sizeof *got);
    assert_memory_equal(got, wanted, (size_t)(2 * classes) * sizeof *got);
}

/* Of one class alone, too: the second image does not have it. */
static void ignored_labels_are_not_present(void **state)
{
    (void)state;
    expect_present(3, 255, (const float[]){1, 0, 1, 0, 1, 0});
    expect_present(3, 2, (const float[]){1, 0, 0, 0, 1, 0});
    expect_present(1, 255, (const float[]){1, 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_a_batch_stand_first),
        cmocka_unit_test(ignored_labels_are_not_present),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
