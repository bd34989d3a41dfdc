/* mmcv's DepthwiseSeparableConvModule (Howard et al. 2017, arXiv:1704.04861). */
#include "model/layers/layers.h"

separable_conv_spec separable_conv(conv_spec c, const value *conv_cfg, const value *norm_cfg, const value *act_cfg)
{
    conv_spec point = conv_square(c.in, c.out, 1, 1, 0, 1);
    c.out = c.groups = c.in;
    return (separable_conv_spec){
        .depthwise = {.conv = c, .conv_cfg = conv_cfg, .norm_cfg = norm_cfg, .act_cfg = act_cfg},
        .pointwise = {.conv = point, .conv_cfg = conv_cfg, .norm_cfg = norm_cfg, .act_cfg = act_cfg}};
}

module *separable_conv_new(module *parent, const char *name, separable_conv_spec c)
{
    module *m = sequential_new(parent, name);
    if (m)
        m->class_name = "DepthwiseSeparableConvModule";
    conv_module_new(m, "depthwise_conv", c.depthwise);
    return conv_module_new(m, "pointwise_conv", c.pointwise) ? m : NULL;
}
