/* PSANet's masks, one around each pixel, as matrices between the pixels of a map. */
#include "graph/op.h"

static const char *psa_mask_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    const psa_mask_attr *a = &n->attr.mask;
    if (x->rank != 4 || a->mask_h < 1 || a->mask_w < 1 || x->dim[3] / a->mask_w != a->mask_h || x->dim[3] % a->mask_w)
        return op_say(g, "needs a map [N,H,W,mask], the mask's numbers %lld x %lld", (long long)a->mask_h,
                      (long long)a->mask_w);
    int64_t pixels = x->dim[1] * x->dim[2];
    n->attr.mask.h = x->dim[1];
    n->attr.mask.w = x->dim[2];
    op_out(n, 0, DT_F32, 3, (int64_t[]){x->dim[0], pixels, pixels});
    return NULL;
}

static void psa_mask_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_psa_mask_grad, 1, dy, &n->attr);
}
const op_def op_def_psa_mask = {
    .name = "psa_mask", .infer = psa_mask_infer, .grad = psa_mask_grad, .required = 1, .types = "f", .cheap = true};

static const char *psa_mask_grad_infer(graph *g, node *n)
{
    const tensor *dy = n->in[0];
    const psa_mask_attr *a = &n->attr.mask;
    if (dy->rank != 3 || dy->dim[1] != a->h * a->w || dy->dim[2] != dy->dim[1])
        return op_say(g, "needs [N,pixels,pixels] of a map of %lld x %lld", (long long)a->h, (long long)a->w);
    op_out(n, 0, DT_F32, 4, (int64_t[]){dy->dim[0], a->h, a->w, a->mask_h * a->mask_w});
    return NULL;
}
const op_def op_def_psa_mask_grad = {
    .name = "psa_mask_grad", .infer = psa_mask_grad_infer, .required = 1, .types = "f"};

tensor *op_psa_mask(graph *g, tensor *x, int64_t mask_h, int64_t mask_w, bool distribute)
{
    op_attr a = {.mask = {.mask_h = mask_h, .mask_w = mask_w, .distribute = distribute}};
    return op_node1(g, OP_psa_mask, 1, &x, &a);
}
