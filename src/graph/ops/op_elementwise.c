/* Functions of one element, sums and products of two, and PReLU. */
#include "graph/op.h"

/* Sets what the slope is computed from: x, y or both. The other one is not kept for the gradient, so its memory can be
 * reused. */
static void slope_needs(const unary_attr *a, bool *x, bool *y)
{
    switch (a->kind) {
    case UNARY_RELU:
    case UNARY_RELU6:
    case UNARY_SIGMOID:
    case UNARY_TANH:
    case UNARY_HSIGMOID:
    case UNARY_EXP:
    case UNARY_SQRT:
    case UNARY_RECIPROCAL:
    case UNARY_CLAMP:
        *y = true;
        break;
    case UNARY_LEAKY_RELU: /* y has the sign of x unless alpha is negative */
        *y = a->alpha >= 0;
        *x = !*y;
        break;
    case UNARY_ELU:
        *y = true;
        *x = a->alpha <= 0;
        break;
    default:
        *x = true;
        break;
    }
}

static void unary_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    if (n->attr.unary.kind == UNARY_SCALE) {
        din[0] = op_scale(g, dy[0], n->attr.unary.alpha, 0);
        return;
    }
    bool x = false, y = false;
    slope_needs(&n->attr.unary, &x, &y);
    din[0] = op_node1(g, OP_unary_grad, 3, (tensor *[]){x ? n->in[0] : NULL, y ? n->out[0] : NULL, dy[0]}, &n->attr);
}

static const char *unary_grad_infer(graph *g, node *n)
{
    (void)g;
    if (n->n_in != 3 || !n->in[2])
        return "needs the gradient of its output";
    op_out_like(n, 0, n->in[2]);
    return NULL;
}
const op_def op_def_unary = {
    .name = "unary", .infer = op_like_first, .grad = unary_grad, .required = 1, .types = "f", .cheap = true};
const op_def op_def_unary_grad = {.name = "unary_grad", .infer = unary_grad_infer, .types = "f"};

tensor *op_unary(graph *g, tensor *x, unary_attr a)
{
    op_attr attr = {.unary = a};
    return op_node1(g, OP_unary, 1, &x, &attr);
}

tensor *op_relu(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_RELU});
}

tensor *op_sigmoid(graph *g, tensor *x)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SIGMOID});
}

tensor *op_scale(graph *g, tensor *x, float alpha, float beta)
{
    return op_unary(g, x, (unary_attr){.kind = UNARY_SCALE, .alpha = alpha, .beta = beta});
}

static const char *prelu_infer(graph *g, node *n)
{
    const tensor *x = n->in[0];
    int64_t slopes = tensor_count(n->in[1]);
    op_out_like(n, 0, x);
    return slopes == 1 || (x->rank && slopes == x->dim[x->rank - 1]) ? NULL
                                                                     : op_mismatch(g, "map and slope", x, n->in[1]);
}

static void prelu_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    node *d = graph_add_node(g, OP_prelu_grad, 3, (tensor *[]){n->in[0], n->in[1], dy[0]}, 2, NULL);
    for (int i = 0; d && i < 2; i++)
        din[i] = d->out[i];
}

static const char *prelu_grad_infer(graph *g, node *n)
{
    (void)g;
    op_out_like(n, 0, n->in[0]);
    op_out_like(n, 1, n->in[1]);
    return NULL;
}
const op_def op_def_prelu = {.name = "prelu", .infer = prelu_infer, .grad = prelu_grad, .required = 2, .types = "f"};
const op_def op_def_prelu_grad = {.name = "prelu_grad", .infer = prelu_grad_infer, .required = 3, .types = "f"};

tensor *op_prelu(graph *g, tensor *x, tensor *slope)
{
    return op_node1(g, OP_prelu, 2, (tensor *[]){x, slope}, NULL);
}

static const char *binary_infer(graph *g, node *n)
{
    int64_t dim[TENSOR_MAX_RANK];
    const char *wrong = op_repeated_shape(g, n, 2, dim);
    if (!wrong)
        op_out(n, 0, DT_F32, n->in[0]->rank, dim);
    return wrong;
}

/* The part of the gradient that goes to a: 1 if max or min chose it, 0 if not, 1/2 if both are equal, as in PyTorch. */
static tensor *chosen(graph *g, tensor *a, tensor *b, binary_kind kind)
{
    tensor *d = kind == BINARY_MAX ? op_sub(g, a, b) : op_sub(g, b, a);
    /* The sign of the difference. Differences of ordinary numbers are not below 1e-30. */
    return op_unary(g, op_scale(g, d, 1e30f, 0.5f), (unary_attr){.kind = UNARY_CLAMP, .alpha = 0, .beta = 1});
}

static void binary_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *d = dy[0];
    tensor *a = n->in[0], *b = n->in[1], *da = NULL, *db = NULL;
    bool wa = op_wants(n, 0), wb = op_wants(n, 1);
    switch (n->attr.binary) {
    case BINARY_ADD:
        da = d;
        db = d;
        break;
    case BINARY_SUB:
        da = d;
        db = wb ? op_scale(g, d, -1, 0) : NULL;
        break;
    case BINARY_MUL:
        da = wa ? op_mul(g, d, b) : NULL;
        db = wb ? op_mul(g, d, a) : NULL;
        break;
    case BINARY_DIV:
        da = wa ? op_binary(g, d, b, BINARY_DIV) : NULL;
        db = wb ? op_scale(g, op_binary(g, op_mul(g, d, n->out[0]), b, BINARY_DIV), -1, 0) : NULL;
        break;
    case BINARY_MAX:
    case BINARY_MIN:
        da = op_mul(g, d, chosen(g, a, b, n->attr.binary));
        db = wb ? op_sub(g, d, da) : NULL;
        break;
    }
    din[0] = wa ? op_unrepeat(g, da, a) : NULL;
    din[1] = wb ? op_unrepeat(g, db, b) : NULL;
}
const op_def op_def_binary = {
    .name = "binary", .infer = binary_infer, .grad = binary_grad, .required = 2, .types = "f", .cheap = true};

tensor *op_binary(graph *g, tensor *a, tensor *b, binary_kind kind)
{
    op_attr attr = {.binary = kind};
    return op_node1(g, OP_binary, 2, (tensor *[]){a, b}, &attr);
}

tensor *op_add(graph *g, tensor *a, tensor *b)
{
    return op_binary(g, a, b, BINARY_ADD);
}

tensor *op_sub(graph *g, tensor *a, tensor *b)
{
    return op_binary(g, a, b, BINARY_SUB);
}

tensor *op_mul(graph *g, tensor *a, tensor *b)
{
    return op_binary(g, a, b, BINARY_MUL);
}

static const char *fill_infer(graph *g, node *n)
{
    (void)g;
    op_out(n, 0, DT_F32, n->attr.axis.rank, n->attr.axis.dim);
    return NULL;
}
const op_def op_def_fill = {.name = "fill", .infer = fill_infer, .types = "*"};

tensor *op_fill(graph *g, int rank, const int64_t *dim, float v)
{
    op_attr a = {.axis = {.rank = rank, .value = v}};
    for (int i = 0; i < rank && i < TENSOR_MAX_RANK; i++)
        a.axis.dim[i] = dim[i];
    return op_node1(g, OP_fill, 0, NULL, &a);
}
