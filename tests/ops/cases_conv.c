/* Convolutions: odd sizes, strides, dilations, groups, what passes fuse. */
#include "cases.h"

static tensor *conv(graph *g, tensor *const *in, const op_case *c)
{
    return op_conv2d(g, in[0], in[1], in[2], c->attr.conv);
}

/* in[3]: residual or NULL */
static tensor *fused(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_conv2d, 4, in, 1, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *unfused(graph *g, tensor *const *in, const op_case *c)
{
    conv_attr a = c->attr.conv;
    a.has_residual = false;
    a.act = 0;
    tensor *y = op_conv2d(g, in[0], in[1], in[2], a);
    y = in[3] ? op_add(g, y, in[3]) : y;
    if (!c->attr.conv.act)
        return y;
    return op_unary(g, y, (unary_attr){.kind = (unary_kind)(c->attr.conv.act - 1), .alpha = c->attr.conv.act_alpha});
}

/* w, bias, gamma, beta, mean, var: in[1..6] */
static tensor *folded(graph *g, tensor *const *in, const op_case *c)
{
    op_attr norm = {.norm = {.eps = 1e-5f}};
    node *f = graph_add_node(g, OP_fold_batch_norm, 6, in + 1, 2, &norm);
    return f ? op_conv2d(g, in[0], f->out[0], f->out[1], c->attr.conv) : NULL;
}

static tensor *not_folded(graph *g, tensor *const *in, const op_case *c)
{
    tensor *y = op_conv2d(g, in[0], in[1], in[2], c->attr.conv);
    return op_batch_norm(g, y, in[3], in[4], in[5], in[6], 1e-5f);
}

/* clang-format off */
#define EXACT .exact = true, .linear = true
#define CONV(s, p, d, g) .attr = {.conv = {.stride = {s, s}, .pad = {p, p}, .dilation = {d, d}, .groups = g}}
#define FUSED(residual, kind, slope)                                                                        \
    .attr = {.conv = {.stride = {1, 1}, .pad = {1, 1}, .dilation = {1, 1}, .groups = 1, .act = (kind) + 1,  \
                      .act_alpha = slope, .has_residual = residual}},                                       \
    .in = {{"2,5,6,9"}, {"7,9,3,3"}, {"7"}, {residual ? "2,5,6,7" : NULL}}, .inference_only = true, .no_grad = true

#define STRIP(sy, sx, py, px, g)                                                                            \
    .attr = {.conv = {.stride = {sy, sx}, .pad = {py, px}, .dilation = {1, 1}, .groups = g}}
#define DILATED_STRIP(py, px, dy, dx)                                                                       \
    .attr = {.conv = {.stride = {1, 1}, .pad = {py, px}, .dilation = {dy, dx}, .groups = 1}}
#define FUSED_STRIP(py, px, kernel, out)                                                                    \
    .attr = {.conv = {.stride = {1, 1}, .pad = {py, px}, .dilation = {1, 1}, .groups = 1,                   \
                      .act = UNARY_RELU + 1, .has_residual = true}},                                        \
    .in = {{"2,17,23,40"}, {"35,40," kernel}, {"35"}, {out}}, .inference_only = true, .no_grad = true,      \
    .same_as = unfused
/* Own kernels run it, whose end is that of the fused node. */
#define DEPTHWISE(residual, kind, slope)                                                                    \
    .attr = {.conv = {.stride = {1, 1}, .pad = {4, 2}, .dilation = {2, 1}, .groups = 19, .act = (kind) + 1, \
                      .act_alpha = slope, .has_residual = residual}},                                       \
    .in = {{"2,9,22,19"}, {"19,1,5,5"}, {"19"}, {residual ? "2,9,22,19" : NULL}}, .inference_only = true,   \
    .no_grad = true

static const op_case cases[] = {
    {"conv2d 3x3, bias", conv, CONV(1, 1, 1, 1), {{"2,5,6,4"}, {"8,4,3,3"}, {"8"}}, EXACT},
    {"conv2d 1x1", conv, CONV(1, 0, 1, 1), {{"2,4,5,6"}, {"9,6,1,1"}}, EXACT},
    {"conv2d 1x1, bias, one class", conv, CONV(1, 0, 1, 1), {{"3,4,5,6"}, {"1,6,1,1"}, {"1"}}, EXACT},
    {"conv2d 1x1, stride 2, odd map", conv, CONV(2, 0, 1, 1), {{"2,7,5,4"}, {"6,4,1,1"}}, EXACT},
    {"conv2d 3x3, stride 2, odd map", conv, CONV(2, 1, 1, 1), {{"2,7,9,3"}, {"5,3,3,3"}, {"5"}}, EXACT},
    {"conv2d 3x3, stride 2, even map", conv, CONV(2, 1, 1, 1), {{"1,8,6,3"}, {"5,3,3,3"}}, EXACT},
    {"conv2d 3x3, dilation 2", conv, CONV(1, 2, 2, 1), {{"1,6,7,4"}, {"5,4,3,3"}}, EXACT},
    {"conv2d 3x3, dilation 4 on a 3x3 map", conv, CONV(1, 4, 4, 1), {{"2,3,3,4"}, {"5,4,3,3"}}, EXACT},
    {"conv2d 3x3, dilation 12 beyond the map", conv, CONV(1, 12, 12, 1), {{"1,5,4,3"}, {"4,3,3,3"}}, EXACT},
    {"conv2d 7x7, stride 2: a stem", conv, CONV(2, 3, 1, 1), {{"1,11,10,3"}, {"16,3,7,7"}}, EXACT},
    {"conv2d 3x3 on a 1x1 map", conv, CONV(1, 1, 1, 1), {{"2,1,1,5"}, {"3,5,3,3"}, {"3"}}, EXACT},
    {"conv2d without padding", conv, CONV(1, 0, 1, 1), {{"1,5,4,2"}, {"3,2,3,2"}}, EXACT},
    {"conv2d in 2 groups", conv, CONV(1, 1, 1, 2), {{"2,4,5,4"}, {"6,2,3,3"}, {"6"}}, EXACT},
    {"conv2d depthwise", conv, CONV(1, 1, 1, 5), {{"2,5,4,5"}, {"5,1,3,3"}, {"5"}}, EXACT},
    {"conv2d depthwise, stride 2, 32 channels", conv, CONV(2, 1, 1, 32), {{"1,7,6,32"}, {"32,1,3,3"}}, EXACT},
    {"conv2d depthwise, dilation 12, 40 channels", conv, CONV(1, 12, 12, 40), {{"2,32,31,40"}, {"40,1,3,3"}}, EXACT,
     .no_grad = true},
    {"conv2d in 4 groups, dilation 3", conv, CONV(1, 3, 3, 4), {{"1,7,8,20"}, {"20,5,3,3"}}, EXACT},
    {"conv2d 12 to 40 channels, dilation 12", conv, CONV(1, 12, 12, 1), {{"1,13,12,12"}, {"40,12,3,3"}}, EXACT},
    {"conv2d 40 to 24 channels, dilation 36, bias", conv, CONV(1, 36, 36, 1), {{"2,32,31,40"}, {"24,40,3,3"}, {"24"}},
     .linear = true, .no_grad = true},
    {"conv2d depthwise, 2 outputs a channel", conv, CONV(1, 1, 1, 3), {{"1,4,5,3"}, {"6,1,3,3"}}, EXACT},
    {"conv2d depthwise, 4 outputs of 5 channels, stride 2", conv, CONV(2, 1, 1, 5), {{"2,7,6,5"}, {"20,1,3,3"}, {"20"}},
     EXACT},
    {"conv2d depthwise, 6 outputs of 19 channels, dilation 2", conv, CONV(1, 2, 2, 19), {{"1,9,21,19"}, {"114,1,3,3"}},
     EXACT, .no_grad = true},
    {"conv2d depthwise 5x5, 21 channels, bias", conv, CONV(1, 2, 1, 21), {{"2,9,26,21"}, {"21,1,5,5"}, {"21"}}, EXACT},
    {"conv2d depthwise 5x5, stride 2, 9 channels", conv, CONV(2, 2, 1, 9), {{"2,11,28,9"}, {"9,1,5,5"}, {"9"}}, EXACT},
    {"conv2d depthwise 7x7, 17 channels on a small map", conv, CONV(1, 3, 1, 17), {{"1,5,6,17"}, {"17,1,7,7"}}, EXACT},
    {"conv2d depthwise 7x7, 40 channels", conv, CONV(1, 3, 1, 40), {{"1,12,37,40"}, {"40,1,7,7"}, {"40"}}, EXACT,
     .no_grad = true},
    {"conv2d depthwise 7x7, little padding", conv, CONV(1, 1, 1, 6), {{"1,9,23,6"}, {"6,1,7,7"}}, EXACT},
    {"conv2d depthwise 5x5, padding beyond the kernel", conv, CONV(1, 6, 1, 3), {{"1,4,5,3"}, {"3,1,5,5"}}, EXACT},
    {"conv2d depthwise 1x7", conv, STRIP(1, 1, 0, 3, 5), {{"1,4,27,5"}, {"5,1,1,7"}, {"5"}}, EXACT},
    {"conv2d depthwise 7x1, stride 2", conv, STRIP(2, 1, 3, 0, 5), {{"1,14,5,5"}, {"5,1,7,1"}}, EXACT},
    {"conv2d depthwise 1x11", conv, STRIP(1, 1, 0, 5, 18), {{"1,3,49,18"}, {"18,1,1,11"}, {"18"}}, EXACT,
     .no_grad = true},
    {"conv2d depthwise 11x1", conv, STRIP(1, 1, 5, 0, 18), {{"1,13,4,18"}, {"18,1,11,1"}, {"18"}}, EXACT},
    {"conv2d depthwise 1x21", conv, STRIP(1, 1, 0, 10, 7), {{"2,2,90,7"}, {"7,1,1,21"}, {"7"}}, EXACT, .no_grad = true},
    {"conv2d depthwise 1x21 on a narrow map", conv, STRIP(1, 1, 0, 10, 7), {{"2,3,13,7"}, {"7,1,1,21"}}, EXACT},
    {"conv2d depthwise 21x1", conv, STRIP(1, 1, 10, 0, 7), {{"1,9,4,7"}, {"7,1,21,1"}, {"7"}}, EXACT},
    {"conv2d depthwise, dilation 3 on a wide map", conv, CONV(1, 3, 3, 18), {{"1,7,53,18"}, {"18,1,3,3"}, {"18"}},
     EXACT, .no_grad = true},
    {"conv2d depthwise, dilation 36 beyond the map", conv, CONV(1, 36, 36, 9), {{"2,8,9,9"}, {"9,1,3,3"}, {"9"}}, EXACT},
    {"conv2d depthwise, stride 2, dilation 3", conv, CONV(2, 3, 3, 9), {{"1,12,13,9"}, {"9,1,3,3"}}, EXACT},
    {"conv2d depthwise, stride 3 beyond the kernel", conv, CONV(3, 0, 2, 4), {{"1,9,11,4"}, {"4,1,2,2"}}, EXACT},
    {"conv2d depthwise, unlike axes", conv, .attr = {.conv = {.stride = {1, 2}, .pad = {4, 1}, .dilation = {2, 3},
     .groups = 17}}, {{"1,8,14,17"}, {"34,1,5,2"}, {"34"}}, EXACT},
    {"conv2d with unlike axes", conv, .attr = {.conv = {.stride = {2, 1}, .pad = {0, 2}, .dilation = {1, 2},
     .groups = 1}}, {{"1,5,8,3"}, {"4,3,2,3"}, {"4"}}, EXACT},
    {"conv2d 36 to 50 channels, stride 2", conv, CONV(2, 1, 1, 1), {{"2,9,12,36"}, {"50,36,3,3"}}, .linear = true},
    {"conv2d 32 to 32 channels, unlike strides, 320 pixels", conv, .attr = {.conv = {.stride = {2, 1}, .pad = {1, 2},
     .dilation = {1, 2}, .groups = 1}}, {{"2,16,20,32"}, {"32,32,3,3"}}, .linear = true},
    {"conv2d 48 to 48 channels", conv, CONV(1, 1, 1, 1), {{"2,9,11,48"}, {"48,48,3,3"}}, .linear = true},
    {"conv2d 64 to 33 channels, dilation 2", conv, CONV(1, 2, 2, 1), {{"1,7,8,64"}, {"33,64,3,3"}, {"33"}},
     .linear = true},
    {"conv2d 18 to 36 channels, one tile and less", conv, CONV(1, 1, 1, 1), {{"1,3,4,18"}, {"36,18,3,3"}},
     .linear = true},
    {"conv2d 20 to 70 channels, no padding", conv, CONV(1, 0, 1, 1), {{"1,13,6,20"}, {"70,20,3,3"}}, .linear = true},
    {"conv2d 17 to 16 channels, wide padding", conv, CONV(1, 2, 1, 1), {{"2,5,9,17"}, {"16,17,3,3"}, {"16"}},
     .linear = true},
    {"conv2d 16 to 24 channels, dilation 4 on a small map", conv, CONV(1, 4, 4, 1), {{"2,5,7,16"}, {"24,16,3,3"}},
     .linear = true},
    {"conv2d 20 to 20 channels, unlike padding", conv, .attr = {.conv = {.stride = {1, 1}, .pad = {0, 2},
     .dilation = {2, 2}, .groups = 1}}, {{"1,9,7,20"}, {"20,20,3,3"}}, .linear = true},
    {"conv2d 16 to 16 channels, padding beyond the kernel", conv, CONV(1, 4, 1, 1), {{"1,6,7,16"}, {"16,16,3,3"}},
     .linear = true},
    {"conv2d 16 to 20 channels, unlike dilations", conv, DILATED_STRIP(1, 3, 1, 3), {{"2,9,24,16"}, {"20,16,3,3"}},
     .linear = true},
    {"conv2d 1x3, one channel", conv, STRIP(1, 1, 0, 1, 1), {{"2,9,11,1"}, {"3,1,1,3"}, {"3"}}, EXACT},
    {"conv2d 3x1, 3 to 1 channels", conv, STRIP(1, 1, 1, 0, 1), {{"2,9,11,3"}, {"1,3,3,1"}}, EXACT},
    {"conv2d 1x3, 13 channels, dilation 2", conv, DILATED_STRIP(0, 2, 1, 2), {{"2,5,21,13"}, {"13,13,1,3"}},
     .linear = true},
    {"conv2d 1x3, 16 channels", conv, STRIP(1, 1, 0, 1, 1), {{"2,7,33,16"}, {"16,16,1,3"}, {"16"}}, .linear = true},
    {"conv2d 1x3, 17 to 33 channels", conv, STRIP(1, 1, 0, 1, 1), {{"2,7,71,17"}, {"33,17,1,3"}, {"33"}},
     .linear = true},
    {"conv2d 3x1, 33 to 17 channels", conv, STRIP(1, 1, 1, 0, 1), {{"2,71,8,33"}, {"17,33,3,1"}}, .linear = true},
    {"conv2d 3x1, 33 to 40 channels, dilation 3", conv, DILATED_STRIP(3, 0, 3, 1), {{"1,62,6,33"}, {"40,33,3,1"}},
     .linear = true},
    {"conv2d 3x1, 48 channels, dilation 16", conv, DILATED_STRIP(16, 0, 16, 1), {{"1,62,9,48"}, {"48,48,3,1"}, {"48"}},
     .linear = true},
    {"conv2d 3x1, 48 channels, dilation 16 beyond the map", conv, DILATED_STRIP(16, 0, 16, 1),
     {{"1,14,9,48"}, {"48,48,3,1"}, {"48"}}, .linear = true},
    {"conv2d 1x3, 70 to 33 channels, no padding", conv, STRIP(1, 1, 0, 0, 1), {{"2,4,37,70"}, {"33,70,1,3"}},
     .linear = true},
    {"conv2d 3x1, 33 to 70 channels, padding across", conv, STRIP(1, 1, 1, 2, 1), {{"1,19,7,33"}, {"70,33,3,1"}, {"70"}},
     .linear = true},
    {"conv2d 1x3, 40 channels, wide padding and dilations", conv, DILATED_STRIP(3, 7, 5, 2),
     {{"1,6,22,40"}, {"40,40,1,3"}}, .linear = true},
    {"conv2d 1x3, 150 to 130 channels", conv, STRIP(1, 1, 0, 1, 1), {{"1,6,31,150"}, {"130,150,1,3"}}, .linear = true},
    {"conv2d 1x3 + residual + ReLU", fused, FUSED_STRIP(0, 1, "1,3", "2,17,23,35")},
    {"conv2d 3x1 + residual + ReLU", fused, FUSED_STRIP(1, 0, "3,1", "2,17,23,35")},
    {"conv2d 150 to 130 channels", conv, CONV(1, 1, 1, 1), {{"1,9,10,150"}, {"130,150,3,3"}}, .linear = true},
    {"conv2d 96 to 150 channels, 1x1", conv, CONV(1, 0, 1, 1), {{"2,5,7,96"}, {"150,96,1,1"}, {"150"}}, EXACT},
    {"conv2d + ReLU", fused, FUSED(false, UNARY_RELU, 0), .exact = true, .same_as = unfused},
    {"conv2d + residual + ReLU", fused, FUSED(true, UNARY_RELU, 0), .exact = true, .same_as = unfused},
    {"conv2d 40 to 35 channels + residual + ReLU", fused, .attr = {.conv = {.stride = {1, 1}, .pad = {1, 1},
     .dilation = {1, 1}, .groups = 1, .act = UNARY_RELU + 1, .has_residual = true}},
     .in = {{"2,9,6,40"}, {"35,40,3,3"}, {"35"}, {"2,9,6,35"}}, .inference_only = true, .no_grad = true,
     .same_as = unfused},
    {"conv2d + residual", fused, .attr = {.conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1,
     .has_residual = true}}, {{"1,4,5,6"}, {"7,6,1,1"}, {NULL}, {"1,4,5,7"}}, .inference_only = true, .no_grad = true,
     .exact = true, .same_as = unfused},
    {"conv2d + ReLU6", fused, FUSED(false, UNARY_RELU6, 0), .exact = true, .same_as = unfused},
    {"conv2d + leaky ReLU", fused, FUSED(true, UNARY_LEAKY_RELU, 0.25f), .exact = true, .same_as = unfused},
    {"conv2d + sigmoid", fused, FUSED(false, UNARY_SIGMOID, 0), .same_as = unfused},
    {"conv2d + tanh", fused, FUSED(false, UNARY_TANH, 0), .same_as = unfused},
    {"conv2d + GELU", fused, FUSED(false, UNARY_GELU, 0), .same_as = unfused},
    {"conv2d + SiLU", fused, FUSED(true, UNARY_SILU, 0), .same_as = unfused},
    {"conv2d + HSwish", fused, FUSED(true, UNARY_HSWISH, 0), .same_as = unfused},
    {"conv2d depthwise + residual", fused, DEPTHWISE(true, -1, 0), .exact = true, .same_as = unfused},
    {"conv2d depthwise + ReLU", fused, DEPTHWISE(true, UNARY_RELU, 0), .exact = true, .same_as = unfused},
    {"conv2d depthwise + ReLU6", fused, DEPTHWISE(false, UNARY_RELU6, 0), .exact = true, .same_as = unfused},
    {"conv2d depthwise + leaky ReLU", fused, DEPTHWISE(true, UNARY_LEAKY_RELU, 0.25f), .exact = true,
     .same_as = unfused},
    {"conv2d depthwise + sigmoid", fused, DEPTHWISE(false, UNARY_SIGMOID, 0), .same_as = unfused},
    {"conv2d depthwise + tanh", fused, DEPTHWISE(false, UNARY_TANH, 0), .same_as = unfused},
    {"conv2d depthwise + GELU", fused, DEPTHWISE(false, UNARY_GELU, 0), .same_as = unfused},
    {"conv2d depthwise + SiLU", fused, DEPTHWISE(true, UNARY_SILU, 0), .same_as = unfused},
    {"conv2d depthwise + HSwish", fused, DEPTHWISE(true, UNARY_HSWISH, 0), .same_as = unfused},
    {"conv2d with a folded norm", folded, CONV(1, 1, 1, 1), {{"1,5,4,3"}, {"6,3,3,3"}, {"6"}, {"6", HOLDS_ODD}, {"6"},
     {"6"}, {"6", HOLDS_POSITIVE}}, .inference_only = true, .no_grad = true, .same_as = not_folded},
    {"conv2d without bias with a folded norm, stride 2", folded, CONV(2, 0, 1, 1), {{"2,5,4,3"}, {"6,3,1,1"}, {NULL},
     {"6", HOLDS_ODD}, {"6"}, {"6"}, {"6", HOLDS_POSITIVE}}, .inference_only = true, .no_grad = true,
     .same_as = not_folded},
};
/* clang-format on */

case_list cases_conv(void)
{
    return CASE_LIST(cases);
}
