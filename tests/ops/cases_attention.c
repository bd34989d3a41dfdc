/* Attention: heads, additions to the products, windows of maps. Each is compared with the ops that it stands for, where
 * there are such. */
#include "cases.h"

/* Inputs: q, k, v, bias, mask (a label map: 1 and more are hidden), table, outside, seed; a missing k or v is q's
 * tensor. */
static attention_operands operands(graph *g, tensor *const *in)
{
    attention_operands o = {.q = in[0], .k = in[1] ? in[1] : in[0], .v = in[2], .bias = in[3]};
    o.v = o.v ? o.v : o.k;
    if (in[4])
        o.mask = op_compare_to(g, in[4], COMPARE_EQ, 1);
    o.table = in[5];
    o.outside = in[6];
    if (in[7])
        g->seed = in[7];
    return o;
}

static tensor *attention(graph *g, tensor *const *in, const op_case *c)
{
    attention_operands o = operands(g, in);
    return op_attention(g, &o, c->attr.attention);
}

/* [N,L,..] -> [N,heads,L,d] from channel `from` on */
static tensor *heads_of(graph *g, tensor *x, const attention_attr *a, int64_t from, int64_t d)
{
    if (!x)
        return NULL;
    int64_t heads = a->heads ? a->heads : 1;
    x = op_reshape(g, x, 3, (int64_t[]){x->dim[0], -1, x->dim[x->rank - 1]});
    x = op_slice(g, x, 2, from, heads * d);
    x = x ? op_reshape(g, x, 4, (int64_t[]){x->dim[0], x->dim[1], heads, d}) : NULL;
    return op_transpose(g, x, (int[]){0, 2, 1, 3});
}

static tensor *attention_in_steps(graph *g, tensor *const *in, const op_case *c)
{
    attention_operands o = operands(g, in);
    const attention_attr *a = &c->attr.attention;
    int64_t heads = a->heads ? a->heads : 1;
    int64_t d = a->d ? a->d : o.q->dim[o.q->rank - 1] / heads, e = a->e ? a->e : o.v->dim[o.v->rank - 1] / heads;
    tensor *q = heads_of(g, o.q, a, a->from[0], d), *k = heads_of(g, o.k, a, a->from[1], d);
    tensor *alike = op_scale(g, op_matmul(g, q, k, false, true), a->scale, 0);
    if (o.bias)
        alike = op_add(g, alike, o.bias);
    if (o.mask)
        alike = op_where(g, o.mask, op_fill(g, 4, (int64_t[]){1, 1, 1, 1}, -1e30f), alike);
    tensor *y = op_matmul(g, op_softmax(g, alike), heads_of(g, o.v, a, a->from[2], e), false, false);
    y = op_transpose(g, y, (int[]){0, 2, 1, 3});
    int64_t dim[4];
    for (int i = 0; i < o.q->rank; i++)
        dim[i] = o.q->dim[i];
    dim[o.q->rank - 1] = heads * e;
    return op_reshape(g, y, o.q->rank, dim);
}

#define ATTENTION(...) .attr = {.attention = {__VA_ARGS__}}
#define WINDOWS(h, w, ...) .attr = {.attention = {.window = {h, w}, .apart = -2, .scale = 0.5f, __VA_ARGS__}}

/* clang-format off */
static const op_case cases[] = {
    {"attention", attention, ATTENTION(.scale = 0.25f), .in = {{"2,5,3", HOLDS_ODD}, {"2,7,3", HOLDS_ODD},
     {"2,7,4", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention of one token, to one", attention, ATTENTION(.scale = 1), .in = {{"1,1,2", HOLDS_ODD},
     {"1,1,2", HOLDS_ODD}, {"1,1,1", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention, many tiles", attention, ATTENTION(.scale = 0.1f), .in = {{"4,70,17", HOLDS_FRACTIONS},
     {"4,301,17", HOLDS_FRACTIONS}, {"4,301,33", HOLDS_FRACTIONS}}, .no_grad = true, .same_as = attention_in_steps},
    {"attention with many channels", attention, ATTENTION(.scale = 0.05f), .in = {{"1,131,64", HOLDS_ODD},
     {"1,150,64", HOLDS_ODD}, {"1,150,130", HOLDS_ODD}}, .no_grad = true, .same_as = attention_in_steps},
    {"attention of large products", attention, ATTENTION(.scale = 1), .in = {{"1,9,3", HOLDS_LARGE},
     {"1,140,3", HOLDS_ODD}, {"1,140,4", HOLDS_ODD}}, .no_grad = true, .tolerance = 1e-2},
    {"attention of 3 heads", attention, ATTENTION(.heads = 3, .scale = 0.25f), .in = {{"2,5,6", HOLDS_ODD},
     {"2,7,6", HOLDS_ODD}, {"2,7,12", HOLDS_ODD}}, .rough = 1.0 / 64, .same_as = attention_in_steps},
    {"attention of heads in one tensor", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {0, 6, 12}, .d = 3, .e = 3), .in = {{"2,5,18", HOLDS_ODD}},
     .same_as = attention_in_steps},
    {"attention of heads in one tensor, in another order", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {9, 1, 5}, .d = 2, .e = 1), .in = {{"2,5,14", HOLDS_ODD}},
     .same_as = attention_in_steps},
    {"attention to keys and values in one tensor", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {0, 0, 4}, .d = 2, .e = 2), .in = {{"2,4,3,4", HOLDS_ODD},
     {"2,3,2,8", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention to one tensor as keys and values", attention, ATTENTION(.heads = 2, .scale = 0.5f),
     .in = {{"2,5,4", HOLDS_ODD}, {"2,7,4", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention to a tensor's own channels", attention, ATTENTION(.heads = 2, .scale = 0.25f, .from = {0, 2, 1}, .d = 2,
     .e = 3), .in = {{"2,5,7", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention, queries fixed", attention, ATTENTION(.heads = 2, .scale = 0.5f), .in = {{"2,5,4", HOLDS_ODD, true},
     {"2,7,4", HOLDS_ODD}, {"2,7,4", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention, values alone trained", attention, ATTENTION(.heads = 2, .scale = 0.5f), .in = {{"2,5,4", HOLDS_ODD,
     true}, {"2,7,4", HOLDS_ODD, true}, {"2,7,4", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention, a table alone trained", attention, WINDOWS(2, 3, .from = {0, 2, 4}, .d = 2, .e = 2, .grid = {2, 3}),
     .in = {{"2,4,6,6", HOLDS_ODD, true}, {0}, {0}, {0}, {0}, {"15,1", HOLDS_ODD}}},
    {"attention of many queries to few keys", attention, ATTENTION(.heads = 2, .scale = 0.2f),
     .in = {{"1,300,12", HOLDS_FRACTIONS}, {"1,40,12", HOLDS_FRACTIONS}, {"1,40,20", HOLDS_FRACTIONS}}, .no_grad = true,
     .same_as = attention_in_steps},
    {"attention of many queries to several blocks of keys", attention, ATTENTION(.heads = 2, .scale = 0.2f, .from = {0, 0, 12},
     .d = 6, .e = 7), .in = {{"2,331,12", HOLDS_FRACTIONS}, {"2,345,26", HOLDS_FRACTIONS}}, .no_grad = true,
     .same_as = attention_in_steps},
    {"attention of many channels to many keys", attention, ATTENTION(.scale = 0.05f, .from = {0, 0, 256}, .d = 256, .e = 256), .in = {{"1,260,256",
     HOLDS_FRACTIONS}, {"1,530,512", HOLDS_FRACTIONS}}, .no_grad = true, .same_as = attention_in_steps},
    {"attention with a bias and a mask of heads", attention, ATTENTION(.heads = 2, .scale = 0.5f), .in = {{"2,3,4",
     HOLDS_ODD}, {"2,9,4", HOLDS_ODD}, {"2,9,4", HOLDS_ODD}, {"2,1,1,9", HOLDS_ODD}, {"1,2,1,9", HOLDS_LABELS}},
     .same_as = attention_in_steps},
    {"attention with a bias and a table", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {0, 4, 8}, .d = 2, .e = 2, .grid = {2, 3}, .class_token = true),
     .in = {{"2,7,12", HOLDS_ODD}, {0}, {0}, {"1,2,7,7", HOLDS_ODD}, {0}, {"18,2", HOLDS_ODD}}},
    {"attention of heads in one tensor, many tiles", attention,
     ATTENTION(.heads = 3, .scale = 0.2f, .from = {0, 96, 192}, .d = 32, .e = 32), .in = {{"2,197,288", HOLDS_FRACTIONS}},
     .no_grad = true, .same_as = attention_in_steps},
    {"attention with a bias", attention, ATTENTION(.heads = 2, .scale = 0.5f), .in = {{"2,3,4", HOLDS_ODD},
     {"2,5,4", HOLDS_ODD}, {"2,5,4", HOLDS_ODD}, {"2,2,3,5", HOLDS_ODD}}, .same_as = attention_in_steps},
    {"attention with a bias of all images and queries", attention, ATTENTION(.heads = 2, .scale = 0.5f),
     .in = {{"2,3,4", HOLDS_ODD}, {"2,5,4", HOLDS_ODD}, {"2,5,4", HOLDS_ODD}, {"1,2,1,5", HOLDS_ODD}},
     .same_as = attention_in_steps},
    {"attention with a bias, many tiles", attention, ATTENTION(.heads = 2, .scale = 0.2f),
     .in = {{"2,70,34", HOLDS_FRACTIONS}, {"2,301,34", HOLDS_FRACTIONS}, {"2,301,66", HOLDS_FRACTIONS},
     {"1,2,70,301", HOLDS_FRACTIONS}}, .no_grad = true, .same_as = attention_in_steps},
    {"attention with a mask", attention, ATTENTION(.heads = 2, .scale = 0.5f), .in = {{"2,3,4", HOLDS_ODD},
     {"2,9,4", HOLDS_ODD}, {"2,9,4", HOLDS_ODD}, {0}, {"2,1,3,9", HOLDS_LABELS}}, .same_as = attention_in_steps},
    {"attention with a mask and a bias, many tiles", attention, ATTENTION(.heads = 2, .scale = 0.2f),
     .in = {{"2,70,34", HOLDS_FRACTIONS}, {"2,301,34", HOLDS_FRACTIONS}, {"2,301,66", HOLDS_FRACTIONS},
     {"1,2,1,301", HOLDS_FRACTIONS}, {"2,1,70,301", HOLDS_LABELS}}, .no_grad = true, .same_as = attention_in_steps},
    {"attention with a table", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {0, 4, 8}, .d = 2, .e = 2, .grid = {2, 3}),
     .in = {{"2,2,3,12", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"15,2", HOLDS_ODD}}},
    {"attention with a table and a class token", attention,
     ATTENTION(.heads = 2, .scale = 0.5f, .from = {0, 4, 8}, .d = 2, .e = 2, .grid = {2, 3}, .class_token = true),
     .in = {{"2,7,12", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"18,2", HOLDS_ODD}}},
    {"attention with a table and a class token, many tiles", attention,
     ATTENTION(.heads = 3, .scale = 0.2f, .from = {0, 96, 192}, .d = 32, .e = 32, .grid = {12, 14}, .class_token = true),
     .in = {{"2,169,288", HOLDS_FRACTIONS}, {0}, {0}, {0}, {0}, {"624,3", HOLDS_FRACTIONS}}, .no_grad = true},
    {"attention in windows", attention, WINDOWS(2, 3, .heads = 2, .from = {0, 4, 8}, .d = 2, .e = 2),
     .in = {{"2,4,6,12", HOLDS_ODD}}},
    {"attention in windows with a table", attention,
     WINDOWS(2, 3, .heads = 2, .from = {0, 4, 8}, .d = 2, .e = 2, .grid = {2, 3}),
     .in = {{"2,4,6,12", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"15,2", HOLDS_ODD}}},
    {"attention in shifted windows, padded", attention,
     WINDOWS(3, 3, .shift = {1, 1}, .from = {0, 2, 4}, .d = 2, .e = 2, .grid = {3, 3}),
     .in = {{"2,5,4,6", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"25,1", HOLDS_ODD}, {"6", HOLDS_ODD}}},
    {"attention in shifted windows, padded with zeros", attention,
     WINDOWS(3, 2, .shift = {2, 1}, .from = {0, 2, 4}, .d = 2, .e = 2), .in = {{"1,5,5,6", HOLDS_ODD}}},
    {"attention in windows, what is outside unseen", attention,
     WINDOWS(3, 2, .from = {0, 2, 4}, .d = 2, .e = 2, .unseen = true), .in = {{"1,4,5,6", HOLDS_ODD}}},
    {"attention in a window larger than the map", attention,
     WINDOWS(4, 5, .shift = {2, 2}, .from = {0, 2, 4}, .d = 2, .e = 2, .grid = {4, 5}),
     .in = {{"1,2,3,6", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"63,1", HOLDS_ODD}, {"6", HOLDS_ODD}}},
    {"attention in shifted windows of 7, padded, many", attention,
     WINDOWS(7, 7, .heads = 3, .shift = {3, 3}, .from = {0, 96, 192}, .d = 32, .e = 32, .grid = {7, 7}),
     .in = {{"2,32,24,288", HOLDS_FRACTIONS}, {0}, {0}, {0}, {0}, {"169,3", HOLDS_FRACTIONS},
     {"288", HOLDS_FRACTIONS}}, .no_grad = true},
    {"attention in shifted windows of 12, padded, many", attention,
     WINDOWS(12, 12, .heads = 2, .shift = {6, 6}, .from = {0, 40, 80}, .d = 20, .e = 24, .grid = {12, 12}),
     .in = {{"1,25,16,128", HOLDS_FRACTIONS}, {0}, {0}, {0}, {0}, {"529,2", HOLDS_FRACTIONS},
     {"128", HOLDS_FRACTIONS}}, .no_grad = true},
    {"attention in windows of many tiles", attention,
     WINDOWS(18, 19, .shift = {4, 0}, .from = {0, 5, 10}, .d = 5, .e = 6, .grid = {18, 19}),
     .in = {{"1,20,21,16", HOLDS_FRACTIONS}, {0}, {0}, {0}, {0}, {"1295,1", HOLDS_FRACTIONS}, {"16", HOLDS_FRACTIONS}},
     .no_grad = true},
    {"attention in windows, unseen and shifted", attention,
     WINDOWS(3, 2, .shift = {1, 1}, .from = {0, 2, 4}, .d = 2, .e = 2, .unseen = true), .in = {{"1,4,5,6", HOLDS_ODD}}},
    {"attention with dropout", attention, ATTENTION(.heads = 2, .scale = 0.5f, .p = 0.3f), .in = {{"2,5,4", HOLDS_ODD},
     {"2,7,4", HOLDS_ODD}, {"2,7,4", HOLDS_ODD}, {0}, {0}, {0}, {0}, {"2", HOLDS_SEED}}, .train_only = true},
    {"attention in windows with dropout", attention,
     WINDOWS(3, 3, .heads = 2, .shift = {1, 1}, .from = {0, 4, 8}, .d = 2, .e = 2, .p = 0.3f),
     .in = {{"1,5,4,12", HOLDS_ODD}, {0}, {0}, {0}, {0}, {0}, {0}, {"2", HOLDS_SEED}}, .train_only = true},
};
/* clang-format on */

case_list cases_attention(void)
{
    return CASE_LIST(cases);
}
