/* mmseg's SplitAttentionConv2d (Zhang et al. 2020, arXiv:2004.08955). */
#include "model/layers/layers.h"

typedef struct split_attention {
    int64_t channels, radix, groups;
    module *conv, *norm0, *fc1, *norm1, *fc2;
} split_attention;

/* x [N,h,w,radix * C] -> [N,1,1,C]: the mean of all maps' sum. */
static tensor *gather(const split_attention *s, graph *g, tensor *x)
{
    tensor *mean = op_adaptive_avg_pool(g, x, 1, 1);
    if (!mean || s->radix == 1)
        return mean;
    mean = op_reshape(g, mean, 4, (int64_t[]){mean->dim[0], 1, s->radix, s->channels});
    return op_reduce_sum(g, mean, 1 << 2, true);
}

/* a [N,1,1,radix * C] of groups in which the maps follow one another -> weights [N,1,1,radix * C], map after map. */
static tensor *weigh(const split_attention *s, graph *g, tensor *a)
{
    if (!a || s->radix == 1)
        return op_sigmoid(g, a);
    int64_t n = a->dim[0], each = s->channels / s->groups;
    a = op_reshape(g, a, 4, (int64_t[]){n, s->groups, s->radix, each});
    a = op_softmax(g, op_transpose(g, a, (int[]){0, 1, 3, 2}));
    a = op_transpose(g, a, (int[]){0, 3, 1, 2});
    return op_reshape(g, a, 4, (int64_t[]){n, 1, 1, s->radix * s->channels});
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    const split_attention *s = m->state;
    int radix = (int)s->radix;
    tensor *map[SPLIT_MOST], *weight[SPLIT_MOST], *y = NULL;
    x = op_relu(g, layer_run(s->norm0, g, layer_run(s->conv, g, x)));
    tensor *of_all = op_relu(g, layer_run(s->norm1, g, layer_run(s->fc1, g, gather(s, g, x))));
    op_split(g, x, 3, radix, NULL, map);
    op_split(g, weigh(s, g, layer_run(s->fc2, g, of_all)), 3, radix, NULL, weight);
    for (int i = 0; i < radix; i++) {
        tensor *part = op_mul(g, map[i], weight[i]);
        y = i ? op_add(g, y, part) : part;
    }
    return y;
}

module *split_attention_new(module *parent, const char *name, split_attention_spec c)
{
    module *m = module_new(parent, name);
    split_attention *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    m->class_name = "SplitAttentionConv2d";
    m->state = s;
    m->forward = forward;
    int64_t all = c.conv.out * c.radix, inner = c.conv.in * c.radix / c.reduction;
    *s = (split_attention){.channels = c.conv.out, .radix = c.radix, .groups = c.conv.groups};
    inner = inner > 32 ? inner : 32;
    conv_spec fc1 = conv_square(c.conv.out, inner, 1, 1, 0, 1), fc2 = conv_square(inner, all, 1, 1, 0, 1);
    fc1.groups = fc2.groups = c.conv.groups;
    fc1.bias = fc2.bias = true;
    c.conv.out = all;
    c.conv.groups *= c.radix;
    s->conv = conv2d_new(m, "conv", c.conv_cfg, c.conv);
    s->norm0 = norm_new(m, norm_name(m, c.norm_cfg, "0"), c.norm_cfg, all);
    s->fc1 = conv2d_new(m, "fc1", NULL, fc1);
    s->norm1 = norm_new(m, norm_name(m, c.norm_cfg, "1"), c.norm_cfg, inner);
    s->fc2 = conv2d_new(m, "fc2", NULL, fc2);
    return model_failed(m->model) ? NULL : m;
}
