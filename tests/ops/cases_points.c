/* Points of maps: sampled, chosen, taken and put back; queries paired with classes. */
#include "cases.h"

/* Points from -0.1 to 1.1, some beyond the map. */
static tensor *point_sample(graph *g, tensor *const *in, const op_case *c)
{
    return op_point_sample(g, in[0], op_scale(g, in[1], 0.6f, 0.5f), c->attr.points);
}

/* At the middles of all pixels it is the map itself. */
static tensor *point_sample_of_middles(graph *g, tensor *const *in, const op_case *c)
{
    const int64_t *d = in[0]->dim;
    float at[6 * 8 * 2];
    for (int64_t i = 0; i < d[1] * d[2]; i++) {
        at[2 * i] = ((float)(i % d[2]) + 0.5f) / (float)d[2];
        at[2 * i + 1] = ((float)(i / d[2]) + 0.5f) / (float)d[1];
    }
    tensor *points = graph_const(g, DT_F32, 3, (int64_t[]){1, d[1] * d[2], 2}, at);
    return op_point_sample(g, in[0], points, c->attr.points);
}

static tensor *map_as_rows(graph *g, tensor *const *in, const op_case *c)
{
    const int64_t *d = in[0]->dim;
    (void)c;
    return op_reshape(g, in[0], 3, (int64_t[]){d[0], d[1] * d[2], d[3]});
}

static tensor *margin(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_margin(g, in[0]);
}

static tensor *top_places(graph *g, tensor *const *in, const op_case *c)
{
    return op_top_places(g, in[0], c->attr.rank.k);
}

/* The places as a mask: of one row, it is op_largest's. */
static tensor *mask_of_places(graph *g, tensor *const *in, const op_case *c)
{
    int64_t length = in[0]->dim[1], k = c->attr.rank.k;
    tensor *none = op_fill(g, 3, (int64_t[]){1, length, 1}, 0), *ones = op_fill(g, 3, (int64_t[]){1, k, 1}, 1);
    return op_reshape(g, op_put_rows(g, none, ones, op_top_places(g, in[0], k)), 2, in[0]->dim);
}

static tensor *mask_of_largest(graph *g, tensor *const *in, const op_case *c)
{
    return op_cast(g, op_largest(g, in[0], NULL, c->attr.rank.k), DT_F32);
}

static tensor *take_rows(graph *g, tensor *const *in, const op_case *c)
{
    return op_take_rows(g, in[0], op_top_places(g, in[1], c->attr.rank.k));
}

static tensor *put_rows(graph *g, tensor *const *in, const op_case *c)
{
    return op_put_rows(g, in[0], in[2], op_top_places(g, in[1], c->attr.rank.k));
}

/* Costs of queries [N,Q,K] and whether an image has a class: where the second input is positive. */
static tensor *hungarian(graph *g, tensor *const *in, const op_case *c)
{
    tensor *out[3];
    (void)c;
    op_hungarian(g, in[0], op_cast(g, op_compare_to(g, in[1], COMPARE_GT, 0), DT_F32), out);
    graph_add_output(g, "queries", op_cast(g, out[1], DT_F32));
    graph_add_output(g, "classes", op_cast(g, out[2], DT_F32));
    return op_cast(g, out[0], DT_F32);
}

/* Where nothing is dearer than anything else, the first queries get the classes in order. */
static tensor *hungarian_of_equals(graph *g, tensor *const *in, const op_case *c)
{
    tensor *out[3], *all = op_fill(g, 2, (int64_t[]){in[0]->dim[0], in[0]->dim[2]}, 1);
    (void)c;
    op_hungarian(g, op_scale(g, in[0], 0, 0), all, out);
    return op_cast(g, out[0], DT_F32);
}

static tensor *in_turn(graph *g, tensor *const *in, const op_case *c)
{
    const int64_t *d = in[0]->dim;
    float at[64];
    (void)c;
    for (int64_t i = 0; i < d[0] * d[1]; i++)
        at[i] = (float)(i % d[1] < d[2] ? i % d[1] : d[2]);
    return graph_const(g, DT_F32, 2, d, at);
}

/* Masks n[1] x n[2] of a label map's classes; the third is in no image, the fourth none. */
static tensor *mask_sums(graph *g, tensor *const *in, const op_case *c)
{
    const int32_t of[8] = {0, 1, 2, 4, 3, 1, 4, 0};
    masks_attr a = c->attr.masks;
    int64_t images = in[0]->dim[0], masks = in[0]->dim[1];
    a.h = c->n[1];
    a.w = c->n[2];
    a.classes = 4;
    return op_mask_sums(g, in[0], graph_const(g, DT_I32, 2, (int64_t[]){images, masks}, of), in[1], a);
}

/* The same of several nodes, from masks at the label map's size. */
static tensor *mask_sums_written(graph *g, tensor *const *in, const op_case *c)
{
    static const float real[8] = {1, 1, 1, 0, 1, 1, 0, 1}, of[8] = {0, 1, 2, 4, 3, 1, 4, 0};
    const masks_attr *a = &c->attr.masks;
    int64_t n = in[0]->dim[0], r = in[0]->dim[1], h = in[1]->dim[1], w = in[1]->dim[2];
    tensor *x = op_reshape(g, in[0], 4, (int64_t[]){n * r, c->n[1], c->n[2], 1});
    x = op_reshape(g, op_resize_to(g, x, h, w, false), 3, (int64_t[]){n, r, h * w});
    tensor *label = op_reshape(g, op_cast(g, in[1], DT_F32), 3, (int64_t[]){n, 1, h * w});
    tensor *class_of = graph_const(g, DT_F32, 3, (int64_t[]){n, r, 1}, of), *one = op_fill(g, 3, x->dim, 1);
    tensor *t = op_mul(g, op_cast(g, op_compare(g, label, class_of, COMPARE_EQ), DT_F32), one), *sum;
    tensor *p = a->raw ? x : op_sigmoid(g, x), *q = op_scale(g, p, -1, 1), *not_t = op_scale(g, t, -1, 1);
    if (a->overlap) {
        tensor *size = a->squared ? op_mul(g, p, p) : p;
        tensor *part[3] = {op_mul(g, p, t), size, t};
        for (int i = 0; i < 3; i++)
            part[i] = op_reduce_sum(g, part[i], 1 << 2, true);
        sum = op_concat(g, part, 3, 2);
    } else {
        tensor *miss = op_add(g, op_mul(g, q, t), op_mul(g, p, not_t));
        tensor *each =
            op_mul(g, op_sigmoid_cross_entropy(g, x, t, NULL), op_scale(g, t, 2 * a->alpha - 1, 1 - a->alpha));
        each = op_mul(g, each, op_unary(g, miss, (unary_attr){.kind = UNARY_POW, .alpha = a->gamma}));
        sum = op_reduce_sum(g, each, 1 << 2, true);
    }
    return op_mul(g, sum, graph_const(g, DT_F32, 3, (int64_t[]){n, r, 1}, real));
}

/* clang-format off */
#define POINTS(...) .attr = {.points = {__VA_ARGS__}}
#define PLACES(k_) .attr = {.rank = {.k = k_}}
#define AT(shape) {shape, HOLDS_FRACTIONS, true}
#define MASKS(...) .attr = {.masks = {__VA_ARGS__}}
#define MASKS_IN(masks, label) {{masks, HOLDS_ODD}, {label, HOLDS_LABELS}}
#define EXACT .exact = true, .no_grad = true

static const op_case cases[] = {
    {"point_sample", point_sample, POINTS(0), {{"2,5,4,3"}, AT("2,9,2")}, .linear = true},
    {"point_sample, corners", point_sample, POINTS(.align_corners = true), {{"2,4,7,19"}, AT("2,11,2")},
     .linear = true},
    {"point_sample, nearest", point_sample, POINTS(.nearest = true), {{"2,5,4,3"}, AT("2,9,2")}, .exact = true,
     .linear = true},
    {"point_sample, nearest, corners", point_sample, POINTS(.nearest = true, .align_corners = true),
     {{"1,5,4,3"}, AT("1,9,2")}, .exact = true, .linear = true},
    {"point_sample of one pixel", point_sample, POINTS(0), {{"1,1,1,2"}, AT("1,5,2")}, .linear = true},
    {"point_sample, many", point_sample, POINTS(0), {{"2,24,32,50", HOLDS_FRACTIONS}, AT("2,700,2")},
     .no_grad = true},
    {"point_sample of one channel", point_sample, POINTS(0), {{"2,5,4,1"}, AT("2,37,2")}, .linear = true},
    {"point_sample of one channel, corners, blocks of points", point_sample, POINTS(.align_corners = true),
     {{"3,19,23,1", HOLDS_FRACTIONS}, AT("3,700,2")}, .no_grad = true},
    {"point_sample of one channel, nearest", point_sample, POINTS(.nearest = true), {{"2,5,4,1"}, AT("2,19,2")},
     .exact = true, .linear = true},
    {"point_sample of pixels' middles", point_sample_of_middles, POINTS(.nearest = true), {{"1,6,8,5"}},
     .exact = true, .linear = true, .same_as = map_as_rows},
    {"margin", margin, .in = {{"2,3,4,5"}}, EXACT},
    {"margin of two", margin, .in = {{"7,2", HOLDS_ODD}}, EXACT},
    {"margin, many", margin, .in = {{"2,50,61,19", HOLDS_FRACTIONS}}, EXACT},
    {"top_places", top_places, PLACES(5), {{"3,17", HOLDS_DISTINCT}}, EXACT},
    {"top_places, the first of equals", top_places, PLACES(300), {{"2,700"}}, EXACT},
    {"top_places, all", top_places, PLACES(17), {{"3,17"}}, EXACT},
    {"top_places, many", top_places, PLACES(8196), {{"1,12288", HOLDS_FRACTIONS}}, EXACT},
    {"top_places of many rows", top_places, PLACES(300), {{"17,701", HOLDS_FRACTIONS}}, EXACT},
    {"top_places of many rows, the first of equals", top_places, PLACES(70), {{"16,166"}}, EXACT},
    {"top_places of many rows, all", top_places, PLACES(5), {{"19,5"}}, EXACT},
    {"top_places of many rows of one", top_places, PLACES(1), {{"16,1"}}, EXACT},
    {"top_places as a mask", mask_of_places, PLACES(400), {{"1,900"}}, .same_as = mask_of_largest, EXACT},
    {"take_rows", take_rows, PLACES(4), {{"2,9,3"}, {"2,9", HOLDS_DISTINCT, true}}, .exact = true, .linear = true},
    {"put_rows", put_rows, PLACES(4), {{"2,9,3"}, {"2,9", HOLDS_DISTINCT, true}, {"2,4,3"}}, .exact = true,
     .linear = true},
    {"put_rows everywhere", put_rows, PLACES(9), {{"1,9,3"}, {"1,9", HOLDS_DISTINCT, true}, {"1,9,3"}}, .exact = true,
     .linear = true},
    {"put_rows, many", put_rows, PLACES(3000), {{"2,5000,19"}, {"2,5000", HOLDS_DISTINCT, true}, {"2,3000,19"}},
     EXACT},
    {"mask_sums, errors", mask_sums, MASKS(.alpha = 0.25f, .gamma = 2), MASKS_IN("2,4,6", "2,7,5"), .n = {4, 2, 3},
     .same_as = mask_sums_written},
    {"mask_sums, other powers", mask_sums, MASKS(.alpha = 0.7f, .gamma = 1.5f), MASKS_IN("2,4,12", "2,6,4"),
     .n = {4, 3, 4}, .same_as = mask_sums_written},
    {"mask_sums, entropy", mask_sums, MASKS(.alpha = 0.5f), MASKS_IN("2,4,20", "2,3,3"), .n = {4, 4, 5},
     .same_as = mask_sums_written},
    {"mask_sums, overlap", mask_sums, MASKS(.overlap = true), MASKS_IN("2,4,6", "2,5,7"), .n = {4, 3, 2},
     .same_as = mask_sums_written},
    {"mask_sums, overlap of squares", mask_sums, MASKS(.overlap = true, .squared = true),
     MASKS_IN("2,4,6", "2,5,7"), .n = {4, 1, 6}, .same_as = mask_sums_written},
    {"mask_sums, overlap of logits", mask_sums, MASKS(.overlap = true, .raw = true), MASKS_IN("2,4,6", "2,5,7"),
     .n = {4, 6, 1}, .same_as = mask_sums_written},
    {"mask_sums, overlap of lines longer than vectors", mask_sums, MASKS(.overlap = true, .squared = true),
     MASKS_IN("2,4,55", "2,9,37"), .n = {4, 5, 11}, .same_as = mask_sums_written},
    {"mask_sums, errors of lines longer than vectors", mask_sums, MASKS(.alpha = 0.25f, .gamma = 2),
     MASKS_IN("2,4,55", "2,9,37"), .n = {4, 5, 11}, .same_as = mask_sums_written},
    {"mask_sums, many", mask_sums, MASKS(.alpha = 0.25f, .gamma = 2), MASKS_IN("2,4,768", "2,96,128"),
     .n = {4, 24, 32}, .no_grad = true, .same_as = mask_sums_written},
    {"hungarian", hungarian, .in = {{"3,12,7", HOLDS_DISTINCT}, {"3,7", HOLDS_ODD, true}}, EXACT},
    {"hungarian, more classes", hungarian, .in = {{"2,5,19", HOLDS_FRACTIONS}, {"2,19", HOLDS_ODD, true}}, EXACT},
    {"hungarian, many", hungarian, .in = {{"2,100,150", HOLDS_FRACTIONS}, {"2,150", HOLDS_ODD, true}}, EXACT},
    {"hungarian of equals", hungarian_of_equals, .in = {{"2,7,4"}}, .same_as = in_turn, EXACT},
};
/* clang-format on */

case_list cases_points(void)
{
    return CASE_LIST(cases);
}
