/* Layers of transformers: linear ones, multi-head attention, feed-forward networks; and how they start. */
#include <math.h>
#include <string.h>

#include "golden_layer.h"

static module *make_linear(module *root, const value *c)
{
    return linear_new(root, "layer", layer_int(c, "in_features"), layer_int(c, "out_features"), layer_bool(c, "bias"));
}

static tensor *trace_linear(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return layer_run(m, g, in[0]);
}

static void linear_layers(void **state)
{
    (void)state;
    layer_check("linear", make_linear, trace_linear);
}

static module *make_attention(module *root, const value *c)
{
    return attention_new(root, "layer",
                         (attention_spec){.channels = layer_int(c, "embed_dims"),
                                          .heads = layer_int(c, "num_heads"),
                                          .bias = layer_bool(c, "bias")});
}

static tensor *trace_attention(module *m, graph *g, tensor *const *in, const value *c)
{
    const char *use = value_text(value_get(c, "use"));
    attention_inputs a = {.query = in[0]};
    if (!use) {
        a.key = in[1];
        a.value = in[2];
    } else if (strcmp(use, "value") == 0) {
        a.value = in[1];
    } else if (strcmp(use, "query_pos") == 0) {
        a.query_pos = in[1];
    } else if (strcmp(use, "key_pos") == 0) {
        a.key_pos = in[1];
    } else {
        assert_string_equal(use, "mask");
        a.mask = in[1];
    }
    return attention_run(m, g, a);
}

static void attention_of_many_heads(void **state)
{
    (void)state;
    layer_check("attention", make_attention, trace_attention);
}

static module *make_efficient_attention(module *root, const value *c)
{
    attention_spec spec = {
        .channels = layer_int(c, "embed_dims"), .heads = layer_int(c, "num_heads"), .bias = layer_bool(c, "qkv_bias")};
    return efficient_attention_new(root, "layer", spec, layer_int(c, "sr_ratio"), value_get(c, "norm_cfg"));
}

static tensor *trace_efficient_attention(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return efficient_attention_run(m, g, in[0], in[1]);
}

static void attention_to_a_smaller_map(void **state)
{
    (void)state;
    layer_check("efficient_attention", make_efficient_attention, trace_efficient_attention);
}

static module *make_ffn(module *root, const value *c)
{
    double scale = 0;
    assert_true(value_number(value_get(c, "layer_scale_init_value"), &scale));
    return ffn_new(root, "layer",
                   (ffn_spec){.channels = layer_int(c, "embed_dims"),
                              .hidden = layer_int(c, "feedforward_channels"),
                              .num_fcs = layer_int(c, "num_fcs"),
                              .add_identity = layer_bool(c, "add_identity"),
                              .layer_scale = scale,
                              .act_cfg = value_get(c, "act_cfg")});
}

static tensor *trace_ffn(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return ffn_run(m, g, in[0], NULL);
}

static void feed_forward_networks(void **state)
{
    (void)state;
    layer_check("ffn", make_ffn, trace_ffn);
}

static patch_padding padding_of(const value *c, int64_t *fixed)
{
    const char *text = value_text(value_get(c, "padding"));
    *fixed = 0;
    if (text)
        return strcmp(text, "same") == 0 ? PATCH_PAD_SAME : PATCH_PAD_CORNER;
    *fixed = layer_int(c, "padding");
    return PATCH_PAD_FIXED;
}

static conv_spec patch_conv(const value *c, patch_padding *padding)
{
    int64_t fixed;
    *padding = padding_of(c, &fixed);
    conv_spec s = conv_square(layer_int(c, "in_channels"), layer_int(c, "embed_dims"), layer_int(c, "kernel_size"),
                              layer_int(c, "stride"), fixed, layer_int(c, "dilation"));
    s.bias = layer_bool(c, "bias");
    return s;
}

static module *make_patch_embed(module *root, const value *c)
{
    patch_embed_spec s = {.norm_cfg = value_get(c, "norm_cfg")};
    s.conv = patch_conv(c, &s.padding);
    return patch_embed_new(root, "layer", s);
}

/* The size that is told beforehand is the one that comes out. */
static tensor *trace_patch_embed(module *m, graph *g, tensor *const *in, const value *c)
{
    patch_padding padding;
    conv_spec s = patch_conv(c, &padding);
    int64_t size[2], right;
    patch_embed_size(&s, padding, &in[0]->dim[1], size);
    tensor *y = layer_run(m, g, in[0]);
    for (size_t i = 0; i < 2; i++) {
        assert_true(value_integer(value_item(value_get(c, "size"), i), &right));
        assert_int_equal(size[i], right);
        assert_true(y && y->dim[1 + i] == right);
    }
    return y;
}

static void patches_of_images(void **state)
{
    (void)state;
    layer_check("patch_embed", make_patch_embed, trace_patch_embed);
}

static const param *start_of(const model *m, const char *name, init_rule rule)
{
    const param *p = model_find(m, name);
    if (!p)
        fail_msg("no %s", name);
    assert_int_equal(param_start_of(p)->rule, rule);
    return p;
}

/* As torch.nn.Linear and torch.nn.MultiheadAttention start. */
static void they_start_as_torch_has_them(void **state)
{
    (void)state;
    model *m = layer_model();
    linear_new(m->root, "linear", 16, 3, true);
    attention_new(m->root, "attention", (attention_spec){.channels = 8, .heads = 2, .bias = true});
    layer_allocate(m);
    assert_true(param_start_of(start_of(m, "linear.weight", INIT_KAIMING_UNIFORM))->a == sqrtf(5));
    assert_true(param_start_of(start_of(m, "linear.bias", INIT_UNIFORM))->b == 0.25f);
    start_of(m, "attention.attn.in_proj_weight", INIT_XAVIER_UNIFORM);
    start_of(m, "attention.attn.in_proj_bias", INIT_ZERO);
    start_of(m, "attention.attn.out_proj.weight", INIT_KAIMING_UNIFORM);
    start_of(m, "attention.attn.out_proj.bias", INIT_ZERO);
    arena_free(m->mem);
}

static void what_makes_no_layer_is_refused(void **state)
{
    (void)state;
    model *m = layer_model();
    assert_null(attention_new(m->root, "attention", (attention_spec){.channels = 8, .heads = 3}));
    assert_non_null(strstr(m->error.text, "attention: 8 channels do not divide into 3 heads"));
    arena_free(m->mem);
    m = layer_model();
    assert_null(ffn_new(m->root, "ffn", (ffn_spec){.channels = 8, .hidden = 4, .num_fcs = 1}));
    assert_non_null(strstr(m->error.text, "ffn: num_fcs is 2 or more, not 1"));
    arena_free(m->mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers),
        cmocka_unit_test(attention_of_many_heads),
        cmocka_unit_test(attention_to_a_smaller_map),
        cmocka_unit_test(feed_forward_networks),
        cmocka_unit_test(patches_of_images),
        cmocka_unit_test(they_start_as_torch_has_them),
        cmocka_unit_test(what_makes_no_layer_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
