/* A convolution whose channels its map's own average lets through (Yu et al. 2018, arXiv:1808.00897). */
#include "model/layers/layers.h"

static tensor *gated(module *m, graph *g, tensor *x, bool residual)
{
    tensor *y = layer_run(m->children.at[0], g, x);
    tensor *gate = layer_run(m->children.at[1], g, op_adaptive_avg_pool(g, y, 1, 1));
    tensor *open = op_mul(g, y, op_sigmoid(g, gate));
    return residual ? op_add(g, open, y) : open;
}

static tensor *run_plain(module *m, graph *g, tensor *x)
{
    return gated(m, g, x, false);
}

static tensor *run_residual(module *m, graph *g, tensor *x)
{
    return gated(m, g, x, true);
}

module *gated_conv_new(module *parent, const char *name, bool residual)
{
    module *m = module_new(parent, name);
    if (!m)
        return NULL;
    m->base = true;
    m->forward = residual ? run_residual : run_plain;
    return m;
}

module *attention_refinement_new(module *parent, const char *name, int64_t in, int64_t out)
{
    module *m = gated_conv_new(parent, name, false);
    if (!m)
        return NULL;
    m->class_name = "AttentionRefinementModule";
    conv_module_new(m, "conv_layer", conv_bn_relu(m, conv_square(in, out, 3, 1, 1, 1)));
    conv_module_spec gate = conv_bn_relu(m, conv_square(out, out, 1, 1, 0, 1));
    gate.act_cfg = NULL;
    conv_module_new(sequential_new(m, "atten_conv_layer"), "1", gate);
    return model_failed(m->model) ? NULL : m;
}
