#include "golden.h"

#include <string.h>

static double number(const cJSON *attr, const char *key, double otherwise)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(attr, key);
    return cJSON_IsNumber(v) ? v->valuedouble : otherwise;
}

static bool truth(const cJSON *attr, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(attr, key));
}

static const char *word(const cJSON *attr, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(attr, key));
    return text ? text : "";
}

static int whole(const cJSON *attr, const char *key)
{
    return (int)number(attr, key, 0);
}

static const struct {
    const char *name;
    unary_kind kind;
} unaries[] = {
    {"relu", UNARY_RELU},
    {"relu6", UNARY_RELU6},
    {"leaky_relu", UNARY_LEAKY_RELU},
    {"sigmoid", UNARY_SIGMOID},
    {"tanh", UNARY_TANH},
    {"gelu", UNARY_GELU},
    {"silu", UNARY_SILU},
    {"hswish", UNARY_HSWISH},
    {"hsigmoid", UNARY_HSIGMOID},
    {"elu", UNARY_ELU},
    {"exp", UNARY_EXP},
    {"log", UNARY_LOG},
    {"sqrt", UNARY_SQRT},
    {"abs", UNARY_ABS},
    {"square", UNARY_SQUARE},
    {"clamp", UNARY_CLAMP},
    {"reciprocal", UNARY_RECIPROCAL},
};

static tensor *unary(graph *g, const cJSON *attr, tensor *x)
{
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++)
        if (strcmp(unaries[i].name, word(attr, "kind")) == 0)
            return op_unary(g, x,
                            (unary_attr){.kind = unaries[i].kind,
                                         .alpha = (float)number(attr, "alpha", 0),
                                         .beta = (float)number(attr, "beta", 0)});
    return graph_fail(g, CSEG_USAGE, "no function %s", word(attr, "kind"));
}

static tensor *binary(graph *g, const cJSON *attr, tensor *a, tensor *b)
{
    const char *kind = word(attr, "kind");
    return op_binary(g, a, b,
                     strcmp(kind, "max") == 0   ? BINARY_MAX
                     : strcmp(kind, "min") == 0 ? BINARY_MIN
                                                : BINARY_DIV);
}

static pool_attr pool(const cJSON *attr)
{
    int kernel = whole(attr, "kernel"), stride = whole(attr, "stride"), pad = whole(attr, "pad");
    return (pool_attr){.kernel = {kernel, kernel},
                       .stride = {stride, stride},
                       .pad = {pad, pad},
                       .ceil_mode = truth(attr, "ceil_mode"),
                       .count_include_pad = truth(attr, "count_include_pad")};
}

static resize_attr resize(const cJSON *attr)
{
    return (resize_attr){.h = whole(attr, "h"),
                         .w = whole(attr, "w"),
                         .align_corners = truth(attr, "align_corners"),
                         .nearest = truth(attr, "nearest"),
                         .cubic = truth(attr, "cubic"),
                         .scale_h = number(attr, "scale_h", 0),
                         .scale_w = number(attr, "scale_w", 0)};
}

static points_attr points(const cJSON *attr)
{
    return (points_attr){.align_corners = truth(attr, "align_corners"), .nearest = truth(attr, "nearest")};
}

static conv_attr conv(const cJSON *attr)
{
    int stride = whole(attr, "stride"), pad = whole(attr, "pad"), dilation = whole(attr, "dilation");
    int output_pad = whole(attr, "output_pad");
    return (conv_attr){.stride = {stride, stride},
                       .pad = {pad, pad},
                       .output_pad = {output_pad, output_pad},
                       .dilation = {dilation, dilation},
                       .groups = whole(attr, "groups")};
}

static norm_attr norm(const cJSON *attr)
{
    return (norm_attr){.eps = (float)number(attr, "eps", 0),
                       .momentum = (float)number(attr, "momentum", 0),
                       .groups = whole(attr, "groups"),
                       .update = true};
}

/* How the reference averages: by reduction, by avg_non_ignore, and in 1.x's softmax loss by class weights. */
static avg_mode averaging(const cJSON *attr, bool weighted)
{
    if (strcmp(word(attr, "reduction"), "sum") == 0)
        return AVG_SUM;
    if (strcmp(word(attr, "reduction"), "none") == 0)
        return AVG_ALL;
    if (weighted && !truth(attr, "use_sigmoid") && strcmp(word(attr, "dialect"), "1x") == 0)
        return AVG_CLASS_WEIGHT;
    return truth(attr, "avg_non_ignore") ? AVG_NON_IGNORED : AVG_ALL;
}

static tensor *class_weights(graph *g, const cJSON *attr)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(attr, "class_weight");
    int64_t n = cJSON_GetArraySize(list);
    float data[64];
    if (n < 1 || n > 64)
        return NULL;
    for (int i = 0; i < n; i++)
        data[i] = (float)cJSON_GetArrayItem(list, i)->valuedouble;
    return graph_const(g, DT_F32, 1, &n, data);
}

static tensor *loss(graph *g, const cJSON *attr, tensor *const *in)
{
    tensor *weight = class_weights(g, attr);
    loss_attr a = {.ignore_index = whole(attr, "ignore_index"),
                   .avg = averaging(attr, weight != NULL),
                   .avg_non_ignore = truth(attr, "avg_non_ignore"),
                   .scale = (float)number(attr, "loss_weight", 1)};
    graph_add_output(g, "accuracy", op_accuracy(g, in[0], in[1], a.ignore_index));
    return truth(attr, "use_sigmoid") ? op_binary_cross_entropy(g, in[0], in[1], weight, in[2], a)
                                      : op_cross_entropy(g, in[0], in[1], weight, in[2], a);
}

bool golden_is_buffer(const cJSON *golden, int i)
{
    const char *op = word(golden, "op");
    return (strncmp(op, "batch_norm", 10) == 0 && i >= 3) || (strcmp(op, "point_sample") == 0 && i == 1);
}

tensor *golden_trace(graph *g, const cJSON *golden, tensor *const *in)
{
    const cJSON *a = cJSON_GetObjectItemCaseSensitive(golden, "attr");
    const char *op = word(golden, "op");
    if (strcmp(op, "loss") == 0)
        return loss(g, a, in);
    if (strcmp(op, "resize") == 0)
        return op_resize(g, in[0], resize(a));
    if (strcmp(op, "avg_pool") == 0)
        return op_avg_pool(g, in[0], pool(a));
    if (strcmp(op, "max_pool") == 0)
        return op_max_pool(g, in[0], pool(a));
    if (strcmp(op, "adaptive_avg_pool") == 0)
        return op_adaptive_avg_pool(g, in[0], whole(a, "h"), whole(a, "w"));
    if (strcmp(op, "conv2d") == 0)
        return op_conv2d(g, in[0], in[1], in[2], conv(a));
    if (strcmp(op, "conv_transpose2d") == 0)
        return op_conv_transpose2d(g, in[0], in[1], in[2], conv(a));
    if (strcmp(op, "group_norm") == 0)
        return op_group_norm(g, in[0], in[1], in[2], whole(a, "groups"), (float)number(a, "eps", 0));
    if (strcmp(op, "layer_norm") == 0)
        return op_layer_norm(g, in[0], in[1], in[2], (float)number(a, "eps", 0));
    if (strcmp(op, "batch_norm") == 0)
        return op_batch_norm(g, in[0], in[1], in[2], in[3], in[4], (float)number(a, "eps", 0));
    if (strcmp(op, "batch_norm_train") == 0)
        return op_batch_norm_train(g, in[0], in[1], in[2], in[3], in[4], norm(a));
    if (strcmp(op, "unary") == 0)
        return unary(g, a, in[0]);
    if (strcmp(op, "binary") == 0)
        return binary(g, a, in[0], in[1]);
    if (strcmp(op, "prelu") == 0)
        return op_prelu(g, in[0], in[1]);
    if (strcmp(op, "point_sample") == 0)
        return op_point_sample(g, in[0], in[1], points(a));
    if (strcmp(op, "softmax") == 0)
        return op_softmax(g, in[0]);
    return graph_fail(g, CSEG_USAGE, "no op %s", op);
}
