/* ReLU(a + resize(b) + c + ...) becomes one node, forward and backward, with one pass over memory. Without it each
 * resize would write a map of full size, and each addition read two. High-resolution networks and pyramids add in this
 * way wherever their branches meet. */
#include "base/error.h"
#include "graph/op.h"
#include "graph/passes/rewrite.h"

/* The addends, the last one first, and the additions between them. */
typedef struct addends {
    tensor *at[SUM_MOST];
    int n;
    node *inside[SUM_MOST];
    int n_inside;
} addends;

/* Returns n if it is an addition of two maps of one shape, else NULL. */
static node *addition(node *n)
{
    return n && n->op == OP_binary && n->attr.binary == BINARY_ADD && op_same_shape(n->in[0], n->in[1]) ? n : NULL;
}

/* Returns the addition that makes t, if t has no other reader; else NULL. */
static node *inner(const rewrite *r, const tensor *t)
{
    return addition(rewrite_maker(r, t, OP_binary));
}

/* Follows one side only, so that the order of additions, and with it every bit of the result, stays the same: x + (a +
 * b) is (a + b) + x, but not (x + a) + b. */
static void collect(const rewrite *r, node *add, addends *out)
{
    *out = (addends){0};
    while (out->n < SUM_MOST - 2) {
        int side = inner(r, add->in[0]) ? 0 : 1;
        node *next = inner(r, add->in[side]);
        if (!next)
            break;
        out->at[out->n++] = add->in[1 - side];
        out->inside[out->n_inside++] = add = next;
    }
    out->at[out->n++] = add->in[1];
    out->at[out->n++] = add->in[0];
}

/* Returns the resize that makes t, if it mixes two pixels along an axis, as op_sum does; else NULL. */
static node *resized(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_resize);
    return n && !n->attr.resize.cubic ? n : NULL;
}

/* Two maps without resizes are left alone: the node that makes one of them can add the other as it writes (fuse_conv,
 * fuse_norm). */
static bool for_others(const rewrite *r, const graph *g, const addends *a, bool relu)
{
    if (a->n > 2 || resized(r, a->at[0]) || resized(r, a->at[1]))
        return false;
    op_kind maker = g->train ? OP_batch_norm_train : OP_conv2d;
    return !relu || rewrite_maker(r, a->at[0], maker) || rewrite_maker(r, a->at[1], maker);
}

/* last: the addition, or the ReLU after it. Sets `taken`, by tensor id, for additions that are part of it now. */
static cseg_status fuse(graph *g, const rewrite *r, node *last, bool *taken, cseg_error *err)
{
    bool relu = last->op == OP_unary;
    node *add = relu ? inner(r, last->in[0]) : addition(last);
    addends a;
    if (!add)
        return CSEG_OK;
    collect(r, add, &a);
    if (for_others(r, g, &a, relu))
        return CSEG_OK;
    op_attr attr = {.sum = {.relu = relu}};
    tensor *in[SUM_MOST];
    for (int i = 0; i < a.n; i++) {
        in[i] = a.at[a.n - 1 - i];
        node *resize = resized(r, in[i]);
        if (!resize)
            continue;
        in[i] = resize->in[0];
        attr.sum.from[i] = resize->attr.resize;
    }
    tensor *y = op_sum(g, in, a.n, &attr.sum);
    if (!y)
        return graph_status(g, err);
    y->from->scope = add->scope;
    y->from->checkpoint = add->checkpoint;
    rewrite_replace(g, last->out[0], y);
    taken[add->out[0]->id] = true;
    for (int i = 0; i < a.n_inside; i++)
        taken[a.inside[i]->out[0]->id] = true;
    return CSEG_OK;
}

cseg_status pass_fuse_sum(graph *g, cseg_error *err)
{
    rewrite r;
    bool *taken = ARENA_ARRAY(g->mem, g->tensors.n, bool);
    if (!taken || !rewrite_count(&r, g))
        return fail_memory(err);
    /* Backwards, so that the longest sums are found first. */
    for (size_t i = g->nodes.n; i-- > 0;) {
        node *n = g->nodes.at[i];
        bool relu = n->op == OP_unary && n->attr.unary.kind == UNARY_RELU;
        if (relu || (addition(n) && !taken[n->out[0]->id]))
            TRY(fuse(g, &r, n, taken, err));
    }
    return CSEG_OK;
}
