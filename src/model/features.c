#include "model/features.h"

#include <string.h>

static tensor **room(graph *g, int n)
{
    tensor **at = arena_array(g->mem, (size_t)n, sizeof(tensor *));
    if (!at)
        graph_fail(g, CSEG_NO_MEMORY, "out of memory");
    return at;
}

features features_new(graph *g, int n)
{
    features f = {.at = n ? room(g, n) : NULL};
    f.n = f.at ? n : 0;
    return f;
}

/* Lists are short: each addition copies the list and makes room for one more. */
void features_add(graph *g, features *f, tensor *t)
{
    tensor **at = room(g, f->n + 1);
    if (!at)
        return;
    for (int i = 0; i < f->n; i++)
        at[i] = f->at[i];
    at[f->n++] = t;
    f->at = at;
}

features features_from(features f, int n)
{
    n = n < f.n ? n : f.n;
    f.n -= n;
    f.at = f.at ? f.at + n : NULL;
    f.cls = f.cls ? f.cls + n : NULL;
    return f;
}

features features_joined(graph *g, features first, features second)
{
    features y = features_new(g, first.n + second.n);
    y.from = first.from;
    for (int i = 0; i < y.n; i++)
        y.at[i] = i < first.n ? first.at[i] : second.at[i - first.n];
    return y;
}

static tensor *fused(graph *g, tensor *first, tensor *second, const char *policy)
{
    if (strcmp(policy, "concat") == 0)
        return op_concat(g, (tensor *[]){first, second}, 2, -1);
    if (strcmp(policy, "sum") == 0)
        return op_add(g, first, second);
    tensor *y = op_sub(g, second, first);
    return strcmp(policy, "abs_diff") == 0 ? op_unary(g, y, (unary_attr){.kind = UNARY_ABS}) : y;
}

features features_fused(graph *g, features first, features second, const char *policy)
{
    features y = features_new(g, first.n);
    y.from = first.from;
    if (first.n != second.n)
        graph_fail(g, CSEG_SHAPE, "the dates have %d and %d maps: they cannot be fused", first.n, second.n);
    for (int i = 0; i < y.n; i++)
        y.at[i] = i < second.n ? fused(g, first.at[i], second.at[i], policy) : NULL;
    return y;
}

int64_t tensor_channels(const tensor *t)
{
    return t->rank ? t->dim[t->rank - 1] : 1;
}

tensor *map_tokens(graph *g, tensor *map)
{
    return map ? op_reshape(g, map, 3, (int64_t[]){map->dim[0], map->dim[1] * map->dim[2], map->dim[3]}) : NULL;
}

tensor *resize_like(graph *g, tensor *x, const tensor *like, bool align_corners)
{
    return x && like ? op_resize_to(g, x, like->dim[1], like->dim[2], align_corners) : NULL;
}

resize_attr resize_by(const char *mode, bool align_corners)
{
    return (resize_attr){
        .align_corners = align_corners, .nearest = strcmp(mode, "nearest") == 0, .cubic = strcmp(mode, "bicubic") == 0};
}

tensor *position_codes_for(graph *g, tensor *codes, const int64_t grid[2], int64_t h, int64_t w, resize_attr how)
{
    if (!codes || h * w == grid[0] * grid[1])
        return codes;
    how.h = h;
    how.w = w;
    return map_tokens(g, op_resize(g, op_reshape(g, codes, 4, (int64_t[]){1, grid[0], grid[1], codes->dim[2]}), how));
}

tensor *resize_like_by(graph *g, tensor *x, const tensor *like, resize_attr how)
{
    if (!x || !like || (x->dim[1] == like->dim[1] && x->dim[2] == like->dim[2]))
        return like ? x : NULL;
    how.h = like->dim[1];
    how.w = like->dim[2];
    return op_resize(g, x, how);
}

tensor *resize_nearest_like(graph *g, tensor *x, const tensor *like)
{
    return resize_like_by(g, x, like, resize_by("nearest", false));
}
