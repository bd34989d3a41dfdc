/* Borders around a map. */
#include <string.h>

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

tensor *map_pad_corner(graph *g, tensor *x, const int64_t more[2])
{
    return pad_axis(g, pad_axis(g, x, 1, 0, more[0]), 2, 0, more[1]);
}

/* The line of x's axis that stands `at` lines behind its first (negative: in front of it). */
static int64_t source_of(int64_t at, int64_t size, const char *mode)
{
    if (strcmp(mode, "circular") == 0)
        return (at + size) % size;
    if (strcmp(mode, "replicate") == 0)
        return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
}

/* Lines are taken one by one: a convolution needs few. */
static tensor *pad_axis_mode(graph *g, tensor *x, int axis, int64_t around, const char *mode)
{
    if (!x || !around)
        return x;
    int64_t size = x->dim[axis], most = strcmp(mode, "reflect") == 0 ? size - 1 : size;
    if (around > most && strcmp(mode, "replicate") != 0)
        return graph_fail(g, CSEG_SHAPE,
                          "padding_mode='%s' takes %lld lines of a map that has %lld: it needs a larger image", mode,
                          (long long)around, (long long)size);
    features all = features_new(g, 0);
    for (int64_t at = -around; at < size + around; at++) {
        bool inside = at == 0;
        features_add(g, &all, inside ? x : op_slice(g, x, axis, source_of(at, size, mode), 1));
        at = inside ? size - 1 : at;
    }
    return op_concat(g, all.at, all.n, axis);
}

tensor *map_pad_mode(graph *g, tensor *x, const int64_t around[2], const char *mode)
{
    return pad_axis_mode(g, pad_axis_mode(g, x, 1, around[0], mode), 2, around[1], mode);
}
