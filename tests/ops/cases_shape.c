/* Joining, cutting, reshaping, summing, matrix products. */
#include "cases.h"

static tensor *concat(graph *g, tensor *const *in, const op_case *c)
{
    int n = 0;
    while (in[n])
        n++;
    return op_concat(g, in, n, (int)c->n[0]);
}

static tensor *slice(graph *g, tensor *const *in, const op_case *c)
{
    return op_slice(g, in[0], (int)c->n[0], c->n[1], c->n[2]);
}

/* Two slices that overlap: the gradient sums where they do. */
static tensor *slices(graph *g, tensor *const *in, const op_case *c)
{
    tensor *a = op_slice(g, in[0], (int)c->n[0], 0, 3), *b = op_slice(g, in[0], (int)c->n[0], 1, 3);
    return op_mul(g, a, b);
}

/* To rank n[0] with dims n[1...]. */
static tensor *reshape(graph *g, tensor *const *in, const op_case *c)
{
    return op_reshape(g, in[0], (int)c->n[0], &c->n[1]);
}

/* A reshape of what was computed, used under both names. */
static tensor *reshaped_twice(graph *g, tensor *const *in, const op_case *c)
{
    tensor *y = op_scale(g, in[0], 2, 1), *flat = op_reshape(g, y, 2, (int64_t[]){-1, 3});
    tensor *back = op_reshape(g, op_relu(g, flat), in[0]->rank, in[0]->dim);
    (void)c;
    return op_add(g, y, back);
}

static tensor *transpose(graph *g, tensor *const *in, const op_case *c)
{
    int perm[TENSOR_MAX_RANK];
    for (int i = 0; i < TENSOR_MAX_RANK; i++)
        perm[i] = (int)c->n[i];
    return op_transpose(g, in[0], perm);
}

/* A mask is transposed as its bytes. */
static tensor *transpose_of_mask(graph *g, tensor *const *in, const op_case *c)
{
    int perm[] = {(int)c->n[0], (int)c->n[1]};
    return op_cast(g, op_transpose(g, op_compare_to(g, in[0], COMPARE_GE, 0), perm), DT_F32);
}

static tensor *broadcast(graph *g, tensor *const *in, const op_case *c)
{
    return op_broadcast(g, in[0], c->n);
}

/* Axes n[0], keep n[1]. */
static tensor *sum(graph *g, tensor *const *in, const op_case *c)
{
    return op_reduce_sum(g, in[0], (uint32_t)c->n[0], c->n[1] != 0);
}

static tensor *mean(graph *g, tensor *const *in, const op_case *c)
{
    return op_reduce_mean(g, in[0], (uint32_t)c->n[0], c->n[1] != 0);
}

static tensor *matmul(graph *g, tensor *const *in, const op_case *c)
{
    return op_matmul(g, in[0], in[1], c->n[0] != 0, c->n[1] != 0);
}

static tensor *linear(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_linear(g, in[0], in[1], in[2]);
}

static tensor *exchange(graph *g, tensor *const *in, const op_case *c)
{
    return op_psa_exchange(g, in[0], in[1], c->attr.psa);
}

static tensor *softmax(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_softmax(g, in[0]);
}

static tensor *argmax(graph *g, tensor *const *in, const op_case *c)
{
    (void)c;
    return op_argmax(g, in[0]);
}

static tensor *one_hot(graph *g, tensor *const *in, const op_case *c)
{
    return op_one_hot(g, in[0], c->n[0]);
}

static tensor *fill(graph *g, tensor *const *in, const op_case *c)
{
    return op_mul(g, in[0], op_fill(g, 2, c->n, 2.5f));
}

#define EXACT .exact = true, .linear = true

/* clang-format off */
#define EXCHANGE(h, w, ...) .attr = {.psa = {.mask_h = h, .mask_w = w, __VA_ARGS__}}

static const op_case cases[] = {
    {"concat channels", concat, .in = {{"2,3,4,5"}, {"2,3,4,1"}, {"2,3,4,3"}}, .n = {-1}, EXACT},
    {"concat rows", concat, .in = {{"2,3,4,5"}, {"2,1,4,5"}}, .n = {1}, EXACT},
    {"concat images", concat, .in = {{"2,3,4,5"}, {"1,3,4,5"}}, .n = {0}, EXACT},
    {"concat 7 sequences", concat, .in = {{"2,3"}, {"2,1"}, {"2,2"}, {"2,3"}, {"2,1"}, {"2,5"}, {"2,4"}}, .n = {1},
     EXACT},
    {"slice channels", slice, .in = {{"2,3,4,7"}}, .n = {-1, 2, 4}, EXACT},
    {"slice rows", slice, .in = {{"2,5,4,3"}}, .n = {1, 4, 1}, EXACT},
    {"slice images", slice, .in = {{"3,2,4,3"}}, .n = {0, 1, 2}, EXACT},
    {"slices that overlap", slices, .in = {{"2,5"}}, .n = {1}, .exact = true},
    {"reshape", reshape, .in = {{"2,3,4,5"}}, .n = {3, 2, -1, 5}, EXACT},
    {"reshape, used under both names", reshaped_twice, .in = {{"2,4,3", HOLDS_ODD}}, .exact = true},
    {"transpose to channels first", transpose, .in = {{"2,3,4,5"}}, .n = {0, 3, 1, 2}, EXACT},
    {"transpose of a matrix", transpose, .in = {{"3,7"}}, .n = {1, 0}, EXACT},
    {"transpose of rank 5", transpose, .in = {{"2,3,1,4,2"}}, .n = {4, 2, 0, 3, 1}, EXACT},
    {"broadcast", broadcast, .in = {{"2,1,4,1"}}, .n = {2, 3, 4, 5}, EXACT},
    {"broadcast of nothing", broadcast, .in = {{"2,3"}}, .n = {2, 3}, EXACT},
    {"sum of all", sum, .in = {{"2,3,4,5"}}, .n = {15, 0}, EXACT},
    {"sum over pixels, kept", sum, .in = {{"2,3,4,5"}}, .n = {6, 1}, EXACT},
    {"sum over channels", sum, .in = {{"2,3,4,5"}}, .n = {8, 0}, EXACT},
    {"sum over no axis", sum, .in = {{"2,3"}}, .n = {0, 0}, EXACT},
    {"sum over the first and the last axis", sum, .in = {{"3,4,5"}}, .n = {5, 0}, EXACT},
    {"sum over images and columns, kept", sum, .in = {{"2,3,4,5"}}, .n = {5, 1}, EXACT},
    {"sum over rows and channels", sum, .in = {{"2,3,4,5"}}, .n = {10, 0}, EXACT},
    {"sum over every second axis of six", sum, .in = {{"2,3,2,2,3,2"}}, .n = {21, 0}, EXACT},
    {"sum over the other axes of six", sum, .in = {{"2,3,2,2,3,2"}}, .n = {42, 1}, EXACT},
    {"sum over two axes, in pieces", sum, .in = {{"9001,3,2,5", HOLDS_FRACTIONS}}, .n = {5, 0}, .no_grad = true},
    {"sum over images and long rows", sum, .in = {{"2,3,5001", HOLDS_FRACTIONS}}, .n = {5, 0}, .no_grad = true},
    {"mean over pixels", mean, .in = {{"2,3,5,4"}}, .n = {6, 1}, .linear = true},
    {"matmul", matmul, .in = {{"3,4"}, {"4,5"}}, .n = {0, 0}, EXACT},
    {"matmul, a transposed", matmul, .in = {{"4,3"}, {"4,5"}}, .n = {1, 0}, EXACT},
    {"matmul, b transposed", matmul, .in = {{"3,4"}, {"5,4"}}, .n = {0, 1}, EXACT},
    {"matmul, both transposed", matmul, .in = {{"4,3"}, {"5,4"}}, .n = {1, 1}, EXACT},
    {"matmul, batch", matmul, .in = {{"2,3,3,4"}, {"2,3,4,5"}}, .n = {0, 0}, EXACT},
    {"matmul, batch, a transposed", matmul, .in = {{"2,4,3"}, {"2,4,5"}}, .n = {1, 0}, EXACT},
    {"matmul, batch, b transposed", matmul, .in = {{"2,3,4"}, {"2,5,4"}}, .n = {0, 1}, EXACT},
    {"matmul, batch, both transposed", matmul, .in = {{"2,4,3"}, {"2,5,4"}}, .n = {1, 1}, EXACT},
    {"matmul, one b for the batch", matmul, .in = {{"2,3,4"}, {"4,5"}}, .n = {0, 0}, EXACT},
    {"matmul, one transposed b for the batch", matmul, .in = {{"2,3,4"}, {"5,4"}}, .n = {0, 1}, EXACT},
    {"matmul of rows and columns", matmul, .in = {{"1,7"}, {"7,1"}}, .n = {0, 0}, EXACT},
    {"linear", linear, .in = {{"2,3,4"}, {"5,4"}, {"5"}}, EXACT},
    {"linear on a map, without bias", linear, .in = {{"2,3,2,4"}, {"5,4"}}, EXACT},
    {"linear on rows", linear, .in = {{"3,4"}, {"5,4"}, {"5"}}, EXACT},
    {"psa_exchange", exchange, EXCHANGE(5, 7), .in = {{"2,3,4,35"}, {"2,12,5"}}, .exact = true, .linear = true},
    {"psa_exchange, distributed", exchange, EXCHANGE(5, 7, .distribute = true), .in = {{"2,3,4,35"}, {"2,12,5"}},
     .exact = true, .linear = true},
    {"psa_exchange, softmax", exchange, EXCHANGE(3, 2, .softmax = true), .in = {{"2,5,4,6"}, {"2,20,3"}}},
    {"psa_exchange, softmax, distributed", exchange, EXCHANGE(2, 3, .softmax = true, .distribute = true),
     .in = {{"1,5,6,6"}, {"1,30,17"}}},
    {"psa_exchange of one pixel", exchange, EXCHANGE(1, 2, .softmax = true), .in = {{"2,1,1,2"}, {"2,1,3"}}},
    {"psa_exchange, many tiles", exchange, EXCHANGE(16, 25), .in = {{"2,19,21,400"}, {"2,399,33"}}, .exact = true,
     .no_grad = true},
    {"psa_exchange, many tiles, softmax", exchange, EXCHANGE(16, 25, .softmax = true), .in = {{"2,19,21,400"},
     {"2,399,33"}}, .no_grad = true},
    {"psa_exchange, many tiles, softmax, distributed", exchange, EXCHANGE(37, 41, .softmax = true, .distribute = true),
     .in = {{"1,19,21,1517"}, {"1,399,16"}}, .no_grad = true},
    {"psa_exchange, masks wider than the map", exchange, EXCHANGE(9, 9, .distribute = true), .in = {{"1,40,3,81"},
     {"1,120,16"}}, .exact = true, .no_grad = true},
    {"softmax", softmax, .in = {{"2,3,7", HOLDS_ODD}}},
    {"softmax of one", softmax, .in = {{"4,1", HOLDS_ODD}}, .exact = true},
    {"softmax of large values", softmax, .in = {{"2,7", HOLDS_LARGE}}, .no_grad = true},
    {"argmax", argmax, .in = {{"2,3,4,5", HOLDS_DISTINCT}}, .exact = true, .no_grad = true},
    {"argmax, the first of equals", argmax, .in = {{"2,5,4,9"}}, .exact = true, .no_grad = true},
    {"argmax of one", argmax, .in = {{"5,1"}}, .exact = true, .no_grad = true},
    {"one_hot", one_hot, .in = {{"2,3,4", HOLDS_WILD}}, .n = {5}, .exact = true, .no_grad = true},
    {"one_hot, many pixels", one_hot, .in = {{"3,41,67", HOLDS_WILD}}, .n = {19}, .exact = true, .no_grad = true},
    {"one_hot of one class", one_hot, .in = {{"2,9", HOLDS_WILD}}, .n = {1}, .exact = true, .no_grad = true},
    {"transpose, edges of tiles", transpose, .in = {{"133,77", HOLDS_FRACTIONS}}, .n = {1, 0}, EXACT, .no_grad = true},
    {"transpose, two halves of the channels by turns", transpose, .in = {{"2,3,5,2,19", HOLDS_FRACTIONS}}, .n = {0, 1, 2, 4, 3}, EXACT},
    {"transpose, back into two halves", transpose, .in = {{"2,3,5,19,2", HOLDS_FRACTIONS}}, .n = {0, 1, 2, 4, 3}, EXACT},
    {"transpose of two rows", transpose, .in = {{"2,301", HOLDS_FRACTIONS}}, .n = {1, 0}, EXACT},
    {"transpose to few channels first", transpose, .in = {{"2,43,61,3", HOLDS_FRACTIONS}}, .n = {0, 3, 1, 2}, EXACT,
     .no_grad = true},
    {"transpose to channels last", transpose, .in = {{"2,19,9,31", HOLDS_FRACTIONS}}, .n = {0, 2, 3, 1}, EXACT,
     .no_grad = true},
    {"transpose of tokens and heads", transpose, .in = {{"2,37,3,24", HOLDS_FRACTIONS}}, .n = {0, 2, 1, 3}, EXACT,
     .no_grad = true},
    {"transpose into windows", transpose, .in = {{"2,3,4,5,2,7"}}, .n = {0, 2, 4, 1, 3, 5}, EXACT},
    {"transpose of rank 6, the last axis first", transpose, .in = {{"2,3,2,3,2,18"}}, .n = {5, 0, 3, 1, 4, 2}, EXACT,
     .no_grad = true},
    {"transpose, nothing moves", transpose, .in = {{"2,3,5"}}, .n = {0, 1, 2}, EXACT},
    {"transpose, only axes of size 1 move", transpose, .in = {{"1,4,1,5"}}, .n = {2, 1, 0, 3}, EXACT},
    {"transpose, the same for each image", transpose, .in = {{"5,2,3,4,3"}}, .n = {0, 3, 4, 1, 2}, EXACT},
    {"transpose of labels", transpose, .in = {{"21,2,35", HOLDS_WILD}}, .n = {2, 1, 0}, .exact = true, .no_grad = true},
    {"transpose of a mask", transpose_of_mask, .in = {{"19,35"}}, .n = {1, 0}, .exact = true, .no_grad = true},
    {"fill", fill, .in = {{"3,4"}}, .n = {3, 4}, EXACT},
};
/* clang-format on */

case_list cases_shape(void)
{
    return CASE_LIST(cases);
}
