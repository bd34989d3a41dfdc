/* Convolutions and their gradients through oneDNN, maps in NHWC. Bound by flops: direct convolution runs near the
 * machine's peak for 3x3 of 48 channels and more. Weights are in PyTorch's order outside and in the layout that the
 * primitive likes inside: reordered at each step when training, once when weights are fixed. Where maps are bfloat16,
 * so are the inner weights, and sums are taken in float32; the weights outside, their gradients and biases stay
 * float32. */
#include "backend/cpu/conv_weights.h"
#include "backend/cpu/dnnl_util.h"
#include "backend/cpu/winograd.h"

typedef struct conv_descs {
    /* w_any: as the primitive likes them, of x's type; w_grad: the same in float32; w_plain: as they are outside */
    dnnl_memory_desc_t x, y, w_any, w_grad, w_plain, bias, residual;
    dnnl_dims_t stride, dilation, pad, pad_r;
} conv_descs;

static void descs_release(conv_descs *d)
{
    dnnl_memory_desc_t all[] = {d->x, d->y, d->w_any, d->w_grad, d->w_plain, d->bias, d->residual};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            dnnl_memory_desc_destroy(all[i]);
}

static dnnl_status_t map_desc(dnnl_memory_desc_t *out, const tensor *t)
{
    dnnl_dims_t dims = {t->dim[0], t->dim[3], t->dim[1], t->dim[2]};
    return dnnl_memory_desc_create_with_tag(out, 4, dims, dnnl_type_of(t), dnnl_nhwc);
}

/* w: OIHW dims of PyTorch. bias: there is one. residual may be NULL. */
static cseg_status descs_init(conv_descs *d, const node *n, const tensor *x, const tensor *y, const int64_t *w,
                              bool bias, const tensor *residual, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const conv_attr *a = &n->attr.conv;
    *d = (conv_descs){0};
    int rank = a->groups > 1 ? 5 : 4;
    dnnl_dims_t wg = {a->groups, w[0] / a->groups, w[1], w[2], w[3]}, wp = {w[0], w[1], w[2], w[3]}, b = {w[0]};
    const dnnl_dim_t *dims = rank == 5 ? wg : wp;
    DNNL_TRY(map_desc(&d->x, x), "describe its input");
    DNNL_TRY(map_desc(&d->y, y), "describe its output");
    DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_any, rank, dims, dnnl_type_of(x), dnnl_format_tag_any),
             "describe its weights");
    DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_grad, rank, dims, dnnl_f32, dnnl_format_tag_any),
             "describe its weights");
    DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_plain, rank, dims, dnnl_f32, rank == 5 ? dnnl_goihw : dnnl_oihw),
             "describe its weights");
    if (residual)
        DNNL_TRY(map_desc(&d->residual, residual), "describe its residual");
    if (bias)
        DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->bias, 1, b, dnnl_f32, dnnl_a), "describe its bias");
    for (int i = 0; i < 2; i++) {
        d->stride[i] = a->stride[i];
        d->dilation[i] = a->dilation[i] - 1;
        d->pad[i] = a->pad[i];
        int64_t extent = (w[2 + i] - 1) * a->dilation[i] + 1;
        d->pad_r[i] = (y->dim[1 + i] - 1) * a->stride[i] + extent - x->dim[1 + i] - a->pad[i];
    }
done:
    if (status != CSEG_OK)
        descs_release(d);
    return status;
}

/* Weights between the two layouts. */
typedef struct weights {
    bool differ;
    bool from_plain;
    size_t bytes; /* of the inner layout */
    dnnl_op reorder;
} weights;

static cseg_status weights_init(weights *w, cpu_backend *b, const node *n, const_dnnl_memory_desc_t plain,
                                const_dnnl_memory_desc_t inner, bool from_plain, cseg_error *err)
{
    *w = (weights){.differ = !dnnl_memory_desc_equal(plain, inner), .from_plain = from_plain};
    if (!w->differ)
        return CSEG_OK;
    w->bytes = (dnnl_memory_desc_get_size(inner) + 63) / 64 * 64;
    return from_plain ? dnnl_reorder_init(&w->reorder, b, n, plain, inner, err)
                      : dnnl_reorder_init(&w->reorder, b, n, inner, plain, err);
}

typedef struct conv_kernel {
    cpu_kernel k;
    dnnl_op op;
    weights w;
    void *kept; /* reordered weights that stay, or NULL */
    bool bias, residual;
} conv_kernel;

static void conv_release(kernel *base)
{
    conv_kernel *k = (conv_kernel *)base;
    dnnl_op_release(&k->op);
    dnnl_op_release(&k->w.reorder);
    mem_free(k->kept);
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* The weights in the inner layout: kept, in scratch, or as they are. */
static cseg_status conv_weights(conv_kernel *k, void *plain, char **scratch, void **inner, cseg_error *err)
{
    *inner = plain;
    if (!k->w.differ)
        return CSEG_OK;
    *inner = k->kept ? k->kept : *scratch;
    if (!k->kept)
        *scratch += k->w.bytes;
    if (k->kept && !k->k.base.stale)
        return CSEG_OK;
    TRY(dnnl_op_run(&k->w.reorder, k->k.b, k->k.n, (void *[]){plain, *inner}, *scratch, err));
    k->k.base.stale = false;
    return CSEG_OK;
}

static cseg_status conv_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    conv_kernel *k = (conv_kernel *)base;
    char *free_scratch = scratch;
    void *w;
    TRY(conv_weights(k, in[1], &free_scratch, &w, err));
    void *at[5] = {in[0], w, out[0]};
    int n = 3;
    if (k->bias)
        at[n++] = in[2];
    if (k->residual)
        at[n++] = in[3];
    return dnnl_op_run(&k->op, k->k.b, k->k.n, at, free_scratch, err);
}

static dnnl_status_t append_act(dnnl_post_ops_t ops, int act, float alpha)
{
    switch ((unary_kind)(act - 1)) {
    case UNARY_RELU:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0, 0);
    case UNARY_RELU6:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_clip, 0, 6);
    case UNARY_LEAKY_RELU:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, alpha, 0);
    case UNARY_SIGMOID:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_logistic, 0, 0);
    case UNARY_TANH:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_tanh, 0, 0);
    case UNARY_GELU:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_gelu_erf, 0, 0);
    case UNARY_SILU:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_swish, 1, 0);
    default:
        return dnnl_invalid_arguments;
    }
}

static cseg_status conv_post_ops(dnnl_primitive_attr_t attr, const node *n, const conv_descs *d, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    const conv_attr *a = &n->attr.conv;
    dnnl_post_ops_t ops = NULL;
    DNNL_TRY(dnnl_post_ops_create(&ops), "fuse");
    if (a->has_residual)
        DNNL_TRY(dnnl_post_ops_append_binary(ops, dnnl_binary_add, d->residual), "fuse an addition");
    if (a->act)
        DNNL_TRY(append_act(ops, a->act, a->act_alpha), "fuse this activation");
    DNNL_TRY(dnnl_primitive_attr_set_post_ops(attr, ops), "fuse");
done:
    if (ops)
        dnnl_post_ops_destroy(ops);
    return status;
}

cseg_status cpu_prepare_conv(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (wino_fits(b, n))
        return wino_prepare_conv(b, n, mem, out, err);
    cseg_status status = CSEG_OK;
    conv_descs d;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t pd = NULL;
    conv_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, conv_run);
    if (!k)
        return fail_memory(err);
    k->bias = n->n_in > 2 && n->in[2];
    k->residual = n->attr.conv.has_residual;
    TRY(descs_init(&d, n, n->in[0], n->out[0], n->in[1]->dim, k->bias, k->residual ? n->in[3] : NULL, err));
    attr = dnnl_attr_new();
    if (!attr) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(conv_post_ops(attr, n, &d, err));
    DNNL_TRY(dnnl_convolution_forward_primitive_desc_create(
                 &pd, b->engine, b->base.weights_fixed ? dnnl_forward_inference : dnnl_forward_training,
                 dnnl_convolution_direct, d.x, d.w_any, d.bias, d.y, d.stride, d.dilation, d.pad, d.pad_r, attr),
             "do this convolution");
    k->k.base.release = conv_release;
    status = weights_init(&k->w, b, n, d.w_plain, dnnl_wanted(pd, DNNL_ARG_WEIGHTS), true, err);
    if (status != CSEG_OK) {
        dnnl_primitive_desc_destroy(pd);
        goto done;
    }
    int args[5] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, n_args = 3;
    if (k->bias)
        args[n_args++] = DNNL_ARG_BIAS;
    if (k->residual)
        args[n_args++] = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
    TRY_DONE(dnnl_op_init(&k->op, b, n, pd, args, n_args, err));
    size_t reordered = k->w.differ ? k->w.bytes : 0;
    if (reordered && b->base.weights_fixed) {
        k->kept = mem_alloc(reordered);
        if (!k->kept) {
            status = fail_memory(err);
            goto done;
        }
        k->k.base.kept = reordered;
        k->k.base.read_when_stale = 1u << 1;
        k->k.base.scratch = max_size(k->op.scratch, k->w.reorder.scratch);
    } else {
        k->k.base.scratch = reordered + max_size(k->op.scratch, k->w.reorder.scratch);
    }
    *out = &k->k.base;
done:
    if (status != CSEG_OK)
        conv_release(&k->k.base);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    descs_release(&d);
    return status;
}

static cseg_status conv_grad_data_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    conv_kernel *k = (conv_kernel *)base;
    char *free_scratch = scratch;
    void *w;
    TRY(conv_weights(k, in[1], &free_scratch, &w, err));
    return dnnl_op_run(&k->op, k->k.b, k->k.n, (void *[]){in[0], w, out[0]}, free_scratch, err);
}

/* oneDNN wants a gradient's primitive to be made with a forward one as a hint. */
static cseg_status forward_hint(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                cseg_error *err)
{
    cseg_status status = CSEG_OK;
    DNNL_TRY(dnnl_convolution_forward_primitive_desc_create(pd, b->engine, dnnl_forward_training,
                                                            dnnl_convolution_direct, d->x, d->w_any, d->bias, d->y,
                                                            d->stride, d->dilation, d->pad, d->pad_r, NULL),
             "do this convolution");
done:
    return status;
}

cseg_status cpu_prepare_conv_grad_data(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (wino_fits(b, n))
        return wino_prepare_conv_grad_data(b, n, mem, out, err);
    cseg_status status = CSEG_OK;
    conv_descs d;
    dnnl_primitive_desc_t hint = NULL, pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    conv_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, conv_grad_data_run);
    if (!k)
        return fail_memory(err);
    TRY(descs_init(&d, n, n->out[0], n->in[0], n->in[1]->dim, false, NULL, err));
    attr = dnnl_attr_new();
    if (!attr) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(forward_hint(b, n, &d, &hint, err));
    DNNL_TRY(dnnl_convolution_backward_data_primitive_desc_create(&pd, b->engine, dnnl_convolution_direct, d.x, d.w_any,
                                                                  d.y, d.stride, d.dilation, d.pad, d.pad_r, hint,
                                                                  attr),
             "do this convolution's gradient");
    status = weights_init(&k->w, b, n, d.w_plain, dnnl_wanted(pd, DNNL_ARG_WEIGHTS), true, err);
    if (status != CSEG_OK) {
        dnnl_primitive_desc_destroy(pd);
        goto done;
    }
    TRY_DONE(dnnl_op_init(&k->op, b, n, pd, (int[]){DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC}, 3, err));
    k->k.base.scratch = (k->w.differ ? k->w.bytes : 0) + max_size(k->op.scratch, k->w.reorder.scratch);
    k->k.base.release = conv_release;
    *out = &k->k.base;
done:
    if (status != CSEG_OK)
        conv_release(&k->k.base);
    if (hint)
        dnnl_primitive_desc_destroy(hint);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    descs_release(&d);
    return status;
}

static cseg_status conv_grad_weight_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    conv_kernel *k = (conv_kernel *)base;
    char *rest = (char *)scratch + (k->w.differ ? k->w.bytes : 0);
    void *dw = k->w.differ ? scratch : out[0];
    TRY(dnnl_op_run(&k->op, k->k.b, k->k.n, (void *[]){in[0], in[1], dw, k->bias ? out[1] : NULL}, rest, err));
    return k->w.differ ? dnnl_op_run(&k->w.reorder, k->k.b, k->k.n, (void *[]){dw, out[0]}, rest, err) : CSEG_OK;
}

/* oneDNN 3.2's 1x1 kernel for strides gathers the pixels that it multiplies in its scratchpad, in steps of 16 channels,
 * but asks for the bytes of those that there are: of 64x64 pixels with 4 channels it wrote far behind them. */
static size_t gather_slack(const cpu_backend *b, const node *n)
{
    const int64_t *w = n->out[0]->dim, *dy = n->in[1]->dim, missing = (16 - w[1] % 16) % 16;
    if (w[2] * w[3] != 1 || n->attr.conv.stride[0] * n->attr.conv.stride[1] == 1)
        return 0;
    return (size_t)(b->options.threads * dy[1] * dy[2] * missing) * sizeof(float);
}

cseg_status cpu_prepare_conv_grad_weight(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (wino_fits(b, n))
        return wino_prepare_conv_grad_weight(b, n, mem, out, err);
    if (conv_weights_fits(b, n))
        return conv_weights_prepare(b, n, mem, out, err);
    cseg_status status = CSEG_OK;
    conv_descs d;
    dnnl_primitive_desc_t hint = NULL, pd = NULL;
    dnnl_primitive_attr_t attr = NULL;
    conv_kernel *k = cpu_kernel_new(b, n, mem, sizeof *k, conv_grad_weight_run);
    if (!k)
        return fail_memory(err);
    k->bias = n->n_out > 1 && n->out[1];
    TRY(descs_init(&d, n, n->in[0], n->in[1], n->out[0]->dim, k->bias, NULL, err));
    attr = dnnl_attr_new();
    if (!attr) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(forward_hint(b, n, &d, &hint, err));
    DNNL_TRY(dnnl_convolution_backward_weights_primitive_desc_create(&pd, b->engine, dnnl_convolution_direct, d.x,
                                                                     d.w_grad, d.bias, d.y, d.stride, d.dilation, d.pad,
                                                                     d.pad_r, hint, attr),
             "do this convolution's gradient");
    status = weights_init(&k->w, b, n, d.w_plain, dnnl_wanted(pd, DNNL_ARG_DIFF_WEIGHTS), false, err);
    if (status != CSEG_OK) {
        dnnl_primitive_desc_destroy(pd);
        goto done;
    }
    TRY_DONE(dnnl_op_init(&k->op, b, n, pd,
                          (int[]){DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS},
                          k->bias ? 4 : 3, err));
    k->k.base.scratch =
        (k->w.differ ? k->w.bytes : 0) + max_size(k->op.scratch + gather_slack(b, n), k->w.reorder.scratch);
    k->k.base.release = conv_release;
    *out = &k->k.base;
done:
    if (status != CSEG_OK)
        conv_release(&k->k.base);
    if (hint)
        dnnl_primitive_desc_destroy(hint);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    descs_release(&d);
    return status;
}
