/* mmseg's BasicBlock and Bottleneck of models/utils, of which DDRNet and PIDNet make their branches: residual blocks of
 * ConvModules (He et al. 2015, arXiv:1512.03385). */
#include "model/layers/layers.h"

typedef struct branch_block {
    int n; /* convolutions */
    module *conv[3], *downsample, *act;
} branch_block;

enum { BOTTLENECK_EXPANSION = 2 };

int64_t branch_block_channels(branch_block_spec s)
{
    return s.bottleneck ? s.channels * BOTTLENECK_EXPANSION : s.channels;
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const branch_block *b = m->state;
    tensor *y = x;
    for (int i = 0; i < b->n; i++)
        y = layer_run(b->conv[i], g, y);
    y = op_add(g, y, b->downsample ? layer_run(b->downsample, g, x) : x);
    return b->act ? layer_run(b->act, g, y) : y;
}

static module *downsample_new(module *m, branch_block_spec s)
{
    conv_spec conv = conv_square(s.in, branch_block_channels(s), 1, s.stride, 0, 1);
    if (s.downsample == DOWNSAMPLE_CONV_MODULE)
        return conv_module_new(m, "downsample", (conv_module_spec){.conv = conv, .norm_cfg = s.downsample_norm_cfg});
    module *list = sequential_new(m, "downsample");
    conv2d_new(list, "0", NULL, conv);
    norm_new(list, "1", s.downsample_norm_cfg, conv.out);
    return list;
}

module *branch_block_new(module *parent, const char *name, branch_block_spec s)
{
    module *m = module_new(parent, name);
    branch_block *b = module_state(m, sizeof *b);
    if (!b)
        return NULL;
    m->class_name = s.bottleneck ? "Bottleneck" : "BasicBlock";
    m->base = true;
    m->state = b;
    m->forward = forward;
    int64_t c = s.channels, out = branch_block_channels(s);
    const conv_spec three[] = {conv_square(s.in, c, 1, 1, 0, 1), conv_square(c, c, 3, s.stride, 1, 1),
                               conv_square(c, out, 1, 1, 0, 1)};
    const conv_spec two[] = {conv_square(s.in, c, 3, s.stride, 1, 1), conv_square(c, c, 3, 1, 1, 1)};
    const value *relu = module_literal(m, "dict(type='ReLU')");
    const value *norm = s.norm_cfg ? s.norm_cfg : module_literal(m, "dict(type='BN')");
    b->n = s.bottleneck ? 3 : 2;
    for (int i = 0; i < b->n; i++)
        b->conv[i] = conv_module_new(m, module_text(m, "conv%d", i + 1),
                                     (conv_module_spec){.conv = s.bottleneck ? three[i] : two[i],
                                                        .norm_cfg = norm,
                                                        .act_cfg = i + 1 < b->n ? relu : NULL});
    if (s.stride != 1 || s.in != out)
        b->downsample = downsample_new(m, s);
    if (s.act_cfg_out && value_true(s.act_cfg_out))
        b->act = act_new(m, "act", s.act_cfg_out);
    return model_failed(m->model) ? NULL : m;
}

module *branch_layer_new(module *parent, const char *name, branch_block_spec s, int64_t n, const value *norm_cfg)
{
    module *list = sequential_new(parent, name);
    const value *act = s.act_cfg_out;
    s.norm_cfg = NULL;
    s.act_cfg_out = list && !s.bottleneck ? module_literal(list, "dict(type='ReLU')") : NULL;
    for (int64_t i = 0; i < n; i++) {
        branch_block_new(list, module_index(list, i), s);
        s.in = branch_block_channels(s);
        s.stride = 1;
        s.norm_cfg = norm_cfg;
        s.act_cfg_out = i + 2 < n ? act : NULL;
    }
    return list && !model_failed(list->model) ? list : NULL;
}
