/* Zeros around a map. */
#include "model/layers/layers.h"

static tensor *pad_axis(graph *g, tensor *x, int axis, int64_t before, int64_t after)
{
    tensor *part[3];
    int n = 0;
    int64_t dim[4];
    for (int i = 0; x && i < 4; i++)
        dim[i] = x->dim[i];
    for (int i = -1; x && i <= 1; i++) {
        dim[axis] = i < 0 ? before : after;
        if (i == 0)
            part[n++] = x;
        else if (dim[axis] > 0)
            part[n++] = op_fill(g, 4, dim, 0);
    }
    return n > 1 ? op_concat(g, part, n, axis) : x;
}

tensor *map_pad(graph *g, tensor *x, const int64_t more[2])
{
    x = pad_axis(g, x, 1, more[0] / 2, more[0] - more[0] / 2);
    return pad_axis(g, x, 2, more[1] / 2, more[1] - more[1] / 2);
}
