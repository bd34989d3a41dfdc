#include "model/backbones/convnext_block.h"

#include <float.h>
#include <math.h>

/* The two layers over channels have so many times the block's channels between them. */
enum { MLP_RATIO = 4 };

typedef struct convnext_block {
    param *gamma; /* NULL: none */
    module *depthwise, *norm, *first, *act, *grn, *second, *drop_path;
    bool with_cp;
} convnext_block;

/* ---- mmpretrain's GRN (ConvNeXt V2, arXiv:2301.00808) ---------------------------------------------------------- */

typedef struct grn {
    param *gamma, *beta;
} grn;

static const float GRN_EPS = 1e-6f;

/* torch.norm(x) over height and width, [N,1,1,C]. Clamped, since the root has no gradient at 0. */
static tensor *length_of_channels(graph *g, tensor *x)
{
    tensor *squares = op_reduce_sum(g, op_unary(g, x, (unary_attr){.kind = UNARY_SQUARE}), 1 << 1 | 1 << 2, true);
    squares = op_unary(g, squares, (unary_attr){.kind = UNARY_CLAMP, .alpha = FLT_MIN, .beta = INFINITY});
    return op_unary(g, squares, (unary_attr){.kind = UNARY_SQRT});
}

static tensor *run_grn(module *m, graph *g, tensor *x)
{
    const grn *s = m->state;
    if (!x)
        return NULL;
    tensor *length = length_of_channels(g, x), *mean = op_reduce_mean(g, length, 1 << 3, true);
    tensor *share = op_binary(g, length, op_scale(g, mean, 1, GRN_EPS), BINARY_DIV);
    tensor *beta = op_reshape(g, graph_param(g, s->beta), 4, (int64_t[]){1, 1, 1, x->dim[3]});
    return op_add(g, op_add(g, op_mul(g, x, channel_scale(g, share, s->gamma)), beta), x);
}

static module *grn_new(module *parent, const char *name, int64_t channels)
{
    module *m = module_new(parent, name);
    grn *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "GRN";
    m->state = s;
    m->forward = run_grn;
    s->gamma = module_param(m, "gamma", 1, &channels, INIT_ZERO, 0, 0);
    s->beta = module_param(m, "beta", 1, &channels, INIT_ZERO, 0, 0);
    return model_failed(m->model) ? NULL : m;
}

/* ---- the block ------------------------------------------------------------------------------------------------- */

static tensor *forward(module *m, graph *g, tensor *x)
{
    const convnext_block *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    tensor *y = layer_run(s->norm, g, layer_run(s->depthwise, g, x));
    y = layer_run(s->act, g, layer_run(s->first, g, y));
    if (s->grn)
        y = layer_run(s->grn, g, y);
    y = layer_run(s->second, g, y);
    if (s->gamma)
        y = channel_scale(g, y, s->gamma);
    y = op_add(g, x, layer_run(s->drop_path, g, y));
    graph_pop_checkpoint(g, outer);
    return y;
}

static module *over_channels(module *m, const char *name, const convnext_block_spec *c, int64_t in, int64_t out)
{
    return c->linear ? linear_new(m, name, in, out, true) : pointwise_conv_new(m, name, in, out);
}

module *convnext_block_new(module *parent, const char *name, convnext_block_spec c)
{
    module *m = module_new(parent, name);
    convnext_block *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    int64_t wide = MLP_RATIO * c.channels;
    conv_spec depthwise = conv_square(c.channels, c.channels, 7, 1, 3, 1);
    depthwise.groups = c.channels;
    depthwise.bias = true;
    m->class_name = "ConvNeXtBlock";
    m->base = true;
    m->state = s;
    m->forward = forward;
    s->with_cp = c.with_cp;
    if (c.layer_scale > 0)
        s->gamma = module_param(m, "gamma", 1, &c.channels, INIT_CONSTANT, (float)c.layer_scale, 0);
    s->depthwise = conv2d_new(m, "depthwise_conv", NULL, depthwise);
    s->norm = norm_new(m, "norm", c.norm_cfg, c.channels);
    s->first = over_channels(m, "pointwise_conv1", &c, c.channels, wide);
    s->act = act_new(m, "act", c.act_cfg);
    s->second = over_channels(m, "pointwise_conv2", &c, wide, c.channels);
    if (c.grn)
        s->grn = grn_new(m, "grn", wide);
    s->drop_path = drop_path_new(m, "drop_path", c.drop_path);
    return model_failed(m->model) ? NULL : m;
}
