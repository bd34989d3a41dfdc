/* Multi-scale deformable attention, and label maps at points. */
#include "cases.h"

/* Queries at the middle of the maps, which read between the middles of pixels if sides are 1, 2 or 4: away from kinks.
 * Argument n: heights, then widths, of up to three levels. */
static tensor *deform_attention(graph *g, tensor *const *in, const op_case *c)
{
    deform_attr a = {0};
    for (; a.levels < 3 && c->n[a.levels]; a.levels++) {
        a.h[a.levels] = c->n[a.levels];
        a.w[a.levels] = c->n[3 + a.levels];
    }
    tensor *at = op_fill(g, 2, (int64_t[]){in[1]->dim[1], 2}, 0.5f);
    return op_deform_attention(g, in[0], at, op_scale(g, in[1], 0.5f, 0), in[2], a);
}

/* With one head and one place it is point_sample's number times its share. */
static tensor *sampled(graph *g, tensor *const *in, const op_case *c)
{
    const int64_t *v = in[0]->dim, *at = in[1]->dim;
    float pixels[2] = {2 * (float)c->n[3], 2 * (float)c->n[0]};
    tensor *map = op_reshape(g, in[0], 4, (int64_t[]){v[0], c->n[0], c->n[3], v[3]});
    tensor *offset = op_binary(g, op_reshape(g, in[1], 3, (int64_t[]){at[0], at[1], 2}),
                               graph_const(g, DT_F32, 3, (int64_t[]){1, 1, 2}, pixels), BINARY_DIV);
    tensor *share = op_reshape(g, in[2], 3, (int64_t[]){at[0], at[1], 1});
    return op_mul(g, op_point_sample(g, map, op_scale(g, offset, 1, 0.5f), (points_attr){0}), share);
}

static tensor *spread(graph *g, tensor *points)
{
    return op_scale(g, points, 0.6f, 0.5f);
}

static tensor *point_classes(graph *g, tensor *const *in, const op_case *c)
{
    return op_point_classes(g, in[0], spread(g, in[1]), c->n[0]);
}

/* Of the masks themselves. */
static tensor *masks_sampled(graph *g, tensor *const *in, const op_case *c)
{
    return op_point_sample(g, op_one_hot(g, in[0], c->n[0]), spread(g, in[1]), (points_attr){0});
}

static tensor *point_hits(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_point_hits(g, in[0], in[2], spread(g, in[1]));
}

/* Of the class of an image's one row, which may be 255: the entry of all classes. */
static tensor *hits_of_classes(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    tensor *all = op_point_classes(g, in[0], spread(g, in[1]), 256);
    tensor *own = op_one_hot(g, in[2], 256);
    return op_reduce_sum(g, op_mul(g, all, own), 1u << 2, false);
}

/* clang-format off */
#define LEVELS(...) .n = {__VA_ARGS__}
#define AT(shape) {shape, HOLDS_ODD}

static const op_case cases[] = {
    {"deform_attention", deform_attention, .in = {{"2,10,2,3"}, AT("2,5,2,2,3,2"), {"2,5,2,2,3"}},
     LEVELS(4, 1, 0, 2, 2)},
    {"deform_attention of one pixel", deform_attention, .in = {{"1,1,1,4"}, AT("1,7,1,1,2,2"), {"1,7,1,1,2"}},
     LEVELS(1, 0, 0, 1)},
    {"deform_attention of one place", deform_attention, .in = {{"2,8,1,7"}, {"2,9,1,1,1,2", HOLDS_ODD, true},
     {"2,9,1,1,1"}}, LEVELS(2, 0, 0, 4), .same_as = sampled},
    {"deform_attention, heads of 32", deform_attention, .in = {{"2,336,8,32", HOLDS_FRACTIONS},
     AT("2,336,8,3,4,2"), {"2,336,8,3,4", HOLDS_FRACTIONS}}, LEVELS(16, 8, 4, 16, 8, 4), .no_grad = true},
    {"deform_attention, heads of 45", deform_attention, .in = {{"1,80,3,45", HOLDS_FRACTIONS},
     AT("1,100,3,2,3,2"), {"1,100,3,2,3", HOLDS_FRACTIONS}}, LEVELS(8, 4, 0, 8, 4), .no_grad = true},
    {"deform_attention, many places", deform_attention, .in = {{"1,20,2,5", HOLDS_FRACTIONS},
     AT("1,6,2,1,130,2"), {"1,6,2,1,130", HOLDS_FRACTIONS}}, LEVELS(4, 0, 0, 5), .no_grad = true},
    {"point_classes", point_classes, .in = {{"2,5,4", HOLDS_WILD}, {"2,9,2", HOLDS_FRACTIONS, true}}, .n = {4},
     .no_grad = true, .same_as = masks_sampled},
    {"point_classes, many", point_classes, .in = {{"2,40,50", HOLDS_LABELS}, {"2,900,2", HOLDS_FRACTIONS, true}},
     .n = {19}, .no_grad = true, .same_as = masks_sampled},
    {"point_hits", point_hits, .in = {{"2,5,4", HOLDS_WILD}, {"2,70,2", HOLDS_FRACTIONS, true}, {"2,1", HOLDS_LABELS}},
     .n = {4}, .no_grad = true, .same_as = hits_of_classes},
    {"point_hits, many", point_hits, .in = {{"2,30,40", HOLDS_LABELS}, {"14,500,2", HOLDS_FRACTIONS, true},
     {"2,7", HOLDS_WILD}}, .n = {5}, .no_grad = true},
};
/* clang-format on */

case_list cases_deform(void)
{
    return CASE_LIST(cases);
}
