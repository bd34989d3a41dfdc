#include "model/backbones/res_block.h"

#include "model/init.h"

typedef struct res_block {
    int n; /* convolutions */
    bool with_cp;
    module *conv[3], *norm[3], *downsample;
} res_block;

int64_t res_block_expansion(bool bottleneck)
{
    return bottleneck ? 4 : 1;
}

const char *res_block_zero_init(bool bottleneck)
{
    return bottleneck ? "dict(type='Constant', val=0, override=dict(name='norm3'))"
                      : "dict(type='Constant', val=0, override=dict(name='norm2'))";
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    res_block *b = m->state;
    tensor *y = x;
    int outer = graph_push_checkpoint(g, b->with_cp);
    for (int i = 0; i < b->n; i++) {
        y = layer_run(b->norm[i], g, layer_run(b->conv[i], g, y));
        if (i + 1 < b->n)
            y = op_relu(g, y);
    }
    y = op_relu(g, op_add(g, y, b->downsample ? layer_run(b->downsample, g, x) : x));
    graph_pop_checkpoint(g, outer);
    return y;
}

static module *downsample_new(module *m, res_block_spec s)
{
    module *d = sequential_new(m, "downsample");
    int64_t out = s.planes * res_block_expansion(s.bottleneck), stride = s.stride;
    int at = 0;
    if (s.avg_down) {
        int k = (int)s.stride;
        avg_pool_new(d, module_index(m, at++), (pool_attr){.kernel = {k, k}, .stride = {k, k}, .ceil_mode = true});
        stride = 1;
    }
    conv2d_new(d, module_index(m, at++), s.conv_cfg, conv_square(s.in, out, 1, stride, 0, 1));
    norm_new(d, module_index(m, at++), s.norm_cfg, out);
    return d;
}

module *res_block_new(module *parent, const char *name, res_block_spec s)
{
    module *m = module_new(parent, name);
    res_block *b = module_state(m, sizeof *b);
    if (!b)
        return NULL;
    m->class_name = s.bottleneck ? "Bottleneck" : "BasicBlock";
    m->base = true;
    m->state = b;
    m->forward = forward;
    int64_t p = s.planes, first = s.caffe ? s.stride : 1, second = s.caffe ? 1 : s.stride;
    const conv_spec three[] = {conv_square(s.in, p, 1, first, 0, 1),
                               conv_square(p, p, 3, second, s.dilation, s.dilation), conv_square(p, 4 * p, 1, 1, 0, 1)};
    const conv_spec two[] = {conv_square(s.in, p, 3, s.stride, s.dilation, s.dilation), conv_square(p, p, 3, 1, 1, 1)};
    const conv_spec *specs = s.bottleneck ? three : two;
    b->n = s.bottleneck ? 3 : 2;
    b->with_cp = s.with_cp;
    for (int i = 0; i < b->n; i++) {
        b->conv[i] = conv2d_new(m, module_text(m, "conv%d", i + 1), s.conv_cfg, specs[i]);
        b->norm[i] = norm_new(m, norm_name(m, s.norm_cfg, module_index(m, i + 1)), s.norm_cfg, specs[i].out);
    }
    if (s.downsample)
        b->downsample = downsample_new(m, s);
    if (s.init)
        init_default(m, s.init);
    return model_failed(m->model) ? NULL : m;
}

module *res_layer_new(module *parent, const char *name, res_block_spec s, int64_t n, const int64_t *dilation)
{
    module *layer = sequential_new(parent, name);
    int64_t out = s.planes * res_block_expansion(s.bottleneck);
    if (layer)
        layer->base = true;
    s.downsample = s.stride != 1 || s.in != out;
    for (int64_t i = 0; i < n; i++) {
        s.dilation = dilation ? dilation[i] : 1;
        res_block_new(layer, module_index(layer, i), s);
        s.in = out;
        s.stride = 1;
        s.downsample = false;
    }
    return layer && !model_failed(layer->model) ? layer : NULL;
}
