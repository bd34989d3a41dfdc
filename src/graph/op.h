/* NOTE to whoever works on src/graph: graph.c, autodiff.c, plan.c, place.c, all of ops/ and backend/ref are committed,
 * complete and in use (model goldens agree). Do not replace them: build on them (tests/ops, unit tests, fixes). */
/* What an op is: a rule for the shapes of its outputs and one for its gradients. */
#ifndef GRAPH_OP_H
#define GRAPH_OP_H

#include "graph/graph.h"

typedef struct op_def {
    const char *name;
    /* Sets type, rank and dim of every output from inputs and attributes; returns NULL, or what does not fit (in the
     * graph's arena or static). */
    const char *(*infer)(graph *g, node *n);
    /* Adds the nodes that compute dL/din[i] into din[i] for the inputs that need one, from dout (NULL where nothing
     * depends on that output). NULL: no gradient (labels, masks, integer results). */
    void (*grad)(graph *g, node *n, tensor *const *dout, tensor **din);
} op_def;

const op_def *op_define(op_kind op);

#define OP(name) extern const op_def op_def_##name;
#include "graph/ops/list.h"
#undef OP

/* Helpers of the rules. */
void op_out(node *n, int i, dtype type, int rank, const int64_t *dim);
void op_out_like(node *n, int i, const tensor *t); /* f32, the shape of t */
const char *op_mismatch(graph *g, const char *what, const tensor *a, const tensor *b);
bool op_same_shape(const tensor *a, const tensor *b);
static inline bool op_wants(const node *n, int i)
{
    return i < n->n_in && n->in[i] && n->in[i]->needs_grad;
}
static inline tensor *op_in(const node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}
/* A node of one output, or NULL. */
tensor *op_node1(graph *g, op_kind op, int n_in, tensor *const *in, const op_attr *attr);

#endif
