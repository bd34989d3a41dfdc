/* Losses and accuracy: averages, ignored and impossible labels, weights, one class, resizing inside. */
#include "cases.h"

/* n[0]: classes that the labels are drawn from. in: logits, label, class weight, weight */
static tensor *cross_entropy(graph *g, tensor *const *in, const op_case *c)
{
    return op_cross_entropy(g, in[0], in[1], in[2], in[3], c->attr.loss);
}

static tensor *binary_cross_entropy(graph *g, tensor *const *in, const op_case *c)
{
    return op_binary_cross_entropy(g, in[0], in[1], in[2], in[3], c->attr.loss);
}

/* Losses near 1e-8 must not be rounded off. */
static tensor *binary_of_sure(graph *g, tensor *const *in, const op_case *c)
{
    return op_binary_cross_entropy(g, op_scale(g, in[0], 1, -18), in[1], in[2], in[3], c->attr.loss);
}

static tensor *accuracy(graph *g, tensor *const *in, const op_case *c)
{
    return op_accuracy(g, in[0], in[1], c->attr.loss.ignore_index);
}

/* The resize of the logits and the accuracy as part of the loss. */
static tensor *fused(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_cross_entropy, 4, in, 3, &c->attr);
    if (!n)
        return NULL;
    graph_add_output(g, "accuracy", n->out[2]);
    return n->out[0];
}

static tensor *unfused(graph *g, tensor *const *in, const op_case *c)
{
    loss_attr a = c->attr.loss;
    a.resized = false;
    tensor *large = op_resize_to(g, in[0], in[1]->dim[1], in[1]->dim[2], a.align_corners);
    graph_add_output(g, "accuracy", op_accuracy(g, large, in[1], a.ignore_index));
    return op_cross_entropy(g, large, in[1], in[2], in[3], a);
}

static tensor *resized_binary(graph *g, tensor *const *in, const op_case *c)
{
    return op_binary_cross_entropy(g, in[0], in[1], in[2], in[3], c->attr.loss);
}

static tensor *binary_of_resized(graph *g, tensor *const *in, const op_case *c)
{
    loss_attr a = c->attr.loss;
    a.resized = false;
    return op_binary_cross_entropy(g, op_resize_to(g, in[0], in[1]->dim[1], in[1]->dim[2], a.align_corners), in[1],
                                   in[2], in[3], a);
}

/* clang-format off */
#define LOSS_OF(ignored, weight, ...) .attr = {.loss = {.ignore_index = ignored, .scale = weight, __VA_ARGS__}}
#define LOSS(...) LOSS_OF(255, 1, __VA_ARGS__)
#define LABELS(shape) {shape, HOLDS_LABELS}
#define CLASS_WEIGHT(k) {k, HOLDS_POSITIVE, true}
#define WEIGHT(shape) {shape, HOLDS_POSITIVE, true}
#define LOGITS(shape) {shape, HOLDS_ODD}
#define CE cross_entropy
#define BCE binary_cross_entropy

static const op_case cases[] = {
    {"cross_entropy over all pixels", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4")}, .n = {5}},
    {"cross_entropy over labelled pixels", CE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,5"), LABELS("2,3,4")},
     .n = {5}},
    {"cross_entropy, sum", CE, LOSS(.avg = AVG_SUM), {LOGITS("2,3,4,5"), LABELS("2,3,4")}, .n = {5}},
    {"cross_entropy, loss weight 0.4", CE, LOSS_OF(255, 0.4f, .avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4")},
     .n = {5}},
    {"cross_entropy, class weights", CE, LOSS(.avg = AVG_CLASS_WEIGHT), {LOGITS("2,3,4,5"), LABELS("2,3,4"),
     CLASS_WEIGHT("5")}, .n = {5}},
    {"cross_entropy, class weights, all pixels (0.x)", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4"),
     CLASS_WEIGHT("5")}, .n = {5}},
    {"cross_entropy, class weights, ignore_index is a class", CE, LOSS_OF(2, 1, .avg = AVG_CLASS_WEIGHT),
     {LOGITS("2,3,4,5"), LABELS("2,3,4"), CLASS_WEIGHT("5")}, .n = {5}},
    {"cross_entropy, class weights, ignore_index is a class, avg_non_ignore", CE, LOSS_OF(2, 1,
     .avg = AVG_CLASS_WEIGHT, .avg_non_ignore = true), {LOGITS("2,3,4,5"), LABELS("2,3,4"), CLASS_WEIGHT("5")},
     .n = {5}},
    {"cross_entropy, pixel weights", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4"), {NULL},
     WEIGHT("2,3,4")}, .n = {5}},
    {"cross_entropy, both weights", CE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,5"), LABELS("2,3,4"),
     CLASS_WEIGHT("5"), WEIGHT("2,3,4")}, .n = {5}},
    {"cross_entropy, impossible labels", CE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,5,4,5"), {"2,5,4", HOLDS_WILD}},
     .n = {5}},
    {"cross_entropy, impossible labels, class weights", CE, LOSS(.avg = AVG_CLASS_WEIGHT), {LOGITS("2,5,4,5"),
     {"2,5,4", HOLDS_WILD}, CLASS_WEIGHT("5")}, .n = {5}},
    {"cross_entropy, all ignored", CE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,5"), {"2,3,4", HOLDS_IGNORED}},
     .n = {5}, .exact = true},
    {"cross_entropy, all ignored, class weights", CE, LOSS(.avg = AVG_CLASS_WEIGHT), {LOGITS("2,3,4,5"), {"2,3,4",
     HOLDS_IGNORED}, CLASS_WEIGHT("5")}, .n = {5}, .exact = true},
    {"cross_entropy, large logits", CE, LOSS(.avg = AVG_ALL), {{"2,3,4,5", HOLDS_LARGE}, LABELS("2,3,4")}, .n = {5},
     .no_grad = true},
    {"cross_entropy, 2 classes", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,2"), LABELS("2,3,4")}, .n = {2}},
    {"cross_entropy, 1 class", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,1"), LABELS("2,3,4")}, .n = {1},
     .exact = true},
    {"cross_entropy, 150 classes", CE, LOSS(.avg = AVG_ALL), {LOGITS("1,3,4,150"), LABELS("1,3,4")}, .n = {150}},
    {"cross_entropy + resize + accuracy", fused, LOSS(.avg = AVG_ALL, .resized = true), {LOGITS("2,3,4,5"),
     LABELS("2,12,16")}, .n = {5}, .same_as = unfused},
    {"cross_entropy + resize, corners, weights", fused, LOSS(.avg = AVG_CLASS_WEIGHT, .resized = true,
     .align_corners = true), {LOGITS("2,3,4,19"), LABELS("2,7,9"), CLASS_WEIGHT("19"), WEIGHT("2,7,9")}, .n = {19},
     .same_as = unfused},
    {"cross_entropy + resize, odd sizes", fused, LOSS_OF(255, 0.4f, .avg = AVG_NON_IGNORED, .resized = true),
     {LOGITS("1,5,3,11"), {"1,13,11", HOLDS_WILD}}, .n = {11}, .same_as = unfused},
    {"cross_entropy + resize to a smaller map", fused, LOSS(.avg = AVG_ALL, .resized = true), {LOGITS("1,9,8,4"),
     LABELS("1,4,3")}, .n = {4}, .same_as = unfused},
    {"cross_entropy + resize by rows of blocks", fused, LOSS(.avg = AVG_ALL, .resized = true), {LOGITS("2,21,5,3"),
     LABELS("2,84,20")}, .n = {3}, .same_as = unfused, .no_grad = true},
    {"cross_entropy + resize, columns of tiles", fused, LOSS(.avg = AVG_NON_IGNORED, .resized = true),
     {LOGITS("2,5,35,3"), LABELS("2,20,140"), {NULL}, WEIGHT("2,20,140")}, .n = {3}, .same_as = unfused, .no_grad = true},
    {"cross_entropy + resize, 40 classes", fused, LOSS(.avg = AVG_ALL, .resized = true), {LOGITS("1,4,20,40"),
     {"1,8,40", HOLDS_WILD}}, .n = {40}, .same_as = unfused, .no_grad = true},
    {"cross_entropy + resize, 150 classes", fused, LOSS(.avg = AVG_ALL, .resized = true), {LOGITS("1,4,5,150"),
     LABELS("1,9,21")}, .n = {150}, .same_as = unfused, .no_grad = true},
    {"cross_entropy, many pixels", CE, LOSS(.avg = AVG_ALL), {LOGITS("2,9,31,6"), {"2,9,31", HOLDS_WILD}}, .n = {6},
     .no_grad = true},
    {"binary_cross_entropy over all pairs", BCE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4")}, .n = {5}},
    {"binary_cross_entropy over labelled pairs", BCE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,5"),
     LABELS("2,3,4")}, .n = {5}},
    {"binary_cross_entropy, sum", BCE, LOSS_OF(255, 2, .avg = AVG_SUM), {LOGITS("2,3,4,5"), LABELS("2,3,4")},
     .n = {5}},
    {"binary_cross_entropy, class weights", BCE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4"),
     CLASS_WEIGHT("5")}, .n = {5}},
    {"binary_cross_entropy, pixel weights", BCE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,5"), LABELS("2,3,4"),
     CLASS_WEIGHT("5"), WEIGHT("2,3,4")}, .n = {5}},
    {"binary_cross_entropy, impossible labels", BCE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,5,4,5"), {"2,5,4",
     HOLDS_WILD}}, .n = {5}},
    {"binary_cross_entropy, all ignored", BCE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,5"), {"2,3,4",
     HOLDS_IGNORED}}, .n = {5}, .exact = true},
    {"binary_cross_entropy, one channel", BCE, LOSS(.avg = AVG_NON_IGNORED), {LOGITS("2,3,4,1"), LABELS("2,3,4")},
     .n = {2}},
    {"binary_cross_entropy, one channel, weighted", BCE, LOSS(.avg = AVG_ALL), {LOGITS("2,3,4,1"), LABELS("2,3,4"),
     CLASS_WEIGHT("1"), WEIGHT("2,3,4")}, .n = {2}},
    {"binary_cross_entropy, large logits", BCE, LOSS(.avg = AVG_ALL), {{"2,3,4,5", HOLDS_LARGE}, LABELS("2,3,4")},
     .n = {5}, .no_grad = true},
    {"binary_cross_entropy + resize", resized_binary, LOSS(.avg = AVG_NON_IGNORED, .resized = true),
     {LOGITS("2,3,4,5"), LABELS("2,7,9"), CLASS_WEIGHT("5")}, .n = {5}, .same_as = binary_of_resized},
    {"binary_cross_entropy, many pixels", BCE, LOSS_OF(255, 0.4f, .avg = AVG_NON_IGNORED), {LOGITS("2,9,31,19"),
     {"2,9,31", HOLDS_WILD}, CLASS_WEIGHT("19"), WEIGHT("2,9,31")}, .n = {19}, .no_grad = true},
    {"binary_cross_entropy, many pixels of one channel", BCE, LOSS(.avg = AVG_ALL), {LOGITS("2,9,31,1"),
     {"2,9,31", HOLDS_WILD}, {NULL}, WEIGHT("2,9,31")}, .n = {2}, .no_grad = true},
    {"binary_cross_entropy, 150 classes, class 7 ignored", BCE, LOSS_OF(7, 1, .avg = AVG_NON_IGNORED),
     {LOGITS("1,3,13,150"), LABELS("1,3,13")}, .n = {150}, .no_grad = true},
    {"binary_cross_entropy, sure of class 0", binary_of_sure, LOSS_OF(255, 1e6f, .avg = AVG_SUM), {LOGITS("3,7,1"),
     LABELS("3,7")}, .n = {1}, .no_grad = true},
    {"binary_cross_entropy + resize by rows of blocks", resized_binary, LOSS(.avg = AVG_ALL, .resized = true),
     {LOGITS("2,21,5,3"), {"2,84,20", HOLDS_WILD}, {NULL}, WEIGHT("2,84,20")}, .n = {3},
     .same_as = binary_of_resized, .no_grad = true},
    {"accuracy", accuracy, LOSS(.avg = AVG_ALL), {{"2,5,4,5"}, LABELS("2,5,4")}, .n = {5}, .exact = true,
     .no_grad = true},
    {"accuracy, impossible labels", accuracy, LOSS(.avg = AVG_ALL), {{"2,5,4,5"}, {"2,5,4", HOLDS_WILD}}, .n = {5},
     .exact = true, .no_grad = true},
    {"accuracy, all ignored", accuracy, LOSS(.avg = AVG_ALL), {{"2,5,4,5"}, {"2,5,4", HOLDS_IGNORED}}, .n = {5},
     .exact = true, .no_grad = true},
    {"accuracy, one channel: the share of label 0", accuracy, LOSS(.avg = AVG_ALL), {{"2,5,4,1"}, LABELS("2,5,4")},
     .n = {2}, .exact = true, .no_grad = true},
};
/* clang-format on */

case_list cases_loss(void)
{
    return CASE_LIST(cases);
}
