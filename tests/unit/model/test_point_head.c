/* PointHead: how its weights start, what it traces by train_cfg and test_cfg, and what it refuses. */
#include <math.h>

#include "model_test.h"

#define POINT(more) "dict(dict(type='PointHead', in_channels=[8], in_index=[0], channels=8, num_classes=3)" more ")"
#define TRAIN "train_cfg=dict(num_points=50, oversample_ratio=3, importance_sample_ratio=0.75)"
#define TEST "test_cfg=dict(mode='whole', subdivision_steps=2, subdivision_num_points=64, scale_factor=2)"
#define MODEL(first_classes, point, cfgs)                                                                              \
    "model = dict(type='CascadeEncoderDecoder', num_stages=2,\n"                                                       \
    "  backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8), decode_head=[\n"                      \
    "  dict(type='FCNHead', in_channels=64, channels=8, num_convs=1, num_classes=" first_classes "),\n  " point "],\n" \
    "  " cfgs ")\n"

static int nodes_of(const graph *g, op_kind op)
{
    int found = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        found += g->nodes.at[i]->op == op;
    return found;
}

static cseg_status trace_logits(test_model *t, graph *g)
{
    tensor *logits = NULL;
    return model_trace_logits(t->m, g, 1, 64, 96, -1, &logits, &t->err);
}

static cseg_status trace_loss(test_model *t, graph *g)
{
    tensor *loss = NULL;
    return model_trace_loss(t->m, g, 2, 64, 96, NULL, &loss, &t->err);
}

/* The reference does not reach init_cfg of heads in a list: fc_seg starts as PyTorch's Conv1d, not by Normal. */
static void layers_start_as_in_a_list(void **state)
{
    (void)state;
    test_model t = test_build_ok(MODEL("3", POINT(", channels=256"), TRAIN ", " TEST));
    model_init_weights(t.m, 0);
    const param *last = model_find(t.m, "decode_head.1.fc_seg.weight");
    const param *first = model_find(t.m, "decode_head.1.fcs.0.conv.weight");
    double of_last = 0, of_first = 0;
    assert_int_equal(last->rank, 3);
    assert_string_equal(last->owner, "Conv1d");
    for (int64_t i = 0; i < last->count; i++)
        of_last += pow((double)((const float *)last->data)[i], 2) / (double)last->count;
    for (int64_t i = 0; i < first->count; i++)
        of_first += pow((double)((const float *)first->data)[i], 2) / (double)first->count;
    assert_true(fabs(sqrt(of_last) / sqrt(1.0 / (3 * 259)) - 1) < 0.1);
    assert_true(fabs(sqrt(of_first) / sqrt(2.0 / 256) - 1) < 0.1); /* Kaiming by fan out */
    test_end(&t);
}

/* In training nothing is subdivided; with all points random nothing is looked at before. */
static void what_is_traced(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int learnt_draws, learnt_choices, answer_steps;
    } cases[] = {
        {MODEL("3", POINT(""), TRAIN ", " TEST), 2, 1, 2},
        {MODEL("3", POINT(""), "train_cfg=dict(num_points=50, oversample_ratio=3, importance_sample_ratio=0.0), " TEST),
         2, 0, 2},
        {MODEL("3", POINT(""),
               "train_cfg=dict(num_points=50, oversample_ratio=1, importance_sample_ratio=1.0),\n"
               "test_cfg=dict(subdivision_steps=0)"),
         1, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_model t = test_build_ok(cases[i].text);
        graph *learns = graph_new(true), *answers = graph_new(false);
        assert_int_equal(trace_loss(&t, learns), CSEG_OK);
        assert_int_equal(trace_logits(&t, answers), CSEG_OK);
        assert_int_equal(learns->draws, cases[i].learnt_draws);
        assert_int_equal(nodes_of(learns, OP_top_places), cases[i].learnt_choices);
        assert_int_equal(nodes_of(learns, OP_put_rows), 0);
        assert_int_equal(nodes_of(answers, OP_put_rows), cases[i].answer_steps);
        assert_int_equal(answers->draws, 0);
        graph_free(learns);
        graph_free(answers);
        test_end(&t);
    }
}

static void refuses_to_trace(const char *text, bool learn, const char *a, const char *b)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(learn);
    assert_int_not_equal(learn ? trace_loss(&t, g) : trace_logits(&t, g), CSEG_OK);
    if (!strstr(t.err.text, a) || !strstr(t.err.text, b))
        fail_msg("message: %s\nlacks \"%s\" or \"%s\"", t.err.text, a, b);
    graph_free(g);
    test_end(&t);
}

static void what_a_trace_needs(void **state)
{
    (void)state;
    refuses_to_trace(MODEL("3", POINT(""), TEST), true, "num_points", "train_cfg");
    refuses_to_trace(MODEL("3", POINT(""),
                           "train_cfg=dict(num_points=0, oversample_ratio=3, "
                           "importance_sample_ratio=0.5)"),
                     true, "num_points", "test.py:4");
    refuses_to_trace(MODEL("3", POINT(""),
                           "train_cfg=dict(num_points=9, oversample_ratio=0.5, "
                           "importance_sample_ratio=0.5)"),
                     true, "oversample_ratio (from 1)", "test.py:4");
    refuses_to_trace(MODEL("3", POINT(""), TRAIN), false, "subdivision_steps", "test_cfg");
    refuses_to_trace(MODEL("3", POINT(""), "test_cfg=dict(subdivision_steps=1, scale_factor=2)"), false,
                     "subdivision_num_points", "test.py:4");
    refuses_to_trace(MODEL("4", POINT(""), TEST), false, "num_classes=3", "4 channels");
}

static void what_cannot_be_meant(void **state)
{
    (void)state;
    test_refused(MODEL("3", POINT(", init_cfg=None"), TEST), CSEG_CONFIG, "init_cfg", "test.py:4");
    test_refused(MODEL("3", POINT(", input_transform='multiple_select'"), TEST), CSEG_CONFIG, "input_transform",
                 "test.py:4");
    test_refused(MODEL("3", POINT(", conv_cfg=dict(type='Conv2d')"), TEST), CSEG_CONFIG, "Conv1d", "test.py:4");
    test_refused(MODEL("2",
                       POINT(", num_classes=2, out_channels=1, loss_decode=dict(type='CrossEntropyLoss', "
                             "use_sigmoid=True)"),
                       TEST),
                 CSEG_CONFIG, "two classes", "test.py:4");
    test_refused(MODEL("3", POINT(""), "train_cfg=dict(importance_sample_ratio=1.5)"), CSEG_CONFIG,
                 "importance_sample_ratio", "test.py:5");
    test_refused(MODEL("3", POINT(""), "test_cfg=dict(scale_factor=0)"), CSEG_CONFIG, "scale_factor", "test.py:5");
    test_refused(MODEL("3", POINT(""), "test_cfg=[2]"), CSEG_CONFIG, "test_cfg", "dict");
}

/* Elsewhere a Conv1d gets maps, which it cannot take. */
static void a_line_is_no_map(void **state)
{
    (void)state;
    refuses_to_trace("model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8, "
                     "stem_channels=8),\n  decode_head=dict(type='FCNHead', in_channels=64, channels=8, num_convs=1, "
                     "num_classes=3, conv_cfg=dict(type='Conv1d')))\n",
                     false, "Conv1d", "map");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_start_as_in_a_list), cmocka_unit_test(what_is_traced),
        cmocka_unit_test(what_a_trace_needs),        cmocka_unit_test(what_cannot_be_meant),
        cmocka_unit_test(a_line_is_no_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
