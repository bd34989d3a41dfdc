/* Which labels a model learns from: every head's rule, by its losses. */
#include "model_test.h"

/* The rules of the model, as "HEAD KEY LABELS/IGNORED" one behind the other. */
static const char *rules_of(const char *text)
{
    static char out[1024];
    test_model t = test_build_ok(text);
    out[0] = 0;
    for (size_t i = 0; i < t.m->labels.n; i++) {
        const model_labels *l = &t.m->labels.at[i];
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s %s %lld/%lld", i ? ", " : "", l->head->name, l->key,
                 (long long)l->classes, (long long)l->ignore_index);
        if (l->has_ignored)
            snprintf(out + strlen(out), sizeof out - strlen(out), "/%lld", (long long)l->ignored);
    }
    test_end(&t);
    return out;
}

#define BCE "loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)"
#define HEAD(more) "dict(type='FCNHead', in_channels=512, channels=8, " more ")"
#define MODEL(type, heads) "model = dict(type='" type "', backbone=dict(type='ResNet', depth=18), " heads ")\n"

static void losses_say_how_many(void **state)
{
    (void)state;
#define ONE(more) rules_of(MODEL("EncoderDecoder", "decode_head=" HEAD(more)))
    assert_string_equal(ONE("num_classes=5"), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(ONE("num_classes=5, ignore_index=5"), "decode_head gt_semantic_seg 5/5");
    assert_string_equal(ONE("num_classes=5, " BCE), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(ONE("num_classes=1, " BCE), "decode_head gt_semantic_seg 2/255");
    assert_string_equal(ONE("num_classes=2, out_channels=1, " BCE), "decode_head gt_semantic_seg 2/255");
}

/* What a loss leaves out by itself counts where all of the head's losses leave it out. */
static void losses_have_ignored_labels(void **state)
{
    (void)state;
#define LOSSES(more) ONE("num_classes=5, loss_decode=" more)
#define OHEM(ignored) "dict(type='OhemCrossEntropy', ignore_label=" #ignored ")"
#define TVERSKY(ignored) "dict(type='TverskyLoss', ignore_index=" #ignored ")"
#define HAUSDORFF(ignored) "dict(type='HuasdorffDisstanceLoss', ignore_index=" #ignored ")"
    assert_string_equal(LOSSES(OHEM(255)), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(LOSSES(OHEM(7)), "decode_head gt_semantic_seg 5/255/7");
    assert_string_equal(LOSSES(TVERSKY(7)), "decode_head gt_semantic_seg 5/255/7");
    assert_string_equal(LOSSES(TVERSKY(None)), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(LOSSES(HAUSDORFF(7)), "decode_head gt_semantic_seg 5/255/7");
    assert_string_equal(LOSSES("[" OHEM(7) ", " TVERSKY(7) "]"), "decode_head gt_semantic_seg 5/255/7");
    assert_string_equal(LOSSES("[" OHEM(7) ", " TVERSKY(8) "]"), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(LOSSES("[" OHEM(7) ", " OHEM(255) ", " OHEM(7) "]"), "decode_head gt_semantic_seg 5/255");
    assert_string_equal(LOSSES("[" OHEM(7) ", dict(type='CrossEntropyLoss')]"), "decode_head gt_semantic_seg 5/255");
    /* PIDHead's third loss sees another map. */
#define PID(first)                                                                                                     \
    rules_of("model = dict(type='EncoderDecoder', backbone=dict(type='PIDNet', channels=4, ppm_channels=4),\n"         \
             "  decode_head=dict(type='PIDHead', in_channels=16, channels=4, num_classes=3, loss_decode=[" first ",\n" \
             "    " OHEM(7) ", dict(type='BoundaryLoss'), " OHEM(7) "]))\n")
    assert_string_equal(PID(OHEM(7)), "decode_head gt_semantic_seg 3/255/7");
    assert_string_equal(PID("dict(type='CrossEntropyLoss')"), "decode_head gt_semantic_seg 3/255");
}

static void all_heads_are_asked(void **state)
{
    (void)state;
    assert_string_equal(
        rules_of(MODEL("EncoderDecoder", "decode_head=" HEAD("num_classes=3") ", auxiliary_head=[" HEAD(
                                             "num_classes=4, ignore_index=9") ", " HEAD("num_classes=1, " BCE) "]")),
        "decode_head gt_semantic_seg 3/255, auxiliary_head.0 gt_semantic_seg 4/9, auxiliary_head.1 gt_semantic_seg "
        "2/255");
    assert_string_equal(rules_of(MODEL("EncoderDecoderMultiHead", "decode_head=[" HEAD("num_classes=3") ", " HEAD(
                                                                      "num_classes=2, gt_key='gt_edge'") "]")),
                        "decode_head.0 gt_semantic_seg 3/255, decode_head.1 gt_edge 2/255");
    assert_string_equal(
        rules_of("model = dict(type='ChangeExtraSegmentor', backbone=dict(type='ChangeExtraResNet', depth=18), "
                 "decode_head=dict(type='FCNHead', in_channels=1024, channels=8, num_classes=2), "
                 "extra_head=" HEAD("num_classes=6") ")\n"),
        "decode_head gt_semantic_seg 2/255, extra_head gt_semantic_seg_from 6/255, extra_head gt_semantic_seg_to "
        "6/255");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_say_how_many),
        cmocka_unit_test(losses_have_ignored_labels),
        cmocka_unit_test(all_heads_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
