/* What an op is: its one row, in the file of its rules. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "graph/graph.h"

/* How a result is made once more, where the node itself must not run twice. */
typedef struct op_remake {
    op_kind op; /* gives the first output from the inputs that `inputs` names, as many as the node has */
    /* in[k]: what the clone reads as its input k. It may be a result of the node: all but the first are kept. */
    void (*inputs)(const node *n, tensor **in);
} op_remake;

/* All that the graph knows of an op. Passes and plans ask it here; they name no ops but those that they rewrite. */
typedef struct op_def {
    const char *name;
    /* Sets type, rank and dim of every output from inputs and attributes; returns NULL, or what does not fit (in the
     * graph's arena or static). Inputs were checked against `required` and `types`. Sets node.has_effect where it must
     * run although nobody reads its outputs. */
    const char *(*infer)(graph *g, node *n);
    /* Adds the nodes that compute dL/din[i] into din[i] for the inputs that need one, from dy[k], the gradient of
     * output k: NULL where none comes. At least one is there: dy[0] where the first output alone has any. NULL: no
     * gradient (labels, masks, integer results). */
    void (*grad)(graph *g, node *n, tensor *const *dy, tensor **din);
    bool all_outputs; /* gradients come from every float output; else from the first alone */
    int required;     /* as many inputs must be there; what follows may be missing */
    const char
        *types; /* of inputs, a letter each, the last one for all that follow: f float32, i int32, l int64, * any */

    double (*multiply_adds)(const node *n); /* products of convolutions and the like; NULL: small, counts nothing */
    double (*bytes_read)(const node *n);    /* NULL: each input once, whole */
    bool cheap;              /* bound by memory traffic: may be made again in the backward pass instead of being kept */
    const op_remake *remake; /* NULL: by the same node again, which needs to be without effect */
    bool rescales;           /* its outputs' scale is its own (norms, casts); others hand their input's rounding on */
    bool same_memory;        /* the output is the input's memory under another shape, where that is a plan's own */
    bool ends_run;           /* runs behind all others: what it writes they read as it was before the run */
} op_def;

const op_def *op_define(op_kind op);

#define OP(name) extern const op_def op_def_##name;
#include "graph/ops/list.h"
#undef OP

/* Helpers of the rules. */
void op_out(node *n, int i, dtype type, int rank, const int64_t *dim);
void op_out_like(node *n, int i, const tensor *t); /* f32, the shape of t */
/* What does not fit, in the graph's arena; never NULL. */
const char *op_say(graph *g, const char *fmt, ...) CSEG_PRINTF(2, 3);
const char *op_mismatch(graph *g, const char *what, const tensor *a, const tensor *b);
bool op_same_shape(const tensor *a, const tensor *b);
const char *op_like_first(graph *g, node *n); /* a rule: one output, of the first input's shape */
/* The shape that the first `count` inputs have once axes of 1 are repeated; or what does not fit. */
const char *op_repeated_shape(graph *g, const node *n, int count, int64_t dim[TENSOR_MAX_RANK]);
/* d summed over the axes along which `to` was repeated. */
tensor *op_unrepeat(graph *g, tensor *d, const tensor *to);
static inline bool op_wants(const node *n, int i)
{
    return i < n->n_in && n->in[i] && n->in[i]->needs_grad;
}
static inline tensor *op_in(const node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}
/* A node of one output, or NULL. Inputs that are NULL are for graph_add_node to judge. */
tensor *op_node1(graph *g, op_kind op, int n_in, tensor *const *in, const op_attr *attr);
/* For builders that look at an input before there is a node: records that it is missing and returns false if it is. */
bool op_given(graph *g, const char *op, const tensor *t);

#endif
