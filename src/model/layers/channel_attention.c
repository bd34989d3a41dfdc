/* What a map's channels say of each other. */
#include "model/layers/layers.h"

tensor *channels_gathered(graph *g, tensor *x)
{
    if (!x)
        return NULL;
    tensor *pixels = op_reshape(g, x, 3, (int64_t[]){x->dim[0], -1, x->dim[3]});
    tensor *unlike = op_scale(g, op_matmul(g, pixels, pixels, true, false), -1, 0); /* [N,C,C] */
    return op_reshape(g, op_matmul(g, pixels, op_softmax(g, unlike), false, true), 4, x->dim);
}

tensor *channel_gate(graph *g, tensor *x, module *first, module *second)
{
    tensor *of[] = {op_adaptive_avg_pool(g, x, 1, 1), op_adaptive_max_pool(g, x, 1, 1)};
    for (int i = 0; i < 2; i++)
        of[i] = layer_run(second, g, op_relu(g, layer_run(first, g, of[i])));
    return op_sigmoid(g, op_add(g, of[0], of[1]));
}
