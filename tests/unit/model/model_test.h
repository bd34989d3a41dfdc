/* What the tests of models share. */
#ifndef MODEL_TEST_H
#define MODEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "model/model.h"

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

/* A model from the text of a config with a variable `model`; arena and value live until test_end. */
typedef struct test_model {
    arena *mem;
    model *m;
    cseg_error err;
} test_model;

static inline test_model test_build(const char *text, const model_options *options)
{
    test_model t = {.mem = arena_new()};
    value *cfg = NULL;
    assert_non_null(t.mem);
    if (config_parse_text(text, "test.py", t.mem, &cfg, &t.err) != CSEG_OK)
        fail_msg("%s", t.err.text);
    model_build(value_get(cfg, "model"), options, &t.m, &t.err);
    return t;
}

static inline test_model test_build_ok(const char *text)
{
    test_model t = test_build(text, NULL);
    if (!t.m)
        fail_msg("%s", t.err.text);
    return t;
}

static inline void test_end(test_model *t)
{
    model_free(t->m);
    arena_free(t->mem);
}

/* The model is refused, with all of these in the message. */
static inline void test_refused(const char *text, cseg_status code, const char *a, const char *b)
{
    test_model t = test_build(text, NULL);
    if (t.m)
        fail_msg("not refused: %s", text);
    if (t.err.code != code || !strstr(t.err.text, a) || !strstr(t.err.text, b))
        fail_msg("code %d, message: %s\nlacks \"%s\" or \"%s\"", t.err.code, t.err.text, a, b);
    test_end(&t);
}

/* It is built, but its logits cannot be traced; the message has both. */
static inline void test_trace_refused(const char *text, const char *a, const char *b)
{
    test_model t = test_build_ok(text);
    graph *g = graph_new(false);
    tensor *logits = NULL;
    assert_non_null(g);
    assert_int_equal(model_trace_logits(t.m, g, 1, 64, 64, -1, &logits, &t.err), CSEG_SHAPE);
    if (!strstr(t.err.text, a) || !strstr(t.err.text, b))
        fail_msg("%s\nlacks \"%s\" or \"%s\"", t.err.text, a, b);
    graph_free(g);
    test_end(&t);
}

/* A small ResNet-18 with an FCN head; what is given goes into the backbone, the head and the segmentor. */
#define TEST_RESNET(backbone_more, head_more, model_more)                                                              \
    "model = dict(type='EncoderDecoder',\n"                                                                            \
    "  backbone=dict(dict(type='ResNet', depth=18, base_channels=8, stem_channels=8)" backbone_more "),\n"             \
    "  decode_head=dict(dict(type='FCNHead', in_channels=64, in_index=3, channels=8, num_classes=4, num_convs=1,\n"    \
    "    concat_input=False)" head_more ")" model_more ")\n"

#endif
