/* Open-CD's backbones that fill a part of themselves with a model of torchvision's: which tensors of such a file they
 * take, what is said of the others, and which file they ask for by themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/setup/weights.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static model *build(const char *backbone, cseg_status want)
{
    value *cfg = NULL;
    model *m = NULL;
    char *text = arena_printf(mem,
                              "model = dict(type='opencd.DIEncoderDecoder', backbone=dict(type='opencd.%s), "
                              "decode_head=dict(type='IdentityHead', in_channels=1, num_classes=2, out_channels=1, "
                              "loss_decode=dict(type='mmseg.CrossEntropyLoss', use_sigmoid=True)))",
                              backbone);
    assert_int_equal(config_parse_text(text, "made.py", mem, &cfg, &err), CSEG_OK);
    cseg_status status = model_build(value_get(cfg, "model"), &(model_options){0}, &m, &err);
    if (status != want)
        fail_msg("%s: status %d, %s", backbone, status, status == CSEG_OK ? "" : err.text);
    return m;
}

typedef struct part {
    const char *backbone, *asked; /* its type, what it asks for */
    const char *key, *param;      /* a tensor of the file, and where it goes */
    const char *left;             /* a tensor of the file that has no place */
    const char *missing, *other;  /* the first of the part that the file lacks; what is not of the part */
} part;

static const part parts[] = {
    {"CGNet", "torchvision://vgg16_bn", "features.7.bias", "down1.7.bias", "features.42.bias", "inc.0.weight",
     "conv_reduce_1"},
    {"IFN", "torchvision://vgg16.imagenet1k_v1", "features.28.bias", "encoder1.features.28.bias", "classifier.0.bias",
     "encoder1.features.0.weight", "o1_conv1"},
    {"TinyCD", "torchvision://efficientnet_b4.imagenet1k_v1", "features.3.0.block.1.1.bias",
     "_backbone.3.0.block.1.1.bias", "features.4.0.block.1.1.bias", "_backbone.0.0.weight", "_first_mix"},
};

static char heard[8192];
static void hear(void *arg, log_level level, const char *text)
{
    size_t n = strlen(heard);
    (void)arg;
    snprintf(heard + n, sizeof heard - n, "%d %s\n", (int)level, text);
}

static void add(pth_builder *b, pth_value *dict, const char *key, const param *like, float v)
{
    float *values = ARENA_ARRAY(mem, (size_t)like->count, float);
    assert_non_null(values);
    for (int64_t i = 0; i < like->count; i++)
        values[i] = v + (float)i;
    pth_set(b, dict, key, pth_tensor_value(b, PTH_F32, like->rank, like->dim, values));
}

static void takes_its_part(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const part *c = &parts[i];
        pth_builder b = {.mem = mem};
        pth_value *dict = pth_ordered_dict(&b);
        model *m = build(arena_printf(mem, "%s', pretrained='part.pth'", c->backbone), CSEG_OK);
        const param *p = model_find(m, arena_printf(mem, "backbone.%s", c->param));
        assert_non_null(p);
        add(&b, dict, c->key, p, 5);
        add(&b, dict, c->left, p, 9);
        assert_int_equal(pth_write("part.pth", &b, dict, &err), CSEG_OK);
        heard[0] = 0;
        log_set_sink(hear, NULL);
        cseg_status status = weights_load_pretrained(m, &err);
        log_set_sink(NULL, NULL);
        if (status != CSEG_OK)
            fail_msg("%s: %s", c->backbone, err.text);
        for (int64_t k = 0; k < p->count; k++)
            assert_true(((float *)p->data)[k] == 5 + (float)k);
        assert_null(strstr(heard, c->left));
        assert_null(strstr(heard, c->other));
        assert_non_null(strstr(heard, "tensors of the model are not in it: backbone."));
        assert_non_null(strstr(heard, arena_printf(mem, ": backbone.%s", c->missing)));
        model_free(m);
        remove("part.pth");
    }
}

static void asks_for_torchvisions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        model *m = build(arena_printf(mem, "%s'", parts[i].backbone), CSEG_OK);
        assert_int_equal(m->pretrained.n, 1);
        assert_string_equal(m->pretrained.at[0].checkpoint, parts[i].asked);
        assert_string_equal(m->pretrained.at[0].module, "backbone");
        model_free(m);
        m = build(arena_printf(mem, "%s', pretrained=False", parts[i].backbone), CSEG_OK);
        assert_int_equal(m->pretrained.n, 0);
        model_free(m);
        assert_null(build(arena_printf(mem, "%s', pretrained=3", parts[i].backbone), CSEG_CONFIG));
        assert_non_null(strstr(err.text, "pretrained is True"));
    }
}

/* A file that has nothing of the part is another model's. */
static void another_model_is_refused(void **state)
{
    (void)state;
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    model *m = build("CGNet', pretrained='part.pth'", CSEG_OK);
    add(&b, dict, "conv_reduce_1.bn.weight", model_find(m, "backbone.conv_reduce_1.bn.weight"), 1);
    assert_int_equal(pth_write("part.pth", &b, dict, &err), CSEG_OK);
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "none of its 1 tensors fits"));
    model_free(m);
    remove("part.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_its_part),
        cmocka_unit_test(asks_for_torchvisions),
        cmocka_unit_test(another_model_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
