/* Transposed convolutions: strides, paddings of both sides, dilations, groups, what passes fuse. */
#include "cases.h"

static tensor *transposed(graph *g, tensor *const *in, const op_case *c)
{
    return op_conv_transpose2d(g, in[0], in[1], in[2], c->attr.conv);
}

static tensor *fused(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_conv_transpose2d, 3, in, 1, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *unfused(graph *g, tensor *const *in, const op_case *c)
{
    conv_attr a = c->attr.conv;
    a.act = 0;
    tensor *y = op_conv_transpose2d(g, in[0], in[1], in[2], a);
    return op_unary(g, y, (unary_attr){.kind = (unary_kind)(c->attr.conv.act - 1), .alpha = c->attr.conv.act_alpha});
}

/* w, bias, gamma, beta, mean, var: in[1..6] */
static tensor *folded(graph *g, tensor *const *in, const op_case *c)
{
    op_attr norm = {.norm = {.eps = 1e-5f, .groups = c->attr.conv.groups}};
    node *f = graph_add_node(g, OP_fold_batch_norm, 6, in + 1, 2, &norm);
    return f ? op_conv_transpose2d(g, in[0], f->out[0], f->out[1], c->attr.conv) : NULL;
}

static tensor *not_folded(graph *g, tensor *const *in, const op_case *c)
{
    return op_batch_norm(g, transposed(g, in, c), in[3], in[4], in[5], in[6], 1e-5f);
}

/* clang-format off */
#define EXACT .exact = true, .linear = true
#define UP(s, p, o, d, g) \
    .attr = {.conv = {.stride = {s, s}, .pad = {p, p}, .output_pad = {o, o}, .dilation = {d, d}, .groups = g}}
#define FUSED(kind, slope)                                                                                        \
    .attr = {.conv = {.stride = {2, 2}, .pad = {1, 1}, .output_pad = {1, 1}, .dilation = {1, 1}, .groups = 1,     \
                      .act = (kind) + 1, .act_alpha = slope}},                                                    \
    .in = {{"2,5,6,9"}, {"9,7,3,3"}, {"7"}}, .inference_only = true, .no_grad = true, .same_as = unfused

static const op_case cases[] = {
    {"conv_transpose2d 3x3, stride 2, output padding, bias", transposed, UP(2, 1, 1, 1, 1),
     {{"2,5,6,4"}, {"4,8,3,3"}, {"8"}}, EXACT},
    {"conv_transpose2d 3x3, stride 2", transposed, UP(2, 1, 0, 1, 1), {{"2,4,3,5"}, {"5,3,3,3"}}, EXACT},
    {"conv_transpose2d 4x4, stride 2, bias", transposed, UP(2, 1, 0, 1, 1), {{"2,3,5,6"}, {"6,5,4,4"}, {"5"}}, EXACT},
    {"conv_transpose2d 2x2, stride 2", transposed, UP(2, 0, 0, 1, 1), {{"1,4,3,7"}, {"7,9,2,2"}, {"9"}}, EXACT},
    {"conv_transpose2d 6x6, stride 4", transposed, UP(4, 1, 0, 1, 1), {{"1,3,2,4"}, {"4,3,6,6"}}, EXACT},
    {"conv_transpose2d 8x8, stride 2", transposed, UP(2, 3, 0, 1, 1), {{"1,3,3,2"}, {"2,3,8,8"}, {"3"}}, EXACT},
    {"conv_transpose2d 1x1, stride 2: holes", transposed, UP(2, 0, 1, 1, 1), {{"2,3,4,4"}, {"4,6,1,1"}, {"6"}}, EXACT},
    {"conv_transpose2d 1x1, stride 1", transposed, UP(1, 0, 0, 1, 1), {{"2,3,4,4"}, {"4,6,1,1"}, {"6"}}, EXACT},
    {"conv_transpose2d 3x3, stride 1", transposed, UP(1, 1, 0, 1, 1), {{"2,6,5,4"}, {"4,6,3,3"}}, EXACT},
    {"conv_transpose2d 3x3, dilation 2", transposed, UP(1, 2, 0, 2, 1), {{"1,5,4,3"}, {"3,4,3,3"}, {"4"}}, EXACT},
    {"conv_transpose2d, output padding beyond the stride", transposed, UP(1, 1, 1, 2, 1),
     {{"1,5,4,3"}, {"3,4,3,3"}, {"4"}}, EXACT},
    {"conv_transpose2d, output padding of two strides", transposed, UP(2, 1, 4, 5, 1),
     {{"1,3,4,3"}, {"3,2,2,2"}, {"2"}}, EXACT},
    {"conv_transpose2d without padding", transposed, UP(3, 0, 2, 1, 1), {{"1,2,3,3"}, {"3,5,2,2"}}, EXACT},
    {"conv_transpose2d of one pixel", transposed, UP(2, 1, 1, 1, 1), {{"3,1,1,5"}, {"5,4,3,3"}, {"4"}}, EXACT},
    {"conv_transpose2d in 2 groups", transposed, UP(2, 1, 1, 1, 2), {{"2,3,4,6"}, {"6,4,3,3"}, {"8"}}, EXACT},
    {"conv_transpose2d depthwise", transposed, UP(2, 1, 0, 1, 5), {{"2,3,4,5"}, {"5,1,4,4"}, {"5"}}, EXACT},
    {"conv_transpose2d, 2 outputs a channel", transposed, UP(2, 1, 1, 1, 3), {{"1,3,4,3"}, {"3,2,3,3"}, {"6"}}, EXACT},
    {"conv_transpose2d with unlike axes", transposed, .attr = {.conv = {.stride = {2, 1}, .pad = {0, 2},
     .output_pad = {1, 0}, .dilation = {1, 2}, .groups = 1}}, {{"1,4,6,3"}, {"3,5,2,3"}, {"5"}}, EXACT},
    {"conv_transpose2d 48 to 40 channels, stride 1", transposed, UP(1, 1, 0, 1, 1),
     {{"2,9,11,48"}, {"48,40,3,3"}, {"40"}}, .linear = true},
    {"conv_transpose2d 32 to 33 channels, dilation 2, output padding", transposed, UP(1, 2, 1, 2, 1),
     {{"1,9,11,32"}, {"32,33,3,3"}, {"33"}}, .linear = true},
    {"conv_transpose2d 128 to 64 channels", transposed, UP(2, 1, 1, 1, 1), {{"1,8,9,128"}, {"128,64,3,3"}, {"64"}},
     .linear = true, .no_grad = true},
    {"conv_transpose2d 36 to 18 channels, 150 rows", transposed, UP(2, 1, 0, 1, 1),
     {{"2,75,9,36"}, {"36,18,4,4"}, {"18"}}, .linear = true, .no_grad = true},
    {"conv_transpose2d + ReLU", fused, FUSED(UNARY_RELU, 0), .exact = true},
    {"conv_transpose2d + leaky ReLU", fused, FUSED(UNARY_LEAKY_RELU, 0.25f), .exact = true},
    {"conv_transpose2d + GELU", fused, FUSED(UNARY_GELU, 0)},
    {"conv_transpose2d 20 to 36 channels, stride 1 + ReLU", fused, .attr = {.conv = {.stride = {1, 1}, .pad = {1, 1},
     .dilation = {1, 1}, .groups = 1, .act = UNARY_RELU + 1}}, .in = {{"2,9,6,20"}, {"20,36,3,3"}, {"36"}},
     .inference_only = true, .no_grad = true, .same_as = unfused},
    {"conv_transpose2d with a folded norm", folded, UP(2, 1, 1, 1, 1), {{"1,5,4,3"}, {"3,6,3,3"}, {"6"},
     {"6", HOLDS_ODD}, {"6"}, {"6"}, {"6", HOLDS_POSITIVE}}, .inference_only = true, .no_grad = true,
     .same_as = not_folded},
    {"conv_transpose2d in groups without bias with a folded norm", folded, UP(2, 0, 0, 1, 2), {{"2,3,4,4"},
     {"4,3,2,2"}, {NULL}, {"6", HOLDS_ODD}, {"6"}, {"6"}, {"6", HOLDS_POSITIVE}}, .inference_only = true,
     .no_grad = true, .same_as = not_folded},
};
/* clang-format on */

case_list cases_transposed(void)
{
    return CASE_LIST(cases);
}
