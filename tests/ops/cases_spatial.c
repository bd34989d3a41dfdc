/* Pooling, resizing, and sums of resized maps. */
#include "cases.h"

static tensor *max_pool(graph *g, tensor *const *in, const op_case *c)
{
    return op_max_pool(g, in[0], c->attr.pool);
}

static tensor *avg_pool(graph *g, tensor *const *in, const op_case *c)
{
    return op_avg_pool(g, in[0], c->attr.pool);
}

static tensor *adaptive(graph *g, tensor *const *in, const op_case *c)
{
    return op_adaptive_avg_pool(g, in[0], c->n[0], c->n[1]);
}

static tensor *adaptive_max(graph *g, tensor *const *in, const op_case *c)
{
    return op_adaptive_max_pool(g, in[0], c->n[0], c->n[1]);
}

static tensor *resize(graph *g, tensor *const *in, const op_case *c)
{
    return op_resize(g, in[0], c->attr.resize);
}

static int inputs_of(const op_case *c)
{
    int n = 0;
    while (n < CASE_INPUTS && c->in[n].shape)
        n++;
    return n;
}

static tensor *sum(graph *g, tensor *const *in, const op_case *c)
{
    return op_sum(g, in, inputs_of(c), &c->attr.sum);
}

static tensor *sum_of_parts(graph *g, tensor *const *in, const op_case *c)
{
    tensor *y = NULL;
    for (int i = 0; i < inputs_of(c); i++) {
        const resize_attr *a = &c->attr.sum.from[i];
        tensor *x = a->h ? op_resize(g, in[i], *a) : in[i];
        y = y ? op_add(g, y, x) : x;
    }
    return c->attr.sum.relu ? op_relu(g, y) : y;
}

/* Both names of one tensor. */
static tensor *sum_with_itself(graph *g, tensor *const *in, const op_case *c)
{
    return op_sum(g, (tensor *[]){in[0], in[1], in[0]}, 3, &c->attr.sum);
}

static tensor *resize_argmax(graph *g, tensor *const *in, const op_case *c)
{
    node *n = graph_add_node(g, OP_resize_argmax, 1, in, 1, &c->attr);
    return n ? n->out[0] : NULL;
}

static tensor *resize_then_argmax(graph *g, tensor *const *in, const op_case *c)
{
    return op_argmax(g, op_resize(g, in[0], c->attr.resize));
}

#define POOL(k, s, p, ...) .attr = {.pool = {.kernel = {k, k}, .stride = {s, s}, .pad = {p, p}, __VA_ARGS__}}
#define RESIZE(oh, ow, ...) .attr = {.resize = {.h = oh, .w = ow, __VA_ARGS__}}
#define CORNERS .align_corners = true
#define EXACT .exact = true, .linear = true
#define SUM(...) sum, .same_as = sum_of_parts, .attr = {.sum = {__VA_ARGS__}}
#define TO(oh, ow, ...)                                                                                                \
    {                                                                                                                  \
        .h = oh, .w = ow, __VA_ARGS__                                                                                  \
    }
#define ARGMAX resize_argmax, .inference_only = true, .no_grad = true, .exact = true, .same_as = resize_then_argmax

/* clang-format off */
static const op_case cases[] = {
    {"max_pool 3x3, stride 2: a stem's", max_pool, POOL(3, 2, 1), {{"2,7,8,5", HOLDS_DISTINCT}}, .exact = true},
    {"max_pool, ties go to the first", max_pool, POOL(3, 2, 1), {{"2,7,8,5"}}, .exact = true, .no_grad = true},
    {"max_pool 2x2, ceil_mode", max_pool, POOL(2, 2, 0, .ceil_mode = true), {{"1,5,7,3", HOLDS_DISTINCT}},
     .exact = true},
    {"max_pool 2x2, odd map", max_pool, POOL(2, 2, 0), {{"1,5,7,3", HOLDS_DISTINCT}}, .exact = true},
    {"max_pool 3x3, overlapping, 33 channels", max_pool, POOL(3, 1, 1), {{"1,4,5,33", HOLDS_DISTINCT}}, .exact = true},
    {"max_pool 3x3, stride 2, 70 channels, many rows", max_pool, POOL(3, 2, 1), {{"2,37,5,70"}}, .exact = true,
     .no_grad = true},
    {"max_pool, unlike axes", max_pool, .attr = {.pool = {.kernel = {2, 3}, .stride = {1, 2}, .pad = {0, 1}}},
     {{"1,4,5,3", HOLDS_DISTINCT}}, .exact = true},
    {"max_pool of one pixel", max_pool, POOL(3, 1, 1), {{"2,1,1,4", HOLDS_DISTINCT}}, .exact = true},
    {"avg_pool 2x2", avg_pool, POOL(2, 2, 0, .count_include_pad = true), {{"2,4,6,5"}}, EXACT},
    {"avg_pool 2x2, odd map, ceil_mode", avg_pool, POOL(2, 2, 0, .ceil_mode = true, .count_include_pad = true),
     {{"2,5,7,3"}}, EXACT},
    {"avg_pool 2x2, odd map, ceil_mode, padding left out", avg_pool, POOL(2, 2, 0, .ceil_mode = true), {{"2,5,7,3"}},
     EXACT},
    {"avg_pool 3x3, padding counts", avg_pool, POOL(3, 2, 1, .count_include_pad = true), {{"1,5,6,3"}},
     .linear = true},
    {"avg_pool 3x3, padding left out", avg_pool, POOL(3, 2, 1), {{"1,5,6,3"}}, .linear = true},
    {"avg_pool 3x3, ceil_mode, padding counts", avg_pool, POOL(3, 2, 1, .ceil_mode = true, .count_include_pad = true),
     {{"1,6,5,3"}}, .linear = true},
    {"avg_pool 3x3, stride 1, padding left out: PoolFormer's", avg_pool, POOL(3, 1, 1), {{"2,6,5,70"}}, .linear = true},
    {"avg_pool 3x3, stride 1, padding counts, 65 channels", avg_pool, POOL(3, 1, 1, .count_include_pad = true),
     {{"1,4,7,65"}}, .linear = true},
    {"avg_pool 3x3, stride 2, many rows", avg_pool, POOL(3, 2, 1, .count_include_pad = true), {{"2,37,23,40"}},
     .linear = true, .no_grad = true},
    {"avg_pool 4x4, stride 4, 24 channels", avg_pool, POOL(4, 4, 0, .count_include_pad = true), {{"2,9,8,24"}}, EXACT},
    {"avg_pool, windows that leave pixels out", avg_pool, POOL(2, 3, 0), {{"1,8,7,17"}}, EXACT},
    {"avg_pool 49x49, stride 16 x 20: LRASPP's", avg_pool, .attr = {.pool = {.kernel = {49, 49}, .stride = {16, 20},
     .count_include_pad = true}}, {{"1,66,70,3"}}, .linear = true, .no_grad = true},
    {"avg_pool, tall windows with padding, overlapping", avg_pool, .attr = {.pool = {.kernel = {8, 3}, .stride = {3, 1},
     .pad = {4, 1}}}, {{"2,11,4,19"}}, .linear = true},
    {"avg_pool, wide windows, ceil_mode", avg_pool, .attr = {.pool = {.kernel = {1, 9}, .stride = {1, 4}, .pad = {0, 3},
     .ceil_mode = true, .count_include_pad = true}}, {{"1,3,13,6"}}, .linear = true},
    {"avg_pool of one pixel", avg_pool, POOL(3, 1, 1), {{"2,1,1,4"}}, EXACT},
    {"adaptive_avg_pool of many pixels to 1x1, 70 channels", adaptive, .in = {{"2,64,32,70"}}, .n = {1, 1}, EXACT,
     .no_grad = true},
    {"adaptive_avg_pool 21x19 to 6x6", adaptive, .in = {{"1,21,19,33"}}, .n = {6, 6}, .linear = true, .no_grad = true},
    {"adaptive_avg_pool 12x11 to 2x11", adaptive, .in = {{"2,12,11,8"}}, .n = {2, 11}, .linear = true},
    {"adaptive_avg_pool to 1x1", adaptive, .in = {{"2,4,8,5"}}, .n = {1, 1}, EXACT},
    {"adaptive_avg_pool 7x9 to 2x3", adaptive, .in = {{"1,7,9,4"}}, .n = {2, 3}, .linear = true},
    {"adaptive_avg_pool 3x2 to 6x5", adaptive, .in = {{"1,3,2,4"}}, .n = {6, 5}, .linear = true},
    {"adaptive_avg_pool to its own size", adaptive, .in = {{"1,3,2,4"}}, .n = {3, 2}, EXACT},
    {"resize x2", resize, RESIZE(8, 10), {{"2,4,5,3"}}, EXACT},
    {"resize x4", resize, RESIZE(12, 16), {{"1,3,4,18"}}, EXACT},
    {"resize x4, 64 channels", resize, RESIZE(12, 16), {{"1,3,4,64"}}, EXACT},
    {"resize x2, corners", resize, RESIZE(9, 9, CORNERS), {{"1,5,5,3"}}, EXACT},
    {"resize 4x5 to 7x9", resize, RESIZE(7, 9), {{"2,4,5,3"}}, .linear = true},
    {"resize 4x5 to 7x9, corners", resize, RESIZE(7, 9, CORNERS), {{"2,4,5,3"}}, .linear = true},
    {"resize 7x9 to 4x5", resize, RESIZE(4, 5), {{"2,7,9,3"}}, .linear = true},
    {"resize 7x9 to 4x5, corners", resize, RESIZE(4, 5, CORNERS), {{"2,7,9,3"}}, .linear = true},
    {"resize 8x8 to 3x2", resize, RESIZE(3, 2), {{"1,8,8,3"}}, .linear = true},
    {"resize of one pixel", resize, RESIZE(5, 7), {{"2,1,1,6"}}, .linear = true},
    {"resize of one pixel, corners", resize, RESIZE(5, 7, CORNERS), {{"2,1,1,6"}}, EXACT},
    {"resize to one pixel", resize, RESIZE(1, 1), {{"2,4,5,3"}}, EXACT},
    {"resize to one pixel, corners", resize, RESIZE(1, 1, CORNERS), {{"2,4,5,3"}}, EXACT},
    {"resize to its own size", resize, RESIZE(4, 5), {{"2,4,5,3"}}, EXACT},
    {"resize rows alone", resize, RESIZE(8, 5), {{"1,4,5,3"}}, EXACT},
    {"resize by a given factor", resize, RESIZE(6, 7, .scale_h = 1.5, .scale_w = 1.5), {{"1,4,5,3"}}, .linear = true},
    {"resize by a given factor to its own size", resize, RESIZE(3, 3, .scale_h = 1.3, .scale_w = 1.3), {{"1,3,3,2"}},
     EXACT},
    {"resize cubic x2", resize, RESIZE(8, 10, .cubic = true), {{"2,4,5,3"}}, .linear = true},
    {"resize cubic 4x5 to 7x9, 20 channels", resize, RESIZE(7, 9, .cubic = true), {{"2,4,5,20"}}, .linear = true},
    {"resize cubic 4x5 to 7x9, corners", resize, RESIZE(7, 9, CORNERS, .cubic = true), {{"2,4,5,3"}}, .linear = true},
    {"resize cubic 9x7 to 4x3", resize, RESIZE(4, 3, .cubic = true), {{"2,9,7,3"}}, .linear = true},
    {"resize cubic to one pixel, corners", resize, RESIZE(1, 1, CORNERS, .cubic = true), {{"2,4,5,3"}}, EXACT},
    {"resize cubic of one pixel", resize, RESIZE(5, 7, .cubic = true), {{"2,1,1,6"}}, .linear = true},
    {"resize cubic to its own size", resize, RESIZE(4, 5, .cubic = true), {{"2,4,5,3"}}, EXACT},
    {"resize cubic by a given factor to its own size", resize, RESIZE(3, 3, .cubic = true, .scale_h = 1.3,
     .scale_w = 1.3), {{"1,3,3,2"}}, .linear = true},
    {"resize cubic, many", resize, RESIZE(43, 57, .cubic = true), {{"3,21,30,33", HOLDS_FRACTIONS}}, .no_grad = true},
    {"resize nearest x2", resize, RESIZE(8, 10, .nearest = true), {{"2,4,5,3"}}, EXACT},
    {"resize nearest 4x5 to 7x9", resize, RESIZE(7, 9, .nearest = true), {{"2,4,5,3"}}, EXACT},
    {"resize nearest 7x9 to 4x5", resize, RESIZE(4, 5, .nearest = true), {{"2,7,9,17"}}, EXACT},
    {"resize nearest by a given factor", resize, RESIZE(6, 7, .nearest = true, .scale_h = 1.5, .scale_w = 1.5),
     {{"1,4,5,3"}}, EXACT},
    {"resize nearest by a given factor to its own size", resize, RESIZE(3, 3, .nearest = true, .scale_h = 1.3,
     .scale_w = 1.3), {{"1,3,3,2"}}, EXACT},
    {"resize nearest by a factor that rounds to x2", resize, RESIZE(1, 10, .nearest = true, .scale_h = 1,
     .scale_w = 2.1), {{"1,1,5,3"}}, EXACT},
    {"sum of two maps", SUM(.relu = false), {{"2,4,5,3"}, {"2,4,5,3"}}, EXACT},
    {"sum of eight vectors", SUM(.relu = false), {{"7"}, {"7"}, {"7"}, {"7"}, {"7"}, {"7"}, {"7"}, {"7"}}, EXACT},
    {"sum of scalars", SUM(.relu = false), {{""}, {""}, {""}}, EXACT},
    {"sum of one map", SUM(.relu = false), {{"2,4,5,3"}}, EXACT},
    {"sum, relu", SUM(.relu = true), {{"2,4,5,3", HOLDS_ODD}, {"2,4,5,3", HOLDS_ODD}, {"2,4,5,3", HOLDS_ODD}},
     .exact = true},
    {"sum, relu, many", SUM(.relu = true), {{"2,30,35,7"}, {"2,30,35,7"}, {"2,30,35,7"}}, .exact = true,
     .no_grad = true},
    {"sum with a map resized x2", SUM({[1] = TO(8, 10)}), {{"2,8,10,3"}, {"2,4,5,3"}}, EXACT},
    {"sum, the first map resized x2", SUM({TO(8, 10)}), {{"2,4,5,3"}, {"2,8,10,3"}}, EXACT},
    {"sum of resized maps alone", SUM({TO(8, 12, CORNERS), TO(8, 12)}), {{"1,3,4,18"}, {"1,4,6,18"}}, .linear = true},
    {"sum of four sizes: x1, x2, x4, x8", SUM({[1] = TO(16, 24), TO(16, 24), TO(16, 24)}),
     {{"2,16,24,18"}, {"2,8,12,18"}, {"2,4,6,18"}, {"2,2,3,18"}}, EXACT},
    {"sum of four sizes, relu", SUM({[1] = TO(16, 24), TO(16, 24), TO(16, 24)}, true),
     {{"2,16,24,18"}, {"2,8,12,18"}, {"2,4,6,18"}, {"2,2,3,18"}}, .exact = true, .no_grad = true},
    {"sum of wide rows in spans, 600 channels", SUM({[1] = TO(4, 24), TO(4, 24)}, true),
     {{"1,4,24,600"}, {"1,2,12,600"}, {"1,1,6,600"}}, .exact = true, .no_grad = true},
    {"sum of wide rows in spans, one channel", SUM({[1] = TO(2, 9000)}), {{"1,2,9000,1"}, {"1,1,4500,1"}}, EXACT},
    {"sum with a nearest map, relu", SUM({TO(8, 10, .nearest = true)}, true),
     {{"2,4,5,17", HOLDS_ODD}, {"2,8,10,17", HOLDS_ODD}, {"2,8,10,17", HOLDS_ODD}}, .exact = true},
    {"sum with a nearest map, 4x5 to 7x9", SUM({[1] = TO(7, 9, .nearest = true)}), {{"2,7,9,33"}, {"2,4,5,33"}}, EXACT},
    {"sum with a map resized 4x5 to 7x9, corners", SUM({[1] = TO(7, 9, CORNERS)}), {{"2,7,9,3"}, {"2,4,5,3"}},
     .linear = true},
    {"sum with a map made smaller", SUM({[1] = TO(4, 5)}), {{"2,4,5,3"}, {"2,7,9,3"}}, .linear = true},
    {"sum with a map resized by a given factor", SUM({[1] = TO(6, 7, .scale_h = 1.5, .scale_w = 1.5)}),
     {{"1,6,7,3"}, {"1,4,5,3"}}, .linear = true},
    {"sum with a map resized to its own size", SUM({[1] = TO(4, 5)}), {{"2,4,5,3"}, {"2,4,5,3"}}, EXACT},
    {"sum with one pixel everywhere", SUM({[1] = TO(4, 5)}), {{"2,4,5,6"}, {"2,1,1,6"}}, .linear = true},
    {"sum of a tensor with itself", sum_with_itself, .in = {{"2,4,5,3"}, {"2,4,5,3"}}, EXACT},
    {"resize_argmax x4", ARGMAX, RESIZE(12, 16), {{"2,3,4,5", HOLDS_DISTINCT}}},
    {"resize_argmax x2, corners, 19 classes", ARGMAX, RESIZE(9, 9, CORNERS), {{"1,5,5,19", HOLDS_DISTINCT}}},
    {"resize_argmax x4, columns of tiles", ARGMAX, RESIZE(36, 140), {{"2,9,35,4"}}},
    {"resize_argmax x2, 70 classes", ARGMAX, RESIZE(6, 36), {{"1,3,18,70", HOLDS_DISTINCT}}},
    {"resize_argmax of one class", ARGMAX, RESIZE(6, 6), {{"1,3,3,1"}}},
    {"adaptive_max_pool 7x9 to 2x3: windows overlap", adaptive_max, .in = {{"2,7,9,5", HOLDS_DISTINCT}}, .n = {2, 3}, .exact = true},
    {"adaptive_max_pool 3x2 to 6x5", adaptive_max, .in = {{"1,3,2,4", HOLDS_DISTINCT}}, .n = {6, 5}, .exact = true},
    {"adaptive_max_pool 24x6 to 2x3: tall windows tile", adaptive_max, .in = {{"2,24,6,5", HOLDS_DISTINCT}}, .n = {2, 3}, .exact = true},
    {"adaptive_max_pool 8x6 to 4x3: windows tile", adaptive_max, .in = {{"2,8,6,5", HOLDS_DISTINCT}}, .n = {4, 3}, .exact = true},
};
/* clang-format on */

case_list cases_spatial(void)
{
    return CASE_LIST(cases);
}
