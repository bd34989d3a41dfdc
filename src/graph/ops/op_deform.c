/* Multi-scale deformable attention: each query reads a few numbers between the pixels of maps. */
#include "graph/op.h"

/* Checks value [N,S,heads,d], at [N,Q,heads,levels,points,2] and share [N,Q,heads,levels,points]. */
static const char *check(graph *g, const node *n)
{
    const tensor *value = n->in[0], *at = n->in[1], *share = n->in[2];
    const deform_attr *a = &n->attr.deform;
    int64_t tokens = 0;
    if (value->rank != 4)
        return "takes values [N,S,heads,d]";
    if (at->rank != 6 || at->dim[5] != 2 || at->dim[0] != value->dim[0] || at->dim[2] != value->dim[2])
        return op_mismatch(g, "values and places", value, at);
    bool fits = share->rank == 5;
    for (int i = 0; i < 5; i++)
        fits = fits && share->dim[i] == at->dim[i];
    if (!fits)
        return op_mismatch(g, "places and shares", at, share);
    if (a->levels != at->dim[3] || a->levels > DEFORM_LEVELS)
        return op_say(g, "has %d levels (at most %d), but places for %lld", a->levels, DEFORM_LEVELS,
                      (long long)at->dim[3]);
    for (int i = 0; i < a->levels; i++)
        tokens += a->h[i] * a->w[i];
    if (tokens != value->dim[1])
        return op_say(g, "has maps of %lld pixels, but %lld values", (long long)tokens, (long long)value->dim[1]);
    return NULL;
}

static const char *deform_attention_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    if (wrong)
        return wrong;
    const tensor *value = n->in[0], *at = n->in[1];
    op_out(n, 0, DT_F32, 3, (int64_t[]){at->dim[0], at->dim[1], value->dim[2] * value->dim[3]});
    return NULL;
}

static void deform_attention_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *in[] = {n->in[0], n->in[1], n->in[2], dy[0]};
    node *d = graph_add_node(g, OP_deform_attention_grad, 4, in, 3, &n->attr);
    for (int i = 0; d && i < 3; i++)
        din[i] = op_wants(n, i) ? d->out[i] : NULL;
}

static const char *deform_attention_grad_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    for (int i = 0; !wrong && i < 3; i++)
        op_out_like(n, i, n->in[i]);
    return wrong;
}

const op_def op_def_deform_attention = {.name = "deform_attention",
                                        .infer = deform_attention_infer,
                                        .grad = deform_attention_grad,
                                        .required = 3,
                                        .types = "f"};
const op_def op_def_deform_attention_grad = {
    .name = "deform_attention_grad", .infer = deform_attention_grad_infer, .required = 4, .types = "f"};

tensor *op_deform_attention(graph *g, tensor *value, tensor *at, tensor *share, deform_attr a)
{
    op_attr attr = {.deform = a};
    return op_node1(g, OP_deform_attention, 3, (tensor *[]){value, at, share}, &attr);
}
