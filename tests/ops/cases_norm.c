/* Normalisation. */
#include "cases.h"
#include "graph/op.h"

static tensor *fixed_norm(graph *g, tensor *const *in, const op_case *c)
{
    return op_batch_norm(g, in[0], in[1], in[2], in[3], in[4], c->attr.norm.eps);
}

static tensor *train_norm(graph *g, tensor *const *in, const op_case *c)
{
    return op_batch_norm_train(g, in[0], in[1], in[2], in[3], in[4], c->attr.norm);
}

/* in[5]: residual or NULL */
static tensor *fused(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_batch_norm_train, in[5] ? 6 : 5, in, 3, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *unfused(graph *g, tensor *const *in, const op_case *c)
{
    norm_attr a = c->attr.norm;
    a.act = 0;
    tensor *y = op_batch_norm_train(g, in[0], in[1], in[2], in[3], in[4], a);
    return op_relu(g, in[5] ? op_add(g, y, in[5]) : y);
}

/* in[3], in[4]: the statistics; in[5]: residual or NULL */
static tensor *apply(graph *g, tensor *const *in, const op_case *c)
{
    return op_node1(g, OP_batch_norm_apply, in[5] ? 6 : 5, in, &c->attr);
}

static tensor *groups(graph *g, tensor *const *in, const op_case *c)
{
    return op_group_norm(g, in[0], in[1], in[2], c->attr.norm.groups, c->attr.norm.eps);
}

static tensor *layer(graph *g, tensor *const *in, const op_case *c)
{
    return op_layer_norm(g, in[0], in[1], in[2], c->attr.norm.eps);
}

static tensor *groups_relu(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_group_norm, 3, in, 3, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *groups_then_relu(graph *g, tensor *const *in, const op_case *c)
{
    return op_relu(g, groups(g, in, c));
}

static tensor *layer_relu(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_layer_norm, 3, in, 3, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *layer_then_relu(graph *g, tensor *const *in, const op_case *c)
{
    return op_relu(g, layer(g, in, c));
}

/* clang-format off */
#define NORM(...) .attr = {.norm = {.eps = 1e-5f, .momentum = 0.1f, .update = true, __VA_ARGS__}}
#define STATS(c) {c, HOLDS_INTS, true}, {c, HOLDS_POSITIVE, true}
#define TRAIN(shape, c) {{shape, HOLDS_ODD}, {c, HOLDS_ODD}, {c}, STATS(c)}, .train_only = true

static const op_case cases[] = {
    {"batch_norm with fixed statistics", fixed_norm, NORM(), {{"2,3,4,5", HOLDS_ODD}, {"5", HOLDS_ODD}, {"5"},
     STATS("5")}},
    {"batch_norm with fixed statistics, 1 channel", fixed_norm, NORM(), {{"2,3,4,1", HOLDS_ODD}, {"1", HOLDS_ODD},
     {"1"}, STATS("1")}},
    {"batch_norm with fixed statistics, 72 channels", fixed_norm, NORM(), {{"1,3,5,72", HOLDS_ODD}, {"72", HOLDS_ODD},
     {"72"}, STATS("72")}},
    {"batch_norm with fixed statistics, many pixels", fixed_norm, NORM(), {{"2,30,31,19", HOLDS_ODD}, {"19", HOLDS_ODD},
     {"19"}, STATS("19")}, .no_grad = true},
    {"batch_norm with fixed statistics, frozen", fixed_norm, NORM(), {{"2,3,4,20", HOLDS_ODD}, {"20", HOLDS_ODD, true},
     {"20", HOLDS_INTS, true}, STATS("20")}},
    {"batch_norm_train", train_norm, NORM(), TRAIN("2,3,4,5", "5")},
    {"batch_norm_train, 1 channel", train_norm, NORM(), TRAIN("1,3,5,1", "1")},
    {"batch_norm_train, 18 channels", train_norm, NORM(), TRAIN("2,7,5,18", "18")},
    {"batch_norm_train, 64 channels", train_norm, NORM(), TRAIN("3,5,4,64", "64")},
    {"batch_norm_train, 300 channels", train_norm, NORM(), TRAIN("2,3,3,300", "300")},
    {"batch_norm_train of rows [N, C]", train_norm, NORM(), TRAIN("7,5", "5")},
    {"batch_norm_train of a sequence", train_norm, NORM(), TRAIN("2,9,6", "6")},
    {"batch_norm_train, two values a channel", train_norm, NORM(), TRAIN("2,1,1,4", "4"), .tolerance = 1e-3},
    {"batch_norm_train, statistics as they are", train_norm, .attr = {.norm = {.eps = 1e-3f, .momentum = 0.5f}},
     TRAIN("2,3,4,5", "5")},
    {"batch_norm_train, many pixels", train_norm, NORM(), TRAIN("2,65,67,3", "3"), .no_grad = true},
    /* x * scale + shift in float32 keeps 4 digits of these; statistics taken carelessly would keep none. */
    {"batch_norm_train around a large mean", train_norm, NORM(), {{"2,9,8,4", HOLDS_LARGE}, {"4", HOLDS_ODD}, {"4"},
     STATS("4")}, .train_only = true, .no_grad = true, .tolerance = 1e-4},
    {"batch_norm_train + ReLU", fused, NORM(.act = UNARY_RELU + 1), TRAIN("2,5,6,7", "7"), .same_as = unfused,
     .no_grad = true},
    {"batch_norm_train + ReLU, 48 channels", fused, NORM(.act = UNARY_RELU + 1), TRAIN("2,5,7,48", "48"),
     .same_as = unfused, .no_grad = true},
    {"batch_norm_train + residual + ReLU", fused, NORM(.act = UNARY_RELU + 1), {{"2,5,3,18", HOLDS_ODD}, {"18",
     HOLDS_ODD}, {"18"}, STATS("18"), {"2,5,3,18", HOLDS_ODD}}, .train_only = true, .same_as = unfused,
     .no_grad = true},
    {"batch_norm_apply", apply, NORM(), TRAIN("2,3,4,5", "5"), .no_grad = true},
    {"batch_norm_apply + ReLU, 48 channels", apply, NORM(.act = UNARY_RELU + 1), TRAIN("2,5,7,48", "48"),
     .no_grad = true},
    {"batch_norm_apply + residual + ReLU", apply, NORM(.act = UNARY_RELU + 1), {{"2,5,3,18", HOLDS_ODD}, {"18",
     HOLDS_ODD}, {"18"}, STATS("18"), {"2,5,3,18", HOLDS_ODD}}, .train_only = true, .no_grad = true},
    {"group_norm", groups, NORM(.groups = 2), {{"2,3,4,6", HOLDS_ODD}, {"6", HOLDS_ODD}, {"6"}}},
    {"group_norm, one group", groups, NORM(.groups = 1), {{"2,3,4,6", HOLDS_ODD}, {"6", HOLDS_ODD}, {"6"}}},
    {"group_norm, instance norm", groups, NORM(.groups = 5), {{"2,3,4,5", HOLDS_ODD}, {"5", HOLDS_ODD}, {"5"}}},
    {"group_norm without scale and shift", groups, NORM(.groups = 5), {{"2,3,4,5", HOLDS_ODD}}},
    {"group_norm of a sequence, 32 groups", groups, NORM(.groups = 32), {{"2,5,64", HOLDS_ODD}, {"64", HOLDS_ODD},
     {"64"}}},
    {"group_norm around a large mean", groups, NORM(.groups = 2), {{"1,9,8,4", HOLDS_LARGE}, {"4", HOLDS_ODD}, {"4"}},
     .no_grad = true},
    {"group_norm, 32 groups of 2, many pixels", groups, NORM(.groups = 32), {{"2,31,29,64", HOLDS_ODD},
     {"64", HOLDS_ODD}, {"64"}}, .no_grad = true},
    {"group_norm, 2 groups of 9", groups, NORM(.groups = 2), {{"3,5,7,18", HOLDS_ODD}, {"18", HOLDS_ODD}, {"18"}}},
    {"group_norm, 3 groups of 11", groups, NORM(.groups = 3), {{"2,4,3,33", HOLDS_ODD}, {"33", HOLDS_ODD}, {"33"}}},
    {"group_norm, 32 groups of 10", groups, NORM(.groups = 32), {{"1,9,8,320", HOLDS_ODD}, {"320", HOLDS_ODD},
     {"320"}}, .no_grad = true},
    {"group_norm of one pixel", groups, NORM(.groups = 4), {{"2,1,1,24", HOLDS_ODD}, {"24", HOLDS_ODD}, {"24"}}},
    {"group_norm, instance norm of many pixels", groups, NORM(.groups = 3), {{"2,65,67,3", HOLDS_ODD}}, .no_grad = true},
    {"group_norm, frozen", groups, NORM(.groups = 4), {{"2,3,5,20", HOLDS_ODD}, {"20", HOLDS_ODD, true},
     {"20", HOLDS_INTS, true}}},
    {"group_norm + ReLU", groups_relu, NORM(.groups = 2, .act = UNARY_RELU + 1), {{"2,3,4,6", HOLDS_ODD},
     {"6", HOLDS_ODD}, {"6"}}, .same_as = groups_then_relu, .no_grad = true},
    {"group_norm + ReLU, 32 groups of 2, many pixels", groups_relu, NORM(.groups = 32, .act = UNARY_RELU + 1),
     {{"2,17,13,64", HOLDS_ODD}, {"64", HOLDS_ODD}, {"64"}}, .same_as = groups_then_relu, .no_grad = true},
    {"group_norm + ReLU without scale and shift", groups_relu, NORM(.groups = 5, .act = UNARY_RELU + 1),
     {{"2,3,4,5", HOLDS_ODD}}, .same_as = groups_then_relu, .no_grad = true},
    {"layer_norm + ReLU", layer_relu, NORM(.act = UNARY_RELU + 1), {{"2,3,7", HOLDS_ODD}, {"7", HOLDS_ODD}, {"7"}},
     .same_as = layer_then_relu, .no_grad = true},
    {"layer_norm + ReLU, 71 channels, many rows", layer_relu, NORM(.act = UNARY_RELU + 1), {{"2,13,7,71", HOLDS_ODD},
     {"71", HOLDS_ODD}, {"71"}}, .same_as = layer_then_relu, .no_grad = true},
    {"layer_norm + ReLU without scale and shift", layer_relu, NORM(.act = UNARY_RELU + 1), {{"5,8", HOLDS_ODD}},
     .same_as = layer_then_relu, .no_grad = true},
    {"layer_norm", layer, NORM(), {{"2,3,7", HOLDS_ODD}, {"7", HOLDS_ODD}, {"7"}}},
    {"layer_norm of a map", layer, NORM(), {{"2,3,4,33", HOLDS_ODD}, {"33", HOLDS_ODD}, {"33"}}},
    {"layer_norm, 32 channels", layer, NORM(), {{"2,37,32", HOLDS_ODD}, {"32", HOLDS_ODD}, {"32"}}, .no_grad = true},
    {"layer_norm, 71 channels", layer, NORM(), {{"2,3,5,71", HOLDS_ODD}, {"71", HOLDS_ODD}, {"71"}}},
    {"layer_norm, 96 channels, many rows", layer, NORM(), {{"3,31,29,96", HOLDS_ODD}, {"96", HOLDS_ODD}, {"96"}},
     .no_grad = true},
    {"layer_norm, 1536 channels", layer, NORM(), {{"2,7,1536", HOLDS_ODD}, {"1536", HOLDS_ODD}, {"1536"}},
     .no_grad = true},
    {"layer_norm of one channel", layer, NORM(), {{"3,4,1", HOLDS_ODD}, {"1", HOLDS_ODD}, {"1"}}, .no_grad = true},
    {"layer_norm, frozen", layer, NORM(), {{"4,3,19", HOLDS_ODD}, {"19", HOLDS_ODD, true}, {"19", HOLDS_INTS, true}}},
    {"layer_norm around a large mean", layer, NORM(), {{"2,9,40", HOLDS_LARGE}, {"40", HOLDS_ODD}, {"40"}},
     .no_grad = true},
    {"layer_norm without scale and shift", layer, NORM(), {{"5,8", HOLDS_ODD}}},
};
/* clang-format on */

case_list cases_norm(void)
{
    return CASE_LIST(cases);
}
