/* What passes between segmentors, necks, heads and losses, shown by parts made for the purpose: a head without conv_seg
 * on tokens whose own loss uses a further output, a neck that fuses dates, losses that cannot do what is asked. */
#include "model/heads/decode_head.h"
#include "model_test.h"

/* ---- a head that has its classifier under a name of its own ---------------------------------------------------- */

typedef struct own_config {
    head_config head;
} own_config;

static const field fields[] = {HEAD_FIELDS_INIT(own_config, "dict(type='Constant', val=2, layer='Linear')")};
static const field_table table = FIELD_TABLE(fields, own_config);

typedef struct own_head {
    decode_head base;
    module *mask;
} own_head;

static void own_build(module *m)
{
    if (!head_begin_unclassified(m, sizeof(own_head)))
        return;
    own_head *h = m->state;
    h->mask = linear_new(m, "mask", h->base.in_channels, m->head->out_channels, true);
}

/* Tokens [N,L,C] -> logits of a map that is L wide, and the tokens as a further output. */
static head_out own_forward(module *m, graph *g, const head_io *io)
{
    own_head *h = m->state;
    tensor *x = head_input(m, g, io), *y = layer_run(h->mask, g, x);
    head_out out = {.more = features_new(g, 0)};
    features_add(g, &out.more, x);
    if (y)
        out.logits = op_reshape(g, y, 4, (int64_t[]){y->dim[0], 1, y->dim[1], y->dim[2]});
    return out;
}

static int runs;

static void own_loss(module *m, graph *g, const head_io *io, const head_out *out, const char *prefix)
{
    runs++;
    head_add_losses(m, g, io, out->logits, prefix);
    model_add_loss(m->model, g, prefix, "loss_size", op_reduce_mean(g, out->more.at[0], 7, false));
}

static const kind own_kind = {
    .family = FAMILY_HEAD,
    .name = "OwnHead",
    .fields = &table,
    .build = own_build,
    .as.head = {.forward = own_forward, .loss = own_loss},
};

/* A head of that kind beside a model's own; what module_build does. */
static module *own_head_of(test_model *t, const char *dict)
{
    value *cfg = NULL;
    assert_int_equal(config_parse_text(dict, "own.py", t->mem, &cfg, &t->err), CSEG_OK);
    module *m = module_new(t->m->root, "own_head");
    m->kind = &own_kind;
    m->class_name = own_kind.name;
    m->cfg = value_get(cfg, "head");
    m->config = module_state(m, table.size);
    m->head = module_state(m, sizeof *m->head);
    assert_int_equal(fields_parse(&table, own_kind.name, m->cfg, NULL, t->m->mem, m->config, &t->err), CSEG_OK);
    own_kind.build(m);
    return m;
}

static head_io tokens_for(graph *g, const module *from)
{
    head_io io = {.x = features_new(g, 2), .h = 6, .w = 10};
    io.x.from = from;
    io.x.at[0] = graph_input(g, "map", DT_F32, 4, (int64_t[]){2, 3, 5, 4});
    io.x.at[1] = graph_input(g, "tokens", DT_F32, 3, (int64_t[]){2, 5, 12});
    return io;
}

static const graph_output *output(const graph *g, const char *name)
{
    for (size_t i = 0; i < g->outputs.n; i++)
        if (strcmp(g->outputs.at[i].name, name) == 0)
            return &g->outputs.at[i];
    return NULL;
}

static void a_head_without_conv_seg(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    module *m = own_head_of(&t, "head = dict(in_channels=12, channels=8, num_classes=3, ignore_index=9)\n");
    assert_false(model_failed(t.m));
    assert_null(module_child(m, "conv_seg"));
    /* The layers that all heads have, without weights, come before its own. */
    assert_int_equal(m->children.n, 3);
    assert_non_null(module_child(m, "loss_decode"));
    assert_non_null(module_child(m, "dropout"));
    assert_string_equal(m->children.at[2]->name, "own_head.mask");
    assert_string_equal(value_text(value_get(m->init_cfg, "layer")), "Linear");
    assert_int_equal(m->head->num_classes, 3);
    assert_int_equal(m->head->ignore_index, 9);
    assert_int_equal(m->head->labels.classes, 3);
    assert_string_equal(m->head->gt_key, "gt_semantic_seg");
    test_end(&t);
}

static void forward_runs_once_and_its_losses_follow(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    module *m = own_head_of(&t, "head = dict(in_channels=12, channels=8, num_classes=3)\n");
    graph *g = graph_new(true);
    head_io io = tokens_for(g, m);
    io.label = graph_input(g, "label", DT_I32, 3, (int64_t[]){2, 6, 10});
    runs = 0;
    head_out out = head_run(m, g, &io);
    assert_int_equal(graph_status(g, &t.err), CSEG_OK);
    assert_int_equal(out.more.n, 1);
    assert_ptr_equal(out.more.at[0], io.x.at[1]);
    size_t before = g->outputs.n;
    head_run_loss(m, g, &io, &out, "decode");
    assert_int_equal(runs, 1);
    assert_int_equal(g->outputs.n - before, 3);
    assert_non_null(output(g, "decode.loss_ce"));
    assert_non_null(output(g, "decode.acc_seg"));
    assert_non_null(output(g, "decode.loss_size"));
    int products = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        products += g->nodes.at[i]->op == OP_conv2d;
    assert_int_equal(products, 1);
    graph_free(g);
    test_end(&t);
}

static void tokens_of_other_channels_are_told(void **state)
{
    (void)state;
    test_model t = test_build_ok(TEST_RESNET("", "", ""));
    module *m = own_head_of(&t, "head = dict(in_channels=16, channels=8, num_classes=3)\n");
    graph *g = graph_new(true);
    head_io io = tokens_for(g, t.m->root->children.at[0]);
    head_run(m, g, &io);
    assert_int_equal(graph_status(g, &t.err), CSEG_SHAPE);
    assert_non_null(strstr(t.err.text, "in_channels=16, but map 1 of backbone (ResNet) has 12 channels"));
    graph_free(g);
    test_end(&t);
}

/* ---- losses ---------------------------------------------------------------------------------------------------- */

static tensor *no_loss(module *m, graph *g, const loss_io *io)
{
    (void)m;
    (void)g;
    return io->x;
}

static void asked(unsigned can, bool per_pixel, bool two, bool numbers, const char *complaint)
{
    static const value cfg = {.kind = V_DICT};
    kind plain = {.family = FAMILY_LOSS, .name = "PlainLoss", .as.loss = {.can = can, .forward = no_loss}};
    module m = {.name = "loss", .class_name = "PlainLoss", .kind = &plain, .cfg = &cfg};
    cseg_error err = {0};
    graph *g = graph_new(true);
    tensor *x = graph_input(g, "x", DT_F32, 4, (int64_t[]){1, 2, 2, 3});
    loss_io io = {.x = x, .per_pixel = per_pixel, .x2 = two ? x : NULL};
    io.target = numbers ? x : graph_input(g, "label", DT_I32, 3, (int64_t[]){1, 2, 2});
    tensor *y = loss_run(&m, g, &io);
    if (complaint) {
        assert_null(y);
        assert_int_equal(graph_status(g, &err), CSEG_UNSUPPORTED);
        assert_non_null(strstr(err.text, complaint));
    } else {
        assert_ptr_equal(y, x);
        assert_int_equal(graph_status(g, &err), CSEG_OK);
    }
    graph_free(g);
}

static void losses_say_what_they_can(void **state)
{
    (void)state;
    asked(0, false, false, false, NULL);
    asked(LOSS_TWO_INPUTS | LOSS_FLOAT_TARGET, true, false, false, "for each pixel");
    asked(LOSS_PER_PIXEL | LOSS_FLOAT_TARGET, false, true, false, "two inputs");
    asked(LOSS_PER_PIXEL | LOSS_TWO_INPUTS, false, false, true, "target of numbers");
    asked(LOSS_PER_PIXEL | LOSS_TWO_INPUTS | LOSS_FLOAT_TARGET, true, true, true, NULL);
}

/* ---- pairs ----------------------------------------------------------------------------------------------------- */

#define PAIR(segmentor, neck, channels, more)                                                                          \
    "head = dict(type='FCNHead', channels=8, num_convs=1, num_classes=2)\n"                                            \
    "model = dict(type='" segmentor "',\n"                                                                             \
    "  backbone=dict(type='ChangeExtraResNet', depth=18, base_channels=8, stem_channels=8),\n"                         \
    "  neck=dict(" neck "),\n"                                                                                         \
    "  decode_head=dict(head, in_channels=" channels ")" more ")\n"
#define FUSION(more) "type='opencd.FeatureFusionNeck'" more

static graph *logits_of(test_model *t, int head, tensor **logits)
{
    graph *g = graph_new(false);
    if (model_trace_logits(t->m, g, 2, 64, 64, head, logits, &t->err) != CSEG_OK)
        fail_msg("%s", t->err.text);
    return g;
}

static int count_binary(const graph *g, binary_kind which)
{
    int n = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        n += g->nodes.at[i]->op == OP_binary && g->nodes.at[i]->attr.binary == which;
    return n;
}

static void a_neck_fuses_the_dates(void **state)
{
    (void)state;
    static const char *const kinds[] = {"ChangeExtraSegmentor", "EncoderDecoder"};
    for (size_t i = 0; i < 2; i++) {
        char text[1024];
        snprintf(text, sizeof text, PAIR("%s", FUSION(", policy='diff'"), "64", ""), kinds[i]);
        test_model t = test_build_ok(text);
        tensor *logits;
        graph *g = logits_of(&t, -1, &logits);
        assert_int_equal(count_binary(g, BINARY_SUB), 4);
        assert_int_equal(logits->dim[3], 2);
        graph_free(g);
        test_end(&t);
    }
    test_model t = test_build_ok(PAIR("ChangeExtraSegmentor", FUSION(", policy='concat', out_indices=[-1, 0]"), "16",
                                      ", extra_head=dict(head, in_channels=64)"));
    tensor *logits;
    graph_free(logits_of(&t, 0, &logits)); /* in_index -1 is stage 0 of both dates */
    graph_free(logits_of(&t, 2, &logits)); /* the extra head sees the second date's own */
    test_end(&t);
}

/* The neck of one date runs on each of them with the same weights; without a fusion both lists are one. */
static void a_neck_of_one_date_runs_on_both(void **state)
{
    (void)state;
    test_model t = test_build_ok(PAIR("EncoderDecoder",
                                      "type='FPN', in_channels=[8, 16, 32, 64], out_channels=6, "
                                      "num_outs=5",
                                      "6", ", auxiliary_head=dict(head, in_channels=6, in_index=9)"));
    tensor *logits;
    graph *g = logits_of(&t, -1, &logits);
    const param *p = model_find(t.m, "neck.lateral_convs.0.conv.weight");
    int uses = 0;
    for (size_t i = 0; i < g->nodes.n; i++)
        uses += g->nodes.at[i]->op == OP_conv2d && g->nodes.at[i]->in[1]->param == p;
    assert_int_equal(uses, 2);
    graph_free(g);
    test_end(&t);
}

static void fusions_that_cannot_be_meant(void **state)
{
    (void)state;
    test_refused(PAIR("ChangeExtraSegmentor", FUSION(", policy='diff'"), "64", ", fusion='diff'"), CSEG_CONFIG,
                 "FeatureFusionNeck", "leave fusion out");
    test_refused(PAIR("ChangeExtraSegmentor", FUSION(", policy='max'"), "64", ""), CSEG_CONFIG, "policy", "abs_diff");
    test_refused(TEST_RESNET("", "", ", neck=dict(type='opencd.FeatureFusionNeck', policy='sum')"), CSEG_CONFIG,
                 "fuses the maps of two dates", "ResNet sees one image");
    test_refused(PAIR("ChangeExtraSegmentor", "type='mmseg.FeatureFusionNeck', policy='sum'", "64", ""),
                 CSEG_UNSUPPORTED, "mmseg.FeatureFusionNeck", "test.py:4");
    test_model t = test_build_ok(PAIR("ChangeExtraSegmentor", FUSION(", policy='sum', out_indices=[4]"), "64", ""));
    graph *g = graph_new(false);
    tensor *logits;
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, -1, &logits, &t.err), CSEG_SHAPE);
    assert_non_null(strstr(t.err.text, "gives map 4, but there are 4"));
    graph_free(g);
    test_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_without_conv_seg),
        cmocka_unit_test(forward_runs_once_and_its_losses_follow),
        cmocka_unit_test(tokens_of_other_channels_are_told),
        cmocka_unit_test(losses_say_what_they_can),
        cmocka_unit_test(a_neck_fuses_the_dates),
        cmocka_unit_test(a_neck_of_one_date_runs_on_both),
        cmocka_unit_test(fusions_that_cannot_be_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
