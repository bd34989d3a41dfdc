#include "model/losses/hard_pixels.h"

#include <math.h>

/* A small probability of the right class is a large softmax loss, so losses are compared. */
tensor *hard_pixels(graph *g, const loss_io *io, tensor *valid, double thresh, int64_t kept)
{
    loss_attr a = {.ignore_index = io->ignore_index, .avg = AVG_NONE, .scale = 1};
    tensor *loss = op_cross_entropy(g, io->x, io->target, NULL, NULL, a);
    float most = thresh > 0 ? (float)-log(thresh) : INFINITY;
    tensor *limit = op_binary(g, op_kth_value(g, loss, valid, kept, true), op_fill(g, 0, NULL, most), BINARY_MIN);
    limit = op_reshape(g, limit, 3, (int64_t[]){1, 1, 1});
    return op_and(g, valid, op_compare(g, loss, limit, COMPARE_GT));
}
