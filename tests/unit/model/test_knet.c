/* IterativeDecodeHead and the stages that update its kernels: what stands beside the agreement with the reference,
 * which tests/data/engine/parity/knet_*.py are for. */
#include "model_test.h"

#include "model/param.h"

#define UPDATOR "kernel_updator_cfg=dict(type='KernelUpdator', in_channels=8, feat_channels=8)"
/* The last of two keys counts; what is given goes into the stage, the head and the generator. */
#define STAGE(more)                                                                                                    \
    "dict(dict(type='KernelUpdateHead', num_heads=2, num_mask_fcs=1, feedforward_channels=12, in_channels=8,\n"        \
    "  out_channels=8, feat_transform_cfg=dict(act_cfg=None), " UPDATOR ")" more ")"
#define KNET(stages, generator, more)                                                                                  \
    "model = dict(type='EncoderDecoder', backbone=dict(type='ResNet', depth=18, base_channels=4, stem_channels=4),\n"  \
    "  decode_head=dict(dict(type='IterativeDecodeHead', num_stages=1, kernel_update_head=" stages ",\n"               \
    "    kernel_generate_head=dict(dict(type='FCNHead', in_channels=32, in_index=3, channels=8, num_classes=3)\n"      \
    "      " generator "))" more "))\n"
#define ONE(more) KNET("[" STAGE(more) "]", "", "")

static init_rule rule_of(const test_model *t, const char *name)
{
    const param *p = model_find(t->m, name);
    if (!p)
        fail_msg("there is no %s", name);
    return param_start_of((param *)p)->rule;
}

/* MMEngine does not descend into the plain list of stages; an init_cfg of a module above reaches them all the same. */
static void stages_start_as_pytorch_starts_them(void **state)
{
    (void)state;
    test_model t = test_build_ok(ONE(", kernel_init=True"));
    assert_int_equal(rule_of(&t, "decode_head.kernel_generate_head.conv_seg.weight"), INIT_NORMAL);
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.fc_mask.weight"), INIT_KAIMING_UNIFORM);
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.kernel_update_conv.fc_layer.weight"),
                     INIT_KAIMING_UNIFORM);
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.attention.attn.in_proj_weight"),
                     INIT_XAVIER_UNIFORM);
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.feat_transform.conv.weight"), INIT_KAIMING_NORMAL);
    test_end(&t);
    t = test_build_ok(KNET("[" STAGE("") "]", "", ", init_cfg=dict(type='TruncNormal', layer='Linear', std=0.02)"));
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.fc_mask.weight"), INIT_TRUNC_NORMAL);
    assert_int_equal(rule_of(&t, "decode_head.kernel_update_head.0.feat_transform.conv.weight"), INIT_KAIMING_NORMAL);
    test_end(&t);
}

static bool has_output(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (strcmp(g->outputs.at[i].name, name) == 0)
            return true;
    return false;
}

static void trace_losses(test_model *t, graph *g)
{
    tensor *loss = NULL;
    if (model_trace_loss(t->m, g, 2, 64, 96, NULL, &loss, &t->err) != CSEG_OK ||
        graph_backward(g, loss, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
}

/* The generator's losses are taken of what it says itself and of each stage; a head behind has its own names again. */
static void each_stage_learns(void **state)
{
    (void)state;
    test_model t = test_build_ok(KNET(
        "[" STAGE("") ", " STAGE("") "]", ", gt_key='gt_fine', ignore_index=9, align_corners=True",
        ", num_stages=2), auxiliary_head=dict(type='FCNHead', in_channels=16, in_index=2, channels=4, num_classes=3"));
    const model_head *answer = model_head_at(t.m, -1);
    assert_string_equal(answer->name, "decode_head");
    assert_string_equal(answer->gt_key, "gt_fine");
    assert_int_equal(answer->num_classes, 3);
    assert_int_equal(answer->ignore_index, 9);
    assert_true(answer->align_corners);
    assert_int_equal(t.m->labels.n, 2);
    graph *g = graph_new(true);
    assert_non_null(g);
    trace_losses(&t, g);
    assert_true(has_output(g, "decode.loss_ce.s0"));
    assert_true(has_output(g, "decode.loss_ce.s2"));
    assert_true(has_output(g, "decode.acc_seg.s1"));
    assert_false(has_output(g, "decode.loss_ce.s3"));
    assert_false(has_output(g, "decode.loss_ce"));
    assert_true(has_output(g, "aux.loss_ce"));
    graph_free(g);
    test_end(&t);
}

/* A generator's own loss has its stage's name too. */
static void a_generators_own_loss_is_taken(void **state)
{
    (void)state;
    test_model t = test_build_ok(KNET("[" STAGE("") "]", ", type='STDCHead', num_classes=2", ""));
    graph *g = graph_new(true);
    assert_non_null(g);
    trace_losses(&t, g);
    assert_true(has_output(g, "decode.loss_ce.s0"));
    assert_true(has_output(g, "decode.loss_ce.s1"));
    graph_free(g);
    test_end(&t);
}

static int count_ops(const graph *g, op_kind op, int64_t pixels)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++) {
        const tensor *y = g->nodes.at[i]->out[0];
        n += g->nodes.at[i]->op == op && y->rank > 2 && y->dim[0] == 1 && y->dim[1] * y->dim[2] == pixels;
    }
    return n;
}

static graph *trace_answer(test_model *t)
{
    tensor *y = NULL;
    graph *g = graph_new(false);
    assert_non_null(g);
    if (model_trace_logits(t->m, g, 1, 64, 96, -1, &y, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
    return g;
}

/* A transform that is a matrix for each pixel is applied to the kernels, not to the map; another one to the map. */
static void a_plain_transform_costs_no_map(void **state)
{
    (void)state;
    test_model plain = test_build_ok(ONE("")), active = test_build_ok(ONE(", feat_transform_cfg=dict()"));
    test_model without = test_build_ok(ONE(", feat_transform_cfg=None"));
    graph *a = trace_answer(&plain), *b = trace_answer(&active), *c = trace_answer(&without);
    assert_int_equal(count_ops(a, OP_conv2d, 2 * 3), count_ops(c, OP_conv2d, 2 * 3));
    assert_int_equal(count_ops(b, OP_conv2d, 2 * 3), count_ops(c, OP_conv2d, 2 * 3) + 1);
    graph_free(a);
    graph_free(b);
    graph_free(c);
    test_end(&plain);
    test_end(&active);
    test_end(&without);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *config, *a, *b;
        cseg_status code;
    } cases[] = {
        {KNET("[" STAGE("") "]", "", ", num_stages=3"), "num_stages is 3", "a list of 1", CSEG_CONFIG},
        {KNET("dict(type='KernelUpdateHead')", "", ""), "kernel_update_head is a list", "dict", CSEG_CONFIG},
        {KNET("[dict(type='KernelUpdator')]", "", ""), "a KernelUpdateHead's, not a KernelUpdator's", "test.py",
         CSEG_CONFIG},
        {KNET("[" STAGE("") "]", ", type='DAHead', pam_channels=2", ""), "DAHead hands out no map", "UPerHead",
         CSEG_CONFIG},
        {KNET("[" STAGE("") "]", "", ", type='KernelUpdateHead'"), "is a part of other kinds", "no head by itself",
         CSEG_CONFIG},
        {KNET("[" STAGE("") "]", "", ", align_corners=True"), "align_corners", "IterativeDecodeHead", CSEG_CONFIG},
        {ONE(", conv_kernel_size=2"), "conv_kernel_size is odd, not 2", "", CSEG_CONFIG},
        {ONE(", conv_kernel_size=3"), "kernels of 8 numbers", "conv_kernel_size=3 mean 72", CSEG_CONFIG},
        {ONE(", in_channels=16"), "in_channels=16", "the kernel_generate_head's map has 8 channels", CSEG_CONFIG},
        {ONE(", in_channels=16, feat_transform_cfg=None"), "have 8 numbers", "no multiple of in_channels=16",
         CSEG_CONFIG},
        {ONE(", out_channels=4"), "out_channels is 4", "a map of 8 channels", CSEG_CONFIG},
        {ONE(", num_heads=3"), "8 channels do not divide into 3 heads", "", CSEG_CONFIG},
        {ONE(", mask_transform_stride=4"), "mask_transform_stride", "1 to 2", CSEG_CONFIG},
        {ONE(", feat_transform_cfg=dict(kernel_size=(1, 1, 1))"), "one number or two", "kernel_size", CSEG_CONFIG},
        {ONE(", feat_transform_cfg=dict(bias='no')"), "True, False or 'auto'", "bias", CSEG_CONFIG},
        {ONE(", feat_transform_cfg=dict(padding=1)"), "padding", "feat_transform_cfg", CSEG_CONFIG},
        {ONE(", kernel_updator_cfg=dict(type='DynamicConv')"), "no part type 'DynamicConv'", "KernelUpdator",
         CSEG_CONFIG},
        {ONE(", kernel_updator_cfg=dict(type='KernelUpdator', in_channels=8)"), "feat_channels is 64",
         "must be in_channels, 8", CSEG_CONFIG},
        {ONE(", kernel_updator_cfg=dict(type='KernelUpdator', in_channels=5, feat_channels=5)"), "do not divide into",
         "in_channels=5", CSEG_CONFIG},
        {ONE(", kernel_updator_cfg=dict(type='KernelUpdator', in_channels=8, feat_channels=8, out_channels=4)"),
         "kernels of 4 numbers", "conv_kernel_size=1 mean 8", CSEG_CONFIG},
        {ONE(", kernel_updator_cfg=dict(type='KernelUpdator', in_channels=8, feat_channels=8,\n"
             "  norm_cfg=dict(type='BN'))"),
         "norm_cfg of type BN does not fit tokens", "there is LN", CSEG_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_refused(cases[i].config, cases[i].code, cases[i].a, cases[i].b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_start_as_pytorch_starts_them), cmocka_unit_test(each_stage_learns),
        cmocka_unit_test(a_generators_own_loss_is_taken),      cmocka_unit_test(a_plain_transform_costs_no_map),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
