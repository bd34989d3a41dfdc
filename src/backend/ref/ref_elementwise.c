#include "backend/ref/ref.h"
#include "graph/ops/dropout_mask.h"

static float clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

float ref_unary_value(const unary_attr *a, float x)
{
    switch (a->kind) {
    case UNARY_RELU:
        return x < 0 ? 0 : x;
    case UNARY_RELU6:
        return clamp(x, 0, 6);
    case UNARY_LEAKY_RELU:
        return x < 0 ? a->alpha * x : x;
    case UNARY_SIGMOID:
        return sigmoid(x);
    case UNARY_TANH:
        return tanhf(x);
    case UNARY_GELU:
        return 0.5f * x * (1 + erff(x * 0.70710678118654752f));
    case UNARY_SILU:
        return x * sigmoid(x);
    case UNARY_HSWISH:
        return x * clamp(x + 3, 0, 6) / 6;
    case UNARY_HSIGMOID:
        return clamp((x + a->alpha) / a->beta, 0, 1);
    case UNARY_ELU:
        return x < 0 ? a->alpha * expm1f(x) : x;
    case UNARY_EXP:
        return expf(x);
    case UNARY_LOG:
        return logf(x);
    case UNARY_SQRT:
        return sqrtf(x);
    case UNARY_ABS:
        return fabsf(x);
    case UNARY_SQUARE:
        return x * x;
    case UNARY_RECIPROCAL:
        return 1 / x;
    case UNARY_CLAMP:
        return clamp(x, a->alpha, a->beta);
    case UNARY_SCALE:
        return a->alpha * x + a->beta;
    case UNARY_POW:
        return powf(x, a->alpha);
    }
    return NAN;
}

float ref_unary_slope(const unary_attr *a, float x, float y)
{
    switch (a->kind) {
    case UNARY_RELU:
        return y > 0;
    case UNARY_RELU6:
        return y > 0 && y < 6;
    case UNARY_LEAKY_RELU:
        return (a->alpha >= 0 ? y : x) > 0 ? 1 : a->alpha;
    case UNARY_SIGMOID:
        return y * (1 - y);
    case UNARY_TANH:
        return 1 - y * y;
    case UNARY_GELU:
        return 0.5f * (1 + erff(x * 0.70710678118654752f)) + x * 0.39894228040143268f * expf(-0.5f * x * x);
    case UNARY_SILU:
        return sigmoid(x) * (1 + x * (1 - sigmoid(x)));
    case UNARY_HSWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : (2 * x + 3) / 6;
    case UNARY_HSIGMOID:
        return y > 0 && y < 1 ? 1 / a->beta : 0;
    case UNARY_ELU:
        return (a->alpha > 0 ? y : x) <= 0 ? y + a->alpha : 1;
    case UNARY_EXP:
        return y;
    case UNARY_LOG:
        return 1 / x;
    case UNARY_SQRT:
        return 0.5f / y;
    case UNARY_ABS:
        return (float)((x > 0) - (x < 0));
    case UNARY_SQUARE:
        return 2 * x;
    case UNARY_RECIPROCAL:
        return -y * y;
    case UNARY_CLAMP:
        return y > a->alpha && y < a->beta;
    case UNARY_SCALE:
        return a->alpha;
    case UNARY_POW:
        return a->alpha * powf(x, a->alpha - 1);
    }
    return NAN;
}

REF(unary, NULL)
{
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = ref_unary_value(&n->attr.unary, ((const float *)in[0])[i]);
}

REF(unary_grad, NULL)
{
    const float *x = in[0], *y = in[1], *dy = in[2];
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = dy[i] * ref_unary_slope(&n->attr.unary, x ? x[i] : NAN, y ? y[i] : NAN);
}

REF(prelu, NULL)
{
    const float *x = in[0], *slope = in[1];
    int64_t slopes = tensor_count(n->in[1]);
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = x[i] > 0 ? x[i] : slope[i % slopes] * x[i];
}

static size_t slope_sums(const node *n)
{
    return (size_t)tensor_count(n->out[1]) * sizeof(double);
}

REF(prelu_grad, slope_sums)
{
    const float *x = in[0], *slope = in[1], *dy = in[2];
    float *dx = out[0];
    int64_t slopes = tensor_count(n->in[1]);
    double *sum = ref_zeros(scratch, slopes);
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++) {
        dx[i] = x[i] > 0 ? dy[i] : slope[i % slopes] * dy[i];
        sum[i % slopes] += x[i] > 0 ? 0 : (double)x[i] * (double)dy[i];
    }
    ref_round(sum, slopes, out[1]);
}

static float combined(binary_kind k, float a, float b)
{
    switch (k) {
    case BINARY_ADD:
        return a + b;
    case BINARY_SUB:
        return a - b;
    case BINARY_MUL:
        return a * b;
    case BINARY_DIV:
        return a / b;
    case BINARY_MAX:
        return a > b ? a : b;
    case BINARY_MIN:
        return a < b ? a : b;
    }
    return NAN;
}

/* Returns where element i of `whole` is in `part`, whose axes of size 1 are repeated. */
static int64_t repeated(const tensor *part, const tensor *whole, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = whole->rank - 1; k >= 0; k--) {
        int64_t p = i % whole->dim[k];
        i /= whole->dim[k];
        at += part->dim[k] == 1 ? 0 : p * step;
        step *= part->dim[k];
    }
    return at;
}

REF(binary, NULL)
{
    const tensor *y = n->out[0];
    for (int64_t i = 0; i < tensor_count(y); i++)
        ((float *)out[0])[i] = combined(n->attr.binary, ((const float *)in[0])[repeated(n->in[0], y, i)],
                                        ((const float *)in[1])[repeated(n->in[1], y, i)]);
}

static bool holds(compare_kind k, double a, double b)
{
    switch (k) {
    case COMPARE_EQ:
        return a == b;
    case COMPARE_NE:
        return a != b;
    case COMPARE_LT:
        return a < b;
    case COMPARE_LE:
        return a <= b;
    case COMPARE_GT:
        return a > b;
    case COMPARE_GE:
        return a >= b;
    }
    return false;
}

/* Reads float32, int32 or uint8: double represents all of them. */
static double number_at(const tensor *t, const void *data, int64_t i)
{
    if (t->type == DT_I32)
        return ((const int32_t *)data)[i];
    return t->type == DT_U8 ? ((const uint8_t *)data)[i] : (double)((const float *)data)[i];
}

REF(compare, NULL)
{
    const tensor *y = n->out[0], *a = n->in[0], *b = n->in[1];
    for (int64_t i = 0; i < tensor_count(y); i++)
        ((uint8_t *)out[0])[i] =
            holds(n->attr.compare, number_at(a, in[0], repeated(a, y, i)), number_at(b, in[1], repeated(b, y, i)));
}

REF(where, NULL)
{
    const tensor *y = n->out[0];
    size_t size = dtype_size(y->type);
    for (int64_t i = 0; i < tensor_count(y); i++) {
        int from = ((const uint8_t *)in[0])[repeated(n->in[0], y, i)] ? 1 : 2;
        size_t at = (size_t)repeated(n->in[from], y, i);
        memcpy((char *)out[0] + (size_t)i * size, (const char *)in[from] + at * size, size);
    }
}

REF(broadcast, NULL)
{
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = ((const float *)in[0])[repeated(n->in[0], n->out[0], i)];
}

REF(fill, NULL)
{
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = n->attr.axis.value;
}

REF(uniform, NULL)
{
    uint64_t key = draw_key(n->attr.uniform.salt, in[0]);
    for (int64_t i = 0; i < tensor_count(n->out[0]); i++)
        ((float *)out[0])[i] = (float)rng_bits(key, (uint64_t)i) * 0x1p-24f;
}

REF(dropout, NULL)
{
    const tensor *x = n->in[0];
    const dropout_attr *a = &n->attr.dropout;
    const float *from = in[0];
    float *to = out[0];
    int64_t count = tensor_count(x), per_sample = count / x->dim[0], channels = ref_channels(x);
    dropout_mask m = dropout_mask_of(a, in[1]);
    for (int64_t i = 0; i < count; i++)
        to[i] = from[i] * dropout_factor(&m, dropout_unit(a, i, per_sample, channels));
}

REF(dropout_grad, NULL)
{
    ref_dropout(n, in, out, scratch);
}

/* Rounds to nearest, ties to even; a NaN stays a NaN. */
static uint16_t bfloat(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x))
        return (uint16_t)(bits >> 16 | 0x40);
    uint32_t low = bits & 0xffff, high = bits >> 16;
    bool up = low > 0x8000 || (low == 0x8000 && high % 2);
    return (uint16_t)(high + up);
}

static float from_bfloat(uint16_t x)
{
    uint32_t bits = (uint32_t)x << 16;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

/* Truncates, and clips to the range of int32. */
static int32_t whole(double x)
{
    if (isnan(x))
        return 0;
    return x <= INT32_MIN ? INT32_MIN : x >= INT32_MAX ? INT32_MAX : (int32_t)x;
}

REF(cast, NULL)
{
    const tensor *x = n->in[0];
    for (int64_t i = 0; i < tensor_count(x); i++) {
        double v = x->type == DT_BF16 ? (double)from_bfloat(((const uint16_t *)in[0])[i]) : number_at(x, in[0], i);
        if (n->out[0]->type == DT_BF16)
            ((uint16_t *)out[0])[i] = bfloat((float)v);
        else if (n->out[0]->type == DT_I32)
            ((int32_t *)out[0])[i] = whole(v);
        else if (n->out[0]->type == DT_U8)
            ((uint8_t *)out[0])[i] = v != 0;
        else
            ((float *)out[0])[i] = (float)v;
    }
}
