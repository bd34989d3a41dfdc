/* The entry of the last axis that a label names. */
#include "graph/op.h"

static const char *pick_fits(graph *g, const tensor *wide, const tensor *label)
{
    bool fits = wide->rank == label->rank + 1;
    for (int i = 0; fits && i < label->rank; i++)
        fits = wide->dim[i] == label->dim[i];
    return fits ? NULL : op_mismatch(g, "values and labels", wide, label);
}

static const char *pick_infer(graph *g, node *n)
{
    op_out_like(n, 0, n->in[1]);
    return pick_fits(g, n->in[0], n->in[1]);
}

static void pick_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    op_attr a = {.axis = {.size = n->in[0]->dim[n->in[1]->rank]}};
    din[0] = op_node1(g, OP_pick_grad, 2, (tensor *[]){dy[0], n->in[1]}, &a);
}
const op_def op_def_pick = {
    .name = "pick", .infer = pick_infer, .grad = pick_grad, .required = 2, .types = "fi", .cheap = true};

/* dy, label; the length of the last axis is attr.axis.size */
static const char *pick_grad_infer(graph *g, node *n)
{
    const tensor *label = n->in[1];
    if (label->rank + 1 > TENSOR_MAX_RANK)
        return "has no room for one more axis";
    op_out(n, 0, DT_F32, label->rank + 1, label->dim);
    n->out[0]->dim[label->rank] = n->attr.axis.size;
    return pick_fits(g, n->out[0], label);
}
const op_def op_def_pick_grad = {.name = "pick_grad", .infer = pick_grad_infer, .required = 2, .types = "fi"};

tensor *op_pick(graph *g, tensor *x, tensor *label)
{
    return op_node1(g, OP_pick, 2, (tensor *[]){x, label}, NULL);
}
