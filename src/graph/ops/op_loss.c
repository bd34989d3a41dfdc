/* Losses on label maps, and the accuracy. */
#include "graph/op.h"

static const char *label_fits(graph *g, const node *n)
{
    const tensor *logits = n->in[0], *label = n->in[1];
    bool resized = n->attr.loss.resized;
    if (label->rank < 1 || logits->rank != label->rank + 1 || logits->dim[0] != label->dim[0] ||
        (resized && label->rank != 3))
        return op_mismatch(g, "logits and labels", logits, label);
    for (int i = 0; i < label->rank && !resized; i++)
        if (logits->dim[i] != label->dim[i])
            return op_mismatch(g, "logits and labels", logits, label);
    const tensor *class_weight = op_in(n, 2), *weight = op_in(n, 3);
    if (class_weight && tensor_count(class_weight) != logits->dim[logits->rank - 1])
        return op_say(g, "%lld class weights for %lld classes", (long long)tensor_count(class_weight),
                      (long long)logits->dim[logits->rank - 1]);
    if (weight && !op_same_shape(weight, label))
        return op_mismatch(g, "weights and labels", weight, label);
    return NULL;
}

/* loss, divisor, and as a third output the accuracy if a pass has added it. */
static const char *loss_infer(graph *g, node *n)
{
    for (int i = 0; i < n->n_out; i++)
        op_out(n, i, DT_F32, 0, NULL);
    if (n->op == OP_cross_entropy && n->attr.loss.avg == AVG_NONE)
        op_out_like(n, 0, n->in[1]);
    if (n->op == OP_binary_cross_entropy && n->attr.loss.avg == AVG_CLASS_WEIGHT)
        return "cannot be averaged by class weights: the reference has no such mean";
    if (n->op == OP_binary_cross_entropy && n->attr.loss.avg == AVG_NONE)
        return "gives no loss for each pixel; sigmoid_cross_entropy does";
    return label_fits(g, n);
}

static void loss_grad(graph *g, node *n, op_kind op, tensor *dy, tensor **din)
{
    if (op_wants(n, 0))
        din[0] =
            op_node1(g, op, 6, (tensor *[]){n->in[0], n->in[1], op_in(n, 2), op_in(n, 3), n->out[1], dy}, &n->attr);
}

static void cross_entropy_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    loss_grad(g, n, OP_cross_entropy_grad, dy[0], din);
}

static void binary_cross_entropy_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    loss_grad(g, n, OP_binary_cross_entropy_grad, dy[0], din);
}

const op_def op_def_cross_entropy = {
    .name = "cross_entropy", .infer = loss_infer, .grad = cross_entropy_grad, .required = 2, .types = "fif"};
const op_def op_def_cross_entropy_grad = {
    .name = "cross_entropy_grad", .infer = op_like_first, .required = 2, .types = "fif"};
const op_def op_def_binary_cross_entropy = {.name = "binary_cross_entropy",
                                            .infer = loss_infer,
                                            .grad = binary_cross_entropy_grad,
                                            .required = 2,
                                            .types = "fif"};
const op_def op_def_binary_cross_entropy_grad = {
    .name = "binary_cross_entropy_grad", .infer = op_like_first, .required = 2, .types = "fif"};

static tensor *loss(graph *g, op_kind op, tensor *logits, tensor *label, tensor *class_weight, tensor *weight,
                    loss_attr a)
{
    op_attr attr = {.loss = a};
    node *n = graph_add_node(g, op, 4, (tensor *[]){logits, label, class_weight, weight}, 2, &attr);
    return n ? n->out[0] : NULL;
}

tensor *op_cross_entropy(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight, loss_attr a)
{
    return loss(g, OP_cross_entropy, logits, label, class_weight, weight, a);
}

const op_def op_def_accuracy = {.name = "accuracy", .infer = loss_infer, .required = 2, .types = "fi"};

tensor *op_accuracy(graph *g, tensor *logits, tensor *label, int64_t ignore_index)
{
    op_attr a = {.loss = {.ignore_index = ignore_index}};
    return op_node1(g, OP_accuracy, 2, (tensor *[]){logits, label}, &a);
}

static const char *one_hot_infer(graph *g, node *n)
{
    (void)g;
    const tensor *label = n->in[0];
    if (label->rank + 1 > TENSOR_MAX_RANK)
        return "has no room for one more axis";
    op_out(n, 0, DT_F32, label->rank + 1, label->dim);
    n->out[0]->dim[label->rank] = n->attr.axis.size;
    return NULL;
}
const op_def op_def_one_hot = {.name = "one_hot", .infer = one_hot_infer, .required = 1, .types = "i"};

tensor *op_one_hot(graph *g, tensor *label, int64_t classes)
{
    op_attr a = {.axis = {.size = classes}};
    return op_node1(g, OP_one_hot, 1, &label, &a);
}

/* [N,K]: the first axis counts images. */
static const char *presence_infer(graph *g, node *n)
{
    (void)g;
    if (n->in[0]->rank < 1)
        return "needs at least one axis";
    op_out(n, 0, DT_F32, 2, (int64_t[]){n->in[0]->dim[0], n->attr.axis.size});
    return NULL;
}
const op_def op_def_presence = {.name = "presence", .infer = presence_infer, .required = 1, .types = "i"};

tensor *op_presence(graph *g, tensor *label, int64_t classes)
{
    op_attr a = {.axis = {.size = classes}};
    return op_node1(g, OP_presence, 1, &label, &a);
}

static const char *sigmoid_infer(graph *g, node *n)
{
    const tensor *x = n->in[0], *class_weight = op_in(n, 2);
    op_out_like(n, 0, x);
    if (!op_same_shape(x, n->in[1]))
        return op_mismatch(g, "logits and target", x, n->in[1]);
    if (class_weight && (!x->rank || tensor_count(class_weight) != x->dim[x->rank - 1]))
        return op_mismatch(g, "logits and class weights", x, class_weight);
    return NULL;
}

static void sigmoid_grad(graph *g, node *n, tensor *const *dy, tensor **din)
{
    tensor *in[] = {n->in[0], n->in[1], op_in(n, 2), dy[0]};
    if (op_wants(n, 1) || op_wants(n, 2))
        graph_fail(g, CSEG_UNSUPPORTED, "sigmoid_cross_entropy: only the logits have a gradient; detach the others");
    else
        din[0] = op_node1(g, OP_sigmoid_cross_entropy_grad, 4, in, NULL);
}
const op_def op_def_sigmoid_cross_entropy = {
    .name = "sigmoid_cross_entropy", .infer = sigmoid_infer, .grad = sigmoid_grad, .required = 2, .types = "f"};
const op_def op_def_sigmoid_cross_entropy_grad = {
    .name = "sigmoid_cross_entropy_grad", .infer = sigmoid_infer, .required = 2, .types = "f"};

tensor *op_sigmoid_cross_entropy(graph *g, tensor *x, tensor *target, tensor *class_weight)
{
    return op_node1(g, OP_sigmoid_cross_entropy, 3, (tensor *[]){x, target, class_weight}, NULL);
}

/* Adds a last axis of size 1 to t. */
static tensor *beside_classes(graph *g, tensor *t)
{
    int64_t dim[TENSOR_MAX_RANK] = {0};
    for (int i = 0; t && i < t->rank && i < TENSOR_MAX_RANK; i++)
        dim[i] = t->dim[i];
    if (t && t->rank < TENSOR_MAX_RANK)
        dim[t->rank] = 1;
    return t ? op_reshape(g, t, t->rank + 1, dim) : NULL;
}

/* The loss of each pair, from the terms that op_binary_cross_entropy sums. */
static tensor *each_pair(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight, loss_attr a)
{
    if (!op_given(g, "binary_cross_entropy", logits) || !op_given(g, "binary_cross_entropy", label))
        return NULL;
    int64_t classes = logits->rank ? logits->dim[logits->rank - 1] : 1;
    tensor *valid = op_and(g, op_compare_to(g, label, COMPARE_GE, 0),
                           op_compare_to(g, label, COMPARE_LT, classes == 1 ? 2 : (double)classes));
    valid = op_and(g, valid, op_compare_to(g, label, COMPARE_NE, (double)a.ignore_index));
    tensor *share = op_scale(g, op_cast(g, valid, DT_F32), a.scale, 0);
    if (weight)
        share = op_mul(g, share, weight);
    tensor *target = classes == 1 ? beside_classes(g, op_cast(g, op_compare_to(g, label, COMPARE_EQ, 1), DT_F32))
                                  : op_one_hot(g, label, classes);
    tensor *y = op_mul(g, op_sigmoid_cross_entropy(g, logits, target, class_weight), beside_classes(g, share));
    return y && classes == 1 ? op_reshape(g, y, label->rank, label->dim) : y;
}

tensor *op_binary_cross_entropy(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight,
                                loss_attr a)
{
    if (a.avg == AVG_NONE)
        return each_pair(g, logits, label, class_weight, weight, a);
    return loss(g, OP_binary_cross_entropy, logits, label, class_weight, weight, a);
}
