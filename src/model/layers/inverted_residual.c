/* mmseg's InvertedResidual (Sandler et al. 2018, arXiv:1801.04381). */
#include "model/layers/layers.h"

typedef struct inverted_residual {
    bool add, with_cp;
    module *conv;
} inverted_residual;

static tensor *forward(module *m, graph *g, tensor *x)
{
    inverted_residual *s = m->state;
    int outer = graph_push_checkpoint(g, s->with_cp);
    tensor *y = layer_run(s->conv, g, x);
    if (s->add)
        y = op_add(g, x, y);
    graph_pop_checkpoint(g, outer);
    return y;
}

int64_t channels_in_eights(double wanted)
{
    int64_t n = (int64_t)(wanted + 4) / 8 * 8;
    n = n < 8 ? 8 : n;
    return (double)n < 0.9 * wanted ? n + 8 : n;
}

module *inverted_residual_new(module *parent, const char *name, inverted_residual_spec c)
{
    module *m = module_new(parent, name);
    inverted_residual *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    int64_t wide = c.in * c.expand, d = c.dilation;
    int at = 0;
    m->class_name = "InvertedResidual";
    m->state = s;
    m->forward = forward;
    s->add = c.stride == 1 && c.in == c.out;
    s->with_cp = c.with_cp;
    s->conv = sequential_new(m, "conv");
    conv_module_spec spec = {.conv_cfg = c.conv_cfg, .norm_cfg = c.norm_cfg, .act_cfg = c.act_cfg};
    if (c.expand != 1) {
        spec.conv = conv_square(c.in, wide, 1, 1, 0, 1);
        conv_module_new(s->conv, module_index(m, at++), spec);
    }
    spec.conv = conv_square(wide, wide, 3, c.stride, d, d);
    spec.conv.groups = wide;
    conv_module_new(s->conv, module_index(m, at++), spec);
    at += c.gap;
    spec.conv = conv_square(wide, c.out, 1, 1, 0, 1);
    spec.act_cfg = NULL;
    conv_module_new(s->conv, module_index(m, at), spec);
    return model_failed(m->model) ? NULL : m;
}
