/* SwinTransformer: what is refused, how it starts, what learns, what its blocks share. */
#include "graph/graph.h"
#include "model/param.h"
#include "model_test.h"

#define SWIN(more)                                                                                                     \
    "model = dict(type='EncoderDecoder', backbone=dict(dict(type='SwinTransformer', embed_dims=8, window_size=3,\n"    \
    "    depths=(2, 2), num_heads=(2, 4), strides=(4, 2), out_indices=(0, 1), drop_path_rate=0.)" more "),\n"          \
    "  decode_head=dict(type='FCNHead', in_channels=16, in_index=1, channels=8, num_convs=1, num_classes=3,\n"         \
    "    dropout_ratio=0))\n"

static void fields_that_do_not_fit(void **state)
{
    (void)state;
    test_refused(SWIN(", patch_size=2"), CSEG_CONFIG, "the first of strides is patch_size", "test.py:2");
    test_refused(SWIN(", pretrain_img_size=(64, 64, 3)"), CSEG_CONFIG, "pretrain_img_size is a side", "test.py:2");
    test_refused(SWIN(", depths=()"), CSEG_CONFIG, "1 to 32 stages", "test.py:2");
    test_refused(SWIN(", num_heads=(2,)"), CSEG_CONFIG, "there are 2 stages", "num_heads has 1");
    test_refused(SWIN(", num_heads=(3, 4)"), CSEG_CONFIG, "8 channels do not divide into 3 heads",
                 "backbone.stages.0.blocks.0.attn.w_msa");
    test_refused(SWIN(", qk_scale='small'"), CSEG_CONFIG, "qk_scale is a number", "test.py:2");
    test_refused(SWIN(", out_indices=(2,)"), CSEG_CONFIG, "out_indices", "stage 2 of 2");
    test_refused(SWIN(", frozen_stages=3"), CSEG_CONFIG, "frozen_stages is 3", "there are 2");
    test_refused(SWIN(", norm_cfg=dict(type='BN')"), CSEG_CONFIG, "does not fit tokens", "LN");
    test_refused(SWIN(", init_cfg=dict(type='Normal', layer='Linear', std=1.)"), CSEG_CONFIG,
                 "init_cfg of SwinTransformer", "checkpoint");
    test_refused(SWIN(", pretrained='a.pth', init_cfg=dict(type='Pretrained', checkpoint='b.pth')"), CSEG_CONFIG,
                 "cannot both be set", "SwinTransformer");
    test_trace_refused(SWIN(", use_abs_pos_embed=True"), "56 x 56 patches", "16 x 16");
}

static const param *find(const model *m, const char *name)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    return p;
}

static void assert_start(const model *m, const char *name, init_rule rule, float a)
{
    const param_start *s = param_start_of(find(m, name));
    if (s->rule != rule || s->a != a)
        fail_msg("%s starts by rule %d (%g)", name, s->rule, (double)s->a);
}

/* The class does not call its parts' init_weights(), so that tables start at 0. */
static void as_the_reference_starts(void **state)
{
    (void)state;
    test_model t = test_build_ok(SWIN(", use_abs_pos_embed=True, pretrain_img_size=64"));
    assert_start(t.m, "backbone.absolute_pos_embed", INIT_TRUNC_NORMAL, 0.02f);
    assert_start(t.m, "backbone.stages.0.blocks.1.attn.w_msa.relative_position_bias_table", INIT_ZERO, 0);
    assert_start(t.m, "backbone.stages.0.blocks.1.attn.w_msa.qkv.weight", INIT_TRUNC_NORMAL, 0.02f);
    assert_start(t.m, "backbone.stages.1.blocks.0.ffn.layers.1.bias", INIT_ZERO, 0);
    assert_start(t.m, "backbone.stages.0.downsample.reduction.weight", INIT_TRUNC_NORMAL, 0.02f);
    assert_start(t.m, "backbone.patch_embed.projection.weight", INIT_KAIMING_UNIFORM, 2.2360679775f);
    test_end(&t);
}

/* How many nodes of a training step drop something. */
static int drops(const char *text)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(true);
    tensor *loss = NULL;
    int n = 0;
    assert_non_null(g);
    assert_int_equal(model_trace_loss(t.m, g, 2, 64, 64, NULL, &loss, &t.err), CSEG_OK);
    for (size_t i = 0; i < g->nodes.n; i++) {
        const node *one = g->nodes.at[i];
        n += strcmp(op_name(one->op), "dropout") == 0 || (one->op == OP_attention && one->attr.attention.p > 0);
    }
    graph_free(g);
    test_end(&t);
    return n;
}

/* A block drops behind the projection, twice in its FFN, and shares; the branches of all blocks but the first are
 * skipped as a whole; one more place is behind the patches. Frozen parts are in evaluation mode. */
static void frozen_stages_drop_nothing(void **state)
{
    (void)state;
    assert_int_equal(drops(SWIN("")), 0);
    assert_int_equal(drops(SWIN(", drop_rate=0.1")), 4 * 3 + 1);
    assert_int_equal(drops(SWIN(", attn_drop_rate=0.1")), 4);
    assert_int_equal(drops(SWIN(", drop_path_rate=0.3")), 3 * 2);
    assert_int_equal(drops(SWIN(", drop_rate=0.1, attn_drop_rate=0.1, drop_path_rate=0.3, frozen_stages=0")),
                     4 * 3 + 4 + 6);
    assert_int_equal(drops(SWIN(", drop_rate=0.1, attn_drop_rate=0.1, drop_path_rate=0.3, frozen_stages=1")),
                     2 * 3 + 2 + 4);
    assert_int_equal(drops(SWIN(", drop_rate=0.1, attn_drop_rate=0.1, drop_path_rate=0.3, frozen_stages=2")), 0);
}

static void what_learns(void **state)
{
    (void)state;
    test_model t = test_build_ok(SWIN(", frozen_stages=1"));
    assert_false(find(t.m, "backbone.patch_embed.projection.weight")->requires_grad);
    assert_false(find(t.m, "backbone.stages.0.downsample.reduction.weight")->requires_grad);
    assert_false(find(t.m, "backbone.norm0.weight")->requires_grad);
    assert_true(find(t.m, "backbone.stages.1.blocks.0.norm1.weight")->requires_grad);
    assert_true(find(t.m, "backbone.norm1.weight")->requires_grad);
    test_end(&t);
}

/* MMSegmentation's, from its way of computing it: two sequences are added, one of them turned round. */
static void all_blocks_share_one_index(void **state)
{
    (void)state;
    test_model t = test_build_ok(SWIN(""));
    const param *first = find(t.m, "backbone.stages.0.blocks.0.attn.w_msa.relative_position_index");
    const param *last = find(t.m, "backbone.stages.1.blocks.1.attn.w_msa.relative_position_index");
    assert_ptr_equal(first->data, last->data);
    assert_int_equal(first->type, DT_I64);
    assert_int_equal(first->count, 81);
    model_init_weights(t.m, 1);
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++) {
            int query = i / 3 * 5 + i % 3, key = (8 - j) / 3 * 5 + (8 - j) % 3;
            assert_int_equal(((const int64_t *)first->data)[i * 9 + j], query + key);
        }
    test_end(&t);
}

static void a_stage_that_is_named_twice_has_one_norm(void **state)
{
    (void)state;
    test_model t = test_build_ok(SWIN(", out_indices=(0, 1, 1)"));
    int norms = 0;
    for (size_t i = 0; i < t.m->params.n; i++)
        norms += strcmp(t.m->params.at[i]->name, "backbone.norm1.weight") == 0;
    assert_int_equal(norms, 1);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_that_do_not_fit),     cmocka_unit_test(as_the_reference_starts),
        cmocka_unit_test(frozen_stages_drop_nothing), cmocka_unit_test(what_learns),
        cmocka_unit_test(all_blocks_share_one_index), cmocka_unit_test(a_stage_that_is_named_twice_has_one_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
