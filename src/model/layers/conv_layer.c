/* torch.nn.Conv2d and ConvTranspose2d. */
#include <math.h>
#include <string.h>

#include "model/layers/layers.h"

conv_spec conv_square(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation)
{
    return (conv_spec){in, out, {kernel, kernel}, {stride, stride}, {pad, pad}, {dilation, dilation}, 1, false};
}

typedef struct conv_options {
    const char *padding_mode;
    ints output_padding;
} conv_options;

static const field option_fields[] = {
    FIELD_CHOICE(conv_options, padding_mode, "'zeros'", "zeros", "how borders are padded"),
};
static const field_table option_table = FIELD_TABLE(option_fields, conv_options);

static const field transposed_fields[] = {
    FIELD_CHOICE(conv_options, padding_mode, "'zeros'", "zeros", "how borders are padded"),
    FIELD_RANGE(conv_options, F_INTS, output_padding, "0", 0, 1 << 10,
                "rows and columns added at the end of the output; less than the stride or the dilation"),
};
static const field_table transposed_table = FIELD_TABLE(transposed_fields, conv_options);

/* mmcv has each class under two names. */
static const struct {
    const char *type;
    bool transposed;
} types[] = {{"Conv2d", false}, {"Conv", false}, {"deconv", true}, {"ConvTranspose2d", true}};

static bool read_pair(model *m, const value *cfg, ints list, int64_t pair[2])
{
    pair[0] = list.n ? list.at[0] : 0;
    pair[1] = list.n ? list.at[list.n - 1] : 0;
    if (list.n > 2)
        model_fail(m, CSEG_CONFIG, value_blame(cfg, "output_padding"),
                   "output_padding has %zu numbers; there are rows and columns", list.n);
    return list.n <= 2;
}

/* Sets whether the convolution is transposed, and its output padding. */
static bool read_options(module *parent, const value *cfg, bool *transposed, int64_t output_pad[2])
{
    *transposed = false;
    if (value_is_none(cfg))
        return true;
    model *m = parent->model;
    const char *type = value_type_name(cfg);
    conv_options o;
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0) {
            *transposed = types[i].transposed;
            return fields_parse(*transposed ? &transposed_table : &option_table, type, cfg, NULL, m->mem, &o,
                                &m->error) == CSEG_OK &&
                   (!*transposed || read_pair(m, cfg, o.output_padding, output_pad));
        }
    model_fail(m, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: conv_cfg of type %s is not supported; there are Conv2d and deconv", parent->name,
               type ? type : "None");
    return false;
}

typedef struct conv_state {
    param *weight, *bias;
    conv_attr attr;
    bool transposed;
    int64_t in;
} conv_state;

static tensor *forward(module *m, graph *g, tensor *x)
{
    conv_state *s = m->state;
    if (x && x->dim[x->rank - 1] != s->in)
        return graph_fail(g, CSEG_SHAPE, "the convolution %s takes %lld channels, but gets %lld", m->name,
                          (long long)s->in, (long long)x->dim[x->rank - 1]);
    tensor *weight = graph_param(g, s->weight), *bias = s->bias ? graph_param(g, s->bias) : NULL;
    return s->transposed ? op_conv_transpose2d(g, x, weight, bias, s->attr) : op_conv2d(g, x, weight, bias, s->attr);
}

/* PyTorch's initial values: weights by Kaiming's uniform with slope sqrt(5), biases within 1 / sqrt(fan in). Of a
 * transposed convolution too, it takes the weight's second axis for the inputs. */
static void declare(module *m, conv_state *s, conv_spec c)
{
    int64_t first = s->transposed ? c.in : c.out, second = s->transposed ? c.out : c.in;
    int64_t dim[4] = {first, second / c.groups, c.kernel[0], c.kernel[1]};
    s->weight = module_param(m, "weight", 4, dim, INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    if (s->weight && c.bias) {
        float bound = 1 / sqrtf((float)(s->weight->count / first));
        s->bias = module_param(m, "bias", 1, &c.out, INIT_UNIFORM, -bound, bound);
    }
}

static module *conv_new(module *parent, const char *name, conv_spec c, bool transposed, const int64_t output_pad[2])
{
    module *m = module_new(parent, name);
    conv_state *s = module_state(m, sizeof *s);
    if (!s)
        return NULL;
    if (c.groups < 1 || c.in % c.groups || c.out % c.groups) {
        model_fail(m->model, CSEG_CONFIG, NULL, "%s: %lld groups do not divide %lld -> %lld channels", m->name,
                   (long long)c.groups, (long long)c.in, (long long)c.out);
        return NULL;
    }
    m->class_name = transposed ? "ConvTranspose2d" : "Conv2d";
    m->state = s;
    m->forward = forward;
    s->in = c.in;
    s->transposed = transposed;
    s->attr.groups = (int)c.groups;
    for (int i = 0; i < 2; i++) {
        s->attr.stride[i] = (int)c.stride[i];
        s->attr.pad[i] = (int)c.pad[i];
        s->attr.dilation[i] = (int)c.dilation[i];
        s->attr.output_pad[i] = (int)output_pad[i];
    }
    declare(m, s, c);
    return model_failed(m->model) ? NULL : m;
}

module *conv2d_new(module *parent, const char *name, const value *conv_cfg, conv_spec c)
{
    bool transposed;
    int64_t output_pad[2] = {0};
    if (!parent || model_failed(parent->model) || !read_options(parent, conv_cfg, &transposed, output_pad))
        return NULL;
    return conv_new(parent, name, c, transposed, output_pad);
}

module *conv_transpose2d_new(module *parent, const char *name, conv_spec c, int64_t output_pad)
{
    return conv_new(parent, name, c, true, (int64_t[]){output_pad, output_pad});
}

module *pointwise_conv_new(module *parent, const char *name, int64_t in, int64_t out)
{
    conv_spec s = conv_square(in, out, 1, 1, 0, 1);
    s.bias = true;
    return conv2d_new(parent, name, NULL, s);
}
