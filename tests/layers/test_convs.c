/* Layers of convolutions: separable ones, pyramid pooling. */
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
    tensor *maps[PYRAMID_MAX];
    (void)c;
    int n = pyramid_pool_run(m, g, in[0], maps);
    return op_concat(g, maps, n, -1);
}

static void pyramids(void **state)
{
    (void)state;
    layer_check("pyramid_pool", make_pyramid, trace_pyramid);
}

static void pyramids_have_a_limit(void **state)
{
    (void)state;
    model *m = layer_model();
    pyramid_pool_spec s = {
        .scales = {.at = ARENA_ARRAY(m->mem, PYRAMID_MAX + 1, int64_t), .n = PYRAMID_MAX + 1}, .in = 4, .channels = 4};
    assert_null(pyramid_pool_new(m->root, "psp_modules", s));
    assert_int_equal(m->error.code, CSEG_CONFIG);
    assert_non_null(strstr(m->error.text, "psp_modules: at most 16 pool_scales, not 17"));
    arena_free(m->mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separable_convolutions),
        cmocka_unit_test(pyramids),
        cmocka_unit_test(pyramids_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
