/* Plain layers. Makers declare parameters under PyTorch's names; layer_run traces. Sizes and paddings are [h, w]. */
#ifndef MODEL_LAYERS_H
#define MODEL_LAYERS_H

#include "model/model.h"

typedef struct conv_spec {
    int64_t in, out; /* channels */
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    int64_t groups;
    bool bias;
} conv_spec;

/* A square one, groups 1, without bias. */
conv_spec conv_square(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation);

/* mmcv's build_conv_layer: conv_cfg NULL or of type Conv2d (Conv); others are refused. Parameters weight, bias. */
module *conv2d_new(module *parent, const char *name, const value *conv_cfg, conv_spec s);

/* mmcv's build_norm_layer. norm_cfg: dict(type='BN' | 'SyncBN' | 'GN' | 'LN' | 'IN', ...). SyncBN is BN: there is one
 * process. LN normalises each pixel over its channels. */
module *norm_new(module *parent, const char *name, const value *norm_cfg, int64_t channels);
/* The name that build_norm_layer gives: bn1, gn1, ln1, in1. NULL after an error. */
const char *norm_name(module *parent, const value *norm_cfg, const char *postfix);
/* norm_eval=True: the batch norms below m use their running statistics in training too. */
void norm_freeze_statistics(module *m);
/* requires_grad = False: what is below m does not learn, whatever its norms do. */
void module_freeze_gradients(module *m);
/* The reference's frozen stages: both. */
void module_freeze(module *m);
/* For counting num_batches_tracked: forward passes traced in training mode since the last reset. */
bool norm_counter(const module *m, param **counter, int **calls);

/* mmcv's build_activation_layer: any of its registry that is a function of one element, and PReLU. */
module *act_new(module *parent, const char *name, const value *act_cfg);
module *relu_new(module *parent, const char *name);

/* Layers without parameters that take a place in a sequence. */
module *avg_pool_new(module *parent, const char *name, pool_attr a);
module *upsample_new(module *parent, const char *name, int64_t scale, bool nearest, bool align_corners);

/* torch.nn.Sequential: its children in order. */
module *sequential_new(module *parent, const char *name);

/* mmcv's ConvModule: conv, norm, activation in an `order`. */
typedef struct conv_module_spec {
    conv_spec conv;                             /* conv.bias is set by `bias` */
    enum { BIAS_AUTO, BIAS_YES, BIAS_NO } bias; /* auto: where no norm follows */
    const value *conv_cfg, *norm_cfg, *act_cfg; /* norm_cfg, act_cfg NULL: none */
    enum { ORDER_CONV_NORM_ACT, ORDER_ACT_CONV_NORM, ORDER_NORM_ACT_CONV } order;
} conv_module_spec;
module *conv_module_new(module *parent, const char *name, conv_module_spec s);

#endif
