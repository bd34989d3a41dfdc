/* Labels and masks: comparing, choosing, picking, places in order; what is cut into several results; state. */
#include "cases.h"

static tensor *compare(graph *g, tensor *const *in, const op_case *c)
{
    return op_compare(g, in[0], in[1], c->attr.compare);
}

/* With the number n[1]. */
static tensor *compare_to(graph *g, tensor *const *in, const op_case *c)
{
    return op_compare_to(g, in[0], c->attr.compare, (double)c->n[1]);
}

/* Masks of masks, one of them of a number that no mask holds. */
static tensor *masks(graph *g, tensor *const *in, const op_case *c)
{
    tensor *low = op_compare_to(g, in[0], COMPARE_LT, -1), *high = op_compare_to(g, in[0], COMPARE_GT, 1);
    tensor *valid = op_compare_to(g, in[1], COMPARE_NE, 255);
    tensor *some = op_and(g, op_or(g, low, high), op_not(g, valid));
    (void)c;
    return op_and(g, op_compare(g, some, valid, COMPARE_NE), op_compare_to(g, some, COMPARE_LT, 256));
}

static tensor *where(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_where(g, op_compare_to(g, in[0], COMPARE_GT, 0), in[1], in[2]);
}

/* Labels of one map or of another. */
static tensor *where_of_labels(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_where(g, op_compare(g, in[0], in[1], COMPARE_LT), in[0], in[1]);
}

/* From type to type and back; n[1]: 0 by int32, 1 by a mask, 2 by both. */
static tensor *cast(graph *g, tensor *const *in, const op_case *c)
{
    tensor *x = in[0];
    if (c->n[1] != 1)
        x = op_cast(g, x, DT_I32);
    if (c->n[1] != 0)
        x = op_cast(g, x, DT_U8);
    if (c->n[1] == 2)
        x = op_cast(g, op_cast(g, x, DT_I32), DT_U8);
    return op_cast(g, x, DT_F32);
}

static tensor *labels_as_floats(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_cast(g, op_cast(g, in[0], DT_I32), DT_F32);
}

static tensor *labels_as_mask(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_cast(g, in[0], DT_U8);
}

/* n[0] parts along axis n[1], of sizes n[2...], or equal ones. The last part is read by nobody; those before it have a
 * gradient each. */
static tensor *split(graph *g, tensor *const *in, const op_case *c)
{
    tensor *part[6], *y = NULL;
    int n = (int)c->n[0], used = n > 2 ? n - 1 : n;
    op_split(g, in[0], (int)c->n[1], n, c->n[2] ? &c->n[2] : NULL, part);
    for (int i = 0; i < used; i++) {
        tensor *one = i % 2 ? op_mul(g, part[i], part[i]) : op_scale(g, part[i], 2, 1);
        y = y ? op_concat(g, (tensor *[]){y, one}, 2, (int)c->n[1]) : one;
    }
    return y;
}

/* The sum of both parts. */
static tensor *sum_of_parts(graph *g, tensor *const *in, const op_case *c)
{
    tensor *part[2];
    op_split(g, in[0], (int)c->n[0], 2, NULL, part);
    return op_add(g, part[0], op_mul(g, part[1], part[1]));
}

static tensor *sum_of_slices(graph *g, tensor *const *in, const op_case *c)
{
    int axis = (int)c->n[0];
    int64_t half = in[0]->dim[axis] / 2;
    tensor *b = op_slice(g, in[0], axis, half, half);
    return op_add(g, op_slice(g, in[0], axis, 0, half), op_mul(g, b, b));
}

static tensor *pick(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_pick(g, in[0], in[1]);
}

static tensor *log_softmax(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_log_softmax(g, in[0]);
}

/* Of those below 3, if there is a second input (else of all). */
static tensor *mask_of(graph *g, tensor *const *in)
{
    return in[1] ? op_compare_to(g, in[1], COMPARE_LT, 3) : NULL;
}

static tensor *kth_value(graph *g, tensor *const *in, const op_case *c)
{
    return op_kth_value(g, in[0], mask_of(g, in), c->attr.rank.k, c->attr.rank.descending);
}

static tensor *largest(graph *g, tensor *const *in, const op_case *c)
{
    return op_largest(g, in[0], mask_of(g, in), c->attr.rank.k);
}

/* Of errors, in the pixels that are not ignored. */
static tensor *jaccard_weight(graph *g, tensor *const *in, const op_case *c)
{
    return op_jaccard_weight(g, in[0], op_one_hot(g, in[1], c->n[0]), op_compare_to(g, in[1], COMPARE_NE, 255));
}

/* Of the pixels of class n[1] and those without one. */
static tensor *distance_transform(graph *g, tensor *const *in, const op_case *c)
{
    tensor *zero =
        op_or(g, op_compare_to(g, in[0], COMPARE_EQ, (double)c->n[1]), op_compare_to(g, in[0], COMPARE_LT, 0));
    return op_distance_transform(g, op_cast(g, op_not(g, zero), DT_I32));
}

static tensor *distances_of_labels(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_distance_transform(g, in[0]);
}

static tensor *presence(graph *g, tensor *const *in, const op_case *c)
{
    return op_presence(g, in[0], c->n[1]);
}

static tensor *sigmoid_cross_entropy(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_sigmoid_cross_entropy(g, in[0], in[1], in[2]);
}

/* The sum of each pair's, against the loss that is a sum. */
static tensor *sum_of_pairs(graph *g, tensor *const *in, const op_case *c)
{
    tensor *y = op_binary_cross_entropy(g, in[0], in[1], in[2], in[3], c->attr.loss);
    return y ? op_reduce_sum(g, y, (1u << y->rank) - 1, false) : NULL;
}

static tensor *binary_cross_entropy(graph *g, tensor *const *in, const op_case *c)
{
    loss_attr a = c->attr.loss;
    a.avg = AVG_SUM;
    return op_binary_cross_entropy(g, in[0], in[1], in[2], in[3], a);
}

static tensor *cross_entropy(graph *g, tensor *const *in, const op_case *c)
{
    return op_cross_entropy(g, in[0], in[1], in[2], in[3], c->attr.loss);
}

/* The same for each pixel from the logarithm's entry, where the ignored label is no class. */
static tensor *cross_entropy_of_parts(graph *g, tensor *const *in, const op_case *c)
{
    return op_scale(g, op_mul(g, op_pick(g, op_log_softmax(g, in[0]), in[1]), in[3]), -c->attr.loss.scale, 0);
}

static tensor *cross_entropy_of_resized(graph *g, tensor *const *in, const op_case *c)
{
    loss_attr a = c->attr.loss;
    a.resized = false;
    return op_cross_entropy(g, op_resize_to(g, in[0], in[1]->dim[1], in[1]->dim[2], a.align_corners), in[1], in[2],
                            in[3], a);
}

/* What a gradient reaches, and what it does not. */
static tensor *detach(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_mul(g, in[0], op_detach(g, op_scale(g, in[1], 2, 1)));
}

static tensor *detach_of_parameter(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_mul(g, in[0], op_detach(g, in[1]));
}

/* in[1], a buffer, moves; what reads it, also in the backward pass, reads what it was. */
static tensor *moved(graph *g, tensor *const *in, const op_case *c)
{
    param *p = g->params.at[1]->param;
    tensor *y = op_mul(g, in[0], graph_param(g, p));
    (void)c;
    op_assign(g, p, op_scale(g, graph_param(g, p), 0.5f, 1));
    return op_add(g, y, op_mul(g, in[0], graph_param(g, p)));
}

/* clang-format off */
#define EXACT .exact = true, .no_grad = true
#define COMPARE(k) compare, .attr = {.compare = COMPARE_##k}
#define COMPARE_TO(k, ...) compare_to, .attr = {.compare = COMPARE_##k}, .n = {5, __VA_ARGS__}
#define RANK(...) .attr = {.rank = {__VA_ARGS__}}
#define LABELS(shape) {shape, HOLDS_LABELS}
#define LOGITS(shape) {shape, HOLDS_ODD}
#define NONE(weight, ...) .attr = {.loss = {.ignore_index = 255, .scale = weight, .avg = AVG_NONE, __VA_ARGS__}}

static const op_case cases[] = {
    {"compare, equal", COMPARE(EQ), {{"2,3,4,5"}, {"2,3,4,5"}}, EXACT},
    {"compare, other", COMPARE(NE), {{"2,3,4,5"}, {"2,1,4,5"}}, EXACT},
    {"compare, less, both repeated", COMPARE(LT), {{"2,1,4,1"}, {"1,3,1,5"}}, EXACT},
    {"compare, not more, per channel", COMPARE(LE), {{"2,3,4,5"}, {"1,1,1,5"}}, EXACT},
    {"compare, more, scalars", COMPARE(GT), {{""}, {""}}, EXACT},
    {"compare, not less, many", COMPARE(GE), {{"2,50,61,16"}, {"2,1,61,1"}}, EXACT},
    {"compare labels", COMPARE(GT), {LABELS("2,9,7"), {"2,9,7", HOLDS_WILD}}, .n = {5}, EXACT},
    {"compare labels with one", COMPARE_TO(NE, 255), .in = {LABELS("2,9,7")}, EXACT},
    {"compare labels with what they cannot be", COMPARE_TO(EQ, 1 << 20), .in = {LABELS("2,9,7")}, EXACT},
    {"compare labels beyond int32", COMPARE_TO(LT, INT64_C(1) << 40), .in = {LABELS("2,9,7")}, EXACT},
    {"compare with a number", COMPARE_TO(GE, 1), .in = {{"2,3,4,5"}}, EXACT},
    {"masks of masks", masks, .in = {{"2,9,7"}, LABELS("2,9,7")}, .n = {5}, EXACT},
    {"where", where, .in = {{"2,3,4,5", HOLDS_ODD, true}, {"2,3,4,5"}, {"2,3,4,5"}}, .exact = true, .linear = true},
    {"where, all repeated", where, .in = {{"2,3,1,1", HOLDS_ODD, true}, {"1,3,4,5"}, {"1,1,1,5"}}, .exact = true,
     .linear = true},
    {"where, many", where, .in = {{"1,50,61,1", HOLDS_ODD, true}, {"2,50,61,16"}, {"1,1,1,1"}}, .exact = true,
     .no_grad = true},
    {"where of scalars", where, .in = {{"", HOLDS_ODD, true}, {""}, {""}}, .exact = true, .linear = true},
    {"where of labels", where_of_labels, .in = {LABELS("2,9,7"), {"2,9,7", HOLDS_WILD}}, .n = {5}, EXACT},
    {"cast to int32 and back", cast, .in = {{"2,5,6,7", HOLDS_ODD}}, .n = {5, 0}, EXACT},
    {"cast to a mask and back", cast, .in = {{"2,5,6,7"}}, .n = {5, 1}, EXACT},
    {"cast to int32, a mask, int32, a mask and back", cast, .in = {{"2,50,60,7", HOLDS_ODD}}, .n = {5, 2}, EXACT},
    {"cast of labels", labels_as_floats, .in = {{"2,50,70", HOLDS_WILD}}, .n = {5}, EXACT},
    {"cast of labels to a mask", labels_as_mask, .in = {LABELS("2,5,7")}, .n = {5}, EXACT},
    {"split channels", split, .in = {{"2,3,4,7", HOLDS_ODD}}, .n = {3, 3, 2, 1, 4}, .exact = true},
    {"split rows in equal parts", split, .in = {{"2,6,4,3", HOLDS_ODD}}, .n = {2, 1}, .exact = true},
    {"split into one", split, .in = {{"2,3", HOLDS_ODD}}, .n = {1, 0}, .exact = true},
    {"sum of two parts", sum_of_parts, .in = {{"4,3,5", HOLDS_ODD}}, .n = {0}, .exact = true, .same_as = sum_of_slices},
    {"sum of two parts of channels", sum_of_parts, .in = {{"2,5,3,8", HOLDS_ODD}}, .n = {3}, .exact = true,
     .same_as = sum_of_slices},
    {"pick", pick, .in = {{"2,3,4,5"}, LABELS("2,3,4")}, .n = {5}, .exact = true, .linear = true},
    {"pick, impossible labels", pick, .in = {{"2,5,4,5"}, {"2,5,4", HOLDS_WILD}}, .n = {5}, .exact = true,
     .linear = true},
    {"pick, many", pick, .in = {{"2,40,50,19"}, {"2,40,50", HOLDS_WILD}}, .n = {19}, .exact = true, .no_grad = true},
    {"pick from one row", pick, .in = {{"7"}, LABELS("")}, .n = {7}, .exact = true, .linear = true},
    {"log_softmax", log_softmax, .in = {{"2,3,7", HOLDS_ODD}}},
    {"log_softmax of one", log_softmax, .in = {{"4,1", HOLDS_ODD}}, .exact = true},
    {"log_softmax of large values", log_softmax, .in = {{"2,7", HOLDS_LARGE}}, .no_grad = true},
    {"log_softmax of long rows", log_softmax, .in = {{"3,21,150", HOLDS_ODD}}, .no_grad = true},
    {"smallest", kth_value, RANK(.k = 0), {{"3,7", HOLDS_DISTINCT}}, EXACT},
    {"eleventh smallest", kth_value, RANK(.k = 10), {{"3,7", HOLDS_DISTINCT}}, EXACT},
    {"fifth largest", kth_value, RANK(.k = 4, .descending = true), {{"3,7", HOLDS_DISTINCT}}, EXACT},
    {"a place among equals", kth_value, RANK(.k = 300), {{"2,20,30"}}, EXACT},
    {"behind the last place", kth_value, RANK(.k = 1 << 20), {{"3,7", HOLDS_ODD}}, EXACT},
    {"behind the last place from the largest", kth_value, RANK(.k = 99, .descending = true), {{"3,7", HOLDS_ODD}},
     EXACT},
    {"a place among some", kth_value, RANK(.k = 40), {{"3,50,7", HOLDS_FRACTIONS}, LABELS("3,50,7")}, .n = {5}, EXACT},
    {"behind the last place among some", kth_value, RANK(.k = 900), {{"3,50,7", HOLDS_FRACTIONS}, LABELS("3,50,7")},
     .n = {5}, EXACT},
    {"a place among none", kth_value, RANK(.k = 4), {{"3,5,7", HOLDS_ODD}, {"3,5,7", HOLDS_IGNORED}}, .n = {5}, EXACT},
    {"the largest", largest, RANK(.k = 6), {{"3,7", HOLDS_DISTINCT}}, EXACT},
    {"the largest, the first of equals", largest, RANK(.k = 500), {{"2,20,33"}}, EXACT},
    {"the largest of some, the first of equals", largest, RANK(.k = 90), {{"2,20,33"}, LABELS("2,20,33")}, .n = {5},
     EXACT},
    {"the largest, all", largest, RANK(.k = 21), {{"3,7"}}, EXACT},
    {"the largest, more than there are", largest, RANK(.k = 1 << 20), {{"3,7"}, LABELS("3,7")}, .n = {5}, EXACT},
    {"the largest, none", largest, RANK(.k = 0), {{"3,7"}}, EXACT},
    {"the largest of none", largest, RANK(.k = 4), {{"3,7"}, {"3,7", HOLDS_IGNORED}}, .n = {5}, EXACT},
    {"presence", presence, .in = {{"3,4,5", HOLDS_WILD}}, .n = {5, 5}, EXACT},
    {"presence, many", presence, .in = {{"2,300,290", HOLDS_WILD}}, .n = {19, 150}, EXACT},
    {"presence of all that is written", presence, .in = {{"3,4,5", HOLDS_LABELS}}, .n = {5, 256}, EXACT},
    {"presence of one class", presence, .in = {{"3,4,5", HOLDS_IGNORED}}, .n = {1, 1}, EXACT},
    {"sigmoid_cross_entropy", sigmoid_cross_entropy, .in = {LOGITS("2,3,4,5"), {"2,3,4,5", HOLDS_ODD, true}}},
    {"sigmoid_cross_entropy, class weights", sigmoid_cross_entropy,
     .in = {LOGITS("4,5"), {"4,5", HOLDS_ODD, true}, {"5", HOLDS_POSITIVE, true}}},
    {"sigmoid_cross_entropy, class weights, parts of rows", sigmoid_cross_entropy,
     .in = {LOGITS("900,37"), {"900,37", HOLDS_ODD, true}, {"37", HOLDS_POSITIVE, true}}, .no_grad = true},
    {"sigmoid_cross_entropy, many", sigmoid_cross_entropy, .in = {LOGITS("3,9001"), {"3,9001", HOLDS_ODD, true}},
     .no_grad = true},
    {"sigmoid_cross_entropy of large logits", sigmoid_cross_entropy,
     .in = {{"4,5", HOLDS_LARGE}, {"4,5", HOLDS_ODD, true}}, .no_grad = true},
    {"binary_cross_entropy of each pair", sum_of_pairs, NONE(0.4f), {LOGITS("2,3,4,5"), {"2,3,4", HOLDS_WILD},
     {"5", HOLDS_POSITIVE, true}, {"2,3,4", HOLDS_POSITIVE, true}}, .n = {5}, .same_as = binary_cross_entropy},
    {"binary_cross_entropy of each pixel of one channel", sum_of_pairs, NONE(1), {LOGITS("2,3,4,1"),
     {"2,3,4", HOLDS_WILD}}, .n = {2}, .same_as = binary_cross_entropy},
    {"cross_entropy of each pixel", cross_entropy, NONE(1), {LOGITS("2,3,4,5"), {"2,3,4", HOLDS_WILD}}, .n = {5}},
    {"cross_entropy of each pixel, both weights", cross_entropy, NONE(0.4f), {LOGITS("2,3,4,5"),
     {"2,3,4", HOLDS_WILD}, {"5", HOLDS_POSITIVE, true}, {"2,3,4", HOLDS_POSITIVE, true}}, .n = {5}},
    {"cross_entropy of each pixel, from parts", cross_entropy, NONE(0.4f), {LOGITS("2,9,11,5"),
     {"2,9,11", HOLDS_WILD}, {NULL}, {"2,9,11", HOLDS_POSITIVE, true}}, .n = {5}, .same_as = cross_entropy_of_parts},
    {"cross_entropy of each pixel + resize", cross_entropy, NONE(1, .resized = true), {LOGITS("2,5,3,11"),
     {"2,13,11", HOLDS_WILD}, {"11", HOLDS_POSITIVE, true}}, .n = {11}, .same_as = cross_entropy_of_resized},
    {"cross_entropy of each pixel + resize, corners, columns of tiles", cross_entropy,
     NONE(1, .resized = true, .align_corners = true), {LOGITS("2,19,35,3"), {"2,40,140", HOLDS_WILD}}, .n = {3},
     .same_as = cross_entropy_of_resized, .no_grad = true},
    {"detach", detach, .in = {{"2,3,4,5"}, {"2,3,4,5"}}, .exact = true, .no_grad = true},
    {"detach of a parameter", detach_of_parameter, .in = {{"2,3,4,5"}, {"2,3,4,5"}}, .exact = true, .no_grad = true},
    {"assign", moved, .in = {{"2,3,4,5"}, {"2,3,4,5", .fixed = true}}, .exact = true, .no_grad = true,
     .train_only = true},
    {"jaccard_weight", jaccard_weight, .in = {{"2,30,3", HOLDS_DISTINCT}, LABELS("2,30")}, .n = {3}, EXACT},
    {"jaccard_weight of equals", jaccard_weight, .in = {{"1,500,5"}, LABELS("1,500")}, .n = {5}, EXACT},
    {"jaccard_weight, many", jaccard_weight, .in = {{"2,3000,7", HOLDS_FRACTIONS}, LABELS("2,3000")}, .n = {7}, EXACT},
    {"jaccard_weight of none", jaccard_weight, .in = {{"2,5,4"}, {"2,5", HOLDS_IGNORED}}, .n = {4}, EXACT},
    {"distance_transform", distances_of_labels, .in = {{"2,9,7", HOLDS_WILD}}, .n = {2}, EXACT},
    {"distance_transform, few zeros", distance_transform, .in = {LABELS("2,70,90")}, .n = {300, 7}, EXACT},
    {"distance_transform of blocks of columns", distance_transform, .in = {LABELS("1,13,200")}, .n = {60, 7}, EXACT},
    {"distance_transform without zeros", distances_of_labels, .in = {{"2,5,140", HOLDS_IGNORED}}, .n = {2}, EXACT},
    {"distance_transform of a row", distance_transform, .in = {LABELS("3,1,33")}, .n = {9, 4}, EXACT},
    {"distance_transform of a column", distance_transform, .in = {LABELS("3,33,1")}, .n = {9, 4}, EXACT},
};
/* clang-format on */

case_list cases_labels(void)
{
    return CASE_LIST(cases);
}
