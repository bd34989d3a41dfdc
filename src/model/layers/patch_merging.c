/* mmseg's PatchMerging: the pixels of each 2x2 square side by side, normalised and projected. torch.nn.Unfold lays them
 * out channel by channel; here they stay whole, and the weights are laid out as they are. */
#include "model/layers/layers.h"

enum { SIDE = 2 }; /* of a square; no config can ask for another */

typedef struct patch_merging {
    module *norm, *reduction;
    int64_t in, out, stride;
} patch_merging;

/* The lines of one axis that each square begins and ends with: [..,n * stride,..] -> [..,n,SIDE,..]. */
static tensor *squares(graph *g, tensor *x, int64_t h, int64_t w, int64_t stride)
{
    if (!x)
        return NULL;
    int64_t n = x->dim[0], c = x->dim[3];
    if (stride > 1) {
        x = op_reshape(g, x, 6, (int64_t[]){n, h, stride, w, stride, c});
        if (stride > SIDE)
            x = op_slice(g, op_slice(g, x, 2, 0, SIDE), 4, 0, SIDE);
        x = op_transpose(g, x, (int[]){0, 1, 3, 2, 4, 5});
        return op_reshape(g, x, 4, (int64_t[]){n, h, w, SIDE * SIDE * c});
    }
    tensor *part[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++)
        part[i] = op_slice(g, op_slice(g, x, 1, i / SIDE, h), 2, i % SIDE, w);
    return op_concat(g, part, SIDE * SIDE, -1);
}

/* A weight whose last axis is laid out as torch.nn.Unfold's, for squares whose pixels are whole. */
static tensor *by_pixels(graph *g, param *p, int64_t channels)
{
    int64_t rows = p->count / (channels * SIDE * SIDE);
    tensor *t = op_reshape(g, graph_param(g, p), 3, (int64_t[]){rows, channels, SIDE * SIDE});
    return op_reshape(g, op_transpose(g, t, (int[]){0, 2, 1}), p->rank, p->dim);
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const patch_merging *s = m->state;
    if (!x)
        return NULL;
    int64_t h = (x->dim[1] + s->stride - 1) / s->stride, w = (x->dim[2] + s->stride - 1) / s->stride;
    int64_t last = s->stride > 1 ? s->stride : SIDE; /* lines that the last square needs; those unread are zeros too */
    int64_t more[2] = {(h - 1) * s->stride + last - x->dim[1], (w - 1) * s->stride + last - x->dim[2]};
    x = squares(g, map_pad_corner(g, x, more), h, w, s->stride);
    param *gamma = s->norm ? module_own(s->norm, "weight") : NULL;
    if (gamma)
        x = norm_run_with(s->norm, g, x, by_pixels(g, gamma, s->in), by_pixels(g, module_own(s->norm, "bias"), s->in));
    else if (s->norm)
        x = layer_run(s->norm, g, x);
    return op_linear(g, x, by_pixels(g, module_own(s->reduction, "weight"), s->in), NULL);
}

module *patch_merging_new(module *parent, const char *name, int64_t in, int64_t out, int64_t stride,
                          const value *norm_cfg)
{
    module *m = module_new(parent, name);
    patch_merging *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "PatchMerging";
    m->base = true;
    m->forward = forward;
    m->state = s;
    *s = (patch_merging){.in = in, .out = out, .stride = stride};
    if (norm_cfg)
        s->norm = norm_new_of(m, "norm", norm_cfg, SIDE * SIDE * in, NORM_OF_TOKENS);
    s->reduction = linear_new(m, "reduction", SIDE * SIDE * in, out, false);
    return model_failed(m->model) ? NULL : m;
}
