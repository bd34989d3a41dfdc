/* mmseg's SelfAttentionBlock, and how it starts. */
#include <string.h>

#include "golden_layer.h"

static module *make(module *root, const value *c)
{
    self_attention_spec s = {.key_in = layer_int(c, "key_in_channels"),
                             .query_in = layer_int(c, "query_in_channels"),
                             .channels = layer_int(c, "channels"),
                             .out = layer_int(c, "out_channels"),
                             .key_query_convs = layer_int(c, "key_query_num_convs"),
                             .value_out_convs = layer_int(c, "value_out_num_convs"),
                             .key_query_norm = layer_bool(c, "key_query_norm"),
                             .value_out_norm = layer_bool(c, "value_out_norm"),
                             .matmul_norm = layer_bool(c, "matmul_norm"),
                             .with_out = layer_bool(c, "with_out"),
                             .norm_cfg = value_get(c, "norm_cfg"),
                             .act_cfg = value_get(c, "act_cfg")};
    module *m = self_attention_new(root, "layer", s);
    int pool = value_get(c, "pool") ? (int)layer_int(c, "pool") : 0;
    if (pool)
        avg_pool_new(m, "key_downsample", (pool_attr){.kernel = {pool, pool}, .stride = {pool, pool}});
    return m;
}

static tensor *trace(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return self_attention_run(m, g, in[0], in[1]);
}

static void answers_as_the_reference(void **state)
{
    (void)state;
    layer_check("self_attention", make, trace);
}

static void only_a_plain_projection_starts_as_zeros(void **state)
{
    (void)state;
    for (int64_t convs = 1; convs <= 2; convs++) {
        model *m = layer_model();
        self_attention_new(m->root, "layer",
                           (self_attention_spec){.key_in = 4,
                                                 .query_in = 4,
                                                 .channels = 4,
                                                 .out = 4,
                                                 .key_query_convs = 1,
                                                 .value_out_convs = convs,
                                                 .with_out = true});
        layer_allocate(m);
        const param *out = model_find(m, convs == 1 ? "layer.out_project.weight" : "layer.out_project.1.weight");
        assert_non_null(out);
        assert_int_equal(param_start_of(out)->rule, convs == 1 ? INIT_ZERO : INIT_KAIMING_UNIFORM);
        assert_int_equal(param_start_of(model_find(m, "layer.key_project.weight"))->rule, INIT_KAIMING_UNIFORM);
        arena_free(m->mem);
    }
}

static void queries_may_not_become_fewer(void **state)
{
    (void)state;
    model *m = layer_model();
    module *block = self_attention_new(
        m->root, "layer",
        (self_attention_spec){
            .key_in = 4, .query_in = 4, .channels = 4, .out = 4, .key_query_convs = 1, .value_out_convs = 1});
    avg_pool_new(block, "query_downsample", (pool_attr){.kernel = {2, 2}, .stride = {2, 2}});
    layer_allocate(m);
    graph *g = graph_new(false);
    tensor *x = graph_input(g, "x", DT_F32, 4, (int64_t[]){1, 4, 4, 4});
    assert_null(self_attention_run(block, g, x, x));
    assert_int_equal(g->error.code, CSEG_SHAPE);
    assert_non_null(strstr(g->error.text, "query_downsample of layer leaves 4 of the map's 4 x 4 queries"));
    graph_free(g);
    arena_free(m->mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_the_reference),
        cmocka_unit_test(only_a_plain_projection_starts_as_zeros),
        cmocka_unit_test(queries_may_not_become_fewer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
