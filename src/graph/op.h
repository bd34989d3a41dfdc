/* The row of an op: everything that the graph knows of it, in the file with its rules.
 *
 *     const op_def *conv = op_define(OP_conv2d);
 *     for (int i = 0; i < conv->required; i++)
 *         printf("input %d of %s must be there\n", i, conv->name);
 */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "graph/graph.h"

/* How a result is recomputed if the node itself must not run twice. */
typedef struct op_remake {
    op_kind op; /* computes the first output from the inputs that `inputs` gives, as many as the node has */
    /* Sets in[k] to what the clone reads as its input k. This may be a result of the node: all results but the first
     * are kept. */
    void (*inputs)(const node *n, tensor **in);
} op_remake;

/* Everything that the graph knows of an op. Passes and plans look it up here; they name only ops that they rewrite. */
typedef struct op_def {
    const char *name;
    /* Sets type, rank and dim of every output from inputs and attributes; returns NULL, or what is wrong (in the
     * graph's arena or static). `required` and `types` were checked before. Sets node.has_effect if the node must run
     * even if nothing reads its outputs. */
    const char *(*infer)(graph *g, node *n);
    /* Adds the nodes that compute dL/din[i] into din[i] for the inputs that need one, from dy[k], the gradient of
     * output k, or NULL if it has none. At least one is not NULL; without all_outputs it is dy[0]. NULL: no gradient
     * (labels, masks, integer results). */
    void (*grad)(graph *g, node *n, tensor *const *dy, tensor **din);
    bool all_outputs; /* any float output may have a gradient; else only the first */
    int required;     /* number of inputs that must be given; later ones may be missing */
    const char
        *types; /* of inputs, one letter each, the last one for all that follow: f float32, i int32, l int64, * any */

    double (*multiply_adds)(const node *n); /* counts the multiply-adds of convolutions and matrix products; NULL:
                                               counts nothing, since others are small */
    double (*bytes_read)(const node *n);    /* NULL: reads each input once, whole */
    bool cheap;              /* bound by memory traffic: may be recomputed in the backward pass instead of being kept */
    const op_remake *remake; /* NULL: recomputed by the same op, which must have no effect */
    bool rescales;    /* its outputs have their own scale (norms, casts); other ops pass on their input's rounding */
    bool same_memory; /* the output is the input's memory with another shape, if that belongs to the plan or is a
                         parameter's */
    bool ends_run;    /* runs after all other nodes, which read what it writes as it was before the run */
} op_def;

const op_def *op_define(op_kind op);

#define OP(name) extern const op_def op_def_##name;
#include "graph/ops/op_list.h"
#undef OP

/* Helpers of the rules. op_out sets type and shape of output i. */
void op_out(node *n, int i, dtype type, int rank, const int64_t *dim);
void op_out_like(node *n, int i, const tensor *t); /* sets f32 and the shape of t */
/* Formats what is wrong, in the graph's arena; never NULL. */
const char *op_say(graph *g, const char *fmt, ...) CSEG_PRINTF(2, 3);
const char *op_mismatch(graph *g, const char *what, const tensor *a, const tensor *b);
bool op_same_shape(const tensor *a, const tensor *b);
/* Returns the parameter's tensor whose memory t is under another shape, or t itself if it is one; else NULL. */
const tensor *op_param_of(const tensor *t);
/* Whether the node does nothing: its output is its input's memory. */
bool op_does_nothing(const node *n);
const char *op_like_first(graph *g, node *n); /* a rule for ops with one output, of the first input's shape */
/* Gives the shape of the first `count` inputs with axes of 1 repeated; returns NULL, or what is wrong. */
const char *op_repeated_shape(graph *g, const node *n, int count, int64_t dim[TENSOR_MAX_RANK]);
/* Sums d over the axes along which `to` was repeated. */
tensor *op_unrepeat(graph *g, tensor *d, const tensor *to);
static inline bool op_wants(const node *n, int i)
{
    return i < n->n_in && n->in[i] && n->in[i]->needs_grad;
}
static inline tensor *op_in(const node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}
/* Appends a node with one output and returns that, or NULL. graph_add_node checks for missing inputs. */
tensor *op_node1(graph *g, op_kind op, int n_in, tensor *const *in, const op_attr *attr);
/* For builders that look at an input before the node exists: returns whether t is there; if not, records the error. */
bool op_given(graph *g, const char *op, const tensor *t);

/* The seed from which random numbers follow, i64 [2]. In training an input, "seed"; in inference a constant, so that an
 * image's answer is the same whatever ran before. */
tensor *graph_seed(graph *g);

#endif
