/* Masks compared with a label map of more pixels. */
#include "graph/op.h"

static const char *masks_fit(graph *g, const node *n)
{
    const tensor *masks = n->in[0], *class_of = n->in[1], *label = n->in[2];
    const masks_attr *a = &n->attr.masks;
    if (masks->rank != 3 || class_of->rank != 2 || masks->dim[0] != class_of->dim[0] ||
        masks->dim[1] != class_of->dim[1])
        return op_mismatch(g, "masks and classes", masks, class_of);
    if (label->rank != 3 || label->dim[0] != masks->dim[0])
        return op_mismatch(g, "masks and label map", masks, label);
    return a->h * a->w == masks->dim[2] ? NULL
                                        : op_say(g, "%lld pixels are no masks of %lld x %lld", (long long)masks->dim[2],
                                                 (long long)a->h, (long long)a->w);
}

static const char *mask_sums_infer(graph *g, node *n)
{
    const char *wrong = masks_fit(g, n);
    if (!wrong)
        op_out(n, 0, DT_F32, 3, (int64_t[]){n->in[0]->dim[0], n->in[0]->dim[1], n->attr.masks.overlap ? 3 : 1});
    return wrong;
}

static void mask_sums_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    din[0] = op_node1(g, OP_mask_sums_grad, 4, (tensor *[]){n->in[0], n->in[1], n->in[2], dy[0]}, &n->attr);
}
const op_def op_def_mask_sums = {
    .name = "mask_sums", .infer = mask_sums_infer, .grad = mask_sums_grad, .required = 3, .types = "fii"};

static const char *mask_sums_grad_infer(graph *g, node *n)
{
    const char *wrong = masks_fit(g, n);
    return wrong ? wrong : op_like_first(g, n);
}
const op_def op_def_mask_sums_grad = {
    .name = "mask_sums_grad", .infer = mask_sums_grad_infer, .required = 4, .types = "fiif"};

tensor *op_mask_sums(graph *g, tensor *masks, tensor *class_of, tensor *label, masks_attr a)
{
    op_attr attr = {.masks = a};
    return op_node1(g, OP_mask_sums, 3, (tensor *[]){masks, class_of, label}, &attr);
}
