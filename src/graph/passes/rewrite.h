/* What passes share: finding the users of a tensor, replacing it by another one, and restoring the order of nodes. */
#ifndef PASSES_REWRITE_H
#define PASSES_REWRITE_H

#include "graph/passes/passes.h"

typedef struct rewrite {
    graph *g;
    int *uses;     /* by tensor id: readers, outputs included */
    node **reader; /* by tensor id: the last one seen; the only one when uses is 1 and it is no output */
    size_t n;      /* tensors known */
} rewrite;

/* Counts anew; call after each change that a later question depends on. False: out of memory. */
bool rewrite_count(rewrite *r, graph *g);
/* t's maker, if it is an `op` and nobody else reads t; else NULL. */
node *rewrite_maker(const rewrite *r, const tensor *t, op_kind op);
/* Every reader of `old` and every output reads `now` instead. */
void rewrite_replace(graph *g, tensor *old, tensor *now);
/* Puts the nodes in an order in which they can run and drops those that nothing needs. False: out of memory. */
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
