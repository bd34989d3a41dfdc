/* Cuts a tensor into parts along an axis: one node, whose gradient is one concatenation. */
#include "graph/op.h"

static const char *split_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    const split_attr *a = &n->attr.split;
    char text[96];
    if (a->axis < 0 || a->axis >= x->rank)
        return "there is no such axis";
    int64_t left = x->dim[a->axis];
    for (int i = 0; i < n->n_out; i++) {
        if (a->size[i] < 1 || a->size[i] > left)
            return op_say(g, "part %d of %lld does not fit into axis %d of %s", i, (long long)a->size[i], a->axis,
                          tensor_shape_text(x, text));
        left -= a->size[i];
        op_out(n, i, x->type, x->rank, x->dim);
        n->out[i]->dim[a->axis] = a->size[i];
    }
    return left ? op_say(g, "the parts leave %lld of axis %d of %s", (long long)left, a->axis,
                         tensor_shape_text(x, text))
                : NULL;
}

static void split_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *part[SPLIT_MOST];
    for (int i = 0; i < n->n_out; i++)
        part[i] = dy[i] ? dy[i] : op_fill(g, n->out[i]->rank, n->out[i]->dim, 0);
    din[0] = op_concat(g, part, n->n_out, n->attr.split.axis);
}
const op_def op_def_split = {.name = "split",
                             .infer = split_infer,
                             .grad = split_grad,
                             .all_outputs = true,
                             .required = 1,
                             .types = "*",
                             .cheap = true};

void op_split(graph *g, tensor *x, int axis, int n, const int64_t *size, tensor **out)
{
    for (int i = 0; i < n; i++)
        out[i] = NULL;
    if (!op_given(g, "split", x))
        return;
    op_attr a = {.split = {.axis = axis < 0 ? axis + x->rank : axis}};
    if (n < 1 || n > SPLIT_MOST || a.split.axis < 0 || a.split.axis >= x->rank) {
        graph_fail(g, CSEG_SHAPE, "split: into %d parts along axis %d; 1 to %d are possible", n, axis, SPLIT_MOST);
        return;
    }
    int64_t whole = x->dim[a.split.axis];
    if (!size && whole % n) {
        graph_fail(g, CSEG_SHAPE, "split: %lld is not %d equal parts", (long long)whole, n);
        return;
    }
    for (int i = 0; i < n; i++)
        a.split.size[i] = size ? size[i] : whole / n;
    node *made = graph_add_node(g, OP_split, 1, &x, n, &a);
    for (int i = 0; made && i < n; i++)
        out[i] = made->out[i];
}
