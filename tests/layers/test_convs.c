/* Layers of convolutions: separable, transposed and adaptively padded ones, those of lines, those with a map's own
 * pixels around it, those of standardised weights, pyramid pooling. */
#include <string.h>

#include "golden_layer.h"

/* An entry for one part of the layer, or that for both where there is none. */
static const value *part(const value *c, const char *own, const char *common)
{
    return value_get(c, own) ? value_get(c, own) : value_get(c, common);
}

static module *make_separable(module *root, const value *c)
{
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), layer_int(c, "padding"), layer_int(c, "dilation"));
    separable_conv_spec s = separable_conv(conv, NULL, value_get(c, "norm_cfg"), value_get(c, "act_cfg"));
    s.depthwise.norm_cfg = part(c, "dw_norm_cfg", "norm_cfg");
    s.depthwise.act_cfg = part(c, "dw_act_cfg", "act_cfg");
    s.pointwise.act_cfg = part(c, "pw_act_cfg", "act_cfg");
    return separable_conv_new(root, "layer", s);
}

static tensor *trace_layer(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return layer_run(m, g, in[0]);
}

static void separable_convolutions(void **state)
{
    (void)state;
    layer_check("separable_conv", make_separable, trace_layer);
}

static module *make_transposed(module *root, const value *c)
{
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), layer_int(c, "padding"), layer_int(c, "dilation"));
    conv.groups = layer_int(c, "groups");
    conv.bias = layer_bool(c, "bias");
    return conv_transpose2d_new(root, "layer", conv, layer_int(c, "output_padding"));
}

static void transposed_convolutions(void **state)
{
    (void)state;
    layer_check("conv_transpose", make_transposed, trace_layer);
}

/* Its padding counts for nothing. */
static module *make_adaptive(module *root, const value *c)
{
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), 7, layer_int(c, "dilation"));
    conv.groups = layer_int(c, "groups");
    conv.bias = layer_bool(c, "bias");
    return conv2d_new(root, "layer", module_literal(root, "dict(type='Conv2dAdaptivePadding')"), conv);
}

static void adaptively_padded_convolutions(void **state)
{
    (void)state;
    layer_check("conv_adaptive", make_adaptive, trace_layer);
}

/* Its rows count for nothing. */
static module *make_line(module *root, const value *c)
{
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), layer_int(c, "padding"), layer_int(c, "dilation"));
    conv.groups = layer_int(c, "groups");
    conv.bias = layer_bool(c, "bias");
    return conv2d_new(root, "layer", module_literal(root, "dict(type='Conv1d')"), conv);
}

static void convolutions_of_lines(void **state)
{
    (void)state;
    layer_check("conv_line", make_line, trace_layer);
}

/* conv_cfg has the keys of `own` alone, as in a config. */
static module *make_by_cfg(module *root, const value *c, const char *type, const char *own)
{
    arena *mem = root->model->mem;
    value *cfg = value_new(mem, V_DICT, (where){0}), *name = value_str(mem, type, (where){0});
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), layer_int(c, "padding"), layer_int(c, "dilation"));
    assert_true(cfg && name && value_set(mem, cfg, "type", name) && value_set(mem, cfg, own, value_get(c, own)));
    conv.groups = layer_int(c, "groups");
    conv.bias = layer_bool(c, "bias");
    return conv2d_new(root, "layer", cfg, conv);
}

static module *make_bordered(module *root, const value *c)
{
    return make_by_cfg(root, c, "Conv2d", "padding_mode");
}

static void convolutions_beyond_the_border(void **state)
{
    (void)state;
    layer_check("conv_borders", make_bordered, trace_layer);
}

static module *make_standardised(module *root, const value *c)
{
    return make_by_cfg(root, c, "ConvWS", "eps");
}

static void convolutions_of_standardised_weights(void **state)
{
    (void)state;
    layer_check("conv_ws", make_standardised, trace_layer);
}

static module *make_pyramid(module *root, const value *c)
{
    return pyramid_pool_new(root, "layer",
                            (pyramid_pool_spec){.scales = layer_ints(root->model, c, "pool_scales"),
                                                .in = layer_int(c, "in_channels"),
                                                .channels = layer_int(c, "channels"),
                                                .align_corners = layer_bool(c, "align_corners"),
                                                .norm_cfg = value_get(c, "norm_cfg"),
                                                .act_cfg = value_get(c, "act_cfg")});
}

static tensor *trace_pyramid(module *m, graph *g, tensor *const *in, const value *c)
{
    int64_t own = in[0]->dim[3]; /* the golden has what comes beside the input */
    (void)c;
    tensor *y = pyramid_pool_run(m, g, in[0]);
    return y ? op_slice(g, y, 3, own, y->dim[3] - own) : NULL;
}

static void pyramids(void **state)
{
    (void)state;
    layer_check("pyramid_pool", make_pyramid, trace_pyramid);
}

static bool holds(const value *list, const char *text)
{
    for (size_t i = 0; i < value_count(list); i++)
        if (strcmp(value_text(value_item(list, i)), text) == 0)
            return true;
    return false;
}

static module *make_context(module *root, const value *c)
{
    double ratio = 0;
    int64_t channels = layer_int(c, "in_channels");
    assert_true(value_number(value_get(c, "ratio"), &ratio));
    return context_block_new(
        root, "layer",
        (context_block_spec){.channels = channels,
                             .planes = (int64_t)((double)channels * ratio),
                             .attention = strcmp(value_text(value_get(c, "pooling_type")), "att") == 0,
                             .add = holds(value_get(c, "fusion_types"), "channel_add"),
                             .mul = holds(value_get(c, "fusion_types"), "channel_mul")});
}

static void context_blocks(void **state)
{
    (void)state;
    layer_check("context_block", make_context, trace_layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separable_convolutions),
        cmocka_unit_test(transposed_convolutions),
        cmocka_unit_test(adaptively_padded_convolutions),
        cmocka_unit_test(convolutions_of_lines),
        cmocka_unit_test(convolutions_beyond_the_border),
        cmocka_unit_test(convolutions_of_standardised_weights),
        cmocka_unit_test(pyramids),
        cmocka_unit_test(context_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
