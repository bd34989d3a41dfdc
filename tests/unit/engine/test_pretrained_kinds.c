/* The weights that a config names reach their kind in the form that its class makes of them; a checkpoint of the whole
 * model does not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "engine/setup/weights.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static pth *goldens;

static int setup(void **state)
{
    (void)state;
    mem = arena_new();
    return mem && pth_open(TEST_DATA "/engine/pretrained.safetensors", mem, &goldens, &err) == CSEG_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(mem);
    return 0;
}

static float *golden(const char *name, const pth_tensor **t)
{
    *t = pth_find(goldens, name);
    if (!*t)
        fail_msg("no %s", name);
    float *v = ARENA_ARRAY(mem, (size_t)(*t)->count, float);
    assert_int_equal(pth_tensor_f32(goldens, *t, v, &err), CSEG_OK);
    return v;
}

/* Saves the golden NAME.from under `key`. */
static void save(const char *name, const char *key)
{
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    const pth_tensor *t;
    const float *v = golden(arena_printf(mem, "%s.from", name), &t);
    pth_set(&b, dict, key, pth_tensor_value(&b, PTH_F32, t->ndim, t->shape, v));
    assert_int_equal(pth_write("pretrained.pth", &b, dict, &err), CSEG_OK);
}

static model *build(const char *backbone, int64_t channels)
{
    value *cfg = NULL;
    model *m = NULL;
    char *text = arena_printf(mem,
                              "model = dict(type='EncoderDecoder', backbone=dict(%s), decode_head=dict(type='FCNHead', "
                              "in_channels=%lld, channels=4, num_convs=1, num_classes=2, in_index=0))",
                              backbone, (long long)channels);
    if (config_parse_text(text, "made.py", mem, &cfg, &err) != CSEG_OK ||
        model_build(value_get(cfg, "model"), &(model_options){0}, &m, &err) != CSEG_OK)
        fail_msg("%s", err.text);
    return m;
}

static void check(const char *name, const model *m, const char *key)
{
    const pth_tensor *t;
    const float *want = golden(arena_printf(mem, "%s.to", name), &t);
    const param *p = model_find(m, arena_printf(mem, "backbone.%s", key));
    assert_non_null(p);
    assert_int_equal(p->count, t->count);
    for (int64_t i = 0; i < p->count; i++)
        if (!(fabsf(((float *)p->data)[i] - want[i]) <= 4e-6f * (1 + fabsf(want[i]))))
            fail_msg("%s: value %lld is %.9g, the reference has %.9g", name, (long long)i,
                     (double)((float *)p->data)[i], (double)want[i]);
}

typedef struct fit_case {
    const char *golden, *key; /* of the parameter */
    const char *file_key;     /* NULL: the same */
    const char *backbone;
    int64_t channels;
} fit_case;

#define VIT(size, mode)                                                                                                \
    "type='VisionTransformer', img_size=" size ", patch_size=8, embed_dims=4, num_layers=1, num_heads=2, "             \
    "interpolate_mode='" mode "', out_indices=(0,), init_cfg=dict(type='"
#define BEIT(type, size)                                                                                               \
    "type='" type "', img_size=" size ", patch_size=4, embed_dims=4, num_layers=1, num_heads=2, init_values=0.1, "     \
    "out_indices=(0,), init_cfg=dict(type='Pretrained', checkpoint='pretrained.pth')"
#define SWIN(window)                                                                                                   \
    "type='SwinTransformer', embed_dims=4, depths=(1,), num_heads=(2,), strides=(4,), out_indices=(0,), "              \
    "window_size=" window ", init_cfg=dict(type='Pretrained', checkpoint='pretrained.pth')"
#define SWIN_TABLE "stages.0.blocks.0.attn.w_msa.relative_position_bias_table"
#define BEIT_TABLE "layers.0.attn.relative_position_bias_table"
static const fit_case cases[] = {
    {"vit_bicubic_up", "pos_embed", NULL, VIT("(48, 40)", "bicubic") "Pretrained', checkpoint='pretrained.pth')", 4},
    {"vit_bilinear_up", "pos_embed", NULL, VIT("(48, 40)", "bilinear") "Pretrained', checkpoint='pretrained.pth')", 4},
    {"vit_bicubic_down", "pos_embed", "image_encoder.pos_embed",
     VIT("(16, 24)", "bicubic") "Pretrained_Part', checkpoint='pretrained.pth')", 4},
    {"swin_7", SWIN_TABLE, NULL, SWIN("7"), 4},
    {"swin_3", SWIN_TABLE, "backbone." SWIN_TABLE, SWIN("3"), 4},
    {"beit_5", BEIT_TABLE, NULL, BEIT("BEiT", "20"), 4},
    {"beit_4", BEIT_TABLE, NULL, BEIT("BEiT", "16"), 4},
    {"mae_table", BEIT_TABLE, NULL, BEIT("MAE", "24"), 4},
    {"mae_codes", "pos_embed", NULL, BEIT("MAE", "24"), 4},
};

static void pretrained_weights_are_fitted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const fit_case *c = &cases[i];
        save(c->golden, c->file_key ? c->file_key : c->key);
        model *m = build(c->backbone, c->channels);
        if (weights_load_pretrained(m, &err) != CSEG_OK)
            fail_msg("%s: %s", c->golden, err.text);
        check(c->golden, m, c->key);
        model_free(m);
        remove("pretrained.pth");
    }
}

/* As load_from and resume in the reference. */
static void checkpoints_of_models_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        model *m = build(cases[i].backbone, cases[i].channels);
        save(cases[i].golden, arena_printf(mem, "backbone.%s", cases[i].key));
        assert_int_equal(weights_load_from(m, "pretrained.pth", NULL, WEIGHTS_FINETUNE, &err), CSEG_SHAPE);
        assert_non_null(strstr(err.text, "none of its 1 tensors fits"));
        model_free(m);
        remove("pretrained.pth");
    }
}

static char heard[8192];
static void hear(void *arg, log_level level, const char *text)
{
    size_t n = strlen(heard);
    (void)arg;
    snprintf(heard + n, sizeof heard - n, "%d %s\n", (int)level, text);
}

/* The index of a kind's table is its own, whatever the file's is. */
static void index_is_not_taken(const fit_case *c, const char *index)
{
    static const int64_t others[4] = {7, 7, 7, 7};
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    const pth_tensor *t;
    const float *v = golden(arena_printf(mem, "%s.from", c->golden), &t);
    pth_set(&b, dict, c->key, pth_tensor_value(&b, PTH_F32, 2, t->shape, v));
    pth_set(&b, dict, index, pth_tensor_value(&b, PTH_I64, 2, (int64_t[]){2, 2}, others));
    assert_int_equal(pth_write("pretrained.pth", &b, dict, &err), CSEG_OK);
    model *m = build(c->backbone, c->channels);
    heard[0] = 0;
    log_set_sink(hear, NULL);
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_OK);
    log_set_sink(NULL, NULL);
    assert_null(strstr(heard, "relative_position_index"));
    check(c->golden, m, c->key);
    model_free(m);
    remove("pretrained.pth");
}

static void indices_are_not_taken(void **state)
{
    (void)state;
    index_is_not_taken(&(fit_case){"beit_5", BEIT_TABLE, NULL, BEIT("BEiT", "20"), 4},
                       "layers.0.attn.relative_position_index");
    index_is_not_taken(&(fit_case){"swin_7", SWIN_TABLE, NULL, SWIN("7"), 4},
                       "stages.0.blocks.0.attn.w_msa.relative_position_index");
}

/* A checkpoint of a model with positions of another size: the message says which sizes, and who would resize them. The
 * positions stay as they were. */
static void positions_of_another_size_are_told(void **state)
{
    (void)state;
    const pth_tensor *t;
    pth *file;
    const float *v = golden("vit_bicubic_up.from", &t), cls[4] = {1, 2, 3, 4};
    pth_builder b = {.mem = mem};
    pth_value *dict = pth_ordered_dict(&b);
    model *m = build(cases[0].backbone, 4);
    param *p = model_find(m, "backbone.pos_embed");
    float before = ((float *)p->data)[5];
    for (size_t i = 0; i < m->params.n; i++) {
        const param *q = m->params.at[i];
        pth_set(&b, dict, q->name,
                q == p ? pth_tensor_value(&b, PTH_F32, t->ndim, t->shape, v)
                       : pth_tensor_value(&b, q->type == DT_I64 ? PTH_I64 : PTH_F32, q->rank, q->dim, q->data));
    }
    assert_int_equal(pth_write("whole.pth", &b, dict, &err), CSEG_OK);
    assert_int_equal(pth_open("whole.pth", mem, &file, &err), CSEG_OK);
    assert_int_equal(weights_load(m, file, "", NULL, NULL, WEIGHTS_EXACT, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "give backbone the sizes of its training (img_size, "));
    heard[0] = 0;
    log_set_sink(hear, NULL);
    assert_int_equal(weights_load(m, file, "", NULL, NULL, WEIGHTS_FINETUNE, &err), CSEG_OK);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(heard, "prefix='backbone') of backbone resizes them"));
    assert_true(((float *)p->data)[5] == before);
    /* With anything else of another shape it is another model's. */
    pth_set(&b, dict, "decode_head.conv_seg.bias", pth_tensor_value(&b, PTH_F32, 1, (int64_t[]){4}, cls));
    assert_int_equal(pth_write("whole.pth", &b, dict, &err), CSEG_OK);
    assert_int_equal(pth_open("whole.pth", mem, &file, &err), CSEG_OK);
    assert_int_equal(weights_load(m, file, "", NULL, NULL, WEIGHTS_EXACT, &err), CSEG_SHAPE);
    assert_null(strstr(err.text, "sizes of its training"));
    model_free(m);
    remove("whole.pth");
}

static void the_log_names_what_was_fitted(void **state)
{
    (void)state;
    model *m = build(cases[0].backbone, 4);
    save(cases[0].golden, "pos_embed");
    heard[0] = 0;
    log_set_sink(hear, NULL);
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_OK);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(heard, "pretrained.pth: 1 tensors were fitted to this model's shapes: backbone.pos_embed"));
    assert_null(strstr(heard, "another shape"));
    model_free(m);
    remove("pretrained.pth");
}

/* Those of timm: of its tensors these two alone have the names that they have in MMSegmentation. */
static void names_of_other_programs_are_told(void **state)
{
    (void)state;
    model *m = build("type='VisionTransformer', img_size=16, patch_size=8, embed_dims=4, num_layers=1, num_heads=2, "
                     "out_indices=(0,), init_cfg=dict(type='Pretrained', checkpoint='" TEST_DATA
                     "/io/weights/vit.safetensors')",
                     4);
    heard[0] = 0;
    log_set_sink(hear, NULL);
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_OK);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(heard, "vit.safetensors: has the names of vit; `cseg convert-weights"));
    model_free(m);
}

static void names_below_backbone_are_told(void **state)
{
    (void)state;
    model *m = build(cases[0].backbone, 4);
    save(cases[0].golden, "backbone.pos_embed");
    assert_int_equal(weights_load_pretrained(m, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "begin with 'backbone.'"));
    assert_non_null(strstr(err.text, "prefix='backbone.')"));
    model_free(m);
    remove("pretrained.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pretrained_weights_are_fitted), cmocka_unit_test(checkpoints_of_models_are_not),
        cmocka_unit_test(indices_are_not_taken),         cmocka_unit_test(positions_of_another_size_are_told),
        cmocka_unit_test(the_log_names_what_was_fitted), cmocka_unit_test(names_of_other_programs_are_told),
        cmocka_unit_test(names_below_backbone_are_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
