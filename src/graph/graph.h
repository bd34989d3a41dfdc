/* Builds a graph by tracing: calling these functions records nodes for one input shape and mode.
 *
 *     graph *net = graph_new(false);
 *     tensor *y = op_relu(net, graph_input(net, "img", DT_F32, 4, (int64_t[]){1, 64, 64, 3}));
 *     graph_add_output(net, "features", y);
 *     TRY(graph_status(net, err));
 *
 * Errors are sticky. A function returns NULL if it gets a NULL tensor or if shapes do not match. The graph keeps the
 * first message, with the scope that was being traced; graph_status returns it at the end. So model code needs no error
 * handling. All memory comes from the graph's arena. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/error.h"
#include "graph/tensor.h"

typedef struct graph_output {
    const char *name;
    tensor *value;
    param *grad_of; /* if not NULL: this output is the gradient of that parameter, to be stored in its `grad` */
} graph_output;

struct graph {
    arena *mem;
    bool train;        /* whether modules trace for training */
    VEC(node *) nodes; /* in an order of execution */
    VEC(tensor *) tensors;
    VEC(tensor *) inputs;
    VEC(tensor *) params;
    VEC(graph_output) outputs;
    VEC(const char *) scopes; /* stack of the modules being traced; names are full */
    int checkpoint;           /* block being traced, for node.checkpoint; 0: none */
    int checkpoints;          /* number of blocks so far */
    tensor *seed;             /* i64 [2], made by the first op that draws: input "seed", in inference a constant */
    int draws;                /* calls of op_uniform so far */
    bool draws_given;         /* op_uniform makes inputs, "rand:0", "rand:1" ..., which the caller fills */
    bool mixed;               /* graph_bf16 has run: some maps are bfloat16 */
    cseg_error error;         /* code CSEG_OK: no error */
};

graph *graph_new(bool train); /* Makes an empty graph; graph_free frees it and all its memory. NULL: out of memory */
void graph_free(graph *g);
cseg_status graph_status(const graph *g, cseg_error *err);
/* Records the caller's own error (as of a shape that makes no sense), prefixed with the scope; returns NULL. */
tensor *graph_fail(graph *g, cseg_status code, const char *fmt, ...) CSEG_PRINTF(3, 4);
void graph_push_scope(graph *g, const char *full_name);
void graph_pop_scope(graph *g);
/* Nodes traced between push and pop are a block under with_cp: results inside it are not kept for the backward pass,
 * but recomputed there from the block's inputs (see PASS_RECOMPUTE). Blocks do not nest: the outer one counts. No
 * effect unless `on`. push returns the argument for pop. */
int graph_push_checkpoint(graph *g, bool on);
void graph_pop_checkpoint(graph *g, int outer);

/* Make tensors that no node computes. graph_param returns the same tensor each time for the same param. */
tensor *graph_input(graph *g, const char *name, dtype type, int rank, const int64_t *dim);
tensor *graph_param(graph *g, param *p);
tensor *graph_const(graph *g, dtype type, int rank, const int64_t *dim, const void *data); /* copies `data` */
void graph_add_output(graph *g, const char *name, tensor *t);

/* Appends a node with n_out outputs, whose shapes the op's rule infers; for ops and passes. Copies `in`. */
node *graph_add_node(graph *g, op_kind op, int n_in, tensor *const *in, int n_out, const op_attr *attr);

/* Appends nodes that compute the gradients of the scalar `loss` for every param tensor of the graph that requires one,
 * and outputs with grad_of set. A param that is used several times gets the sum. */
cseg_status graph_backward(graph *g, tensor *loss, cseg_error *err);
const char *op_name(op_kind op);

/* ---- ops. y = ... -------------------------------------------------------------------------------------------- */

/* x [N,H,W,I], w [O,I/groups,kh,kw], bias [O] or NULL -> [N,H',W',O]. groups == I == O is depthwise. */
tensor *op_conv2d(graph *g, tensor *x, tensor *w, tensor *bias, conv_attr a);
/* x [N,h,w,I], w [I,O/groups,kh,kw], bias [O] or NULL -> [N,H,W,O], as torch.nn.ConvTranspose2d: the gradient of a
 * conv2d with respect to its input, where H = (h - 1) * stride - 2 * pad + dilation * (kh - 1) + 1 + output_pad. */
tensor *op_conv_transpose2d(graph *g, tensor *x, tensor *w, tensor *bias, conv_attr a);
/* x [...,C], all others [C]: fixed statistics, y = (x - mean) / sqrt(var + eps) * gamma + beta. */
tensor *op_batch_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, tensor *mean, tensor *var, float eps);
/* Takes statistics over all axes but the last. As in PyTorch, the biased variance normalises, and the unbiased one
 * updates the running variance: running = (1 - momentum) * running + momentum * batch, in place when the node runs. */
tensor *op_batch_norm_train(graph *g, tensor *x, tensor *gamma, tensor *beta, tensor *running_mean, tensor *running_var,
                            norm_attr a);
/* x [N,H,W,C] or [N,L,C]. Statistics are taken over H, W and the C / groups channels of a group; gamma, beta [C] or
 * NULL. */
tensor *op_group_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, int groups, float eps);
/* Normalises over the last axis. gamma, beta [C]. */
tensor *op_layer_norm(graph *g, tensor *x, tensor *gamma, tensor *beta, float eps);

tensor *op_unary(graph *g, tensor *x, unary_attr a);
tensor *op_relu(graph *g, tensor *x);
tensor *op_sigmoid(graph *g, tensor *x);
tensor *op_scale(graph *g, tensor *x, float alpha, float beta); /* alpha * x + beta */
tensor *op_prelu(graph *g, tensor *x, tensor *slope);           /* slope [1] or [C] */
/* a and b have equal ranks; axes of 1 are repeated. */
tensor *op_binary(graph *g, tensor *a, tensor *b, binary_kind kind);
tensor *op_add(graph *g, tensor *a, tensor *b);
tensor *op_sub(graph *g, tensor *a, tensor *b);
tensor *op_mul(graph *g, tensor *a, tensor *b);
/* Returns a mask, u8: 1 where the comparison holds, else 0. a and b: both f32, i32 or u8, repeated as in op_binary. For
 * a NaN only NE holds. */
tensor *op_compare(graph *g, tensor *a, tensor *b, compare_kind kind);
tensor *op_compare_to(graph *g, tensor *x, compare_kind kind, double v); /* v: must be a whole number unless x is f32 */
/* Takes a where the mask (u8) is not 0, else b. a and b: both f32, i32 or u8; all three are repeated as in
 * op_binary. */
tensor *op_where(graph *g, tensor *mask, tensor *a, tensor *b);
tensor *op_and(graph *g, tensor *a, tensor *b); /* combine masks */
tensor *op_or(graph *g, tensor *a, tensor *b);
tensor *op_not(graph *g, tensor *a);

tensor *op_max_pool(graph *g, tensor *x, pool_attr a); /* x [N,H,W,C]; padding counts as -infinity */
tensor *op_avg_pool(graph *g, tensor *x, pool_attr a);
tensor *op_adaptive_avg_pool(graph *g, tensor *x, int64_t h, int64_t w); /* windows as in PyTorch */
tensor *op_adaptive_max_pool(graph *g, tensor *x, int64_t h, int64_t w); /* the same windows */
/* x [N,H,W,C] -> [N,a.h,a.w,C]; bilinear, nearest or bicubic, as torch.nn.functional.interpolate. */
tensor *op_resize(graph *g, tensor *x, resize_attr a);
tensor *op_resize_to(graph *g, tensor *x, int64_t h, int64_t w, bool align_corners); /* bilinear; x itself if equal */
/* y = [relu](x0 + x1 + ...), added in this order, at most SUM_MOST. All have the same shape; x[i] [N,h,w,C] is first
 * resized to it where a.from[i].h is set. */
tensor *op_sum(graph *g, tensor *const *x, int n, const sum_attr *a);

tensor *op_concat(graph *g, tensor *const *x, int n, int axis); /* axis -1 is the last: channels */
tensor *op_slice(graph *g, tensor *x, int axis, int64_t start, int64_t size);
/* Cuts x along axis into out[0], ..., out[n - 1], at most SPLIT_MOST; size NULL: equal parts. After an error they are
 * NULL. */
void op_split(graph *g, tensor *x, int axis, int n, const int64_t *size, tensor **out);
tensor *op_reshape(graph *g, tensor *x, int rank, const int64_t *dim); /* one dim may be -1 */
tensor *op_transpose(graph *g, tensor *x, const int *perm);            /* input axis perm[i] becomes output axis i */
tensor *op_broadcast(graph *g, tensor *x, const int64_t *dim);         /* same rank; axes of 1 are repeated */
tensor *op_reduce_sum(graph *g, tensor *x, uint32_t axes, bool keep);  /* bit i = axis i; all axes, !keep: a scalar */
tensor *op_reduce_mean(graph *g, tensor *x, uint32_t axes, bool keep);
/* a [..., M, K], b [..., K, N] (or transposed), leading axes equal, or b of rank 2 -> [..., M, N]. trans_a is refused
 * if b alone has rank 2. */
tensor *op_matmul(graph *g, tensor *a, tensor *b, bool trans_a, bool trans_b);
/* x [..., I], w [O, I], bias [O] or NULL -> [..., O], as torch.nn.Linear. */
tensor *op_linear(graph *g, tensor *x, tensor *w, tensor *bias);
/* Attention of several heads, y = softmax(scale * q k^T + B) v for each head, which never writes its scores.
 *
 * q [N,L,..], k and v [N,M,..] (or maps [N,H,W,..]) hold their heads' channels side by side, from channel a.from on;
 * they may be one tensor [N,L,3C], which then has one gradient. The result has q's shape with heads * e channels.
 * B is the sum of what is given:
 *   bias   f32 [N,heads,L,M], axes of 1 are repeated
 *   mask   u8, a shape of the same kind: keys that a query does not see are not 0. A query must see a key
 *   table  f32 [T,heads], T = (2 h - 1) (2 w - 1), with a.grid = {h, w}: for query (y, x) and key (y', x') its row
 *          (y - y' + h - 1) (2 w - 1) + x - x' + w - 1. With a.class_token it has three more rows, for the class token
 *          as query, as key, and as both (BEiT)
 * Windows (Swin): with a.window = {h, w} q, k and v are maps of one size, and each query sees only the keys of its
 * window. The map is padded behind to whole windows and rolled back by a.shift, without a copy: row r of the i-th row
 * of windows is row (i h + r + shift) mod the padded height. Pixels of a window that are not neighbours, as they come
 * from both ends of the map, have a.apart added. What lies beyond the map is no query; as key and value it is the row
 * `outside` [C] of the channels of k and v (NULL: zeros; k and v must be one tensor), unless a.unseen.
 * In training a.p is the probability with which a share is dropped. */
typedef struct attention_operands {
    tensor *q, *k, *v;
    tensor *bias, *mask, *table, *outside; /* or NULL */
} attention_operands;
tensor *op_attention(graph *g, const attention_operands *in, attention_attr a);
tensor *op_softmax(graph *g, tensor *x);                      /* over the last axis */
tensor *op_log_softmax(graph *g, tensor *x);                  /* over the last axis */
tensor *op_one_hot(graph *g, tensor *label, int64_t classes); /* i32 [..] -> f32 [.., K]; others give zeros */
tensor *op_argmax(graph *g, tensor *x);                       /* over the last axis -> i32; the first of equal values */
/* i32 [N,..] -> f32 [N,K]: 1 if an image has a pixel of the class, else 0; labels outside 0..K-1 are skipped. For K ==
 * 1 it is always 1, as torch.histc counts, which MMSegmentation uses here. */
tensor *op_presence(graph *g, tensor *label, int64_t classes);
/* x f32 [..,K], label i32 [..] -> x[.., label]; 0 without gradient where the label is not in 0..K-1. */
tensor *op_pick(graph *g, tensor *x, tensor *label);
/* PSANet's exchange between the pixels of a map. masks [N,h,w,mask_h * mask_w]: for each pixel the numbers that it
 * gives to those around it; they make a matrix [h*w,h*w] of an image: from a pixel (row) to the pixels of the map
 * (columns), or with a.distribute the reverse; 0 beyond the mask. What would lie outside of the map is left out, as in
 * mmcv's PSAMask. Returns the matrix, or with a.softmax the softmax of its rows, times v [N,h*w,C]. One op, so that a
 * backend need not write the matrix. a.h and a.w are set here. */
tensor *op_psa_exchange(graph *g, tensor *masks, tensor *v, psa_attr a);
/* Returns the value at place k (from 0) in sorted order of the elements of x, or of those where mask (u8, x's shape, or
 * NULL) is not 0. The order is torch.sort's: a NaN is the largest. Past the end: the last value; without elements: 0. A
 * scalar, without gradient. */
tensor *op_kth_value(graph *g, tensor *x, tensor *mask, int64_t k, bool descending);
/* Returns a mask (u8, x's shape) of the k largest of these elements; among equal ones the first in memory, as a stable
 * sort orders them. If there are at most k, it has all of them. */
tensor *op_largest(graph *g, tensor *x, tensor *mask, int64_t k);
/* Returns the numbers of x [N,H,W,C] at points [N,P,2], (x, y) from 0 to 1 over the map, as [N,P,C]. Beyond the map all
 * is 0. As mmcv's point_sample, which is torch's grid_sample. The points get no gradient. */
tensor *op_point_sample(graph *g, tensor *x, tensor *points, points_attr a);
/* Masks of classes at points between the pixels of a label map i32 [N,H,W], without the masks: what op_point_sample
 * gives of a mask that is 1 where the label is the class. No gradient.
 *   op_point_classes: points [N,P,2] -> [N,P,classes]
 *   op_point_hits: the mask of class_of i32 [N,R] at points [N*R,P,2], R rows of an image -> [N*R,P]; rows whose class
 *     is below 0 hit nothing */
tensor *op_point_classes(graph *g, tensor *label, tensor *points, int64_t classes);
tensor *op_point_hits(graph *g, tensor *label, tensor *class_of, tensor *points);
/* Multi-scale deformable attention (Zhu et al. 2020, arXiv:2010.04159): the sum of a few numbers that each query reads
 * between the pixels of maps. value [N,S,heads,d]: the maps of a.levels, row by row, one after the other; at [Q,2]:
 * each query's place, (x, y) from 0 to 1 over every map; offset [N,Q,heads,levels,points,2]: how far from there it
 * reads, in pixels of the level (0 is read beyond a map); share [N,Q,heads,levels,points] -> [N,Q,heads*d]. The places
 * get no gradient. */
tensor *op_deform_attention(graph *g, tensor *value, tensor *at, tensor *offset, tensor *share, deform_attr a);
/* x [..,K], K at least 2 -> [..]: the largest minus the second largest; no gradient. */
tensor *op_margin(graph *g, tensor *x);
/* x [N,L] -> i32 [N,k]: where the k largest of each row are, in ascending order, k from 1 to L. A NaN is the largest;
 * among equal ones the first is. */
tensor *op_top_places(graph *g, tensor *x, int64_t k);
/* Take rows of x [N,L,C] at places i32 [N,P], as [N,P,C], and return x with other rows [N,P,C] there. Places are from 0
 * to L - 1, as op_top_places gives them: no two of an image are equal. */
tensor *op_take_rows(graph *g, tensor *x, tensor *places);
tensor *op_put_rows(graph *g, tensor *x, tensor *rows, tensor *places);
/* Pairs the queries of each image with its classes at the least sum of costs, exactly: cost f32 [N,Q,K], present f32
 * [N,K], 0 for classes that the image lacks; each present class gets a query of its own, or each query a class if there
 * are more classes. Sets out[0] i32 [N,Q]: the class of each query, K for none; and the pairs, P = least of Q and K:
 * out[1] i32 [N,P]: their queries in ascending order, then queries without a class, so that all P differ
 * (op_take_rows); out[2] i32 [N,P]: their classes, K behind the last pair. Costs that are not finite count as 3e38. No
 * gradient. */
void op_hungarian(graph *g, tensor *cost, tensor *present, tensor *out[3]);
/* Compares masks with a label map, of whose size they are made without being written: masks [N,R,h*w] before sigmoid,
 * enlarged bilinearly (without align_corners) to label i32 [N,H,W], in which a mask is to cover the class class_of i32
 * [N,R]. Sums over the pixels; 0 for rows whose class is a.classes or above, on which no time is spent.
 *   errors [N,R,1]: share * -log(right) * (1 - right)^gamma, right being the probability that the mask gives to what is
 *     so (sigmoid inside, 1 - sigmoid outside) and share alpha inside, 1 - alpha outside
 *   a.overlap [N,R,3]: what of the mask lies inside, the mask's size, the class's number of pixels */
tensor *op_mask_sums(graph *g, tensor *masks, tensor *class_of, tensor *label, masks_attr a);
/* The Jaccard index's loss as errors add up (Berman et al. 2018, arXiv:1705.08790). For x [G,P,K] f32, foreground
 * (1 or 0, x's shape) f32 and mask [G,P] u8 it sorts the P errors of each g and k, those where mask is not 0, from the
 * largest to the smallest, the first in memory first among equals. An error's weight is by how much 1 - intersection /
 * union rises when its element becomes wrong, after all larger ones have; 0 where mask is 0. [G,P,K], without
 * gradient. */
tensor *op_jaccard_weight(graph *g, tensor *x, tensor *foreground, tensor *mask);
/* label i32 [N,H,W] -> f32: the square of the distance, in pixels, from each pixel to the nearest one of its image with
 * the label 0, exactly; 0 there. In an image without a 0 distances are from (-1, 0), one row above the first pixel, as
 * scipy.ndimage.distance_transform_edt has it. No gradient. */
tensor *op_distance_transform(graph *g, tensor *label);
tensor *op_fill(graph *g, int rank, const int64_t *dim, float v);
/* Converts to another type: f32, i32 and u8 into each other, f32 into bf16 (to nearest, ties to even) and back. To i32:
 * truncated, and clipped to the type's range (NaN: 0). To u8, a mask: 1 unless the value is 0. Only casts between f32
 * and bf16 have a gradient. */
tensor *op_cast(graph *g, tensor *x, dtype to);
/* Returns x without its gradient. No copy is made, unless x is a parameter. */
tensor *op_detach(graph *g, tensor *x);
/* Updates state in a training step: at the end of the run, after all nodes that read it (also those of the backward
 * pass), buffer p becomes value (p's shape). From here on in the trace graph_param(g, p) returns value (detached), so
 * that a module which is traced twice sees its own update. Of two values for one p the later one counts. Only in
 * training graphs. */
void op_assign(graph *g, param *p, tensor *value);

/* Random numbers in [0, 1), f32, from the run's seed: other ones in each training step, always the same in inference.
 */
tensor *op_uniform(graph *g, int rank, const int64_t *dim);
/* Identity when !g->train or p == 0. Masks follow from the run's seed: nothing is stored for the gradient. */
tensor *op_dropout(graph *g, tensor *x, float p);
tensor *op_dropout2d(graph *g, tensor *x, float p);
tensor *op_drop_path(graph *g, tensor *x, float p);

/* logits [N,H,W,K] f32, label [N,H,W] i32, class_weight [K] or NULL, weight [N,H,W] f32 or NULL -> scalar f32:
 *   a.scale * sum(weight * class_weight[label] * -log softmax(logits)[label]) / divisor
 * over the pixels whose label is a class: 0..K-1 and not ignore_index. Divisor, with e = 2^-23 against empty sums:
 *   AVG_ALL           N*H*W
 *   AVG_NON_IGNORED   the pixels whose label is not ignore_index, + e
 *   AVG_CLASS_WEIGHT  the sum of class_weight[label] over labels 0..K-1, + e. An ignore_index that lies in that range
 *                     counts too, unless avg_non_ignore
 *   AVG_SUM           1
 * AVG_NONE gives each pixel's a.scale * weight * class_weight[label] * -log softmax(logits)[label], [N,H,W], 0 where
 * the label does not count.
 * Follows losses/cross_entropy_loss.py of MMSegmentation. There, a label outside 0..K-1 other than ignore_index is an
 * error, and so is an ignore_index outside that range together with class weights (1.x). This op leaves both out;
 * plan_bind_input refuses such labels before. MMSegmentation averages the result of reduction='none' where it
 * adds up losses: that is AVG_ALL here. */
tensor *op_cross_entropy(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight, loss_attr a);
/* Sigmoid and binary cross-entropy against the one-hot label t (K == 1: the label itself, 0 or 1), summed over the
 * classes of the pixels whose label is a class (K == 1: 0 or 1) and not ignore_index:
 *   weight * -(class_weight[k] * t[k] * log(sigmoid(x[k])) + (1 - t[k]) * log(1 - sigmoid(x[k])))
 * So class_weight is PyTorch's pos_weight, as in MMSegmentation. (There, pos_weight has shape [K] for logits [N,K,H,W],
 * which PyTorch takes for weights along W; here the weights are those of the classes.) Divisor: AVG_ALL: N*H*W*K;
 * AVG_NON_IGNORED: the (pixel, class) pairs summed over, + 2^-23; AVG_SUM: 1. AVG_NONE gives each pair's, [N,H,W,K]
 * ([N,H,W] where K is 1), of several nodes; it is for samplers, and slower. */
tensor *op_binary_cross_entropy(graph *g, tensor *logits, tensor *label, tensor *class_weight, tensor *weight,
                                loss_attr a);
/* Applies sigmoid and binary cross-entropy to each element of x, with a target for each (x's shape, any number),
 * class_weight [last axis] or NULL: y = class_weight * t * -log sigmoid(x) + (1 - t) * -log(1 - sigmoid(x)), of x's
 * shape. class_weight is PyTorch's pos_weight. The target has no gradient. */
tensor *op_sigmoid_cross_entropy(graph *g, tensor *x, tensor *target, tensor *class_weight);
/* Percent: (pixels whose argmax is the label + e) * 100 / (pixels that are not ignored + e), e = 2^-23 -> scalar. So it
 * is 100 if all pixels are ignored. For K == 1 the argmax is always 0, so this is the share of label 0, as in
 * MMSegmentation. No gradient. */
tensor *op_accuracy(graph *g, tensor *logits, tensor *label, int64_t ignore_index);

#endif
