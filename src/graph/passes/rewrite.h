/* What passes share: finding the readers of a tensor, replacing a tensor, and restoring the order of nodes. */
#ifndef PASSES_REWRITE_H
#define PASSES_REWRITE_H

#include "graph/passes/passes.h"

typedef struct rewrite {
    graph *g;
    int *uses;     /* by tensor id: number of readers, outputs included */
    node **reader; /* by tensor id: the last reader; the only one if uses is 1 and the tensor is no output */
    size_t n;      /* number of tensors counted */
} rewrite;

/* Counts readers; call it again after a change before using the counts. false: out of memory. */
bool rewrite_count(rewrite *r, graph *g);
/* Returns the node that makes t, if it is an `op` and t has one reader; else NULL. */
node *rewrite_maker(const rewrite *r, const tensor *t, op_kind op);
/* The same for a conv2d or a conv_transpose2d. */
node *rewrite_conv(const rewrite *r, const tensor *t);
/* Makes all readers of `old`, and outputs, read `now` instead. */
void rewrite_replace(graph *g, tensor *old, tensor *now);
/* Sorts nodes into an order of execution and drops those that nothing needs. false: out of memory. */
bool rewrite_sort(graph *g);

cseg_status pass_fold_norm(graph *g, cseg_error *err);
cseg_status pass_fuse_conv(graph *g, cseg_error *err);
cseg_status pass_commute_resize(graph *g, cseg_error *err);
cseg_status pass_fuse_sum(graph *g, cseg_error *err);
cseg_status pass_resize_argmax(graph *g, cseg_error *err);
cseg_status pass_fuse_norm(graph *g, cseg_error *err);
cseg_status pass_fuse_loss(graph *g, cseg_error *err);
cseg_status pass_recompute(graph *g, cseg_error *err);

#endif
