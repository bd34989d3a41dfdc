/* A sum of several maps, some of which are resized first, in one pass over memory. */
#include "graph/op.h"

static bool is_resized(const node *n, int i)
{
    return n->attr.sum.from[i].h > 0;
}

/* The shape of input i after its resize; it must be the same for all inputs. */
static void resized_shape(const node *n, int i, tensor *out)
{
    const tensor *x = n->in[i];
    out->rank = x->rank;
    for (int k = 0; k < x->rank; k++)
        out->dim[k] = x->dim[k];
    if (is_resized(n, i)) {
        out->dim[1] = n->attr.sum.from[i].h;
        out->dim[2] = n->attr.sum.from[i].w;
    }
}

static const char *sum_infer(graph *g, node *n)
{
    tensor y = {0}, x = {0};
    char text[96];
    if (n->n_in > SUM_MOST)
        return op_say(g, "%d inputs; it takes at most %d", n->n_in, SUM_MOST);
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i])
            return op_say(g, "input %d is missing", i);
        if (is_resized(n, i) && (n->in[i]->rank != 4 || n->attr.sum.from[i].w < 1))
            return op_say(g, "input %d, %s, cannot be resized: it is no map [N, H, W, C]", i,
                          tensor_shape_text(n->in[i], text));
        resized_shape(n, i, i ? &x : &y);
        if (i && !op_same_shape(&x, &y))
            return op_mismatch(g, "what is added", &y, &x);
    }
    op_out_like(n, 0, &y);
    return NULL;
}

/* ReLU's mask is applied once; all inputs of the output's size share the resulting tensor. */
static void sum_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *d = dy[0];
    if (n->attr.sum.relu) {
        op_attr relu = {.unary = {.kind = UNARY_RELU}};
        d = op_node1(g, OP_unary_grad, 3, (tensor *[]){NULL, n->out[0], d}, &relu);
    }
    for (int i = 0; i < n->n_in; i++) {
        if (!op_wants(n, i))
            continue;
        op_attr a = {.resize = n->attr.sum.from[i]};
        a.resize.h = n->in[i]->dim[1];
        a.resize.w = n->in[i]->dim[2];
        din[i] = is_resized(n, i) ? op_node1(g, OP_resize_grad, 1, &d, &a) : d;
    }
}
const op_def op_def_sum = {
    .name = "sum", .infer = sum_infer, .grad = sum_grad, .required = 1, .types = "f", .cheap = true};

tensor *op_sum(graph *g, tensor *const *x, int n, const sum_attr *a)
{
    op_attr attr = {.sum = *a};
    return op_node1(g, OP_sum, n, x, &attr);
}
