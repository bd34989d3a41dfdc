/* Tracing: leaves, scopes, sticky errors, what the shape rules refuse and how they say it. */
#include "graph_test.h"

static graph *new_graph(void)
{
    graph *g = graph_new(true);
    assert_non_null(g);
    return g;
}

static tensor *map(graph *g, int64_t n, int64_t h, int64_t w, int64_t c)
{
    char name[64];
    snprintf(name, sizeof name, "map%lldx%lldx%lldx%lld", (long long)n, (long long)h, (long long)w, (long long)c);
    return graph_input(g, name, DT_F32, 4, DIMS(n, h, w, c));
}

static tensor *vector(graph *g, int64_t n)
{
    char name[64];
    snprintf(name, sizeof name, "vector%lld", (long long)n);
    return graph_input(g, name, DT_F32, 1, &n);
}

static const conv_attr plain = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};

static void test_the_first_error_stays(void **state)
{
    (void)state;
    graph *g = new_graph();
    graph_push_scope(g, "backbone");
    graph_push_scope(g, "backbone.layer1.0");
    tensor *x = map(g, 2, 8, 8, 3), *w = graph_input(g, "w", DT_F32, 4, DIMS(4, 5, 3, 3));
    tensor *y = op_conv2d(g, x, w, NULL, plain);
    assert_null(y);
    assert_graph_error(g, CSEG_SHAPE, "backbone.layer1.0: conv2d: a map [2, 8, 8, 3] with 3 channels");
    assert_graph_error(g, CSEG_SHAPE, "[4, 5, 3, 3]");
    /* Whatever is traced on top gives nothing and does not change the message. */
    graph_pop_scope(g);
    size_t nodes = g->nodes.n;
    assert_null(op_relu(g, op_add(g, y, op_concat(g, (tensor *[]){y, x}, 2, -1))));
    assert_null(op_slice(g, y, 0, 0, 1));
    assert_null(graph_fail(g, CSEG_CONFIG, "another one"));
    assert_int_equal(g->nodes.n, nodes);
    assert_graph_error(g, CSEG_SHAPE, "backbone.layer1.0: conv2d");
    cseg_error err;
    assert_int_equal(graph_backward(g, y, &err), CSEG_SHAPE);
    graph_free(g);
}

static void test_scopes_come_and_go(void **state)
{
    (void)state;
    graph *g = new_graph();
    tensor *x = map(g, 1, 4, 4, 3);
    assert_null(op_relu(g, x)->from->scope);
    graph_push_scope(g, "a");
    graph_push_scope(g, "a.b");
    assert_string_equal(op_relu(g, x)->from->scope, "a.b");
    graph_pop_scope(g);
    assert_string_equal(op_relu(g, x)->from->scope, "a");
    graph_pop_scope(g);
    graph_pop_scope(g); /* one too many does no harm */
    assert_null(graph_fail(g, CSEG_CONFIG, "no %s", "luck"));
    assert_graph_error(g, CSEG_CONFIG, "no luck");
    graph_free(g);
}

static void test_leaves(void **state)
{
    (void)state;
    graph *g = new_graph();
    param p = test_param("weight", 2, DIMS(3, 4)), frozen = p, buffer = p;
    frozen.requires_grad = false;
    buffer.role = PARAM_BUFFER;
    tensor *t = graph_param(g, &p);
    assert_ptr_equal(graph_param(g, &p), t);
    assert_true(t->needs_grad);
    assert_false(graph_param(g, &frozen)->needs_grad);
    assert_false(graph_param(g, &buffer)->needs_grad);
    assert_ptr_equal(map(g, 1, 2, 3, 4), map(g, 1, 2, 3, 4));
    float data[6] = {1, 2, 3, 4, 5, 6};
    tensor *c = graph_const(g, DT_F32, 2, DIMS(2, 3), data);
    data[5] = 0;
    assert_true(((const float *)c->data)[5] == 6);
    assert_int_equal(tensor_bytes(c), 24);
    /* In an inference graph nothing needs a gradient. */
    graph *h = graph_new(false);
    assert_non_null(h);
    assert_false(graph_param(h, &p)->needs_grad);
    graph_free(h);
    graph_free(g);
    test_param_free(&p);
}

typedef tensor *misuse(graph *g);

static tensor *no_such_channels(graph *g)
{
    return op_conv2d(g, map(g, 1, 4, 4, 6), graph_input(g, "w", DT_F32, 4, DIMS(4, 6, 1, 1)), vector(g, 5), plain);
}
static tensor *kernel_too_large(graph *g)
{
    return op_conv2d(g, map(g, 1, 2, 9, 3), graph_input(g, "w", DT_F32, 4, DIMS(4, 3, 3, 3)), NULL,
                     (conv_attr){.stride = {2, 2}, .dilation = {1, 1}, .groups = 1});
}
static tensor *stride_zero(graph *g)
{
    return op_conv2d(g, map(g, 1, 2, 9, 3), graph_input(g, "w", DT_F32, 4, DIMS(4, 3, 1, 1)), NULL,
                     (conv_attr){.dilation = {1, 1}, .groups = 1});
}
static tensor *groups_that_do_not_divide(graph *g)
{
    conv_attr a = plain;
    a.groups = 3;
    return op_conv2d(g, map(g, 1, 2, 9, 4), graph_input(g, "w", DT_F32, 4, DIMS(4, 4, 1, 1)), NULL, a);
}
static tensor *one_value_a_channel(graph *g)
{
    tensor *c = vector(g, 5);
    return op_batch_norm_train(g, map(g, 1, 1, 1, 5), c, c, c, c, (norm_attr){.eps = 1e-5f});
}
static tensor *norm_of_other_channels(graph *g)
{
    tensor *c = vector(g, 4);
    return op_batch_norm(g, map(g, 1, 2, 2, 5), c, c, c, c, 1e-5f);
}
static tensor *norm_of_a_scalar(graph *g)
{
    tensor *c = vector(g, 1);
    return op_batch_norm_train(g, graph_input(g, "s", DT_F32, 0, NULL), c, c, c, c, (norm_attr){.eps = 1e-5f});
}
static tensor *groups_of_channels(graph *g)
{
    return op_group_norm(g, map(g, 1, 2, 2, 5), NULL, NULL, 2, 1e-5f);
}
static tensor *addition_of_unlike(graph *g)
{
    return op_add(g, map(g, 1, 2, 3, 5), map(g, 1, 2, 4, 5));
}
static tensor *sum_of_unlike(graph *g)
{
    return op_sum(g, (tensor *[]){map(g, 1, 4, 6, 5), map(g, 1, 2, 3, 5)}, 2,
                  &(sum_attr){.from = {[1] = {.h = 4, .w = 5}}});
}
static tensor *sum_of_too_many(graph *g)
{
    tensor *x = map(g, 1, 2, 3, 5), *in[SUM_MOST + 1];
    for (int i = 0; i <= SUM_MOST; i++)
        in[i] = x;
    return op_sum(g, in, SUM_MOST + 1, &(sum_attr){0});
}
static tensor *sum_of_a_resized_vector(graph *g)
{
    return op_sum(g, (tensor *[]){map(g, 1, 4, 6, 5), vector(g, 5)}, 2, &(sum_attr){.from = {[1] = {.h = 4, .w = 6}}});
}
static tensor *sum_of_something_missing(graph *g)
{
    return op_sum(g, (tensor *[]){map(g, 1, 4, 6, 5), NULL}, 2, &(sum_attr){0});
}
static tensor *other_rank(graph *g)
{
    return op_mul(g, map(g, 1, 2, 3, 5), vector(g, 5));
}
static tensor *window_too_large(graph *g)
{
    return op_max_pool(g, map(g, 1, 2, 2, 3), (pool_attr){.kernel = {5, 5}, .stride = {1, 1}});
}
static tensor *padding_too_large(graph *g)
{
    return op_avg_pool(g, map(g, 1, 8, 8, 3), (pool_attr){.kernel = {3, 3}, .stride = {1, 1}, .pad = {2, 2}});
}
static tensor *pool_to_nothing(graph *g)
{
    return op_adaptive_avg_pool(g, map(g, 1, 8, 8, 3), 0, 2);
}
static tensor *resize_to_nothing(graph *g)
{
    return op_resize_to(g, map(g, 1, 8, 8, 3), 0, 5, false);
}
static tensor *parts_that_do_not_fit(graph *g)
{
    return op_concat(g, (tensor *[]){map(g, 1, 8, 8, 3), map(g, 1, 8, 4, 5)}, 2, -1);
}
static tensor *concat_of_nothing(graph *g)
{
    return op_concat(g, NULL, 0, -1);
}
static tensor *beyond_the_end(graph *g)
{
    return op_slice(g, map(g, 1, 8, 8, 3), -1, 1, 3);
}
static tensor *reshape_to_more(graph *g)
{
    return op_reshape(g, map(g, 1, 8, 8, 3), 2, DIMS(7, -1));
}
static tensor *reshape_beyond_counting(graph *g)
{
    return op_reshape(g, map(g, 1, 8, 8, 3), 3, DIMS(INT64_MAX, INT64_MAX, 3));
}
static tensor *axis_named_twice(graph *g)
{
    return op_transpose(g, map(g, 1, 8, 8, 3), (int[]){0, 1, 1, 3});
}
static tensor *repeat_of_two(graph *g)
{
    return op_broadcast(g, map(g, 1, 2, 8, 3), DIMS(1, 4, 8, 3));
}
static tensor *inner_sizes(graph *g)
{
    return op_matmul(g, graph_input(g, "a", DT_F32, 2, DIMS(3, 4)), graph_input(g, "b", DT_F32, 2, DIMS(5, 6)), false,
                     false);
}
static tensor *labels_of_another_size(graph *g)
{
    return op_cross_entropy(g, map(g, 1, 8, 8, 3), graph_input(g, "label", DT_I32, 3, DIMS(1, 8, 7)), NULL, NULL,
                            (loss_attr){.scale = 1});
}
static tensor *float_labels(graph *g)
{
    return op_accuracy(g, map(g, 1, 8, 8, 3), graph_input(g, "label", DT_F32, 3, DIMS(1, 8, 8)), 255);
}
static tensor *class_weights(graph *g)
{
    return op_cross_entropy(g, map(g, 1, 8, 8, 3), graph_input(g, "label", DT_I32, 3, DIMS(1, 8, 8)), vector(g, 2),
                            NULL, (loss_attr){.scale = 1});
}
static tensor *pixel_weights(graph *g)
{
    return op_binary_cross_entropy(g, map(g, 1, 8, 8, 3), graph_input(g, "label", DT_I32, 3, DIMS(1, 8, 8)), NULL,
                                   graph_input(g, "weight", DT_F32, 3, DIMS(1, 8, 7)), (loss_attr){.scale = 1});
}
static tensor *binary_by_class_weight(graph *g)
{
    return op_binary_cross_entropy(g, map(g, 1, 8, 8, 3), graph_input(g, "label", DT_I32, 3, DIMS(1, 8, 8)), NULL, NULL,
                                   (loss_attr){.scale = 1, .avg = AVG_CLASS_WEIGHT});
}
static tensor *slopes(graph *g)
{
    return op_prelu(g, map(g, 1, 2, 8, 3), vector(g, 2));
}
static tensor *of_nothing(graph *g)
{
    return op_relu(g, NULL);
}
static tensor *weight_missing(graph *g)
{
    return op_conv2d(g, map(g, 1, 2, 8, 3), NULL, NULL, plain);
}
static tensor *param_missing(graph *g)
{
    return graph_param(g, NULL);
}
static tensor *input_of_two_shapes(graph *g)
{
    graph_input(g, "img", DT_F32, 1, DIMS(3));
    return graph_input(g, "img", DT_F32, 1, DIMS(4));
}
static tensor *larger_than_memory(graph *g)
{
    return graph_input(g, "img", DT_F32, 4, DIMS(INT64_C(1) << 30, INT64_C(1) << 30, 4, 4));
}
static tensor *result_larger_than_memory(graph *g)
{
    return op_resize_to(g, map(g, 1, 8, 8, 3), INT64_C(1) << 40, INT64_C(1) << 40, false);
}
static tensor *too_many_axes(graph *g)
{
    return graph_input(g, "img", DT_F32, 7, DIMS(1, 1, 1, 1, 1, 1, 1));
}

/* What is refused, and what the message must name. */
static const struct {
    misuse *call;
    const char *says;
} refused[] = {
    {no_such_channels, "bias and weight: shapes [5] and [4, 6, 1, 1]"},
    {kernel_too_large, "a map [1, 2, 9, 3] is too small for a kernel 3 x 3"},
    {stride_zero, "stride 0 x 0"},
    {groups_that_do_not_divide, "[4, 4, 1, 1] with 3 groups"},
    {one_value_a_channel, "more than one value per channel"},
    {norm_of_other_channels, "shapes [1, 2, 2, 5] and [4]"},
    {norm_of_a_scalar, "needs at least [N, C]"},
    {groups_of_channels, "5 channels cannot be cut into 2 groups"},
    {addition_of_unlike, "[1, 2, 3, 5] and [1, 2, 4, 5]"},
    {sum_of_unlike, "what is added: shapes [1, 4, 6, 5] and [1, 4, 5, 5]"},
    {sum_of_too_many, "9 inputs; it takes at most 8"},
    {sum_of_a_resized_vector, "input 1, [5], cannot be resized"},
    {sum_of_something_missing, "input 1 is missing"},
    {other_rank, "different rank: shapes [1, 2, 3, 5] and [5]"},
    {window_too_large, "a map [1, 2, 2, 3] is too small for a window 5 x 5"},
    {padding_too_large, "padding 2 x 2"},
    {pool_to_nothing, "[1, 0, 2, 3] is empty"},
    {resize_to_nothing, "[1, 8, 8, 3] to 0 x 5"},
    {parts_that_do_not_fit, "[1, 8, 8, 3] and [1, 8, 4, 5]"},
    {concat_of_nothing, "concat of nothing"},
    {beyond_the_end, "3 from 1 on axis 3 is not within [1, 8, 8, 3]"},
    {reshape_to_more, "the 192 elements of [1, 8, 8, 3]"},
    {reshape_beyond_counting, "the 192 elements of [1, 8, 8, 3]"},
    {axis_named_twice, "each axis once"},
    {repeat_of_two, "[1, 2, 8, 3] and [1, 4, 8, 3]"},
    {inner_sizes, "inner sizes of: shapes [3, 4] and [5, 6]"},
    {labels_of_another_size, "logits and labels: shapes [1, 8, 8, 3] and [1, 8, 7]"},
    {float_labels, "input 1 is float32"},
    {class_weights, "2 class weights for 3 classes"},
    {pixel_weights, "weights and labels: shapes [1, 8, 7] and [1, 8, 8]"},
    {binary_by_class_weight, "cannot be averaged by class weights"},
    {slopes, "map and slope: shapes [1, 2, 8, 3] and [2]"},
    {of_nothing, "unary: input 0 is missing"},
    {weight_missing, "conv2d: input 1 is missing"},
    {param_missing, "a parameter is missing"},
    {input_of_two_shapes, "'img' is asked for as float32 [3] and as float32 [4]"},
    {larger_than_memory, "is empty or too large"},
    {result_larger_than_memory, "resize: the result [1, 1099511627776, 1099511627776, 3] is empty or too large"},
    {too_many_axes, "a tensor of rank 7"},
};

static void test_refusals_name_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        graph *g = new_graph();
        graph_push_scope(g, "decode_head");
        assert_null(refused[i].call(g));
        assert_graph_error(g, CSEG_SHAPE, refused[i].says);
        assert_graph_error(g, CSEG_SHAPE, "decode_head: ");
        graph_free(g);
    }
}

static void test_sizes_of_convolutions(void **state)
{
    (void)state;
    /* in, kernel, stride, pad, dilation, out: as PyTorch */
    static const int64_t sizes[][6] = {{7, 3, 2, 1, 1, 4}, {8, 3, 2, 1, 1, 4}, {224, 7, 2, 3, 1, 112},
                                       {1, 3, 1, 1, 1, 1}, {5, 3, 1, 2, 2, 5}, {9, 3, 1, 12, 12, 9},
                                       {5, 1, 3, 0, 1, 2}, {6, 4, 2, 1, 1, 3}};
    graph *g = new_graph();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t *s = sizes[i];
        char name[8];
        snprintf(name, sizeof name, "w%zu", i);
        int stride = (int)s[2], pad = (int)s[3], dilation = (int)s[4];
        tensor *y = op_conv2d(
            g, map(g, 1, s[0], s[0], 2), graph_input(g, name, DT_F32, 4, DIMS(3, 2, s[1], s[1])), NULL,
            (conv_attr){.stride = {stride, stride}, .pad = {pad, pad}, .dilation = {dilation, dilation}, .groups = 1});
        assert_non_null(y);
        assert_int_equal(y->dim[1], s[5]);
        assert_int_equal(y->dim[3], 3);
    }
    graph_free(g);
}

static void test_identities_add_no_nodes(void **state)
{
    (void)state;
    graph *g = new_graph(), *inference = graph_new(false);
    assert_non_null(inference);
    tensor *x = map(g, 1, 4, 5, 3), *y = map(inference, 1, 4, 5, 3);
    assert_ptr_equal(op_resize_to(g, x, 4, 5, true), x);
    assert_ptr_equal(op_concat(g, &x, 1, -1), x);
    assert_ptr_equal(op_dropout(g, x, 0), x);
    assert_ptr_equal(op_dropout2d(inference, y, 0.5f), y);
    assert_ptr_equal(op_drop_path(inference, y, 0.5f), y);
    assert_int_equal(g->nodes.n + inference->nodes.n, 0);
    assert_null(g->seed);
    tensor *a = op_dropout(g, x, 0.5f), *b = op_dropout(g, x, 0.5f);
    assert_true(a != x && g->seed && g->inputs.n == 2);
    assert_true(a->from->attr.dropout.salt != b->from->attr.dropout.salt);
    graph_free(inference);
    graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_error_stays),
        cmocka_unit_test(test_scopes_come_and_go),
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_refusals_name_what_is_wrong),
        cmocka_unit_test(test_sizes_of_convolutions),
        cmocka_unit_test(test_identities_add_no_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
