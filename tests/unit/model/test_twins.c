/* A module under two names: both are in the state dict, in one memory, and one of them learns. */
#include "graph/graph.h"
#include "model_test.h"

#define FIRST "decode_head.context.stages.0.key_project."
#define SECOND "decode_head.context.stages.0.query_project."

static test_model ann(void)
{
    return test_build_ok(
        "model = dict(type='EncoderDecoder', backbone=dict(type='ResNetV1c', depth=18, base_channels=4,\n"
        "    stem_channels=4),\n"
        "  decode_head=dict(type='ANNHead', in_channels=[16, 32], in_index=(2, 3), channels=8, project_channels=4,\n"
        "    key_pool_scales=(1, 2), num_classes=3, norm_cfg=dict(type='BN')))\n");
}

static void both_names_are_one_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"conv.weight",     "bn.weight",      "bn.bias",
                                        "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"};
    test_model t = ann();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char first[128], second[128];
        snprintf(first, sizeof first, FIRST "%s", names[i]);
        snprintf(second, sizeof second, SECOND "%s", names[i]);
        const param *a = model_find(t.m, first), *b = model_find(t.m, second);
        assert_non_null(a);
        assert_non_null(b);
        assert_ptr_equal(a->data, b->data);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->rank, b->rank);
        assert_memory_equal(a->dim, b->dim, sizeof a->dim);
        assert_int_equal(b->role, PARAM_BUFFER);
        assert_null(b->grad);
    }
    assert_int_equal(model_find(t.m, FIRST "conv.weight")->role, PARAM_TRAINED);
    test_end(&t);
}

/* The first name's rule is the one: the same weights as of a model that has no second name. */
static void they_start_once(void **state)
{
    (void)state;
    test_model t = ann();
    model_init_weights(t.m, 7);
    const float *gamma = model_find(t.m, SECOND "bn.weight")->data, *w = model_find(t.m, SECOND "conv.weight")->data;
    const float *variance = model_find(t.m, SECOND "bn.running_var")->data;
    double squares = 0;
    for (int i = 0; i < 4; i++) {
        assert_true(gamma[i] == 1 && variance[i] == 1);
        for (int j = 0; j < 8; j++)
            squares += (double)w[i * 8 + j] * (double)w[i * 8 + j];
    }
    assert_true(squares > 1); /* Kaiming's normal by fan out: 32 of variance 1/2 */
    test_end(&t);
}

/* One forward pass goes through it twice. */
static void batches_count_twice(void **state)
{
    (void)state;
    test_model t = ann();
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_OK);
    model_count_batch(t.m);
    assert_int_equal(*(const int64_t *)model_find(t.m, SECOND "bn.num_batches_tracked")->data, 2);
    assert_int_equal(*(const int64_t *)model_find(t.m, "decode_head.bottleneck.bn.num_batches_tracked")->data, 1);
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_names_are_one_memory),
        cmocka_unit_test(they_start_once),
        cmocka_unit_test(batches_count_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
