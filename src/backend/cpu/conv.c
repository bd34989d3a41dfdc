/* Runs convolutions and their gradients through oneDNN, maps in NHWC. Bound by flops: direct convolution runs near the
 * machine's peak for 3x3 of 48 channels and more.
 *
 * Outside, weights are in PyTorch's order; inside, in the layout that the oneDNN primitive prefers. They are reordered
 * at each step in training, and once if weights are fixed. If maps are bfloat16, so are the inner weights, and sums are
 * taken in float32. The outer weights, their gradients and biases stay float32. */
#include "backend/cpu/conv_pieces.h"
#include "backend/cpu/conv_pointwise.h"
#include "backend/cpu/conv_weights.h"
#include "backend/cpu/depthwise.h"
#include "backend/cpu/winograd.h"
#include "backend/cpu/winograd_strided.h"

typedef struct conv_kernel {
    cpu_kernel k;
    dnnl_op op;
    conv_inner w;
} conv_kernel;

static void conv_release(kernel *base)
{
    conv_kernel *k = (conv_kernel *)base;
    dnnl_op_release(&k->op);
    conv_inner_release(&k->w);
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

static cseg_status conv_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    conv_kernel *k = (conv_kernel *)base;
    const node *n = k->k.n;
    char *rest = scratch;
    void *w;
    TRY(conv_inner_get(&k->w, &k->k, in[1], &rest, &w, err));
    void *at[CONV_ARGS] = {in[0], w, out[0]};
    int count = 3;
    if (conv_has_bias(n))
        at[count++] = in[2];
    if (n->op == OP_conv2d && n->attr.conv.has_residual)
        at[count++] = in[3];
    return dnnl_op_run(&k->op, k->k.b, n, at, rest, err);
}

static cseg_status conv_grad_weight_run(kernel *base, void *const *in, void *const *out, void *scratch, cseg_error *err)
{
    conv_kernel *k = (conv_kernel *)base;
    char *rest = (char *)scratch + (k->w.differ ? k->w.bytes : 0);
    void *dw = k->w.differ ? scratch : out[0], *db = conv_has_bias(k->k.n) ? out[1] : NULL;
    TRY(dnnl_op_run(&k->op, k->k.b, k->k.n, (void *[]){in[0], in[1], dw, db}, rest, err));
    return k->w.differ ? dnnl_op_run(&k->w.reorder, k->k.b, k->k.n, (void *[]){dw, out[0]}, rest, err) : CSEG_OK;
}

static cseg_status make(conv_kernel *k, cpu_backend *b, const node *n, bool weights_fixed, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    conv_descs d;
    dnnl_primitive_desc_t pd = NULL;
    conv_extent e = conv_whole(n);
    int args[CONV_ARGS], n_args = conv_args(n, args);
    TRY_DONE(conv_descs_init(&d, n, &e, NULL, weights_fixed, err));
    TRY_DONE(conv_primitive_desc(b, n, &d, &pd, err));
    status = conv_inner_init(&k->w, b, n, &d, pd, err);
    if (status != CSEG_OK) {
        dnnl_primitive_desc_destroy(pd);
        goto done;
    }
    TRY_DONE(dnnl_op_init(&k->op, b, n, pd, args, n_args, err));
    k->k.base.scratch = conv_inner_scratch(&k->w, &k->k.base) +
                        max_size(k->op.scratch + (size_t)b->options.threads * conv_slack(n, &e), k->w.reorder.scratch);
done:
    conv_descs_release(&d);
    return status;
}

static cseg_status prepare(cpu_backend *b, const node *n, bool weights_fixed, arena *mem, kernel **out, cseg_error *err)
{
    if (b->options.deterministic)
        return conv_pieces_prepare(b, n, weights_fixed, mem, out, err);
    conv_kernel *k =
        cpu_kernel_new(b, n, mem, sizeof *k, n->op == OP_conv2d_grad_weight ? conv_grad_weight_run : conv_run);
    if (!k)
        return fail_memory(err);
    cseg_status status = make(k, b, n, weights_fixed, err);
    k->k.base.release = conv_release;
    if (status == CSEG_OK)
        *out = &k->k.base;
    else
        conv_release(&k->k.base);
    return status;
}

static cseg_status prepare_conv(cpu_backend *b, const node *n, const kernel_setting *s, arena *mem, kernel **out,
                                cseg_error *err)
{
    bool fixed = s->fixed >> 1 & 1;
    if (depthwise_fits(b, n))
        return depthwise_prepare(b, n, fixed, mem, out, err);
    if (conv_pointwise_fits(b, n, fixed))
        return conv_pointwise_prepare(b, n, mem, out, err);
    if (wino_strided_fits(b, n, fixed))
        return wino_strided_prepare(b, n, mem, out, err);
    return wino_fits(b, n, fixed) ? wino_prepare_conv(b, n, fixed, mem, out, err) : prepare(b, n, fixed, mem, out, err);
}

/* Weight and bias are float32; a residual is added in either type. */
const cpu_op cpu_op_conv2d = {
    .prepare_for = prepare_conv, .bf16_in = 1, .either_in = 1 << 3, .either_out = 1, .onednn = true};

const cpu_op cpu_op_conv_transpose2d = {
    .prepare_for = prepare_conv, .takes = conv_takes, .bf16_in = 1, .bf16_out = 1, .onednn = true};

/* Only weights that are trained have gradients. */
enum { TRAINED = 0 };

static cseg_status prepare_conv_grad_data(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    return prepare_conv(b, n, &(kernel_setting){.fixed = TRAINED}, mem, out, err);
}

const cpu_op cpu_op_conv2d_grad_data = {.prepare = prepare_conv_grad_data, .bf16_in = 1, .bf16_out = 1, .onednn = true};

static cseg_status prepare_conv_grad_weight(cpu_backend *b, const node *n, arena *mem, kernel **out, cseg_error *err)
{
    if (depthwise_fits(b, n))
        return depthwise_prepare_grad_weight(b, n, mem, out, err);
    if (wino_fits(b, n, TRAINED))
        return wino_prepare_conv_grad_weight(b, n, mem, out, err);
    if (conv_weights_fits(b, n))
        return conv_weights_prepare(b, n, mem, out, err);
    return prepare(b, n, TRAINED, mem, out, err);
}

/* oneDNN 3.2's gradient of a dilated convolution's weights in bfloat16 reads outside its maps where the dilation is
 * near their size: the results were garbage, or there was a segmentation fault. In float32 it does not. */
static bool is_sound(const cpu_backend *b, const node *n)
{
    const conv_attr *a = &n->attr.conv;
    return (a->dilation[0] == 1 && a->dilation[1] == 1) || depthwise_fits(b, n) || wino_fits(b, n, TRAINED);
}

const cpu_op cpu_op_conv2d_grad_weight = {
    .prepare = prepare_conv_grad_weight, .takes = conv_takes, .bf16_in = 3, .onednn = true, .takes_bf16 = is_sound};
