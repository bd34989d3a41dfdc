/* Describes a convolution, or one of its gradients, to oneDNN: for whole maps, or for a part of their images and rows.
 */
#ifndef CPU_CONV_DESCS_H
#define CPU_CONV_DESCS_H

#include "backend/cpu/dnnl_util.h"

/* The part of the maps that a primitive works on: images, and rows and columns of the input and of the output. */
typedef struct conv_extent {
    int64_t images, in[2], out[2];
    int64_t pad[2]; /* before the part's first row and column */
} conv_extent;

typedef struct conv_descs {
    /* w_any: as the primitive likes them, of x's type; w_grad: the same in float32; w_plain: as they are outside */
    dnnl_memory_desc_t x, y, w_any, w_grad, w_plain, bias, residual;
    dnnl_dims_t stride, dilation, pad, pad_r;
    bool weights_fixed; /* of a forward convolution: they may be kept as the primitive likes them */
} conv_descs;

/* The node's input (its gradient in OP_conv2d_grad_data), output and weights. */
const tensor *conv_x(const node *n);
const tensor *conv_y(const node *n);
const tensor *conv_w(const node *n);
bool conv_has_bias(const node *n); /* in the gradient of weights: one for a bias */

conv_extent conv_whole(const node *n);
/* Of extent e. inner: how the weights lie inside, or NULL for what the primitive likes best. Release them even when
 * this fails. */
cseg_status conv_descs_init(conv_descs *d, const node *n, const conv_extent *e, const_dnnl_memory_desc_t inner,
                            bool weights_fixed, cseg_error *err);
void conv_descs_release(conv_descs *d);
/* What does the node, with the user's scratchpad. */
cseg_status conv_primitive_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                cseg_error *err);
/* The most arguments that a primitive takes, and how many it takes. */
enum { CONV_ARGS = 5 };
int conv_args(const node *n, int args[CONV_ARGS]);
int conv_weights_arg(const node *n);
/* Bytes of a thread's scratchpad behind what oneDNN asks for. */
size_t conv_slack(const node *n, const conv_extent *e);

/* The weights in a primitive's layout. */
typedef struct conv_inner {
    bool differ;
    size_t bytes; /* of the inner layout */
    dnnl_op reorder;
    void *kept; /* reordered weights that stay, or NULL */
} conv_inner;

/* pd: what conv_primitive_desc gave. Weights that are fixed are kept. */
cseg_status conv_inner_init(conv_inner *w, cpu_backend *b, const node *n, const conv_descs *d,
                            const_dnnl_primitive_desc_t pd, cseg_error *err);
/* Sets what the kernel keeps; gives the bytes of scratch that the weights take when it runs. */
size_t conv_inner_scratch(const conv_inner *w, kernel *k);
/* The weights in the inner layout: kept, in scratch (which moves behind them), or as they are. */
cseg_status conv_inner_get(conv_inner *w, cpu_kernel *k, void *plain, char **scratch, void **inner, cseg_error *err);
void conv_inner_release(conv_inner *w);

#endif
