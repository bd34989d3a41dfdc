/* Makes plain layers. A maker declares parameters under PyTorch's names; layer_run traces the layer. Sizes and paddings
 * are [h, w].
 *
 *     module *conv = conv2d_new(parent, "conv1", NULL, conv_square(3, 64, 3, 1, 1, 1));
 *     module *norm = norm_new(parent, "bn1", cfg, 64);
 *     x = layer_run(norm, g, layer_run(conv, g, x));
 */
#ifndef MODEL_LAYERS_H
#define MODEL_LAYERS_H

#include "model/model.h"

typedef struct conv_spec {
    int64_t in, out; /* channels */
    int64_t kernel[2], stride[2], pad[2], dilation[2];
    int64_t groups;
    bool bias;
} conv_spec;

/* Returns a square convolution with groups 1 and no bias. */
conv_spec conv_square(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation);

/* mmcv's build_conv_layer: conv_cfg is NULL, or of type Conv2d (Conv), deconv (ConvTranspose2d), Conv1d (x
 * [N,1,L,C], s without its rows; the weight is [out, in / groups, kw]), Conv2dAdaptivePadding (TensorFlow's 'same'
 * padding; s.pad counts for nothing), ConvWS (weights are standardised) or ConvAWS (and brought to two buffers,
 * weight_gamma and weight_beta); other types are refused. Parameters: weight, bias. */
module *conv2d_new(module *parent, const char *name, const value *conv_cfg, conv_spec s);
int64_t conv_groups(const module *conv);             /* of one that these functions made */
bool conv_is_line(const value *conv_cfg);            /* whether it is a Conv1d */
bool conv2d_check(module *m, const value *conv_cfg); /* false: it would refuse conv_cfg, and recorded the error */
/* torch.nn.ConvTranspose2d: x [N,h,w,in] -> [N,H,W,out], H = (h - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1 +
 * output_pad. Its weight is [in, out / groups, kh, kw]. */
module *conv_transpose2d_new(module *parent, const char *name, conv_spec s, int64_t output_pad);
/* A 1x1 Conv2d with bias: what classes write as nn.Conv2d(in, out, kernel_size=1). */
module *pointwise_conv_new(module *parent, const char *name, int64_t in, int64_t out);

/* mmcv's build_norm_layer for maps [N,H,W,C]. norm_cfg: dict(type='BN' | 'SyncBN' | 'GN' | 'LN2d' | 'IN', ...). SyncBN
 * is BN, since there is one process. LN2d normalises each pixel over its channels. */
module *norm_new(module *parent, const char *name, const value *norm_cfg, int64_t channels);
/* The same for what the reference's class gets there: a line of points [N,1,L,C] (BN1d, IN1d), or tokens (LN, each over
 * its channels). Types whose class in PyTorch does not take it are refused. */
typedef enum { NORM_OF_MAP = 1, NORM_OF_LINE = 2, NORM_OF_TOKENS = 4 } norm_input;
module *norm_new_of(module *parent, const char *name, const value *norm_cfg, int64_t channels, norm_input of);
/* Runs a layer norm with other weights than its own [C]: laid out for x, say. */
tensor *norm_run_with(module *norm, graph *g, tensor *x, tensor *gamma, tensor *beta);
/* Returns the name that build_norm_layer gives: bn1, gn1, ln1, in1. NULL after an error. */
const char *norm_name(module *parent, const value *norm_cfg, const char *postfix);
/* norm_eval=True: batch norms in m and below use their running statistics in training too. */
void norm_freeze_statistics(module *m);
/* requires_grad = False: parameters in m and below are not trained; norms keep their mode. */
void module_freeze_gradients(module *m);
/* The same, but for parameters whose names below m have one of these texts in them; with 'all' among them for none. A
 * `names` that is no list of strings, the config's under `key`, is refused. */
void module_freeze_gradients_but(module *m, const char *key, const value *names);
/* Dropout layers in m and below pass on their input in training too. */
void dropout_freeze(module *m);
/* MMSegmentation's frozen stages, which it sets to eval(): all three of the above. */
void module_freeze(module *m);
/* For num_batches_tracked: gives the counter, and how many forward passes were traced in training mode since the last
 * reset. */
bool norm_counter(const module *m, param **counter, int **calls);

/* mmcv's build_activation_layer: every type of its registry that works on single elements, and PReLU. */
module *act_new(module *parent, const char *name, const value *act_cfg);
bool act_check(module *m, const value *act_cfg); /* false: it would refuse act_cfg, and recorded the error */
/* Refuses what a ConvModule could not be made of, without making one, for classes that have such configs and use them
 * for nothing. false: an error was recorded. */
bool conv_module_check(module *m, const value *conv_cfg, const value *act_cfg);
module *relu_new(module *parent, const char *name);

/* Puts more[0] rows and more[1] columns of zeros around x [N,H,W,C]: half of each in front, what is odd behind. */
tensor *map_pad(graph *g, tensor *x, const int64_t more[2]);
tensor *map_pad_corner(graph *g, tensor *x, const int64_t more[2]); /* all of them behind: below and to the right */
/* Puts around[0] rows and around[1] columns on each side, as the padding_mode of torch.nn.Conv2d that is not 'zeros':
 * 'reflect' mirrors the map at its outermost pixels, 'replicate' repeats these, 'circular' continues on the other side.
 */
#define MAP_PAD_MODES "zeros|reflect|replicate|circular"
tensor *map_pad_mode(graph *g, tensor *x, const int64_t around[2], const char *mode);

/* mmseg's PatchEmbed: a convolution, mostly of stride = kernel, whose map is then a sequence of tokens, and a norm of
 * each token (norm_cfg NULL: none). x [N,H,W,in] -> [N,h,w,out]. With adaptive padding the map is first padded with
 * zeros until its last stride has a whole kernel: around it ('same') or behind it ('corner'); conv.pad counts for
 * nothing then. Children: projection, norm. */
typedef enum { PATCH_PAD_FIXED, PATCH_PAD_SAME, PATCH_PAD_CORNER } patch_padding;
typedef struct patch_embed_spec {
    conv_spec conv;
    patch_padding padding;
    const value *norm_cfg, *init_cfg;
} patch_embed_spec;
module *patch_embed_new(module *parent, const char *name, patch_embed_spec s);
/* Sets out[h, w], the size of the map that an image of size image[h, w] gives; 0 where the kernel does not fit. */
void patch_embed_size(const conv_spec *c, patch_padding padding, const int64_t image[2], int64_t out[2]);
/* AdaptivePadding alone: pads x for a convolution with c's kernel, stride and dilation. */
tensor *map_pad_adaptive(graph *g, tensor *x, const conv_spec *c, patch_padding padding);

/* mmcv's Scale: times one learnt number ("scale"), which starts as told. */
module *scale_new(module *parent, const char *name, float start);
/* x [...,C] times factors [C], as LayerScale. */
tensor *channel_scale(graph *g, tensor *x, param *factors);

/* torch's normalize, without a layer of its own: x divided by its sum along an axis (p = 1; for numbers that are not
 * negative), or by the root of its sum of squares (p = 2), which are at least 1e-12. */
tensor *normalize_along(graph *g, tensor *x, int axis, int p);

/* Each channel of x [N,h,w,C] as a mean of all, those weighted most that are least like it (DANet's channel attention,
 * arXiv:1809.02983). */
tensor *channels_gathered(graph *g, tensor *x);
/* How far each channel of x [N,h,w,C] is let through, [N,1,1,C] from 0 to 1: the sigmoid of what two layers, with
 * ReLU between them, make of its average and, with the same weights, of its maximum, added (CBAM's channel attention,
 * arXiv:1807.06521). */
tensor *channel_gate(graph *g, tensor *x, module *first, module *second);

/* Layers without parameters that take a place in a sequence. */
module *avg_pool_new(module *parent, const char *name, pool_attr a);
module *upsample_new(module *parent, const char *name, double scale, const char *mode, bool align_corners);

/* torch.nn.Sequential: runs its children in order. */
module *sequential_new(module *parent, const char *name);
/* Branches: `first` beside what each child of `list` makes of x; maps of one size, joined along the channels. */
tensor *branches_run(module *list, graph *g, tensor *first, tensor *x);

/* mmcv's ConvModule: convolution, norm and activation in the given `order`. */
typedef struct conv_module_spec {
    conv_spec conv;                             /* `bias` sets conv.bias */
    enum { BIAS_AUTO, BIAS_YES, BIAS_NO } bias; /* auto: if there is no norm */
    const value *conv_cfg, *norm_cfg, *act_cfg; /* norm_cfg, act_cfg NULL: none */
    enum { ORDER_CONV_NORM_ACT, ORDER_ACT_CONV_NORM, ORDER_NORM_ACT_CONV } order;
} conv_module_spec;
module *conv_module_new(module *parent, const char *name, conv_module_spec s);
/* A ConvModule with batch norm and ReLU: what the parts of some classes are made of, whose norm_cfg and act_cfg keep
 * their defaults. m: any module of the model. */
conv_module_spec conv_bn_relu(module *m, conv_spec s);

/* mmcv's DepthwiseSeparableConvModule: a depthwise convolution, then a 1x1 convolution over all channels; children
 * depthwise_conv and pointwise_conv. separable_conv returns the default, from a conv_spec of the whole; change its
 * parts for dw_norm_cfg, dw_act_cfg, pw_norm_cfg and pw_act_cfg. */
typedef struct separable_conv_spec {
    conv_module_spec depthwise, pointwise;
} separable_conv_spec;
separable_conv_spec separable_conv(conv_spec c, const value *conv_cfg, const value *norm_cfg, const value *act_cfg);
module *separable_conv_new(module *parent, const char *name, separable_conv_spec s);

/* mmseg's InvertedResidual: 1x1 to `expand` times the channels, 3x3 depthwise, 1x1 back; added to the input where
 * stride and channels allow it. x [N,H,W,in] -> [N,H/stride,W/stride,out]. */
typedef struct inverted_residual_spec {
    int64_t in, out, stride, dilation, expand;
    bool with_cp;
    bool gap; /* a place without parameters stands behind the depthwise convolution (Open-CD's TinyBlock) */
    const value *conv_cfg, *norm_cfg, *act_cfg;
} inverted_residual_spec;
module *inverted_residual_new(module *parent, const char *name, inverted_residual_spec s);

/* mmseg's BasicBlock and Bottleneck of models/utils: residual blocks of ConvModules with ReLU, the second with
 * `channels` inside and twice as many outside. x [N,H,W,in] -> [N,H/stride,W/stride,branch_block_channels]. */
typedef struct branch_block_spec {
    bool bottleneck;
    int64_t in, channels, stride;
    const value *norm_cfg;    /* NULL: BN */
    const value *act_cfg_out; /* of the sum; NULL: none */
    /* Where stride or channels ask for it, a 1x1 convolution and a norm make the shortcut. */
    enum { DOWNSAMPLE_SEQUENTIAL, DOWNSAMPLE_CONV_MODULE } downsample;
    const value *downsample_norm_cfg;
} branch_block_spec;
int64_t branch_block_channels(branch_block_spec s);
module *branch_block_new(module *parent, const char *name, branch_block_spec s);
/* A Sequential of n such blocks, as the _make_layer of DDRNet and PIDNet: the first has the class's own norm (BN) and
 * activation, which Bottleneck lacks; those behind it have norm_cfg (NULL: BN) and, but for the last, act_cfg_out.
 * s.norm_cfg is ignored. */
module *branch_layer_new(module *parent, const char *name, branch_block_spec s, int64_t n, const value *norm_cfg);

/* mmseg's DAPPM and PAPPM with five scales, BN and ReLU: [N,h,w,in] -> [N,h,w,out]. */
typedef struct context_pool_spec {
    int64_t in, channels, out; /* channels: of each scale */
    bool parallel; /* PAPPM: the scales do not see each other; else DAPPM: each is added to the one before */
} context_pool_spec;
module *context_pool_new(module *parent, const char *name, context_pool_spec s);

/* mmseg's InvertedResidualV3: 1x1 to `wide` channels if these are others, depthwise, SELayer, 1x1 back; added to the
 * input where the block keeps size and channels. */
typedef struct inverted_residual_v3_spec {
    int64_t in, wide, out, kernel;
    bool halves; /* a block that is made to halve maps: nothing is added, its borders are padded adaptively */
    int64_t stride, dilation; /* of the depthwise convolution, whatever `halves` says */
    int64_t se_ratio;         /* 0: no SELayer */
    bool with_cp;
    const value *conv_cfg, *norm_cfg, *act_cfg;
} inverted_residual_v3_spec;
module *inverted_residual_v3_new(module *parent, const char *name, inverted_residual_v3_spec s);

/* mmseg's SELayer: each channel of x [N,H,W,channels] times a number from 0 to 1 that the whole map gives. */
module *se_layer_new(module *parent, const char *name, int64_t channels, int64_t ratio);
/* mmseg's make_divisible: the multiple of 8 next to it, not below nine tenths of it. */
int64_t channels_in_eights(double wanted);

/* mmcv's build_upsample_layer for UNet's decoder: upsample_cfg of type InterpConv or DeconvModule; others are refused.
 * x [N,h,w,in] -> [N,H,W,out]. */
typedef struct up_conv_spec {
    int64_t in, out;
    bool with_cp;
    const value *upsample_cfg, *norm_cfg, *act_cfg;
} up_conv_spec;
module *up_conv_new(module *parent, const char *name, up_conv_spec s);

/* mmseg's PPM: a map's averages over grids of so many sides, each through a 1x1 ConvModule and resized back. */
typedef struct pyramid_pool_spec {
    ints scales;          /* the kind's field pool_scales */
    int64_t in, channels; /* channels of the map, and of each average */
    bool align_corners;
    bool input_last; /* the map stands behind its averages (ICNet) */
    const value *conv_cfg, *norm_cfg, *act_cfg;
} pyramid_pool_spec;
module *pyramid_pool_new(module *parent, const char *name, pyramid_pool_spec s);
/* x [N,H,W,in] beside a map [N,H,W,channels] for each scale: [N,H,W,in + scales * channels]. */
tensor *pyramid_pool_run(module *m, graph *g, tensor *x);

/* mmseg's PPMConcat, without parameters: a map's averages over grids of so many sides, one after the other:
 * [N,H,W,C] -> [N,sum of side * side,C]. */
module *pyramid_tokens_new(module *parent, const char *name, ints scales);

/* mmcv's ContextBlock: the average of a whole map, after two 1x1 convolutions, changes each of its pixels. The last
 * convolutions start at zero. x [N,H,W,channels] -> the same shape. */
typedef struct context_block_spec {
    int64_t channels, planes; /* planes: channels between the two convolutions */
    bool attention;           /* a softmax weights the pixels of the average; false: all count the same */
    bool add, mul; /* the result is added to each pixel; is multiplied with it, after a sigmoid, before that */
} context_block_spec;
module *context_block_new(module *parent, const char *name, context_block_spec s);
/* Sets planes from mmcv's `ratio`, and add and mul from its `fusion_types`, of the dict `cfg`. false: an error was
 * recorded. */
bool context_block_read(module *m, const value *cfg, double ratio, const value *fusion_types, context_block_spec *s);

/* Channels that a map's own average lets through: y is the map x [N,h,w,in] after a convolution; the sigmoid of what
 * `gate` makes of y's average [N,1,1,C] is multiplied with it and, if `residual`, y added. The caller adds two children
 * under its class's names: the convolution, then the gate, a Sequential. */
module *gated_conv_new(module *parent, const char *name, bool residual);
/* mmseg's AttentionRefinementModule: such a module of a 3x3 and a 1x1 convolution with batch norm. x [N,h,w,in] ->
 * [N,h,w,out]. */
module *attention_refinement_new(module *parent, const char *name, int64_t in, int64_t out);

/* mmseg's SplitAttentionConv2d (Zhang et al. 2020, arXiv:2004.08955): a convolution makes `radix` maps, and the result
 * is their sum, each weighted for each channel by a softmax over the maps (a sigmoid if there is one) of what the whole
 * maps hold. x [N,H,W,conv.in] -> [N,h,w,conv.out]. */
typedef struct split_attention_spec {
    conv_spec conv; /* of one of the maps */
    int64_t radix,
        reduction; /* at most SPLIT_MOST maps; conv.in * radix / reduction channels, at least 32, weigh them */
    const value *conv_cfg, *norm_cfg;
} split_attention_spec;
module *split_attention_new(module *parent, const char *name, split_attention_spec s);

/* torch.nn.Linear: x [...,in] -> [...,out]. */
module *linear_new(module *parent, const char *name, int64_t in, int64_t out, bool bias);

/* Dropout with probability p of elements, of an image's channels, and of whole samples. They pass on their input
 * unchanged in inference, under the model's option no_dropout, and for p <= 0. */
module *dropout_new(module *parent, const char *name, double p);
module *dropout2d_new(module *parent, const char *name, double p);
module *drop_path_new(module *parent, const char *name, double p);
bool dropout_acts(const module *m, const graph *g); /* false where the layer passes on its input */
/* For ops that drop by themselves: the probability, or 0 where the layer passes on its input. */
float dropout_rate(const module *m, const graph *g);
/* The probability of block i of n where they grow evenly from 0 to `last`: torch.linspace(0, last, n)[i], in float32.
 */
double drop_path_rate(double last, int64_t i, int64_t n);
/* mmcv's build_dropout: dict(type='Dropout' | 'DropPath', drop_prob=...). None or {}: passes on its input unchanged. */
module *dropout_layer_new(module *parent, const char *name, const value *cfg);
/* The dict of a DropPath with probability p, for classes that write it themselves; m: any module. */
const value *drop_path_cfg(module *m, double p);

/* mmcv's MultiheadAttention, around torch.nn.MultiheadAttention ("attn"). Sequences are [N,L,channels]. */
typedef struct attention_spec {
    int64_t channels, heads;
    bool bias;                   /* in all projections */
    double attn_drop, proj_drop; /* dropout of the attention weights, and of the result */
    const value *dropout_layer;  /* after both; NULL: none */
    bool bare;                   /* nothing is added to the result */
    const value *init_cfg;       /* NULL: none */
} attention_spec;
module *attention_new(module *parent, const char *name, attention_spec s);
/* false: `heads` do not share the channels of m evenly, which was recorded. */
bool attention_heads_fit(module *m, const value *at, int64_t channels, int64_t heads);
typedef struct attention_inputs {
    tensor *query;
    tensor *key, *value, *identity; /* NULL: the query, the key, the query (in this order) */
    tensor *query_pos, *key_pos;    /* added to query and key; key_pos NULL: query_pos, if it has the keys' shape */
    tensor *mask;   /* added to the products [N,heads,queries,keys], where axes of 1 are repeated; NULL: none */
    tensor *hidden; /* u8, a shape of the same kind: not 0 where a query does not see a key; NULL: nowhere */
} attention_inputs;
/* Returns identity + the result of the attention, or with `bare` the result alone. */
tensor *attention_run(module *m, graph *g, attention_inputs in);
/* mmseg's EfficientMultiheadAttention: such an attention from a map to itself, whose keys and values a convolution with
 * kernel and stride `ratio` and a norm of tokens have made smaller (children sr and norm; below a ratio of 2 neither).
 */
module *efficient_attention_new(module *parent, const char *name, attention_spec s, int64_t ratio,
                                const value *norm_cfg);
/* x [N,H,W,channels] -> identity (NULL: x) + the result, a map as well */
tensor *efficient_attention_run(module *m, graph *g, tensor *x, tensor *identity);

/* mmcv's FFN: num_fcs linear layers with activation and dropout in between. */
typedef struct ffn_spec {
    int64_t channels, hidden, num_fcs;
    double drop;
    bool add_identity;
    double layer_scale; /* initial value of the factors of channels (gamma2); 0: none */
    const value *act_cfg, *dropout_layer, *init_cfg;
} ffn_spec;
module *ffn_new(module *parent, const char *name, ffn_spec s);
/* x [N,L,channels]; identity NULL: x */
tensor *ffn_run(module *m, graph *g, tensor *x, tensor *identity);

/* mmseg's MixFFN: x [N,H,W,channels] through a 1x1 convolution to `hidden` channels, a depthwise 3x3 one, an activation
 * and a 1x1 convolution back; dropout behind the last two. */
typedef struct mix_ffn_spec {
    int64_t channels, hidden;
    double drop;
    const value *act_cfg, *dropout_layer; /* dropout_layer NULL: none */
} mix_ffn_spec;
module *mix_ffn_new(module *parent, const char *name, mix_ffn_spec s);
tensor *mix_ffn_run(module *m, graph *g, tensor *x, tensor *identity); /* identity + the result; identity NULL: x */

/* Attention inside of a map's windows, around a linear layer "qkv" and before one called "proj": x [N,H,W,channels] ->
 * the same shape. A map that its windows do not fill is padded with zeros behind. */
typedef struct window_attention_spec {
    int64_t channels, heads, window[2];
    int64_t shift; /* by so many pixels the map is rolled up and to the left before it is cut */
    bool bias;     /* of qkv */
    /* relative_positions of the window: a learnt bias for how far query and key lie from each other
     * (relative_position_bias_table). NULL: none */
    const int64_t *index;
    bool masked;  /* padding is no key, if the map is padded both below and to the right (MMSegmentation masks
                     nothing else); else it is one as any other */
    double scale; /* of the products; 0: 1 / sqrt(channels of a head) */
    double attn_drop, proj_drop;
} window_attention_spec;
module *window_attention_new(module *parent, const char *name, window_attention_spec s);
/* mmseg's PatchMerging of 2x2 pixels: x [N,H,W,in] -> [N,H/stride,W/stride,out], rounded up; norm_cfg NULL: no norm. */
module *patch_merging_new(module *parent, const char *name, int64_t in, int64_t out, int64_t stride,
                          const value *norm_cfg);

/* The index [L,L] that classes keep beside a table of relative positions (module_constant), L = grid[0] * grid[1] and
 * one more with a class token: the table's row for each query and key, as op_attention takes it. It lives as long as m.
 */
const int64_t *relative_positions(module *m, const int64_t grid[2], bool class_token);
int64_t relative_position_rows(const int64_t grid[2], bool class_token); /* of such a table */

/* mmseg's TransformerEncoderLayer: x plus its attention to itself, plus the FFN of that, each of what a layer norm
 * makes of its input. x [N,L,channels] -> the same shape. Children: ln1, attn, ln2, ffn. */
typedef struct encoder_layer_spec {
    int64_t channels, heads, hidden, num_fcs;
    bool qkv_bias, with_cp;
    double drop, attn_drop; /* dropout behind the FFN's linear layers and the projection; of the attention's weights */
    double drop_path;       /* share of samples that pass by the FFN */
    const value *act_cfg, *norm_cfg;
} encoder_layer_spec;
module *encoder_layer_new(module *parent, const char *name, encoder_layer_spec s);
/* The same as mmcv's BaseTransformerLayer with operation_order ('norm', 'self_attn', 'norm', 'ffn'), whose children are
 * attentions.0, ffns.0, norms.0 and norms.1. */
module *base_layer_new(module *parent, const char *name, encoder_layer_spec s);
/* Runs either with attention_inputs' mask and hidden; NULL: none. */
tensor *encoder_layer_run(module *m, graph *g, tensor *x, tensor *mask, tensor *hidden);
/* The same with tokens x that look at others, keys [N,K,channels], instead of at themselves. */
tensor *encoder_layer_look(module *m, graph *g, tensor *x, tensor *keys, tensor *mask, tensor *hidden);

/* mmseg's SelfAttentionBlock: each pixel of one map (query) attends to the pixels of another (key). Each projection has
 * the given number of 1x1 convolutions: ConvModules if `norm`, else plain ones with bias. If out_project is one plain
 * convolution, it is initialised with zeros. */
typedef struct self_attention_spec {
    int64_t key_in, query_in; /* channels of the two maps */
    int64_t channels, out;    /* channels of keys and queries, and of the result */
    int64_t key_query_convs, value_out_convs;
    bool key_query_norm, value_out_norm;
    bool matmul_norm;     /* products are divided by sqrt(channels) */
    bool with_out;        /* out_project follows; else the values have `out` channels */
    bool share_key_query; /* queries are projected by the keys' projection, which then has both names */
    const value *conv_cfg, *norm_cfg, *act_cfg;
} self_attention_spec;
/* The caller may add children query_downsample and key_downsample: they pool the projected queries, and the projected
 * keys and values. They return maps or sequences [N,L,C]. */
module *self_attention_new(module *parent, const char *name, self_attention_spec s);
/* query [N,h,w,query_in], key [N,h',w',key_in] -> [N,h,w,out] */
tensor *self_attention_run(module *m, graph *g, tensor *query, tensor *key);

/* mmcv's NonLocal2d: x [N,h,w,channels] and what each pixel gathers from all. It starts as the identity. std and
 * small_out are the constructor's: where an init_cfg is applied, the class starts itself again without them. */
typedef struct non_local_spec {
    int64_t channels, reduction; /* channels / reduction, at least 1, are compared and gathered */
    const char *mode;            /* gaussian, embedded_gaussian, dot_product, concatenation */
    bool use_scale;              /* embedded_gaussian: products are divided by the root of their channels */
    bool disentangled;           /* mmseg's DisentangledNonLocal2d: means are taken off, a common mask is added */
    double temperature;          /* disentangled embedded_gaussian: products are divided by it too */
    bool sub_sample;             /* what is gathered, and what it is compared by, is pooled 2x2 */
    double std;                  /* of the projections at the start; 0: 0.01 */
    bool small_out;              /* the last layer starts like them, not at zero */
    const value *conv_cfg, *norm_cfg;
} non_local_spec;
module *non_local_new(module *parent, const char *name, non_local_spec s);

/* mmcv's CrissCrossAttention: x [N,h,w,channels] and what each pixel gathers from its row and its column. */
module *criss_cross_new(module *parent, const char *name, int64_t channels);

/* mmcv's GeneralizedAttention (Zhu et al. 2019, arXiv:1904.05873): x [N,h,w,channels] and what each pixel gathers from
 * a grid of pixels, chosen by content and by position. It starts as the identity. */
typedef struct general_attention_spec {
    int64_t channels, heads;
    int64_t position_dim; /* of the positions' sines and cosines, a multiple of 4 */
    double magnitude;     /* of distances */
    int64_t q_stride, kv_stride;
    bool terms[4]; /* query and key; query and position; key alone; position alone */
} general_attention_spec;
module *general_attention_new(module *parent, const char *name, general_attention_spec s);

/* mmcv's build_plugin_layer: dict(type='ContextBlock' | 'GeneralizedAttention' | 'NonLocal2d' | 'CrissCrossAttention',
 * postfix=..., ...) for a map of so many channels, under the name that mmcv gives it: context_block1. */
module *plugin_new(module *parent, const value *cfg, int64_t channels);

#endif
