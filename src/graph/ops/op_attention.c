/* Attention: a softmax over keys of the products with a query, and the mean of the values so weighted. One op, so that
 * a backend need not write the products of all queries and keys. */
#include "graph/op.h"

/* Checks q [..., L, d], k [..., M, d], v [..., M, e]; gives y [..., L, e] and log_sum [..., L]. */
static const char *check(graph *g, const node *n)
{
    const tensor *q = n->in[0], *k = n->in[1], *v = n->in[2];
    int r = q->rank;
    if (r < 2)
        return "needs sequences [..., L, d]";
    if (k->rank != r || v->rank != r || q->dim[r - 1] != k->dim[r - 1])
        return op_mismatch(g, "queries and keys", q, k);
    if (k->dim[r - 2] != v->dim[r - 2])
        return op_mismatch(g, "keys and values", k, v);
    for (int i = 0; i < r - 2; i++)
        if (q->dim[i] != k->dim[i] || q->dim[i] != v->dim[i])
            return op_mismatch(g, "batches of sequences", q, q->dim[i] != k->dim[i] ? k : v);
    return k->dim[r - 2] < 1 ? "has no keys" : NULL;
}

static const char *attention_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    if (wrong)
        return wrong;
    const tensor *q = n->in[0], *v = n->in[2];
    op_out(n, 0, DT_F32, q->rank, q->dim);
    n->out[0]->dim[q->rank - 1] = v->dim[v->rank - 1];
    op_out(n, 1, DT_F32, q->rank - 1, q->dim);
    return NULL;
}

static void attention_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *in[] = {n->in[0], n->in[1], n->in[2], n->out[0], n->out[1], dy[0]};
    node *d = graph_add_node(g, OP_attention_grad, 6, in, 3, &n->attr);
    for (int i = 0; d && i < 3; i++)
        din[i] = op_wants(n, i) ? d->out[i] : NULL;
}

static const char *attention_grad_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    for (int i = 0; !wrong && i < 3; i++)
        op_out_like(n, i, n->in[i]);
    return wrong;
}

/* Of all queries with all keys, and of all shares with all values. */
static double attention_work(const node *n)
{
    const tensor *q = n->in[0], *v = n->in[2];
    return (double)(tensor_count(q) * v->dim[v->rank - 2] + tensor_count(v) * q->dim[q->rank - 2]);
}

/* Five products: that of the softmax once more, and one for each factor of the two. */
static double attention_grad_work(const node *n)
{
    const tensor *q = n->in[0], *v = n->in[2];
    return (double)(3 * tensor_count(q) * v->dim[v->rank - 2] + 2 * tensor_count(v) * q->dim[q->rank - 2]);
}

const op_def op_def_attention = {.name = "attention",
                                 .infer = attention_infer,
                                 .grad = attention_grad,
                                 .required = 3,
                                 .types = "f",
                                 .multiply_adds = attention_work};
const op_def op_def_attention_grad = {.name = "attention_grad",
                                      .infer = attention_grad_infer,
                                      .required = 6,
                                      .types = "f",
                                      .multiply_adds = attention_grad_work};

tensor *op_attention(graph *g, tensor *q, tensor *k, tensor *v, float scale)
{
    op_attr attr = {.axis = {.value = scale}};
    node *n = graph_add_node(g, OP_attention, 3, (tensor *[]){q, k, v}, 2, &attr);
    return n ? n->out[0] : NULL;
}
