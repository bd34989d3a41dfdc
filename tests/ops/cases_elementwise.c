/* Functions of one and of two elements, PReLU, dropout. */
#include "cases.h"

static tensor *unary(graph *g, tensor *const *in, const op_case *c)
{
    return op_unary(g, in[0], c->attr.unary);
}

static tensor *binary(graph *g, tensor *const *in, const op_case *c)
{
    return op_binary(g, in[0], in[1], c->attr.binary);
}

/* The same tensor on both sides, and once more: its gradient is the sum of three. */
static tensor *square_and_more(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_add(g, op_mul(g, in[0], in[0]), in[0]);
}

static tensor *prelu(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_prelu(g, in[0], in[1]);
}

/* Salts are fixed here, so that the case is the same in whatever graph. */
static tensor *dropout(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_dropout, 2, in, 1, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *uniform(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_uniform, 1, in + 1, 1, &c->attr);
    return n ? op_mul(g, in[0], n->out[0]) : NULL;
}

static tensor *cast(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_cast(g, op_cast(g, in[0], DT_BF16), DT_F32);
}

/* clang-format off */
#define UNARY(...) unary, .attr = {.unary = {__VA_ARGS__}}
#define ODD(shape) {{shape, HOLDS_ODD}}
#define POSITIVE(shape) {{shape, HOLDS_POSITIVE}}
#define BINARY(k) binary, .attr = {.binary = BINARY_##k}
#define DROPOUT(...) dropout, .train_only = true, .attr = {.dropout = {.salt = 99, __VA_ARGS__}}

static const op_case cases[] = {
    {"relu", UNARY(.kind = UNARY_RELU), ODD("2,3,5,7"), .exact = true},
    {"relu, many", UNARY(.kind = UNARY_RELU), ODD("3,50,70,16"), .exact = true, .no_grad = true},
    {"relu of integers: zero has slope 0", UNARY(.kind = UNARY_RELU), {{"2,3,5,7"}}, .exact = true, .no_grad = true},
    {"relu of a scalar", UNARY(.kind = UNARY_RELU), ODD(""), .exact = true},
    {"relu6", UNARY(.kind = UNARY_RELU6), ODD("2,3,5,7"), .exact = true},
    {"leaky relu", UNARY(.kind = UNARY_LEAKY_RELU, .alpha = 0.25f), ODD("3,35"), .exact = true},
    {"leaky relu, negative slope", UNARY(.kind = UNARY_LEAKY_RELU, .alpha = -0.5f), ODD("3,35"), .exact = true},
    {"sigmoid", UNARY(.kind = UNARY_SIGMOID), ODD("3,35")},
    {"tanh", UNARY(.kind = UNARY_TANH), ODD("3,35")},
    {"gelu", UNARY(.kind = UNARY_GELU), ODD("3,35")},
    {"silu", UNARY(.kind = UNARY_SILU), ODD("3,35")},
    {"hard swish", UNARY(.kind = UNARY_HSWISH), ODD("3,35")},
    {"hard sigmoid", UNARY(.kind = UNARY_HSIGMOID, .alpha = 3, .beta = 6), ODD("3,35")},
    {"hard sigmoid, mmcv's", UNARY(.kind = UNARY_HSIGMOID, .alpha = 1, .beta = 2), ODD("3,35"), .exact = true},
    {"elu", UNARY(.kind = UNARY_ELU, .alpha = 1), ODD("3,35")},
    {"elu, alpha 1/2", UNARY(.kind = UNARY_ELU, .alpha = 0.5f), ODD("3,35")},
    {"elu, negative alpha", UNARY(.kind = UNARY_ELU, .alpha = -1), ODD("3,35")},
    {"exp", UNARY(.kind = UNARY_EXP), ODD("3,35")},
    {"log", UNARY(.kind = UNARY_LOG), POSITIVE("3,35")},
    {"sqrt", UNARY(.kind = UNARY_SQRT), POSITIVE("3,35")},
    {"abs", UNARY(.kind = UNARY_ABS), ODD("3,35"), .exact = true},
    {"square", UNARY(.kind = UNARY_SQUARE), ODD("3,35"), .exact = true},
    {"reciprocal", UNARY(.kind = UNARY_RECIPROCAL), POSITIVE("3,35")},
    {"clamp", UNARY(.kind = UNARY_CLAMP, .alpha = -1, .beta = 2), ODD("3,35"), .exact = true},
    {"scale", UNARY(.kind = UNARY_SCALE, .alpha = -2, .beta = 0.5f), ODD("3,35"), .exact = true},
    {"pow", UNARY(.kind = UNARY_POW, .alpha = 2.5f), POSITIVE("3,35")},
    {"add", BINARY(ADD), {{"2,3,4,5"}, {"2,3,4,5"}}, .exact = true, .linear = true},
    {"add, many", BINARY(ADD), {{"3,50,70,16"}, {"3,50,70,16"}}, .exact = true, .no_grad = true},
    {"add scalars", BINARY(ADD), {{""}, {""}}, .exact = true, .linear = true},
    {"add per channel", BINARY(ADD), {{"2,3,4,5"}, {"1,1,1,5"}}, .exact = true, .linear = true},
    {"sub, both repeated", BINARY(SUB), {{"2,1,4,1"}, {"1,3,1,5"}}, .exact = true, .linear = true},
    {"mul", BINARY(MUL), {{"2,3,4,5"}, {"2,3,4,5"}}, .exact = true, .linear = true},
    {"mul per channel of an image", BINARY(MUL), {{"2,3,4,5"}, {"2,1,1,5"}}, .exact = true, .linear = true},
    {"mul by one element", BINARY(MUL), {{"2,3,4,5"}, {"1,1,1,1"}}, .exact = true, .linear = true},
    {"div", BINARY(DIV), {{"2,3,4,5", HOLDS_ODD}, {"2,3,4,5", HOLDS_POSITIVE}}},
    {"div per pixel", BINARY(DIV), {{"2,3,4,5", HOLDS_ODD}, {"2,3,4,1", HOLDS_POSITIVE}}},
    {"max", BINARY(MAX), {{"3,35", HOLDS_DISTINCT}, {"3,35"}}, .exact = true, .no_grad = true},
    {"max, apart", BINARY(MAX), {{"3,35", HOLDS_ODD}, {"3,35"}}, .exact = true},
    {"min, per channel", BINARY(MIN), {{"2,3,4,5", HOLDS_ODD}, {"1,1,1,5"}}, .exact = true},
    {"a tensor three times", square_and_more, .in = {{"3,7", HOLDS_ODD}}, .exact = true},
    {"prelu, one slope", prelu, .in = {{"2,3,4,5", HOLDS_ODD}, {"1"}}, .exact = true},
    {"prelu, one slope for many", prelu, .in = {{"2,33,31,20", HOLDS_ODD}, {"1"}}, .no_grad = true},
    {"prelu, a slope each of 35 channels", prelu, .in = {{"2,5,7,35", HOLDS_ODD}, {"35"}}, .exact = true},
    {"prelu, a slope each of 64 channels, many pixels", prelu, .in = {{"3,21,29,64", HOLDS_ODD}, {"64"}},
     .no_grad = true},
    {"prelu of rows, frozen", prelu, .in = {{"6,33", HOLDS_ODD}, {"33", HOLDS_INTS, true}}, .exact = true},
    {"prelu of one number", prelu, .in = {{"", HOLDS_ODD}, {"1"}}, .exact = true},
    {"prelu, a slope a channel", prelu, .in = {{"2,3,4,5", HOLDS_ODD}, {"5"}}, .exact = true},
    {"scale of a map", UNARY(.kind = UNARY_SCALE, .alpha = -2, .beta = 0.5f), ODD("2,5,3,7"), .exact = true},
    {"cast to bf16 and back", cast, .in = {{"2,5,6,7", HOLDS_ODD}}, .exact = true, .linear = true},
    {"cast to bf16 and back, many that are rounded", cast, .in = {{"2,50,60,7", HOLDS_LARGE}}, .exact = true,
     .no_grad = true},
    {"dropout", DROPOUT(.p = 0.5f), {{"2,5,6,7"}, {"2", HOLDS_SEED}}, .exact = true, .linear = true},
    {"dropout, p 0.1", DROPOUT(.p = 0.1f), {{"2,5,6,7"}, {"2", HOLDS_SEED}}},
    {"dropout of all", DROPOUT(.p = 1), {{"2,5,6,7"}, {"2", HOLDS_SEED}}, .exact = true, .linear = true},
    {"dropout, many", DROPOUT(.p = 0.3f), {{"2,50,70,16"}, {"2", HOLDS_SEED}}, .no_grad = true},
    {"dropout of a row", DROPOUT(.p = 0.5f, .channels = true), {{"9"}, {"2", HOLDS_SEED}}, .exact = true,
     .linear = true},
    {"dropout of channels, many", DROPOUT(.p = 0.5f, .channels = true), {{"3,40,60,19"}, {"2", HOLDS_SEED}},
     .exact = true, .no_grad = true},
    {"dropout of samples, many", DROPOUT(.p = 0.5f, .samples = true), {{"4,40,60,19"}, {"2", HOLDS_SEED}},
     .exact = true, .no_grad = true},
    {"dropout of channels", DROPOUT(.p = 0.5f, .channels = true), {{"2,5,6,7"}, {"2", HOLDS_SEED}}, .exact = true,
     .linear = true},
    {"dropout of samples", DROPOUT(.p = 0.5f, .samples = true), {{"6,2,3,4"}, {"2", HOLDS_SEED}}, .exact = true,
     .linear = true},
    {"times random numbers", uniform, .attr = {.uniform = {.salt = 99, .rank = 3, .dim = {3, 50, 170}}},
     {{"3,50,170"}, {"2", HOLDS_SEED}}, .exact = true, .no_grad = true},
    {"times a few random numbers", uniform, .attr = {.uniform = {.salt = 7, .rank = 1, .dim = {9}}},
     {{"9"}, {"2", HOLDS_SEED}}, .exact = true},
};
/* clang-format on */

case_list cases_elementwise(void)
{
    return CASE_LIST(cases);
}
