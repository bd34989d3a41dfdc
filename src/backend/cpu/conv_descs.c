#include "backend/cpu/conv_descs.h"

bool conv_to_input(const node *n)
{
    return n->op == OP_conv2d_grad_data || n->op == OP_conv_transpose2d;
}

const tensor *conv_x(const node *n)
{
    return conv_to_input(n) ? n->out[0] : n->in[0];
}

const tensor *conv_y(const node *n)
{
    return n->op == OP_conv2d ? n->out[0] : conv_to_input(n) ? n->in[0] : n->in[1];
}

const tensor *conv_w(const node *n)
{
    return n->op == OP_conv2d_grad_weight ? n->out[0] : n->in[1];
}

bool conv_has_bias(const node *n)
{
    if (n->op == OP_conv2d || n->op == OP_conv_transpose2d)
        return n->n_in > 2 && n->in[2];
    return n->op == OP_conv2d_grad_weight && n->n_out > 1 && n->out[1];
}

conv_extent conv_whole(const node *n)
{
    const int64_t *x = conv_x(n)->dim, *y = conv_y(n)->dim;
    const conv_attr *a = &n->attr.conv;
    return (conv_extent){x[0], {x[1], x[2]}, {y[1], y[2]}, {a->pad[0], a->pad[1]}};
}

void conv_descs_release(conv_descs *d)
{
    dnnl_memory_desc_t all[] = {d->x, d->y, d->w_any, d->w_grad, d->w_plain, d->bias, d->residual};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i])
            dnnl_memory_desc_destroy(all[i]);
    *d = (conv_descs){0};
}

static dnnl_status_t map_desc(dnnl_memory_desc_t *out, const tensor *t, int64_t images, const int64_t *size)
{
    dnnl_dims_t dims = {images, t->dim[3], size[0], size[1]};
    return dnnl_memory_desc_create_with_tag(out, 4, dims, dnnl_type_of(t), dnnl_nhwc);
}

/* The padding behind the last row (i == 0) or column. It is negative where the convolution reads less than there is. */
static int64_t padding_behind(const node *n, const conv_extent *e, int i)
{
    const conv_attr *a = &n->attr.conv;
    int64_t extent = (conv_w(n)->dim[2 + i] - 1) * a->dilation[i] + 1;
    return (e->out[i] - 1) * a->stride[i] + extent - e->in[i] - e->pad[i];
}

bool conv_takes(const cpu_backend *b, const node *n)
{
    (void)b;
    conv_extent e = conv_whole(n);
    for (int i = 0; i < 2; i++)
        if (padding_behind(n, &e, i) <= -n->attr.conv.stride[i])
            return false;
    return true;
}

static void geometry(conv_descs *d, const node *n, const conv_extent *e)
{
    const conv_attr *a = &n->attr.conv;
    for (int i = 0; i < 2; i++) {
        d->stride[i] = a->stride[i];
        d->dilation[i] = a->dilation[i] - 1;
        d->pad[i] = e->pad[i];
        d->pad_r[i] = padding_behind(n, e, i);
    }
}

cseg_status conv_descs_init(conv_descs *d, const node *n, const conv_extent *e, const_dnnl_memory_desc_t inner,
                            bool weights_fixed, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    int64_t groups = n->attr.conv.groups;
    const int64_t *w = conv_w(n)->dim; /* OIHW, as in PyTorch */
    bool grad_weight = n->op == OP_conv2d_grad_weight, transposed = n->op == OP_conv_transpose2d;
    *d = (conv_descs){.weights_fixed = weights_fixed};
    int rank = groups > 1 ? 5 : 4;
    dnnl_dims_t all = {groups, w[0] / groups, w[1], w[2], w[3]}, bias = {transposed ? w[1] * groups : w[0]};
    if (transposed) /* to oneDNN, its outputs come first too */
        all[1] = w[1], all[2] = w[0] / groups;
    const dnnl_dim_t *dims = all + 5 - rank;
    DNNL_TRY(map_desc(&d->x, conv_x(n), e->images, e->in), "describe its input");
    DNNL_TRY(map_desc(&d->y, conv_y(n), e->images, e->out), "describe its output");
    if (inner && !grad_weight)
        DNNL_TRY(dnnl_memory_desc_clone(&d->w_any, inner), "describe its weights");
    else
        DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_any, rank, dims, dnnl_type_of(conv_x(n)), dnnl_format_tag_any),
                 "describe its weights");
    if (inner && grad_weight)
        DNNL_TRY(dnnl_memory_desc_clone(&d->w_grad, inner), "describe its weights");
    else
        DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_grad, rank, dims, dnnl_f32, dnnl_format_tag_any),
                 "describe its weights");
    dnnl_format_tag_t plain = rank == 5 ? transposed ? dnnl_giohw : dnnl_goihw : transposed ? dnnl_iohw : dnnl_oihw;
    DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->w_plain, rank, dims, dnnl_f32, plain), "describe its weights");
    if (n->op == OP_conv2d && n->attr.conv.has_residual)
        DNNL_TRY(map_desc(&d->residual, n->in[3], e->images, e->out), "describe its residual");
    if (conv_has_bias(n))
        DNNL_TRY(dnnl_memory_desc_create_with_tag(&d->bias, 1, bias, dnnl_f32, dnnl_a), "describe its bias");
    geometry(d, n, e);
done:
    return status;
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
    case UNARY_HSWISH:
        return dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_hardswish, 1.0f / 6, 0.5f);
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

static cseg_status forward_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                const_dnnl_primitive_attr_t attr, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    bool inference = n->op == OP_conv2d && d->weights_fixed;
    DNNL_TRY(dnnl_convolution_forward_primitive_desc_create(
                 pd, b->engine, inference ? dnnl_forward_inference : dnnl_forward_training, dnnl_convolution_direct,
                 d->x, d->w_any, d->bias, d->y, d->stride, d->dilation, d->pad, d->pad_r, attr),
             "do this convolution");
done:
    return status;
}

static cseg_status transposed_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                   const_dnnl_primitive_attr_t attr, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    DNNL_TRY(dnnl_deconvolution_forward_primitive_desc_create(
                 pd, b->engine, d->weights_fixed ? dnnl_forward_inference : dnnl_forward_training,
                 dnnl_deconvolution_direct, d->y, d->w_any, d->bias, d->x, d->stride, d->dilation, d->pad, d->pad_r,
                 attr),
             "do this transposed convolution");
done:
    return status;
}

/* oneDNN needs a forward primitive as a hint for a gradient's primitive. */
static cseg_status gradient_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                 const_dnnl_primitive_attr_t attr, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t code;
    TRY(forward_desc(b, n, d, &hint, NULL, err));
    if (n->op == OP_conv2d_grad_data)
        code = dnnl_convolution_backward_data_primitive_desc_create(pd, b->engine, dnnl_convolution_direct, d->x,
                                                                    d->w_any, d->y, d->stride, d->dilation, d->pad,
                                                                    d->pad_r, hint, attr);
    else
        code = dnnl_convolution_backward_weights_primitive_desc_create(pd, b->engine, dnnl_convolution_direct, d->x,
                                                                       d->w_grad, d->bias, d->y, d->stride, d->dilation,
                                                                       d->pad, d->pad_r, hint, attr);
    DNNL_TRY(code, "do this convolution's gradient");
done:
    dnnl_primitive_desc_destroy(hint);
    return status;
}

cseg_status conv_primitive_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                cseg_error *err)
{
    cseg_status status = CSEG_OK;
    dnnl_primitive_attr_t attr = dnnl_attr_new();
    if (!attr)
        return fail_memory(err);
    if (n->op == OP_conv2d || n->op == OP_conv_transpose2d)
        TRY_DONE(conv_post_ops(attr, n, d, err));
    if (n->op == OP_conv2d)
        TRY_DONE(forward_desc(b, n, d, pd, attr, err));
    else if (n->op == OP_conv_transpose2d)
        TRY_DONE(transposed_desc(b, n, d, pd, attr, err));
    else
        TRY_DONE(gradient_desc(b, n, d, pd, attr, err));
done:
    dnnl_primitive_attr_destroy(attr);
    return status;
}

int conv_args(const node *n, int args[CONV_ARGS])
{
    int count = 0;
    if (n->op == OP_conv2d_grad_data) {
        args[count++] = DNNL_ARG_DIFF_DST;
        args[count++] = DNNL_ARG_WEIGHTS;
        args[count++] = DNNL_ARG_DIFF_SRC;
    } else if (n->op == OP_conv2d_grad_weight) {
        args[count++] = DNNL_ARG_SRC;
        args[count++] = DNNL_ARG_DIFF_DST;
        args[count++] = DNNL_ARG_DIFF_WEIGHTS;
        if (conv_has_bias(n))
            args[count++] = DNNL_ARG_DIFF_BIAS;
    } else {
        args[count++] = DNNL_ARG_SRC;
        args[count++] = DNNL_ARG_WEIGHTS;
        args[count++] = DNNL_ARG_DST;
        if (conv_has_bias(n))
            args[count++] = DNNL_ARG_BIAS;
        if (n->attr.conv.has_residual)
            args[count++] = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
    }
    return count;
}

int conv_weights_arg(const node *n)
{
    return n->op == OP_conv2d_grad_weight ? DNNL_ARG_DIFF_WEIGHTS : DNNL_ARG_WEIGHTS;
}

/* oneDNN 3.2's 1x1 kernel with strides gathers pixels in its scratchpad in steps of 16 channels, but asks only for the
 * bytes of the actual channels: for 64x64 pixels with 4 channels it wrote far beyond the scratchpad. */
size_t conv_slack(const node *n, const conv_extent *e)
{
    const int64_t *w = conv_w(n)->dim, missing = (16 - w[1] % 16) % 16;
    bool gathers = n->op == OP_conv2d_grad_weight && w[2] * w[3] == 1;
    if (!gathers || n->attr.conv.stride[0] * n->attr.conv.stride[1] == 1)
        return 0;
    return (size_t)(e->out[0] * e->out[1] * missing) * sizeof(float);
}

cseg_status conv_inner_init(conv_inner *w, cpu_backend *b, const node *n, const conv_descs *d,
                            const_dnnl_primitive_desc_t pd, cseg_error *err)
{
    bool grad = n->op == OP_conv2d_grad_weight;
    const_dnnl_memory_desc_t inner = dnnl_wanted(pd, conv_weights_arg(n));
    *w = (conv_inner){.differ = !dnnl_memory_desc_equal(d->w_plain, inner),
                      .bytes = (dnnl_memory_desc_get_size(inner) + 63) / 64 * 64};
    if (!w->differ)
        return CSEG_OK;
    TRY(grad ? dnnl_reorder_init(&w->reorder, b, n, inner, d->w_plain, err)
             : dnnl_reorder_init(&w->reorder, b, n, d->w_plain, inner, err));
    if (d->weights_fixed && !(w->kept = mem_alloc(w->bytes)))
        return fail_memory(err);
    return CSEG_OK;
}

size_t conv_inner_scratch(const conv_inner *w, kernel *k)
{
    if (w->kept) {
        k->kept = w->bytes;
        k->read_when_stale = 1u << 1;
    }
    return w->differ && !w->kept ? w->bytes : 0;
}

cseg_status conv_inner_get(conv_inner *w, cpu_kernel *k, void *plain, char **scratch, void **inner, cseg_error *err)
{
    *inner = plain;
    if (!w->differ)
        return CSEG_OK;
    *inner = w->kept ? w->kept : *scratch;
    if (!w->kept)
        *scratch += w->bytes;
    if (w->kept && !k->base.stale)
        return CSEG_OK;
    TRY(dnnl_op_run(&w->reorder, k->b, k->n, (void *[]){plain, *inner}, *scratch, err));
    k->base.stale = false;
    return CSEG_OK;
}

void conv_inner_release(conv_inner *w)
{
    dnnl_op_release(&w->reorder);
    mem_free(w->kept);
}
