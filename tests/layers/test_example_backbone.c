/* The backbone that docs/adding-kinds.md shows: the page holds the file, and it works. */
#include "examples/plain_net.c"

#include <string.h>

#include "golden_layer.h"

static void the_page_shows_it(void **state)
{
    (void)state;
    layer_shown("docs/adding-kinds.md", "tests/layers/examples/plain_net.c");
    layer_shown("docs/adding-kinds.md", "src/model/layers/linear.c");
    layer_shown("docs/adding-kinds.md", "src/graph/ops/op_softmax.c");
}

static void it_gives_its_maps(void **state)
{
    (void)state;
    model *m = layer_model();
    module *net = layer_kind(m, &kind_plain_net, "dict(channels=(4, 6, 8, 10), out_indices=(1, 3), in_channels=5)");
    assert_non_null(net);
    layer_allocate(m);
    assert_int_equal(m->in_channels, 5);
    assert_int_equal(param_start_of(model_find(m, "kind.stages.0.conv.weight"))->rule, INIT_KAIMING_NORMAL);
    assert_int_equal(model_find(m, "kind.stages.3.bn.running_var")->dim[0], 10);
    graph *g = graph_new(true);
    tensor *x = graph_input(g, "img", DT_F32, 4, (int64_t[]){2, 32, 48, 5});
    features y = backbone_run(net, g, x);
    assert_int_equal(g->error.code, CSEG_OK);
    assert_int_equal(y.n, 2);
    assert_memory_equal(y.at[0]->dim, ((int64_t[]){2, 8, 12, 6}), 4 * sizeof(int64_t));
    assert_memory_equal(y.at[1]->dim, ((int64_t[]){2, 2, 3, 10}), 4 * sizeof(int64_t));
    graph_free(g);
    arena_free(m->mem);
}

static void it_refuses_what_it_cannot(void **state)
{
    (void)state;
    model *m = layer_model();
    assert_null(layer_kind(m, &kind_plain_net, "dict(channels=(4, 6), out_indices=(2, ))"));
    assert_non_null(strstr(m->error.text, "PlainNet: out_indices names stage 2 of 2"));
    arena_free(m->mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_it),
        cmocka_unit_test(it_gives_its_maps),
        cmocka_unit_test(it_refuses_what_it_cannot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
