/* Norms and convolutions of the kinds that norm_cfg and conv_cfg can name and no shipped config does. */
#include "golden_layer.h"

static tensor *trace_layer(module *m, graph *g, tensor *const *in, const value *c)
{
    (void)c;
    return layer_run(m, g, in[0]);
}

static module *make_norm(module *root, const value *c)
{
    return norm_new(root, "layer", value_get(c, "norm_cfg"), layer_int(c, "channels"));
}

static void norms(void **state)
{
    (void)state;
    layer_check("norm_by_config", make_norm, trace_layer);
}

static module *make_conv(module *root, const value *c)
{
    conv_spec conv = conv_square(layer_int(c, "in_channels"), layer_int(c, "out_channels"), layer_int(c, "kernel_size"),
                                 layer_int(c, "stride"), layer_int(c, "padding"), layer_int(c, "dilation"));
    conv.groups = layer_int(c, "groups");
    conv.bias = layer_bool(c, "bias");
    return conv2d_new(root, "layer", value_get(c, "conv_cfg"), conv);
}

static void convolutions(void **state)
{
    (void)state;
    layer_check("conv_by_config", make_conv, trace_layer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(norms), cmocka_unit_test(convolutions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
