/* torch.nn.functional.normalize. */
#include <math.h>

#include "model/layers/layers.h"

tensor *normalize_along(graph *g, tensor *x, int axis, int p)
{
    bool squares = p == 2;
    tensor *size = squares ? op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE}) : x;
    size = op_reduce_sum(g, size, 1u << axis, true);
    /* Bounded before the root, whose gradient at 0 is infinite. */
    size = op_unary(g, size, (unary_attr){.kind = UNARY_CLAMP, .alpha = squares ? 1e-24f : 1e-12f, .beta = INFINITY});
    if (squares)
        size = op_unary(g, size, (unary_attr){.kind = UNARY_SQRT});
    return op_binary(g, x, size, BINARY_DIV);
}
