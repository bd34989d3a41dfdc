/* What models trace: shapes, inputs, outputs, modes, shared weights. The numbers are tested where a backend is. */
#include "model_test.h"

static graph *trace_logits(test_model *t, int64_t h, int64_t w, int head, tensor **logits)
{
    graph *g = graph_new(false);
    assert_non_null(g);
    if (model_trace_logits(t->m, g, 2, h, w, head, logits, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
    return g;
}

static graph *trace_loss_with(test_model *t, const trace_options *data)
{
    graph *g = graph_new(true);
    tensor *loss = NULL;
    assert_non_null(g);
    if (model_trace_loss(t->m, g, 2, 64, 96, data, &loss, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
    assert_int_equal(tensor_count(loss), 1);
    return g;
}

static graph *trace_loss(test_model *t, bool weight_map)
{
    return trace_loss_with(t, &(trace_options){.weight_map = weight_map});
}

static void assert_shape(const tensor *t, int64_t n, int64_t h, int64_t w, int64_t c)
{
    char text[96];
    if (t->rank != 4 || t->dim[0] != n || t->dim[1] != h || t->dim[2] != w || t->dim[3] != c)
        fail_msg("%s", tensor_shape_text(t, text));
}

static int count_ops(const graph *g, op_kind op)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == op;
    return n;
}

static const tensor *output(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (strcmp(g->outputs.at[i].name, name) == 0)
            return g->outputs.at[i].value;
    return NULL;
}

static const tensor *input(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->inputs.n; i++)
        if (strcmp(g->inputs.at[i]->name, name) == 0)
            return g->inputs.at[i];
    return NULL;
}

/* The op of the node that reads a parameter. */
static int reader_of(const graph *g, const param *p)
{
    for (size_t i = 0; i < g->nodes.n; i++)
        for (int j = 0; j < g->nodes.at[i]->n_in; j++)
            if (g->nodes.at[i]->in[j] && g->nodes.at[i]->in[j]->param == p)
                return (int)g->nodes.at[i]->op;
    return -1;
}

static void logits_have_the_images_size(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    tensor *logits;
    graph *g = trace_logits(&t, 65, 97, -1, &logits); /* odd sizes too */
    assert_shape(logits, 2, 65, 97, 4);
    assert_shape(input(g, "img"), 2, 65, 97, 3);
    assert_int_equal(count_ops(g, OP_batch_norm_train), 0);
    graph_free(g);
    test_end(&t);
}

static void dilated_stages_keep_their_size(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(
        ", strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True, multi_grid=(1, 2)", "", ""));
    tensor *logits;
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    const struct {
        const char *name;
        int dilation;
    } want[] = {{"backbone.layer2.0.conv1.weight", 1}, {"backbone.layer3.0.conv1.weight", 1},
                {"backbone.layer3.1.conv1.weight", 2}, {"backbone.layer4.0.conv1.weight", 1},
                {"backbone.layer4.1.conv1.weight", 2}, {"backbone.layer4.1.conv2.weight", 1}};
    int found = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const node *n = g->nodes.at[i];
        for (size_t j = 0; j < sizeof want / sizeof *want && n->op == OP_conv2d; j++)
            if (strcmp(n->in[1]->param->name, want[j].name) == 0) {
                assert_int_equal(n->attr.conv.dilation[0], want[j].dilation);
                found++;
            }
    }
    assert_int_equal(found, 6);
    graph_free(g);
    test_end(&t);
}

static void training_names_its_losses(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(
        "",
        ", loss_decode=[dict(type='CrossEntropyLoss'), dict(type='CrossEntropyLoss', loss_weight=2.0),\n"
        "  dict(type='CrossEntropyLoss', use_sigmoid=True, loss_name='loss_bce'),\n"
        "  dict(type='CrossEntropyLoss', loss_name='watched')]",
        ",\n  auxiliary_head=[dict(type='FCNHead', in_channels=32, in_index=2, channels=8, num_classes=4)]"));
    graph *g = trace_loss(&t, true);
    static const char *const names[] = {"decode.loss_ce",
                                        "decode.loss_bce",
                                        "decode.watched",
                                        "decode.acc_seg",
                                        "aux_0.loss_ce",
                                        "aux_0.acc_seg",
                                        "loss"};
    assert_int_equal(g->outputs.n, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_string_equal(g->outputs.at[i].name, names[i]);
    assert_int_equal(count_ops(g, OP_cross_entropy), 4);
    assert_int_equal(count_ops(g, OP_binary_cross_entropy), 1);
    assert_int_equal(input(g, "gt_semantic_seg")->type, DT_I32);
    assert_int_equal(input(g, "seg_weight_map")->type, DT_F32);
    assert_true(count_ops(g, OP_dropout) == 2);
    graph_free(g);
    test_end(&t);
}

static void a_loss_must_be_there(void **state)
{
    (void)state;
    test_model t =
        test_build_ok(TEST_RESNET("", ", loss_decode=dict(type='CrossEntropyLoss', loss_name='watched')", ""));
    graph *g = graph_new(true);
    tensor *loss;
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_CONFIG);
    assert_non_null(strstr(t.err.text, "nothing to train on"));
    graph_free(g);
    test_end(&t);
}

static void norms_that_are_frozen(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(", norm_eval=True", ", norm_cfg=dict(type='BN')", ""));
    graph *g = trace_loss(&t, false);
    assert_int_equal(count_ops(g, OP_batch_norm_train), 1); /* the head's */
    graph_free(g);
    model_count_batch(t.m);
    model_count_batch(t.m);
    assert_int_equal(*(int64_t *)model_find(t.m, "decode_head.convs.0.bn.num_batches_tracked")->data, 2);
    assert_int_equal(*(int64_t *)model_find(t.m, "backbone.bn1.num_batches_tracked")->data, 0);
    test_end(&t);
}

static void norm_kinds(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET(", norm_cfg=dict(type='GN', num_groups=4)",
                                             ", norm_cfg=dict(type='IN'), act_cfg=dict(type='PReLU')", ""));
    assert_non_null(model_find(t.m, "backbone.layer1.0.gn2.weight"));
    assert_null(model_find(t.m, "decode_head.convs.0.in.weight"));
    assert_non_null(model_find(t.m, "decode_head.convs.0.activate.weight"));
    tensor *logits;
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_int_equal(count_ops(g, OP_batch_norm), 0);
    assert_int_equal(count_ops(g, OP_group_norm), 21); /* ResNet-18's 20, and the head's */
    assert_int_equal(count_ops(g, OP_prelu), 1);
    graph_free(g);
    test_end(&t);
}

static void multi_head_learns_from_many_labels(void **state)
{
    (void)state;
    test_model t = test_build_ok(
        "head = dict(type='FCNHead', in_channels=64, channels=8, num_convs=1)\n"
        "model = dict(type='EncoderDecoderMultiHead', test_cfg=dict(mode='whole', head_index=1),\n"
        "  backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),\n"
        "  decode_head=[dict(head, num_classes=4), dict(head, num_classes=2, out_channels=1, threshold=0.4,\n"
        "    gt_key='gt_water', loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.5))])\n");
    assert_int_equal(t.m->n_heads, 2);
    assert_int_equal(t.m->answer_head, 1);
    const model_head *answer = model_head_at(t.m, -1);
    assert_ptr_equal(answer, &t.m->heads.at[1]);
    assert_int_equal(answer->out_channels, 1);
    assert_int_equal(answer->num_classes, 2);
    assert_true(answer->threshold == 0.4);
    assert_string_equal(t.m->heads.at[1].name, "decode_head.1");
    assert_string_equal(t.m->heads.at[1].gt_key, "gt_water");
    tensor *logits;
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_shape(logits, 2, 64, 64, 1);
    graph_free(g);
    g = trace_logits(&t, 64, 64, 0, &logits);
    assert_shape(logits, 2, 64, 64, 4);
    graph_free(g);
    g = trace_loss(&t, false);
    assert_non_null(output(g, "decode_0.loss_ce"));
    assert_non_null(output(g, "decode_1.loss_ce"));
    assert_non_null(output(g, "decode_1.acc_seg"));
    assert_non_null(input(g, "gt_semantic_seg"));
    assert_non_null(input(g, "gt_water"));
    graph_free(g);
    test_end(&t);
}

static void fpn_gives_and_takes(void **state)
{
    (void)state;
    test_model t = test_build_ok(
        "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=8),\n"
        "  neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=12, num_outs=5, start_level=1,\n"
        "    add_extra_convs='on_lateral'),\n"
        "  decode_head=dict(type='FCNHead', in_channels=12, in_index=4, channels=8, num_classes=4))\n");
    assert_non_null(model_find(t.m, "neck.lateral_convs.2.conv.bias"));
    assert_null(model_find(t.m, "neck.lateral_convs.3.conv.bias"));
    assert_non_null(model_find(t.m, "neck.fpn_convs.4.conv.weight"));
    tensor *logits;
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_shape(logits, 2, 64, 64, 4);
    graph_free(g);
    test_end(&t);
}

#define CHANGE(backbone_more, fusion, in_channels, more)                                                               \
    "head = dict(type='FCNHead', channels=8, num_convs=1)\n"                                                           \
    "model = dict(type='ChangeExtraSegmentor', fusion='" fusion "',\n"                                                 \
    "  backbone=dict(dict(type='ChangeExtraResNet', depth=18, base_channels=8, stem_channels=8,\n"                     \
    "    in_channels=4)" backbone_more "),\n"                                                                          \
    "  decode_head=dict(head, in_channels=" in_channels ", num_classes=2)" more ")\n"
#define EXTRA ",\n  extra_head=dict(head, in_channels=64, num_classes=5)"

static void pairs_share_their_weights(void **state)
{
    (void)state;
    test_model t = test_build_ok(CHANGE("", "concat", "128", EXTRA));
    assert_int_equal(t.m->in_channels, 8);
    assert_int_equal(t.m->dates, 2);
    assert_int_equal(t.m->n_heads, 3);
    assert_string_equal(t.m->heads.at[0].name, "decode_head");
    assert_string_equal(t.m->heads.at[1].name, "extra_head.from");
    assert_string_equal(t.m->heads.at[2].name, "extra_head.to");
    tensor *logits;
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_shape(logits, 2, 64, 64, 2);
    assert_shape(input(g, "img"), 2, 64, 64, 8);
    const param *first = model_find(t.m, "backbone.conv1.weight");
    int uses = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        uses += g->nodes.at[i]->op == OP_conv2d && g->nodes.at[i]->in[1]->param == first;
    assert_int_equal(uses, 2);
    graph_free(g);
    g = trace_logits(&t, 64, 64, 2, &logits);
    assert_shape(logits, 2, 64, 64, 5);
    graph_free(g);
    g = trace_loss(&t, false);
    static const char *const names[] = {"decode.loss_ce",     "decode.acc_seg",   "extra_from.loss_ce",
                                        "extra_from.acc_seg", "extra_to.loss_ce", "extra_to.acc_seg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(output(g, names[i]));
    assert_non_null(input(g, "gt_semantic_seg_from"));
    assert_non_null(input(g, "gt_semantic_seg_to"));
    graph_free(g);
    model_count_batch(t.m); /* two passes a step */
    assert_int_equal(*(int64_t *)model_find(t.m, "backbone.bn1.num_batches_tracked")->data, 2);
    test_end(&t);
}

static void pairs_without_labels_of_dates(void **state)
{
    (void)state;
    test_model t = test_build_ok(CHANGE("", "concat", "128", EXTRA));
    graph *g = trace_loss_with(&t, &(trace_options){.no_date_labels = true});
    assert_null(output(g, "extra_from.loss_ce"));
    assert_null(input(g, "gt_semantic_seg_from"));
    graph_free(g);
    test_end(&t);
}

static void ways_of_fusion(void **state)
{
    (void)state;
    tensor *logits;
    test_model t = test_build_ok(CHANGE("", "diff", "64", ""));
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_int_equal(count_ops(g, OP_binary) - 2 * 8, 4); /* 8 blocks a date, 4 maps */
    graph_free(g);
    test_end(&t);
    t = test_build_ok(CHANGE("", "abs_diff", "64", ""));
    g = trace_logits(&t, 64, 64, -1, &logits);
    int absolute = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        absolute += g->nodes.at[i]->op == OP_unary && g->nodes.at[i]->attr.unary.kind == UNARY_ABS;
    assert_int_equal(absolute, 4);
    graph_free(g);
    test_end(&t);
}

static void instance_norm_in_the_stem(void **state)
{
    (void)state;
    tensor *logits;
    test_model t = test_build_ok(CHANGE(", use_IN1=True", "concat", "128", ""));
    assert_non_null(model_find(t.m, "backbone.in1.weight"));
    assert_null(model_find(t.m, "backbone.in1.running_mean"));
    assert_null(model_find(t.m, "backbone.bn1.weight"));
    graph *g = trace_logits(&t, 64, 64, -1, &logits);
    assert_int_equal(reader_of(g, model_find(t.m, "backbone.in1.weight")), OP_group_norm);
    graph_free(g);
    test_end(&t);
    t = test_build_ok(CHANGE(", use_IN1=True, deep_stem=True", "concat", "128", ""));
    assert_non_null(model_find(t.m, "backbone.stem.1.weight"));
    assert_null(model_find(t.m, "backbone.stem.1.running_mean"));
    assert_non_null(model_find(t.m, "backbone.stem.4.running_mean"));
    test_end(&t);
}

static cseg_status give_weights(void *arg, const char *path, arena *mem, floats *out, cseg_error *err)
{
    (void)err;
    assert_string_equal(path, "w.npy");
    out->n = *(size_t *)arg;
    out->at = ARENA_ARRAY(mem, out->n, double);
    return CSEG_OK;
}

static void class_weights(void **state)
{
    (void)state;
    const char *config = TEST_RESNET("", ", loss_decode=dict(type='CrossEntropyLoss', class_weight='w.npy')", "");
    size_t n = 4;
    tensor *loss;
    test_model t = test_build(config, &(model_options){.read_numbers = give_weights, .read_arg = &n});
    graph *g = trace_loss(&t, false);
    for (size_t i = 0; i < g->nodes.n; i++)
        if (g->nodes.at[i]->op == OP_cross_entropy)
            assert_int_equal(g->nodes.at[i]->attr.loss.avg, AVG_CLASS_WEIGHT);
    graph_free(g);
    test_end(&t);
    n = 3;
    t = test_build(config, &(model_options){.read_numbers = give_weights, .read_arg = &n, .average_over_pixels = true});
    g = graph_new(true);
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_CONFIG);
    assert_non_null(strstr(t.err.text, "3 numbers for 4 classes"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_have_the_images_size),
        cmocka_unit_test(dilated_stages_keep_their_size),
        cmocka_unit_test(training_names_its_losses),
        cmocka_unit_test(a_loss_must_be_there),
        cmocka_unit_test(norms_that_are_frozen),
        cmocka_unit_test(norm_kinds),
        cmocka_unit_test(multi_head_learns_from_many_labels),
        cmocka_unit_test(fpn_gives_and_takes),
        cmocka_unit_test(pairs_share_their_weights),
        cmocka_unit_test(pairs_without_labels_of_dates),
        cmocka_unit_test(ways_of_fusion),
        cmocka_unit_test(instance_norm_in_the_stem),
        cmocka_unit_test(class_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
