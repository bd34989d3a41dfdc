/* torch.nn.Conv2d. */
#include <math.h>
#include <string.h>

#include "model/layers/layers.h"

conv_spec conv_square(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation)
{
    return (conv_spec){in, out, {kernel, kernel}, {stride, stride}, {pad, pad}, {dilation, dilation}, 1, false};
}

typedef struct conv_options {
    const char *padding_mode;
} conv_options;

static const field option_fields[] = {
    FIELD_CHOICE(conv_options, padding_mode, "'zeros'", "zeros", "how borders are padded"),
};
static const field_table option_table = FIELD_TABLE(option_fields, conv_options);

static bool read_options(module *parent, const value *cfg)
{
    if (value_is_none(cfg))
        return true;
    model *m = parent->model;
    const char *type = value_type_name(cfg);
    if (!type || (strcmp(type, "Conv2d") != 0 && strcmp(type, "Conv") != 0)) {
        model_fail(m, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
                   "%s: conv_cfg of type %s is not supported; there is Conv2d", parent->name, type ? type : "None");
        return false;
    }
    conv_options o;
    return fields_parse(&option_table, type, cfg, NULL, m->mem, &o, &m->error) == CSEG_OK;
}

typedef struct conv_state {
    param *weight, *bias;
    conv_attr attr;
    int64_t in;
} conv_state;

static tensor *forward(module *m, graph *g, tensor *x)
{
    conv_state *s = m->state;
    if (x && x->dim[x->rank - 1] != s->in)
        return graph_fail(g, CSEG_SHAPE, "the convolution %s takes %lld channels, but gets %lld", m->name,
                          (long long)s->in, (long long)x->dim[x->rank - 1]);
    return op_conv2d(g, x, graph_param(g, s->weight), s->bias ? graph_param(g, s->bias) : NULL, s->attr);
}

/* PyTorch's initial values: weights by Kaiming's uniform with slope sqrt(5), biases within 1 / sqrt(fan in). */
static void declare(module *m, conv_state *s, conv_spec c)
{
    int64_t dim[4] = {c.out, c.in / c.groups, c.kernel[0], c.kernel[1]};
    s->weight = module_param(m, "weight", 4, dim, INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    if (s->weight && c.bias) {
        float bound = 1 / sqrtf((float)(s->weight->count / c.out));
        s->bias = module_param(m, "bias", 1, dim, INIT_UNIFORM, -bound, bound);
    }
}

module *conv2d_new(module *parent, const char *name, const value *conv_cfg, conv_spec c)
{
    module *m = module_new(parent, name);
    conv_state *s = module_state(m, sizeof *s);
    if (!s || !read_options(parent, conv_cfg))
        return NULL;
    if (c.groups < 1 || c.in % c.groups || c.out % c.groups) {
        model_fail(m->model, CSEG_CONFIG, NULL, "%s: %lld groups do not divide %lld -> %lld channels", m->name,
                   (long long)c.groups, (long long)c.in, (long long)c.out);
        return NULL;
    }
    m->class_name = "Conv2d";
    m->state = s;
    m->forward = forward;
    s->in = c.in;
    s->attr.groups = (int)c.groups;
    for (int i = 0; i < 2; i++) {
        s->attr.stride[i] = (int)c.stride[i];
        s->attr.pad[i] = (int)c.pad[i];
        s->attr.dilation[i] = (int)c.dilation[i];
    }
    declare(m, s, c);
    return model_failed(m->model) ? NULL : m;
}

module *pointwise_conv_new(module *parent, const char *name, int64_t in, int64_t out)
{
    conv_spec s = conv_square(in, out, 1, 1, 0, 1);
    s.bias = true;
    return conv2d_new(parent, name, NULL, s);
}
