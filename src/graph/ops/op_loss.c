/* Losses over label maps, and the share of pixels that are right. */
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

/* loss, divisor, and with a third output the accuracy that a pass put beside them. */
static const char *loss_infer(graph *g, node *n)
{
    for (int i = 0; i < n->n_out; i++)
        op_out(n, i, DT_F32, 0, NULL);
    if (n->op == OP_binary_cross_entropy && n->attr.loss.avg == AVG_CLASS_WEIGHT)
        return "cannot be averaged by class weights: the reference has no such mean";
    return label_fits(g, n);
}

static void loss_grad(graph *g, node *n, op_kind op, tensor *dy, tensor **din)
{
    if (op_wants(n, 0))
        din[0] =
            op_node1(g, op, 6, (tensor *[]){n->in[0], n->in[1], op_in(n, 2), op_in(n, 3), n->out[1], dy}, &n->attr);
}

static void cross_entropy_grad(graph *g, node *n, tensor *dy, tensor **din)
{
    loss_grad(g, n, OP_cross_entropy_grad, dy, din);
}

static void binary_cross_entropy_grad(graph *g, node *n, tensor *dy, tensor **din)
{
    loss_grad(g, n, OP_binary_cross_entropy_grad, dy, din);
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

tensor *op_binary_cross_entropy(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight,
                                loss_attr a)
{
    return loss(g, OP_binary_cross_entropy, logits, label, class_weight, weight, a);
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
