/* PSANet's exchange between pixels: masks, one around each pixel, as a matrix between the pixels of a map, and its
 * product with values. */
#include "graph/op.h"

/* Checks masks [N,H,W,mask] and v [N,H*W,C]. */
static const char *check(graph *g, const node *n)
{
    const tensor *x = n->in[0], *v = n->in[1];
    const psa_attr *a = &n->attr.psa;
    if (x->rank != 4 || a->mask_h < 1 || a->mask_w < 1 || x->dim[3] / a->mask_w != a->mask_h || x->dim[3] % a->mask_w)
        return op_say(g, "needs a map [N,H,W,mask], the mask's numbers %lld x %lld", (long long)a->mask_h,
                      (long long)a->mask_w);
    if (v->rank != 3 || v->dim[0] != x->dim[0] || v->dim[1] != x->dim[1] * x->dim[2])
        return op_mismatch(g, "masks and values", x, v);
    return NULL;
}

static const char *exchange_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    if (wrong)
        return wrong;
    n->attr.psa.h = n->in[0]->dim[1];
    n->attr.psa.w = n->in[0]->dim[2];
    op_out_like(n, 0, n->in[1]);
    op_out(n, 1, DT_F32, 2, n->in[1]->dim);
    return NULL;
}

static void exchange_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *in[] = {n->in[0], n->in[1], n->out[0], n->out[1], dy[0]};
    node *d = graph_add_node(g, OP_psa_exchange_grad, 5, in, 2, &n->attr);
    for (int i = 0; d && i < 2; i++)
        din[i] = op_wants(n, i) ? d->out[i] : NULL;
}

static const char *exchange_grad_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    for (int i = 0; !wrong && i < 2; i++)
        op_out_like(n, i, n->in[i]);
    return wrong;
}

static double exchange_work(const node *n)
{
    return (double)(tensor_count(n->in[1]) * n->in[1]->dim[1]);
}

/* The gradients of the matrix and of the values. */
static double exchange_grad_work(const node *n)
{
    return 2 * exchange_work(n);
}

const op_def op_def_psa_exchange = {.name = "psa_exchange",
                                    .infer = exchange_infer,
                                    .grad = exchange_grad,
                                    .required = 2,
                                    .types = "f",
                                    .multiply_adds = exchange_work};
const op_def op_def_psa_exchange_grad = {.name = "psa_exchange_grad",
                                         .infer = exchange_grad_infer,
                                         .required = 5,
                                         .types = "f",
                                         .multiply_adds = exchange_grad_work};

tensor *op_psa_exchange(graph *g, tensor *masks, tensor *v, psa_attr a)
{
    op_attr attr = {.psa = a};
    node *n = graph_add_node(g, OP_psa_exchange, 2, (tensor *[]){masks, v}, 2, &attr);
    return n ? n->out[0] : NULL;
}
