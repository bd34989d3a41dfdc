/* torch.nn.Conv2d, Conv1d and ConvTranspose2d, and mmcv's Conv2dAdaptivePadding, ConvWS2d and ConvAWS2d. */
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
    double eps;
} conv_options;

static const field option_fields[] = {
    FIELD_CHOICE(conv_options, padding_mode, "'zeros'", MAP_PAD_MODES, "how borders are padded"),
};
static const field_table option_table = FIELD_TABLE(option_fields, conv_options);

static const field transposed_fields[] = {
    FIELD_CHOICE(conv_options, padding_mode, "'zeros'", "zeros", "how borders are padded"),
    FIELD_RANGE(conv_options, F_INTS, output_padding, "0", 0, 1 << 10,
                "rows and columns added at the end of the output; less than the stride or the dilation"),
};
static const field_table transposed_table = FIELD_TABLE(transposed_fields, conv_options);

/* Conv2dAdaptivePadding takes no argument of its own. */
static const field_table adaptive_table = {.size = sizeof(conv_options)};

static const field standard_fields[] = {
    FIELD_RANGE(conv_options, F_FLOAT, eps, "1e-5", 0, 1, "added to the weights' standard deviation"),
};
static const field_table standard_table = FIELD_TABLE(standard_fields, conv_options);
/* Nor does ConvAWS. */
static const field_table aligned_table = {.size = sizeof(conv_options)};

typedef enum { CONV_PLAIN, CONV_LINE, CONV_TRANSPOSED, CONV_ADAPTIVE, CONV_STANDARD, CONV_ALIGNED } conv_kind;
static const struct {
    const char *class_name;
    const field_table *options;
} kinds[] = {[CONV_PLAIN] = {"Conv2d", &option_table},
             [CONV_LINE] = {"Conv1d", &option_table},
             [CONV_TRANSPOSED] = {"ConvTranspose2d", &transposed_table},
             [CONV_ADAPTIVE] = {"Conv2dAdaptivePadding", &adaptive_table},
             [CONV_STANDARD] = {"ConvWS2d", &standard_table},
             [CONV_ALIGNED] = {"ConvAWS2d", &aligned_table}};

/* mmcv has PyTorch's classes under two names. */
static const struct {
    const char *type;
    conv_kind kind;
} types[] = {{"Conv2d", CONV_PLAIN},
             {"Conv", CONV_PLAIN},
             {"Conv1d", CONV_LINE},
             {"deconv", CONV_TRANSPOSED},
             {"ConvTranspose2d", CONV_TRANSPOSED},
             {"Conv2dAdaptivePadding", CONV_ADAPTIVE},
             {"ConvWS", CONV_STANDARD},
             {"ConvAWS", CONV_ALIGNED}};

static bool read_pair(model *m, const value *cfg, ints list, int64_t pair[2])
{
    pair[0] = list.n ? list.at[0] : 0;
    pair[1] = list.n ? list.at[list.n - 1] : 0;
    if (list.n > 2)
        model_fail(m, CSEG_CONFIG, value_blame(cfg, "output_padding"),
                   "output_padding has %zu numbers; there are rows and columns", list.n);
    return list.n <= 2;
}

/* Sets the convolution's kind and options, and the output padding of a transposed one. */
static bool read_options(module *parent, const value *cfg, conv_kind *which, conv_options *o, int64_t output_pad[2])
{
    *which = CONV_PLAIN;
    *o = (conv_options){.padding_mode = "zeros"};
    if (value_is_none(cfg))
        return true;
    model *m = parent->model;
    const char *type = value_type_name(cfg);
    for (size_t i = 0; type && i < sizeof types / sizeof *types; i++)
        if (strcmp(type, types[i].type) == 0) {
            *which = types[i].kind;
            return fields_parse(kinds[*which].options, type, cfg, NULL, m->mem, o, &m->error) == CSEG_OK &&
                   (*which != CONV_TRANSPOSED || read_pair(m, cfg, o->output_padding, output_pad));
        }
    model_fail(m, CSEG_UNSUPPORTED, value_blame(cfg, "type"),
               "%s: conv_cfg of type %s is not supported; there are Conv2d, Conv1d, deconv, Conv2dAdaptivePadding, "
               "ConvWS and ConvAWS",
               parent->name, type ? type : "None");
    return false;
}

typedef struct conv_state {
    param *weight, *bias;
    param *gamma, *beta; /* ConvAWS: what standardised weights are brought to, [O,1,1,1]; not trained */
    conv_attr attr;
    conv_kind kind;
    const char *padding; /* what is put around maps before the convolution; NULL: its own zeros */
    int64_t around[2];   /* rows and columns of it on each side */
    float eps;           /* of ConvWS and ConvAWS */
    int64_t in;
} conv_state;

/* The weights of each output less their mean, over their standard deviation (n - 1): ConvWS adds eps to it, ConvAWS to
 * its square, and brings the result to gamma and beta. */
static tensor *standardized(const conv_state *s, graph *g)
{
    int64_t out = s->weight->dim[0], n = s->weight->count / out;
    bool aligned = s->kind == CONV_ALIGNED;
    tensor *w = op_reshape(g, graph_param(g, s->weight), 2, (int64_t[]){out, n});
    w = op_sub(g, w, op_reduce_mean(g, w, 1 << 1, true));
    tensor *var = op_reduce_mean(g, op_unary(g, w, (unary_attr){.kind = UNARY_SQUARE}), 1 << 1, true);
    var = op_scale(g, var, (float)n / (float)(n - 1), aligned ? s->eps : 0);
    tensor *by = op_unary(g, var, (unary_attr){.kind = UNARY_SQRT});
    w = op_binary(g, w, aligned ? by : op_scale(g, by, 1, s->eps), BINARY_DIV);
    w = op_reshape(g, w, 4, s->weight->dim);
    if (!aligned)
        return w;
    return op_add(g, op_mul(g, w, graph_param(g, s->gamma)), graph_param(g, s->beta));
}

/* Zeros until an axis has ceil(size / stride) outputs, an odd one behind; those of an even number are the
 * convolution's own. */
static tensor *adaptive(const conv_state *s, graph *g, tensor *x, conv_attr *a)
{
    int64_t more[2];
    for (int i = 0; i < 2; i++) {
        int64_t size = x->dim[1 + i], stride = a->stride[i], reach = (s->weight->dim[2 + i] - 1) * a->dilation[i] + 1;
        int64_t missing = ((size + stride - 1) / stride - 1) * stride + reach - size;
        missing = missing > 0 ? missing : 0;
        a->pad[i] = missing % 2 ? 0 : (int)(missing / 2);
        more[i] = missing % 2 ? missing : 0;
    }
    return map_pad(g, x, more);
}

/* Over the last axis of maps of one row, as a convolution with kernels of one row. */
static tensor *along_line(module *m, graph *g, tensor *x, tensor *bias)
{
    conv_state *s = m->state;
    const int64_t *w = s->weight->dim;
    if (x && (x->rank != 4 || x->dim[1] != 1))
        return graph_fail(g, CSEG_SHAPE, "%s is a Conv1d, which takes points in a line, but gets a map", m->name);
    tensor *weight = op_reshape(g, graph_param(g, s->weight), 4, (int64_t[]){w[0], w[1], 1, w[2]});
    return op_conv2d(g, x, weight, bias, s->attr);
}

static tensor *forward(module *m, graph *g, tensor *x)
{
    conv_state *s = m->state;
    if (x && x->dim[x->rank - 1] != s->in)
        return graph_fail(g, CSEG_SHAPE, "the convolution %s takes %lld channels, but gets %lld", m->name,
                          (long long)s->in, (long long)x->dim[x->rank - 1]);
    tensor *bias = s->bias ? graph_param(g, s->bias) : NULL;
    if (s->padding)
        x = map_pad_mode(g, x, s->around, s->padding);
    if (s->kind == CONV_LINE)
        return along_line(m, g, x, bias);
    bool standard = s->kind == CONV_STANDARD || s->kind == CONV_ALIGNED;
    tensor *weight = standard ? standardized(s, g) : graph_param(g, s->weight);
    conv_attr a = s->attr;
    if (s->kind == CONV_TRANSPOSED)
        return op_conv_transpose2d(g, x, weight, bias, a);
    return op_conv2d(g, s->kind == CONV_ADAPTIVE && x ? adaptive(s, g, x, &a) : x, weight, bias, a);
}

/* PyTorch's initial values: weights by Kaiming's uniform with slope sqrt(5), biases within 1 / sqrt(fan in). Of a
 * transposed convolution too, it takes the weight's second axis for the inputs. */
static void declare(module *m, conv_state *s, conv_spec c)
{
    bool transposed = s->kind == CONV_TRANSPOSED;
    int64_t first = transposed ? c.in : c.out, second = transposed ? c.out : c.in;
    bool line = s->kind == CONV_LINE;
    int64_t dim[4] = {first, second / c.groups, line ? c.kernel[1] : c.kernel[0], c.kernel[1]};
    s->weight = module_param(m, "weight", line ? 3 : 4, dim, INIT_KAIMING_UNIFORM, sqrtf(5), 0);
    if (s->weight && c.bias) {
        float bound = 1 / sqrtf((float)(s->weight->count / first));
        s->bias = module_param(m, "bias", 1, &c.out, INIT_UNIFORM, -bound, bound);
    }
    if (s->kind == CONV_ALIGNED) {
        s->gamma = module_buffer(m, "weight_gamma", DT_F32, 4, (int64_t[]){c.out, 1, 1, 1}, 1);
        s->beta = module_buffer(m, "weight_beta", DT_F32, 4, (int64_t[]){c.out, 1, 1, 1}, 0);
    }
}

/* Other borders than zeros are put around the map, and the convolution pads nothing. */
static void pad_before(conv_state *s, const char *mode)
{
    if (!mode || strcmp(mode, "zeros") == 0)
        return;
    s->padding = mode;
    for (int i = 0; i < 2; i++) {
        s->around[i] = s->attr.pad[i];
        s->attr.pad[i] = 0;
    }
}

static module *conv_new(module *parent, const char *name, conv_spec c, conv_kind which, const conv_options *o,
                        const int64_t output_pad[2])
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
    if ((which == CONV_STANDARD || which == CONV_ALIGNED) && c.in / c.groups * c.kernel[0] * c.kernel[1] < 2) {
        model_fail(m->model, CSEG_CONFIG, NULL,
                   "%s: %s standardises the weights of each output, but there is one alone", m->name,
                   kinds[which].class_name);
        return NULL;
    }
    m->class_name = kinds[which].class_name;
    m->state = s;
    m->forward = forward;
    s->in = c.in;
    s->kind = which;
    s->attr.groups = (int)c.groups;
    for (int i = 0; i < 2; i++) {
        s->attr.stride[i] = (int)c.stride[i];
        s->attr.pad[i] = (int)c.pad[i];
        s->attr.dilation[i] = (int)c.dilation[i];
        s->attr.output_pad[i] = (int)output_pad[i];
    }
    if (which == CONV_LINE) {
        s->attr.stride[0] = s->attr.dilation[0] = 1;
        s->attr.pad[0] = 0;
    }
    pad_before(s, o->padding_mode);
    s->eps = which == CONV_STANDARD ? (float)o->eps : 1e-5f;
    declare(m, s, c);
    return model_failed(m->model) ? NULL : m;
}

int64_t conv_groups(const module *conv)
{
    const conv_state *s = conv->state;
    return s->attr.groups;
}

bool conv_is_line(const value *conv_cfg)
{
    const char *type = value_type_name(conv_cfg);
    return type && strcmp(type, kinds[CONV_LINE].class_name) == 0;
}

bool conv2d_check(module *m, const value *conv_cfg)
{
    conv_kind which;
    conv_options o;
    int64_t output_pad[2];
    return !model_failed(m->model) && read_options(m, conv_cfg, &which, &o, output_pad);
}

module *conv2d_new(module *parent, const char *name, const value *conv_cfg, conv_spec c)
{
    conv_kind which;
    conv_options o;
    int64_t output_pad[2] = {0};
    if (!parent || model_failed(parent->model) || !read_options(parent, conv_cfg, &which, &o, output_pad))
        return NULL;
    return conv_new(parent, name, c, which, &o, output_pad);
}

module *conv_transpose2d_new(module *parent, const char *name, conv_spec c, int64_t output_pad)
{
    const conv_options o = {.padding_mode = "zeros"};
    return conv_new(parent, name, c, CONV_TRANSPOSED, &o, (int64_t[]){output_pad, output_pad});
}

module *pointwise_conv_new(module *parent, const char *name, int64_t in, int64_t out)
{
    conv_spec s = conv_square(in, out, 1, 1, 0, 1);
    s.bias = true;
    return conv2d_new(parent, name, NULL, s);
}
