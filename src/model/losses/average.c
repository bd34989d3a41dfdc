#include "model/losses/average.h"

#include <float.h>
#include <string.h>

bool mmdet_loss_begin(module *m, const char *reduction)
{
    if (strcmp(reduction, "sum") == 0)
        model_fail(m->model, CSEG_CONFIG, module_at(m, "reduction"),
                   "%s: reduction='sum' does not go with the number that the head divides by: take 'mean'", m->name);
    return !model_failed(m->model);
}

/* The number of losses in rows that count, at least 1, as a scalar. */
static tensor *number_of(graph *g, const tensor *each, double stands_for, tensor *weight)
{
    float all = (float)((double)tensor_count(each) * stands_for);
    if (!weight)
        return graph_const(g, DT_F32, 0, NULL, &all);
    tensor *rows = op_reduce_sum(g, weight, (1u << weight->rank) - 1, false);
    tensor *n = op_scale(g, rows, all / (float)tensor_count(weight), 0);
    return op_unary(g, n, (unary_attr){.kind = UNARY_CLAMP, .alpha = 1, .beta = FLT_MAX});
}

tensor *loss_averaged(graph *g, tensor *each, double stands_for, const loss_io *io, const char *reduction,
                      double loss_weight)
{
    int64_t dim[TENSOR_MAX_RANK] = {1, 1, 1, 1, 1, 1};
    if (!each)
        return NULL;
    for (int i = 0; io->weight && i < io->weight->rank; i++)
        dim[i] = io->weight->dim[i];
    tensor *sum = io->weight ? op_mul(g, each, op_reshape(g, io->weight, each->rank, dim)) : each;
    sum = op_reduce_sum(g, sum, (1u << each->rank) - 1, false);
    tensor *by = io->avg_factor && strcmp(reduction, "mean") == 0 ? op_scale(g, io->avg_factor, 1, FLT_EPSILON)
                                                                  : number_of(g, each, stands_for, io->weight);
    return op_scale(g, op_binary(g, sum, by, BINARY_DIV), (float)loss_weight, 0);
}

double loss_stands_for(const loss_io *io)
{
    return io->rows && io->rows->label ? (double)(io->rows->label->dim[1] * io->rows->label->dim[2]) : 1;
}

tensor *mask_rows_sums(graph *g, const mask_rows *r, masks_attr a)
{
    a.h = r->h;
    a.w = r->w;
    a.classes = r->classes;
    tensor *y = op_mask_sums(g, r->masks, r->class_of, r->label, a);
    return y ? op_reshape(g, y, 2, (int64_t[]){y->dim[0] * y->dim[1], y->dim[2]}) : NULL;
}

tensor *losses_of_classes(graph *g, tensor *x, tensor *label, tensor *class_weight, int64_t ignored)
{
    int64_t classes = tensor_channels(x), rows = tensor_count(label);
    x = op_reshape(g, x, 4, (int64_t[]){1, 1, rows, classes});
    label = op_reshape(g, label, 3, (int64_t[]){1, 1, rows});
    return op_cross_entropy(g, x, label, class_weight, NULL,
                            (loss_attr){.ignore_index = ignored, .avg = AVG_NONE, .scale = 1});
}
