/* Multi-scale deformable attention: each query reads a few numbers between the pixels of maps. */
#include "graph/op.h"

/* Checks value [N,S,heads,d], at [Q,2], offset [N,Q,heads,levels,points,2] and share [N,Q,heads,levels,points]. */
static const char *check(graph *g, const node *n)
{
    const tensor *value = n->in[0], *at = n->in[1], *offset = n->in[2], *share = n->in[3];
    const deform_attr *a = &n->attr.deform;
    int64_t tokens = 0;
    if (value->rank != 4)
        return "takes values [N,S,heads,d]";
    if (offset->rank != 6 || offset->dim[5] != 2 || offset->dim[0] != value->dim[0] || offset->dim[2] != value->dim[2])
        return op_mismatch(g, "values and offsets", value, offset);
    if (at->rank != 2 || at->dim[0] != offset->dim[1] || at->dim[1] != 2)
        return op_mismatch(g, "places and offsets", at, offset);
    if (at->needs_grad)
        return "has no gradient of the places";
    bool fits = share->rank == 5;
    for (int i = 0; i < 5; i++)
        fits = fits && share->dim[i] == offset->dim[i];
    if (!fits)
        return op_mismatch(g, "offsets and shares", offset, share);
    if (a->levels != offset->dim[3] || a->levels > DEFORM_LEVELS)
        return op_say(g, "has %d levels (at most %d), but offsets for %lld", a->levels, DEFORM_LEVELS,
                      (long long)offset->dim[3]);
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
    const tensor *value = n->in[0], *offset = n->in[2];
    op_out(n, 0, DT_F32, 3, (int64_t[]){offset->dim[0], offset->dim[1], value->dim[2] * value->dim[3]});
    return NULL;
}

static void deform_attention_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    static const int of[] = {0, 2, 3};
    tensor *in[] = {n->in[0], n->in[1], n->in[2], n->in[3], dy[0]};
    node *d = graph_add_node(g, OP_deform_attention_grad, 5, in, 3, &n->attr);
    for (int i = 0; d && i < 3; i++)
        din[of[i]] = op_wants(n, of[i]) ? d->out[i] : NULL;
}

static const char *deform_attention_grad_infer(graph *g, node *n)
{
    const char *wrong = check(g, n);
    for (int i = 0; !wrong && i < 3; i++)
        op_out_like(n, i, n->in[i ? i + 1 : 0]);
    return wrong;
}

const op_def op_def_deform_attention = {.name = "deform_attention",
                                        .infer = deform_attention_infer,
                                        .grad = deform_attention_grad,
                                        .required = 4,
                                        .types = "f"};
const op_def op_def_deform_attention_grad = {
    .name = "deform_attention_grad", .infer = deform_attention_grad_infer, .required = 5, .types = "f"};

tensor *op_deform_attention(graph *g, tensor *value, tensor *at, tensor *offset, tensor *share, deform_attr a)
{
    op_attr attr = {.deform = a};
    return op_node1(g, OP_deform_attention, 4, (tensor *[]){value, at, offset, share}, &attr);
}
