/* Borders around a map: zeros, or pixels of the map itself as torch.nn.functional.pad takes them. */
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

/* Rows or columns of x from the one at `from`, in order if step is 1, backwards if -1, all the same if 0. */
static tensor *lines(graph *g, tensor *x, int axis, int64_t from, int step, int64_t n)
{
    if (step > 0)
        return op_slice(g, x, axis, from, n);
    tensor *y = op_slice(g, x, axis, from, 1);
    if (step == 0 && y) {
        int64_t dim[4] = {y->dim[0], y->dim[1], y->dim[2], y->dim[3]};
        dim[axis] = n;
        return op_broadcast(g, y, dim);
    }
    for (int64_t i = 1; y && i < n; i++)
        y = op_concat(g, (tensor *[]){y, op_slice(g, x, axis, from - i, 1)}, 2, axis);
    return y;
}

static tensor *extend_axis(graph *g, tensor *x, int axis, int64_t n, map_border border)
{
    int64_t size = x ? x->dim[axis] : 0;
    if (!x || n == 0)
        return x;
    if (border != BORDER_REPLICATE && n > size - (border == BORDER_REFLECT))
        return graph_fail(g, CSEG_SHAPE,
                          "%lld %s of a map cannot make a border of %lld: too small an image for this "
                          "padding_mode",
                          (long long)size, axis == 1 ? "rows" : "columns", (long long)n);
    static const int steps[] = {[BORDER_REFLECT] = -1, [BORDER_REPLICATE] = 0, [BORDER_CIRCULAR] = 1};
    int64_t before = border == BORDER_REFLECT ? n : border == BORDER_REPLICATE ? 0 : size - n;
    int64_t after = border == BORDER_REFLECT ? size - 2 : border == BORDER_REPLICATE ? size - 1 : 0;
    tensor *part[] = {lines(g, x, axis, before, steps[border], n), x, lines(g, x, axis, after, steps[border], n)};
    return op_concat(g, part, 3, axis);
}

tensor *map_extend(graph *g, tensor *x, const int64_t pad[2], map_border border)
{
    return extend_axis(g, extend_axis(g, x, 1, pad[0], border), 2, pad[1], border);
}
