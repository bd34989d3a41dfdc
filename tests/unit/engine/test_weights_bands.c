/* Pretrained weights of colours in models of more bands: found by the model's own computation, for any backbone, and
 * taken only if that is asked for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "config/config.h"
#include "engine/setup/weights.h"
#include "engine/setup/weights_bands.h"

#include <cmocka.h> /* last: it has a macro called fail */

static cseg_error err;
static arena *mem;
static char said[16384];

static void hear(void *arg, log_level level, const char *text)
{
    size_t n = strlen(said);
    (void)arg;
    snprintf(said + n, sizeof said - n, "%d %s\n", (int)level, text);
}

static int set_up(void **state)
{
    (void)state;
    mem = arena_new();
    said[0] = 0;
    log_set_sink(hear, NULL);
    return mem ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    arena_free(mem);
    return 0;
}

typedef struct form {
    const char *backbone; /* with %d for its channels */
    int64_t channels;     /* of its last map */
    const char *reads;    /* the parameters that read the image, in order */
} form;

#define BN "norm_cfg=dict(type='BN')"
static const form forms[] = {
    {"type='ResNet', depth=18, base_channels=4, stem_channels=4, in_channels=%d, " BN, 32, "conv1.weight "},
    {"type='ResNet', deep_stem=True, depth=18, base_channels=4, stem_channels=4, in_channels=%d, " BN, 32,
     "stem.0.weight "},
    {"type='ResNet', conv_cfg=dict(type='ConvWS'), depth=18, base_channels=4, stem_channels=4, in_channels=%d, " BN, 32,
     "conv1.weight "},
    {"type='MixVisionTransformer', in_channels=%d, embed_dims=8, num_stages=4, num_layers=[1, 1, 1, 1], num_heads=[1, "
     "1, 1, 1], sr_ratios=[8, 4, 2, 1], out_indices=(0, 1, 2, 3), mlp_ratio=2",
     8, "layers.0.0.projection.weight "},
    {"type='SwinTransformer', in_channels=%d, embed_dims=8, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8), window_size=4",
     64, "patch_embed.projection.weight "},
    {"type='VisionTransformer', in_channels=%d, img_size=(64, 64), embed_dims=8, num_layers=1, num_heads=2, "
     "out_indices=-1",
     8, "patch_embed.projection.weight "},
    {"type='BEiT', in_channels=%d, img_size=(64, 64), embed_dims=8, num_layers=1, num_heads=2, out_indices=-1", 8,
     "patch_embed.projection.weight "},
    {"type='UNet', in_channels=%d, base_channels=4", 4, "encoder.0.0.convs.0.conv.weight "},
    {"type='mmpretrain.ConvNeXt', arch=dict(depths=[1, 1, 1, 1], channels=[4, 8, 8, 8]), gap_before_final_norm=False, "
     "in_channels=%d",
     8, "downsample_layers.0.0.weight "},
    {"type='BiSeNetV2', in_channels=%d, detail_channels=(4, 4, 8), semantic_channels=(4, 4, 8, 8), "
     "semantic_expansion_ratio=1, bga_channels=8, out_indices=(0,)",
     8, "detail.detail_branch.0.0.conv.weight semantic.stage1.conv_first.conv.weight "},
    {"type='HRNet', in_channels=%d, " BN ", extra=dict(stage1=dict(num_modules=1, num_branches=1, block='BOTTLENECK', "
     "num_blocks=(1,), num_channels=(4,)), stage2=dict(num_modules=1, num_branches=2, block='BASIC', num_blocks=(1, "
     "1), "
     "num_channels=(4, 8)), stage3=dict(num_modules=1, num_branches=3, block='BASIC', num_blocks=(1, 1, 1), "
     "num_channels=(4, 8, 16)), stage4=dict(num_modules=1, num_branches=4, block='BASIC', num_blocks=(1, 1, 1, 1), "
     "num_channels=(4, 8, 16, 32)))",
     32, "conv1.weight "},
    {"type='FastSCNN', in_channels=%d, downsample_dw_channels=(4, 4), global_in_channels=8, global_block_channels=(8, "
     "8, "
     "8), global_block_strides=(2, 2, 1), global_out_channels=8, higher_in_channels=8, lower_in_channels=8, "
     "fusion_out_channels=8, " BN,
     8, "learning_to_downsample.conv.conv.weight "},
};

static model *build(const form *f, int channels, const char *more, const char *adapt)
{
    value *cfg = NULL;
    model *m = NULL;
    char backbone[1000];
    snprintf(backbone, sizeof backbone, f->backbone, channels);
    char *text =
        arena_printf(mem,
                     "model = dict(type='EncoderDecoder', backbone=dict(%s%s), decode_head=dict(type='FCNHead',"
                     " in_channels=%lld, channels=4, num_convs=1, num_classes=2, in_index=-1))",
                     backbone, more, (long long)f->channels);
    if (config_parse_text(text, "made.py", mem, &cfg, &err) != CSEG_OK ||
        model_build(value_get(cfg, "model"), &(model_options){.adapt_in_channels = adapt}, &m, &err) != CSEG_OK)
        fail_msg("%s: %s", backbone, err.text);
    model_init_weights(m, 3);
    return m;
}

/* What m has below `below`, under names without it. */
static void save(const char *path, const model *m, const char *below)
{
    pth_builder b = {.mem = mem};
    pth_value *states = pth_ordered_dict(&b);
    size_t n = strlen(below);
    for (size_t i = 0; i < m->params.n; i++) {
        const param *p = m->params.at[i];
        if (p->type == DT_F32 && strncmp(p->name, below, n) == 0)
            pth_set(&b, states, p->name + n, pth_tensor_value(&b, PTH_F32, p->rank, p->dim, p->data));
    }
    if (pth_write(path, &b, states, &err) != CSEG_OK)
        fail_msg("%s", err.text);
}

static char *reading(model *m)
{
    bool *reads = ARENA_ARRAY(mem, m->params.n, bool);
    strbuf b = {.mem = mem};
    strbuf_add(&b, "");
    assert_int_equal(weights_find_image(m, reads, &err), CSEG_OK);
    for (size_t k = 0; k < m->params.n; k++)
        if (reads[k])
            strbuf_addf(&b, "%s ", m->params.at[k]->name + strlen("backbone."));
    return b.text;
}

/* All that is not the image's is the file's; the rest has its sums. */
static void compare(const model *three, const model *five, const char *what)
{
    int adapted = 0;
    for (size_t i = 0; i < five->params.n; i++) {
        const param *p = five->params.at[i], *q = three->params.at[i];
        assert_string_equal(p->name, q->name);
        if (strncmp(p->name, "backbone.", 9) != 0 || p->type != DT_F32)
            continue;
        if (p->count == q->count) {
            assert_memory_equal(p->data, q->data, (size_t)p->count * sizeof(float));
            continue;
        }
        adapted++;
        int64_t taps = p->dim[2] * p->dim[3];
        assert_int_equal(p->dim[1], 5);
        for (int64_t o = 0; o < p->dim[0]; o++)
            for (int64_t t = 0; t < taps; t++) {
                double a = 0, b = 0;
                for (int c = 0; c < 3; c++)
                    a += (double)((float *)q->data)[(o * 3 + c) * taps + t];
                for (int c = 0; c < 5; c++)
                    b += (double)((float *)p->data)[(o * 5 + c) * taps + t];
                if (fabs(a - b) > 1e-5)
                    fail_msg("%s: %s sums to %g, not to %g", what, p->name, b, a);
            }
    }
    if (!adapted)
        fail_msg("%s: nothing was adapted", what);
}

static void any_backbone_is_adapted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const form *f = &forms[i];
        model *three = build(f, 3, "", NULL), *five;
        char *found = reading(three);
        if (f->reads ? strcmp(found, f->reads) != 0 : !*found)
            fail_msg("%s: '%s' reads the image", f->backbone, found);
        save("three.pth", three, "backbone.");
        five =
            build(f, 5, ", init_cfg=dict(type='Pretrained', checkpoint='three.pth', adapt_in_channels='mean')", NULL);
        said[0] = 0;
        if (weights_load_pretrained(five, &err) != CSEG_OK)
            fail_msg("%s: %s", f->backbone, err.text);
        if (!strstr(said, "what reads images of 3 bands was adapted to 5: backbone.") || strstr(said, "another shape"))
            fail_msg("%s: %s", f->backbone, said);
        compare(three, five, f->backbone);
        model_free(five);
        model_free(three);
        remove("three.pth");
    }
}

static void only_on_request(void **state)
{
    (void)state;
    const form *f = &forms[0];
    model *three = build(f, 3, "", NULL), *five = build(f, 5, "", NULL);
    const param *first = model_find(five, "backbone.conv1.weight");
    float before = ((float *)first->data)[0];
    save("whole.pth", three, "");
    save("part.pth", three, "backbone.");
    assert_int_equal(weights_load_from(five, "whole.pth", NULL, WEIGHTS_EXACT, &err), CSEG_SHAPE);
    assert_non_null(strstr(err.text, "they are for images of 3 bands, the model for 5: `cseg convert-weights whole.pth "
                                     "NEW.pth --adapt-bands 5` adapts them"));
    said[0] = 0;
    assert_int_equal(weights_load_from(five, "whole.pth", NULL, WEIGHTS_FINETUNE, &err), CSEG_OK);
    assert_non_null(strstr(said, "adapt_in_channels='mean'"));
    assert_true(((float *)first->data)[0] == before);
    model_free(five);
    /* At the top of the config: for load_from, and for pretrained weights. */
    five = build(f, 5, "", "rgb-first=4,3,2");
    assert_int_equal(weights_load_from(five, "whole.pth", NULL, WEIGHTS_FINETUNE, &err), CSEG_OK);
    compare(three, five, "load_from");
    assert_true(((float *)model_find(five, "backbone.conv1.weight")->data)[3 * 49] ==
                ((float *)model_find(three, "backbone.conv1.weight")->data)[0]);
    model_free(five);
    five = build(f, 5, ", pretrained='part.pth'", "zero");
    assert_int_equal(weights_load_pretrained(five, &err), CSEG_OK);
    compare(three, five, "pretrained");
    model_free(five);
    five = build(f, 5, ", init_cfg=dict(type='Pretrained', checkpoint='part.pth', adapt_in_channels='avg')", NULL);
    assert_int_equal(weights_load_pretrained(five, &err), CSEG_CONFIG);
    assert_non_null(strstr(err.text, "made.py:1: pretrained weights of backbone: adapt_in_channels: 'avg' is none of"));
    model_free(five);
    model_free(three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_backbone_is_adapted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_on_request, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
