/* mmcv's ContextBlock: what the whole map holds, multiplied with each pixel or added to it (Cao et al. 2019,
 * arXiv:1904.11492). */
#include <string.h>

#include "model/init.h"
#include "model/layers/layers.h"

typedef struct context_block {
    module *mask, *add, *mul; /* NULL: none */
} context_block;

/* LayerNorm([C,1,1]) of a map of one pixel: over its channels. */
typedef struct pixel_norm {
    param *weight, *bias;
} pixel_norm;

static tensor *run_norm(module *m, graph *g, tensor *x)
{
    const pixel_norm *s = m->state;
    int64_t channels = s->weight->count;
    tensor *gamma = op_reshape(g, graph_param(g, s->weight), 1, &channels);
    return op_layer_norm(g, x, gamma, op_reshape(g, graph_param(g, s->bias), 1, &channels), 1e-5f);
}

static void pixel_norm_new(module *parent, const char *name, int64_t channels)
{
    module *m = module_new(parent, name);
    pixel_norm *s = module_state(m, sizeof *s);
    if (!s)
        return;
    int64_t dim[] = {channels, 1, 1};
    m->class_name = "LayerNorm";
    m->state = s;
    m->forward = run_norm;
    s->weight = module_param(m, "weight", 3, dim, INIT_CONSTANT, 1, 0);
    s->bias = module_param(m, "bias", 3, dim, INIT_ZERO, 0, 0);
}

/* Its last convolution starts as zeros. */
static module *transform(module *parent, const char *name, const context_block_spec *c)
{
    module *list = sequential_new(parent, name);
    pointwise_conv_new(list, "0", c->channels, c->planes);
    pixel_norm_new(list, "1", c->planes);
    relu_new(list, "2");
    init_layer(pointwise_conv_new(list, "3", c->planes, c->channels), INIT_ZERO, 0, 0, false);
    return list;
}

/* x [N,H,W,C] -> [N,1,1,C]: its mean, weighed by the softmax of the mask over all pixels. */
static tensor *context(const context_block *s, graph *g, tensor *x)
{
    if (!s->mask)
        return op_adaptive_avg_pool(g, x, 1, 1);
    tensor *mask = layer_run(s->mask, g, x);
    if (!mask)
        return NULL;
    int64_t n = x->dim[0], channels = x->dim[3];
    tensor *share = op_softmax(g, op_reshape(g, mask, 3, (int64_t[]){n, 1, -1}));
    tensor *pixels = op_reshape(g, x, 3, (int64_t[]){n, -1, channels});
    return op_reshape(g, op_matmul(g, share, pixels, false, false), 4, (int64_t[]){n, 1, 1, channels});
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const context_block *s = m->state;
    tensor *of_all = context(s, g, x), *y = x;
    if (s->mul)
        y = op_mul(g, y, op_sigmoid(g, layer_run(s->mul, g, of_all)));
    return s->add ? op_add(g, y, layer_run(s->add, g, of_all)) : y;
}

static bool read_fusion(module *m, const value *cfg, const value *list, context_block_spec *s)
{
    for (size_t i = 0; value_is_list(list) && i < value_count(list); i++) {
        const value *v = value_item(list, i);
        const char *name = v->kind == V_STR ? value_text(v) : "";
        s->add = s->add || strcmp(name, "channel_add") == 0;
        s->mul = s->mul || strcmp(name, "channel_mul") == 0;
        if (strcmp(name, "channel_add") != 0 && strcmp(name, "channel_mul") != 0)
            model_fail(m->model, CSEG_CONFIG, v, "fusion_types holds 'channel_add' and 'channel_mul', not %s",
                       *name ? name : value_kind_name(v));
    }
    if (!s->add && !s->mul)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "fusion_types"),
                   "fusion_types is a list of at least one of 'channel_add' and 'channel_mul'");
    return !model_failed(m->model);
}

bool context_block_read(module *m, const value *cfg, double ratio, const value *fusion_types, context_block_spec *s)
{
    s->planes = (int64_t)((double)s->channels * ratio);
    if (!read_fusion(m, cfg, fusion_types, s))
        return false;
    if (s->planes < 1)
        model_fail(m->model, CSEG_CONFIG, value_blame(cfg, "ratio"), "%s: a ratio of %g of %lld channels leaves none",
                   m->name, ratio, (long long)s->channels);
    return !model_failed(m->model);
}

module *context_block_new(module *parent, const char *name, context_block_spec c)
{
    module *m = module_new(parent, name);
    context_block *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "ContextBlock";
    m->state = s;
    m->forward = forward;
    if (c.attention) {
        s->mask = pointwise_conv_new(m, "conv_mask", c.channels, 1);
        init_layer(s->mask, INIT_KAIMING_NORMAL, 0, 0, false);
    }
    s->add = c.add ? transform(m, "channel_add_conv", &c) : NULL;
    s->mul = c.mul ? transform(m, "channel_mul_conv", &c) : NULL;
    return model_failed(m->model) ? NULL : m;
}
