#include "model/backbones/res_block.h"

#include "model/backbones/block_plugins.h"
#include "model/init.h"

typedef struct res_block {
    int n; /* convolutions */
    bool with_cp;
    module *conv[3], *norm[3]; /* a split attention has its norm inside */
    module *pool;              /* behind the second convolution, or NULL */
    module *downsample;
    block_plugins *plugins; /* NULL: none */
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
        y = layer_run(b->conv[i], g, y);
        y = b->norm[i] ? layer_run(b->norm[i], g, y) : y;
        if (b->norm[i] && i + 1 < b->n)
            y = op_relu(g, y);
        if (i == 1 && b->pool)
            y = layer_run(b->pool, g, y);
        y = block_plugins_run(b->plugins, g, i, y);
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

static void convs_new(module *m, const res_block_spec *s, const conv_spec *specs)
{
    res_block *b = m->state;
    for (int i = 0; i < b->n; i++) {
        b->conv[i] = conv2d_new(m, module_text(m, "conv%d", i + 1), s->conv_cfg, specs[i]);
        b->norm[i] = norm_new(m, norm_name(m, s->norm_cfg, module_index(m, i + 1)), s->norm_cfg, specs[i].out);
    }
}

/* As the others, but the second convolution is a split attention without a norm behind it. */
static void split_convs_new(module *m, const res_block_spec *s, const conv_spec *specs)
{
    res_block *b = m->state;
    split_attention_spec split = {specs[1], s->radix, s->reduction, s->conv_cfg, s->norm_cfg};
    int k = (int)specs[1].stride[0];
    bool pooled = s->avg_down_stride && k > 1;
    if (pooled)
        split.conv.stride[0] = split.conv.stride[1] = 1;
    b->conv[0] = conv2d_new(m, "conv1", s->conv_cfg, specs[0]);
    b->norm[0] = norm_new(m, norm_name(m, s->norm_cfg, "1"), s->norm_cfg, specs[0].out);
    b->conv[1] = split_attention_new(m, "conv2", split);
    b->conv[2] = conv2d_new(m, "conv3", s->conv_cfg, specs[2]);
    b->norm[2] = norm_new(m, norm_name(m, s->norm_cfg, "3"), s->norm_cfg, specs[2].out);
    if (pooled)
        b->pool = avg_pool_new(
            m, "avd_layer", (pool_attr){.kernel = {3, 3}, .stride = {k, k}, .pad = {1, 1}, .count_include_pad = true});
}

static int64_t block_width(const res_block_spec *s)
{
    return s->width ? s->width : s->planes;
}

static void bottleneck_new(module *m, const res_block_spec *s)
{
    int64_t p = s->planes, width = block_width(s), out = p * res_block_expansion(true);
    int64_t first = s->caffe ? s->stride : 1, second = s->caffe ? 1 : s->stride;
    conv_spec specs[] = {conv_square(s->in, width, 1, first, 0, 1),
                         conv_square(width, width, 3, second, s->dilation, s->dilation),
                         conv_square(width, out, 1, 1, 0, 1)};
    specs[1].groups = s->groups ? s->groups : 1;
    (s->radix ? split_convs_new : convs_new)(m, s, specs);
}

static void basic_new(module *m, const res_block_spec *s)
{
    const conv_spec specs[] = {conv_square(s->in, s->planes, 3, s->stride, s->dilation, s->dilation),
                               conv_square(s->planes, s->planes, 3, 1, 1, 1)};
    convs_new(m, s, specs);
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
    b->n = s.bottleneck ? 3 : 2;
    b->with_cp = s.with_cp;
    (s.bottleneck ? bottleneck_new : basic_new)(m, &s);
    if (s.downsample)
        b->downsample = downsample_new(m, s);
    if (s.bottleneck) {
        int64_t width = block_width(&s), channels[] = {width, width, s.planes * res_block_expansion(true)};
        b->plugins = block_plugins_new(m, s.plugins, s.stage, channels, s.planes);
    }
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
