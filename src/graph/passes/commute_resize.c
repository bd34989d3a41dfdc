/* Moves 1x1 convolutions before resizes. A 1x1 convolution is linear in each pixel, and resizing is linear across
 * pixels, with weights that add up to 1, so they commute exactly, and so do their gradients. So conv1x1(concat(a,
 * resize(b), ...)) = conv(a, w_a) + resize(conv(b, w_b)) + ...: the convolution runs on the small maps. FCN-HRNet's
 * 720-to-720 convolution shrinks 8 times. */
#include "base/error.h"
#include "graph/passes/rewrite.h"

static bool is_pointwise(const node *n)
{
    const conv_attr *a = &n->attr.conv;
    const tensor *w = n->in[1];
    return n->op == OP_conv2d && w->dim[2] == 1 && w->dim[3] == 1 && a->groups == 1 && a->stride[0] == 1 &&
           a->stride[1] == 1 && a->pad[0] == 0 && a->pad[1] == 0 && !a->act && !a->has_residual;
}

/* Returns the resize that makes t, if it enlarges; else NULL. */
static node *enlarges(const rewrite *r, const tensor *t)
{
    node *n = rewrite_maker(r, t, OP_resize);
    return n && n->in[0]->dim[1] * n->in[0]->dim[2] < t->dim[1] * t->dim[2] ? n : NULL;
}

/* Returns whether the multiply-adds decrease enough: the convolution's output is resized instead of its input, so with
 * far more output than input channels the traffic would cost more than is gained. */
static bool worth(const rewrite *r, tensor *const *part, int n, int64_t channels_out)
{
    int64_t resized = 0;
    for (int i = 0; i < n; i++)
        if (enlarges(r, part[i]))
            resized += part[i]->dim[3];
    return resized > 0 && channels_out <= 4 * resized;
}

static tensor *part_product(graph *g, const rewrite *r, const node *conv, tensor *part, int64_t at, bool whole,
                            bool bias)
{
    node *resize = enlarges(r, part);
    tensor *w = whole ? conv->in[1] : op_slice(g, conv->in[1], 1, at, part->dim[3]);
    tensor *y =
        op_conv2d(g, resize ? resize->in[0] : part, w, bias && conv->n_in > 2 ? conv->in[2] : NULL, conv->attr.conv);
    return resize ? op_resize(g, y, resize->attr.resize) : y;
}

static cseg_status commute(graph *g, const rewrite *r, node *conv, cseg_error *err)
{
    node *concat = rewrite_maker(r, conv->in[0], OP_concat);
    tensor *const *part = concat ? concat->in : conv->in;
    int n = concat ? concat->n_in : 1;
    if (concat && concat->attr.axis.axis != -1 && concat->attr.axis.axis != conv->in[0]->rank - 1)
        return CSEG_OK;
    if (!worth(r, part, n, conv->out[0]->dim[3]))
        return CSEG_OK;
    graph_push_scope(g, conv->scope ? conv->scope : "");
    tensor *sum = NULL;
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        tensor *y = part_product(g, r, conv, part[i], at, n == 1, i == 0);
        sum = sum ? op_add(g, sum, y) : y;
        at += part[i]->dim[3];
    }
    graph_pop_scope(g);
    if (!sum)
        return graph_status(g, err);
    rewrite_replace(g, conv->out[0], sum);
    return CSEG_OK;
}

cseg_status pass_commute_resize(graph *g, cseg_error *err)
{
    rewrite r;
    if (!rewrite_count(&r, g))
        return fail_memory(err);
    size_t n = g->nodes.n;
    for (size_t i = 0; i < n; i++)
        if (is_pointwise(g->nodes.at[i]))
            TRY(commute(g, &r, g->nodes.at[i], err));
    return CSEG_OK;
}
