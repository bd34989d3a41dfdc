/* Describes a convolution, or one of its gradients, to oneDNN: for whole maps, or for a part of their images and rows.
 */
#ifndef CPU_CONV_DESCS_H
#define CPU_CONV_DESCS_H

#include "backend/cpu/dnnl_util.h"

/* The part of the maps that a primitive works on: images, and rows and columns of the input and of the output. */
typedef struct conv_extent {
    int64_t images, in[2], out[2];
    int64_t pad[2]; /* padding before the part's first row and column */
} conv_extent;

typedef struct conv_descs {
    /* w_any: the layout that the primitive prefers, of x's type; w_grad: that layout in float32; w_plain: PyTorch's
     * layout */
    dnnl_memory_desc_t x, y, w_any, w_grad, w_plain, bias, residual;
    dnnl_dims_t stride, dilation, pad, pad_r;
    bool weights_fixed; /* reordered weights may be kept; not for gradients */
} conv_descs;

/* Returns whether the node computes a convolution's input from its output: conv2d_grad_data, conv_transpose2d. */
bool conv_to_input(const node *n);
/* Return the convolution's input, output and weights: of a gradient, those of the convolution whose gradient it is; of
 * a transposed convolution, its result, its input and its weights. */
const tensor *conv_x(const node *n);
const tensor *conv_y(const node *n);
const tensor *conv_w(const node *n);
bool conv_has_bias(const node *n); /* for a gradient of the weights: whether it also has one of a bias */

/* cpu_op.takes: oneDNN refuses a convolution that leaves out a stride or more of its input's end, as a transposed one
 * does if its output padding is as large as stride and padding together. */
bool conv_takes(const cpu_backend *b, const node *n);
conv_extent conv_whole(const node *n);
/* Describes the tensors of a part of extent e. inner: the layout of the weights inside the kernel, or NULL for the one
 * that oneDNN prefers. Release the descriptors also after a failure. */
cseg_status conv_descs_init(conv_descs *d, const node *n, const conv_extent *e, const_dnnl_memory_desc_t inner,
                            bool weights_fixed, cseg_error *err);
void conv_descs_release(conv_descs *d);
/* Describes the primitive that computes the node; the caller gives its scratchpad at each run. */
cseg_status conv_primitive_desc(cpu_backend *b, const node *n, const conv_descs *d, dnnl_primitive_desc_t *pd,
                                cseg_error *err);
/* The most arguments that a primitive takes. conv_args lists those of the node and returns their number. */
enum { CONV_ARGS = 5 };
int conv_args(const node *n, int args[CONV_ARGS]);
int conv_weights_arg(const node *n);
/* Returns the bytes that a thread's scratchpad needs beyond what oneDNN asks for. */
size_t conv_slack(const node *n, const conv_extent *e);

/* The weights in a primitive's layout. */
typedef struct conv_inner {
    bool differ;
    size_t bytes; /* of the inner layout */
    dnnl_op reorder;
    void *kept; /* reordered weights that stay, or NULL */
} conv_inner;

/* Prepares the weights for the primitive that pd (from conv_primitive_desc) describes. Fixed weights are reordered once
 * and kept. */
cseg_status conv_inner_init(conv_inner *w, cpu_backend *b, const node *n, const conv_descs *d,
                            const_dnnl_primitive_desc_t pd, cseg_error *err);
/* Tells k what is kept; returns the bytes of scratch that reordered weights need at each run. */
size_t conv_inner_scratch(const conv_inner *w, kernel *k);
/* Gives the weights in the inner layout: the kept ones, ones reordered into scratch (*scratch then points behind them),
 * or the plain ones if no other layout is needed. */
cseg_status conv_inner_get(conv_inner *w, cpu_kernel *k, void *plain, char **scratch, void **inner, cseg_error *err);
void conv_inner_release(conv_inner *w);

#endif
