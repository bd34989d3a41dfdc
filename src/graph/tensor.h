/* Tensors, nodes and parameters: the data of a graph.
 *
 *     char shape[96];
 *     printf("%s %s: %zu bytes\n", dtype_name(x->type), tensor_shape_text(x, shape), tensor_bytes(x));
 *
 * Feature maps are [N, H, W, C] (NHWC); label maps [N, H, W]; token sequences [N, L, C] (a free reshape of a feature
 * map). Parameters have PyTorch's shapes and row-major order: a convolution's weight is [O, I / groups, kh, kw]. */
#ifndef GRAPH_TENSOR_H
#define GRAPH_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { TENSOR_MAX_RANK = 6 };

/* Maps and weights are float32 (or bfloat16, in mixed precision); labels int32; masks uint8, 0 or 1. */
typedef enum { DT_F32, DT_BF16, DT_I32, DT_I64, DT_U8 } dtype;
size_t dtype_size(dtype t);
const char *dtype_name(dtype t); /* Returns PyTorch's name: float32, int64... */

typedef enum {
    PARAM_TRAINED, /* one of parameters(): has a gradient if requires_grad */
    PARAM_BUFFER   /* running statistics and counters: in the state dict, but not trained */
} param_role;

/* An entry of the state dict. Owned by the model; after params_allocate `data` and `grad` point into the model's flat
 * buffers. */
typedef struct param {
    const char *name;  /* full: backbone.layer1.0.conv1.weight */
    const char *owner; /* PyTorch class that holds it: Conv2d, BatchNorm2d, GroupNorm, LayerNorm, Linear... */
    param_role role;
    dtype type; /* DT_F32; DT_I64 for num_batches_tracked */
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
    int64_t count;
    bool requires_grad;
    void *data;    /* count elements of `type`, row-major as in PyTorch */
    float *grad;   /* NULL if it has no gradient */
    size_t offset; /* offset of data in its flat buffer, in elements */
} param;

typedef struct graph graph;
typedef struct node node;
typedef struct tensor tensor;

typedef enum {
    TENSOR_TEMP,  /* made by a node */
    TENSOR_INPUT, /* the caller gives it at each run */
    TENSOR_PARAM, /* data of a param */
    TENSOR_CONST  /* constant bytes, owned by the graph */
} tensor_role;

struct tensor {
    int id; /* index in graph->tensors */
    tensor_role role;
    dtype type;
    int rank; /* 0: a scalar (one element) */
    int64_t dim[TENSOR_MAX_RANK];
    node *from;       /* TEMP: the node that makes it */
    int from_index;   /* TEMP: the index of that output */
    param *param;     /* PARAM */
    tensor *now;      /* PARAM: its next value by op_assign, which the rest of the trace reads; NULL: none */
    const void *data; /* CONST */
    const char *name; /* name of an input or output; else NULL */
    int dates;        /* INPUT: number of dates whose images are in the channels; 0: not declared */
    bool needs_grad;  /* depends on a trained parameter */
};

int64_t tensor_count(const tensor *t);
size_t tensor_bytes(const tensor *t);
/* "[2, 128, 128, 48]" */
const char *tensor_shape_text(const tensor *t, char out[static 96]);

typedef struct conv_attr {
    int stride[2], pad[2], dilation[2]; /* h, w */
    int groups;
    int output_pad[2]; /* conv_transpose2d: rows and columns added at the output's end */
    /* Set by passes, not by models: */
    bool has_residual; /* in[3]: added before the activation */
    int act;           /* unary_kind + 1, or 0 */
    float act_alpha;
    int64_t x_dim[4]; /* conv2d_grad_data: the shape of x */
    int64_t w_dim[4]; /* conv2d_grad_weight */
} conv_attr;

typedef struct pool_attr {
    int kernel[2], stride[2], pad[2];
    bool ceil_mode, count_include_pad;
    int64_t x_dim[4]; /* avg_pool_grad: the shape of x */
} pool_attr;

typedef struct resize_attr {
    int64_t h, w;                       /* of the output */
    bool align_corners, nearest, cubic; /* neither nearest nor cubic: bilinear */
    /* source positions follow from these as in torch when a scale_factor was given; 0: from the sizes */
    double scale_h, scale_w;
} resize_attr;

enum { SUM_MOST = 8 };
/* A sum of up to SUM_MOST maps. Passes and gradients make it. */
typedef struct sum_attr {
    resize_attr from[SUM_MOST]; /* how input i is resized to the output's size; h == 0: it is not */
    bool relu;                  /* applied to the sum */
} sum_attr;

typedef struct norm_attr {
    float eps, momentum; /* momentum: weight of the new batch's statistics */
    int groups;          /* group_norm; instance_norm is groups == C. fold_batch_norm: those of a conv_transpose2d; 0:
                            of a conv2d */
    bool update;         /* batch_norm_train: update the running statistics */
    int act;             /* set by passes: UNARY_RELU + 1, or 0 */
} norm_attr;

typedef enum {
    UNARY_RELU,
    UNARY_RELU6,
    UNARY_LEAKY_RELU, /* alpha: negative slope */
    UNARY_SIGMOID,
    UNARY_TANH,
    UNARY_GELU, /* exact, by erf */
    UNARY_SILU,
    UNARY_HSWISH,   /* x * relu6(x + 3) / 6 */
    UNARY_HSIGMOID, /* clip((x + alpha) / beta, 0, 1): torch's is alpha 3, beta 6 */
    UNARY_ELU,      /* alpha */
    UNARY_EXP,
    UNARY_LOG, /* natural */
    UNARY_SQRT,
    UNARY_ABS,
    UNARY_SQUARE,
    UNARY_RECIPROCAL,
    UNARY_CLAMP, /* to [alpha, beta] */
    UNARY_SCALE, /* alpha * x + beta */
    UNARY_POW    /* x ** alpha */
} unary_kind;
typedef struct unary_attr {
    unary_kind kind;
    float alpha, beta;
} unary_attr;

typedef enum { BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV, BINARY_MAX, BINARY_MIN } binary_kind;

typedef enum { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE } compare_kind;

enum { SPLIT_MOST = 32 };
typedef struct split_attr {
    int axis;
    int64_t size[SPLIT_MOST]; /* sizes of the parts, one for each output */
} split_attr;

typedef struct rank_attr {
    int64_t k;
    bool descending; /* kth_value: place 0 is the largest */
} rank_attr;

typedef struct axis_attr {
    int axis;
    int64_t start, size; /* slice */
    bool keep;           /* reductions */
    int perm[TENSOR_MAX_RANK];
    uint32_t axes; /* reductions: bit i = axis i */
    int64_t dim[TENSOR_MAX_RANK];
    int rank;
    bool trans_a, trans_b; /* matmul */
    float value;           /* fill */
} axis_attr;

typedef struct attention_attr {
    int64_t heads;   /* 0: 1 */
    float scale;     /* of the products of queries and keys */
    int64_t from[3]; /* first channel of the queries, keys and values in their tensors, each head's behind the last */
    int64_t d, e;    /* channels of a head of queries and keys, and of values; 0: all from `from` on, shared by heads */
    /* Windows of a map: */
    int64_t window[2], shift[2]; /* h, w; 0: the whole map is one sequence */
    float apart;                 /* added to products of pixels that only the shift brings into one window */
    bool unseen;                 /* pixels beyond the map are not seen; else they are the rows `outside` */
    /* The table of relative positions: */
    int64_t grid[2];  /* h, w of the pixels of a sequence or window; 0: no table */
    bool class_token; /* a token without a place stands in front of them */
    /* Dropout of the shares: */
    float p;
    uint64_t salt;
    /* Set by the gradient's rule: which output is the gradient of q, k, v, bias, table and outside; -1: none. */
    int8_t into[6];
} attention_attr;

/* How a loss is averaged. The divisor is part of the op, so that the gradient knows it. See op_cross_entropy. */
typedef enum {
    AVG_ALL,          /* all pixels, ignored ones included (MMSegmentation's default) */
    AVG_NON_IGNORED,  /* pixels whose label is not ignore_index */
    AVG_CLASS_WEIGHT, /* sum of class_weight[label], as mmseg 1.x does where there are class weights */
    AVG_SUM,          /* no division */
    AVG_NONE          /* no sum either: the loss of each pixel */
} avg_mode;
typedef struct loss_attr {
    int64_t ignore_index;
    avg_mode avg;
    bool avg_non_ignore; /* for AVG_CLASS_WEIGHT: pixels with ignore_index never count, even if it is a class */
    float scale;         /* loss_weight: the result is multiplied by it */
    /* Set by passes: the op resizes the logits to the label's size. */
    bool resized, align_corners;
} loss_attr;

typedef struct dropout_attr {
    float p;
    bool channels; /* Dropout2d: drops whole channels of an image */
    bool samples;  /* DropPath: drops whole samples */
    uint64_t salt; /* makes the masks of nodes differ */
} dropout_attr;

typedef struct uniform_attr {
    uint64_t salt; /* makes the numbers of nodes differ */
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
} uniform_attr;

typedef struct psa_attr {
    int64_t h, w;           /* of the map */
    int64_t mask_h, mask_w; /* of each pixel's mask, whose middle, (mask - 1) / 2, is the pixel itself */
    bool distribute;        /* rows are the pixels that masks reach, columns those that have them; else the reverse */
    bool softmax;           /* of each row */
} psa_attr;

typedef struct points_attr {
    bool align_corners; /* 0 and 1 are the middles of the outermost pixels, else their outer borders */
    bool nearest;       /* else bilinear */
    int64_t x_dim[4];   /* point_sample_grad: the shape of x */
} points_attr;

enum { DEFORM_LEVELS = 16 };
typedef struct deform_attr {
    int levels;
    int64_t h[DEFORM_LEVELS], w[DEFORM_LEVELS]; /* of each level's map */
} deform_attr;

typedef struct masks_attr {
    int64_t h, w;       /* of the masks, before they are enlarged to the label map's size */
    int64_t classes;    /* rows of this class or above count for nothing */
    bool overlap;       /* mask_sums: overlap and sizes; else errors */
    float alpha, gamma; /* errors: the share of what is inside, 1 - alpha of what is outside; the power of the miss */
    bool squared, raw;  /* overlap: a mask's size is the sum of squares; its logits are taken without a sigmoid */
} masks_attr;

typedef union op_attr {
    conv_attr conv;
    pool_attr pool;
    resize_attr resize;
    sum_attr sum;
    norm_attr norm;
    unary_attr unary;
    binary_kind binary;
    axis_attr axis;
    attention_attr attention;
    loss_attr loss;
    dropout_attr dropout;
    uniform_attr uniform;
    compare_kind compare;
    split_attr split;
    rank_attr rank;
    psa_attr psa;
    points_attr points;
    deform_attr deform;
    masks_attr masks;
    dtype cast;
} op_attr;

typedef enum {
#define OP(name) OP_##name,
#include "graph/ops/op_list.h"
#undef OP
    OP_COUNT
} op_kind;

struct node {
    op_kind op;
    int n_in, n_out;
    tensor **in; /* optional ones may be NULL */
    tensor **out;
    op_attr attr;
    const char *scope; /* the module in which it was traced: backbone.layer1.0 */
    bool is_grad;      /* belongs to the backward pass */
    bool has_effect;   /* must run even if nothing reads its outputs */
    int checkpoint;    /* with_cp: the block it belongs to, whose inner tensors are recomputed in the backward pass; 0:
                          none */
};

#endif
