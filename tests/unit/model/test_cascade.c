/* CascadeEncoderDecoder and OCRHead: what they declare, what they trace, and what they refuse. */
#include "model_test.h"

#define BACKBONE "backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)"
#define FCN(more) "dict(dict(type='FCNHead', in_channels=64, channels=8, num_classes=4, num_convs=1)" more ")"
#define OCR(more) "dict(dict(type='OCRHead', in_channels=64, channels=8, ocr_channels=6, num_classes=4)" more ")"
#define CASCADE(stages, heads)                                                                                         \
    "model = dict(type='CascadeEncoderDecoder', num_stages=" stages ", " BACKBONE ",\n  decode_head=" heads ")\n"
#define BN ", norm_cfg=dict(type='BN')"

static graph *losses_of(test_model *t, bool train)
{
    graph *g = graph_new(train);
    tensor *loss = NULL;
    assert_non_null(g);
    if (model_trace_loss(t->m, g, 2, 64, 64, NULL, &loss, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
    return g;
}

static bool has_output(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (strcmp(g->outputs.at[i].name, name) == 0)
            return true;
    return false;
}

static int uses_of(const test_model *t, const graph *g, const char *name)
{
    const param *p = model_find(t->m, name);
    int uses = 0;
    assert_non_null(p);
    for (size_t i = 0; i < g->nodes.n; i++)
        uses += g->nodes.at[i]->op == OP_conv2d && g->nodes.at[i]->in[1]->param == p;
    return uses;
}

static int64_t count_of(const test_model *t, const char *name)
{
    const param *p = model_find(t->m, name);
    assert_non_null(p);
    return *(const int64_t *)p->data;
}

/* As the reference's state_dict() has it: conv_seg, then the block and its bottleneck, then the head's own. */
static void the_state_is_the_references(void **state)
{
    (void)state;
    static const char *const names[] = {"decode_head.0.conv_seg.weight",
                                        "decode_head.0.conv_seg.bias",
                                        "decode_head.0.convs.0.conv.weight",
                                        "decode_head.0.convs.0.conv.bias",
                                        "decode_head.0.conv_cat.conv.weight",
                                        "decode_head.0.conv_cat.conv.bias",
                                        "decode_head.1.conv_seg.weight",
                                        "decode_head.1.conv_seg.bias",
                                        "decode_head.1.object_context_block.key_project.0.conv.weight",
                                        "decode_head.1.object_context_block.key_project.0.conv.bias",
                                        "decode_head.1.object_context_block.key_project.1.conv.weight",
                                        "decode_head.1.object_context_block.key_project.1.conv.bias",
                                        "decode_head.1.object_context_block.query_project.0.conv.weight",
                                        "decode_head.1.object_context_block.query_project.0.conv.bias",
                                        "decode_head.1.object_context_block.query_project.1.conv.weight",
                                        "decode_head.1.object_context_block.query_project.1.conv.bias",
                                        "decode_head.1.object_context_block.value_project.conv.weight",
                                        "decode_head.1.object_context_block.value_project.conv.bias",
                                        "decode_head.1.object_context_block.out_project.conv.weight",
                                        "decode_head.1.object_context_block.out_project.conv.bias",
                                        "decode_head.1.object_context_block.bottleneck.conv.weight",
                                        "decode_head.1.object_context_block.bottleneck.conv.bias",
                                        "decode_head.1.bottleneck.conv.weight",
                                        "decode_head.1.bottleneck.conv.bias"};
    enum { NAMES = sizeof names / sizeof *names };
    test_model t = test_build_ok(CASCADE("2", "[" FCN("") ", " OCR("") "]"));
    size_t first = 0;
    while (first < t.m->params.n && strncmp(t.m->params.at[first]->name, "decode_head", 11) != 0)
        first++;
    assert_int_equal(t.m->params.n - first, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        assert_string_equal(t.m->params.at[first + i]->name, names[i]);
    const param *fused = model_find(t.m, "decode_head.1.object_context_block.bottleneck.conv.weight");
    assert_int_equal(fused->dim[0], 8);
    assert_int_equal(fused->dim[1], 16);
    assert_int_equal(model_find(t.m, "decode_head.1.object_context_block.key_project.0.conv.weight")->dim[0], 6);
    test_end(&t);
}

/* The last head answers, at the image's size. */
static void the_last_head_answers(void **state)
{
    (void)state;
    test_model t = test_build_ok(CASCADE("2", "[" FCN("") ", " OCR(", num_classes=3, align_corners=True, "
                                                                   "ignore_index=7, gt_key='gt_fine'") "]"));
    const model_head *answer = model_head_at(t.m, -1);
    assert_int_equal(t.m->n_heads, 1);
    assert_string_equal(answer->name, "decode_head.1");
    assert_int_equal(answer->num_classes, 3);
    assert_int_equal(answer->ignore_index, 7);
    assert_true(answer->align_corners);
    assert_string_equal(answer->gt_key, "gt_fine");
    assert_int_equal(t.m->labels.n, 2);
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 96, -1, &logits, &t.err), CSEG_OK);
    assert_int_equal(logits->dim[1], 64);
    assert_int_equal(logits->dim[2], 96);
    assert_int_equal(logits->dim[3], 3);
    graph_free(g);
    test_end(&t);
}

static void losses_are_called_by_stages(void **state)
{
    (void)state;
    static const char *const names[] = {"decode_0.loss_ce",
                                        "decode_0.acc_seg",
                                        "decode_1.loss_ce",
                                        "decode_1.acc_seg",
                                        "decode_2.loss_ce",
                                        "decode_2.acc_seg",
                                        "loss"};
    test_model t = test_build_ok(CASCADE("3", "[" FCN("") ", " OCR("") ", " OCR("") "]"));
    graph *g = losses_of(&t, true);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(has_output(g, names[i]));
    assert_int_equal(g->outputs.n, sizeof names / sizeof *names);
    graph_free(g);
    test_end(&t);
}

/* The reference runs every head but the last a second time in training, for the head behind it. */
static void statistics_move_twice_in_training(void **state)
{
    (void)state;
    test_model t = test_build_ok(CASCADE("3", "[" FCN(BN) ", " OCR(BN) ", " OCR(BN) "]"));
    graph *g = losses_of(&t, true);
    assert_int_equal(uses_of(&t, g, "decode_head.0.convs.0.conv.weight"), 2);
    assert_int_equal(uses_of(&t, g, "decode_head.1.bottleneck.conv.weight"), 2);
    assert_int_equal(uses_of(&t, g, "decode_head.2.bottleneck.conv.weight"), 1);
    graph_free(g);
    model_count_batch(t.m);
    assert_int_equal(count_of(&t, "decode_head.0.convs.0.bn.num_batches_tracked"), 2);
    assert_int_equal(count_of(&t, "decode_head.1.object_context_block.out_project.bn.num_batches_tracked"), 2);
    assert_int_equal(count_of(&t, "decode_head.2.object_context_block.out_project.bn.num_batches_tracked"), 1);
    g = losses_of(&t, false); /* both runs would be one */
    assert_int_equal(uses_of(&t, g, "decode_head.0.convs.0.conv.weight"), 1);
    graph_free(g);
    test_end(&t);
}

/* ModuleList has no init_weights() that the segmentor's could call: heads start as PyTorch's layers do. */
static void heads_in_the_list_start_as_layers_do(void **state)
{
    (void)state;
    test_model t = test_build_ok(CASCADE("2", "[" FCN("") ", " OCR("") "]"));
    assert_int_equal(param_start_of(model_find(t.m, "decode_head.1.conv_seg.weight"))->rule, INIT_KAIMING_UNIFORM);
    test_end(&t);
    t = test_build_ok(TEST_RESNET("", "", ""));
    assert_int_equal(param_start_of(model_find(t.m, "decode_head.conv_seg.weight"))->rule, INIT_NORMAL);
    test_end(&t);
}

static void what_makes_no_cascade(void **state)
{
    (void)state;
    test_refused(CASCADE("3", "[" FCN("") ", " OCR("") "]"), CSEG_CONFIG, "num_stages is 3", "list of 2");
    test_refused(CASCADE("2", FCN("")), CSEG_CONFIG, "list of heads", "test.py:2");
    test_refused(CASCADE("0", "[]"), CSEG_CONFIG, "num_stages", "test.py:1");
    test_refused("model = dict(type='CascadeEncoderDecoder', " BACKBONE ",\n  decode_head=[" FCN("") "])\n",
                 CSEG_CONFIG, "num_stages", "test.py:1");
    test_refused(CASCADE("2", "[" OCR("") ", " OCR("") "]"), CSEG_CONFIG, "decode_head.0: OCRHead", "behind the first");
    test_refused(CASCADE("2", "[" FCN("") ", " FCN("") "]"), CSEG_CONFIG, "decode_head.1: FCNHead", "the first");
    test_refused("model = dict(type='EncoderDecoder', " BACKBONE ",\n  decode_head=" OCR("") ")\n", CSEG_CONFIG,
                 "decode_head: OCRHead", "CascadeEncoderDecoder");
    test_refused("model = dict(type='EncoderDecoder', " BACKBONE
                 ",\n  decode_head=" FCN("") ", auxiliary_head=" OCR("") ")\n",
                 CSEG_CONFIG, "auxiliary_head: OCRHead", "test.py:2");
    test_refused("model = dict(type='EncoderDecoderMultiHead', " BACKBONE
                 ",\n  decode_head=[" FCN("") ", " OCR("") "])\n",
                 CSEG_CONFIG, "decode_head.1: OCRHead", "test.py:2");
    test_refused(CASCADE("2", "[" FCN("") ", " OCR(", scale=2") "]"), CSEG_UNSUPPORTED, "scale=2", "test.py:2");
    test_refused(CASCADE("2", "[" FCN("") ", " OCR("") "], test_cfg=dict(head_index=1)"), CSEG_CONFIG, "head_index",
                 "0 to 0");
}

/* The classes' means are taken over the pixels of the head before, so both maps are of one size. */
static void maps_of_two_sizes(void **state)
{
    (void)state;
    test_model t = test_build_ok(CASCADE("2", "[" FCN(", in_channels=32, in_index=2") ", " OCR("") "]"));
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, -1, &logits, &t.err), CSEG_SHAPE);
    assert_non_null(strstr(t.err.text, "decode_head.1"));
    assert_non_null(strstr(t.err.text, "4 x 4, but its own input is 2 x 2"));
    graph_free(g);
    test_end(&t);
}

enum { BLOCK = 1 << 20, STEP = 512 };

/* Leaves so many bytes in the arena's block; more is to be had by a new block alone. */
static void leave(arena *mem, size_t left)
{
    assert_non_null(arena_alloc(mem, BLOCK)); /* fills a block of its own; the next has twice the size */
    assert_non_null(arena_alloc(mem, 2 * BLOCK - left));
}

/* Lists of maps, a chain of heads and a fusion are made where memory runs out at any place. */
static void memory_may_end_anywhere_in_a_trace(void **state)
{
    (void)state;
    static const char *const configs[] = {
        CASCADE("3", "[" FCN(BN) ", " OCR(BN) ", " OCR(BN) "]"),
        "head = dict(type='FCNHead', in_channels=4, channels=4, num_convs=1, num_classes=2)\n"
        "model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ChangeExtraResNet', depth=18,\n"
        "  base_channels=8, stem_channels=8), neck=dict(type='FPN', in_channels=[8, 16, 32, 64],\n"
        "  out_channels=4, num_outs=6), decode_head=dict(head, in_channels=[8, 8], in_index=[1, 2],\n"
        "  input_transform='resize_concat'), extra_head=[head])\n",
        "model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ChangeExtraResNet', depth=18,\n"
        "  base_channels=8, stem_channels=8), neck=dict(type='opencd.FeatureFusionNeck', policy='abs_diff'),\n"
        "  decode_head=dict(type='PSPHead', in_channels=64, channels=8, num_classes=2))\n",
        "model = dict(type='EncoderDecoder', backbone=dict(type='HRNet', extra=dict(\n"
        "  stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1, ), num_channels=(4, )),\n"
        "  stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, 1), num_channels=(4, 8)),\n"
        "  stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), num_channels=(4, 8, 12)),\n"
        "  stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1),\n"
        "    num_channels=(4, 8, 12, 16)))),\n"
        "  decode_head=dict(type='FCNHead', in_channels=[4, 16], in_index=[0, 3], input_transform='resize_concat',\n"
        "    channels=4, num_classes=3))\n"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        test_model t = test_build_ok(configs[i]);
        cseg_status status = CSEG_NO_MEMORY;
        int failures = 0;
        for (size_t left = 0; status == CSEG_NO_MEMORY; left += STEP) {
            tensor *loss = NULL;
            graph *g = graph_new(true);
            assert_non_null(g);
            assert_true(left < BLOCK);
            leave(g->mem, left);
            mem_fail_at(1);
            status = model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err);
            mem_fail_at(0);
            graph_free(g);
            failures += status == CSEG_NO_MEMORY;
        }
        assert_int_equal(status, CSEG_OK);
        assert_true(failures > 100);
        test_end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_is_the_references),
        cmocka_unit_test(the_last_head_answers),
        cmocka_unit_test(losses_are_called_by_stages),
        cmocka_unit_test(statistics_move_twice_in_training),
        cmocka_unit_test(heads_in_the_list_start_as_layers_do),
        cmocka_unit_test(what_makes_no_cascade),
        cmocka_unit_test(maps_of_two_sizes),
        cmocka_unit_test(memory_may_end_anywhere_in_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
