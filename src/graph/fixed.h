/* Which results of a graph hang on weights and constants alone, and need not be computed in every run.
 *
 *     bool *fixed = graph_fixed(g, mem);
 *     for (size_t i = 0; fixed && i < g->tensors.n; i++)
 *         if (fixed[i])
 *             printf("tensor %zu is made again when weights have changed\n", i);
 */
#ifndef GRAPH_FIXED_H
#define GRAPH_FIXED_H

#include "graph/graph.h"

/* Whether t is a constant, or a parameter that changes only when its owner says so (plan_weights_changed): in inference
 * all, in training those that do not learn. Training moves buffers, so they are none. */
bool graph_leaf_is_fixed(const graph *g, const tensor *t);
/* By tensor id, true for results of nodes that a plan runs only after weights have changed; NULL: out of memory. In
 * inference these are all that follow from fixed leaves. In training a result is kept from step to step if a
 * convolution or a product lies behind it (what costs a pass over memory is rather made again than kept), and so are
 * results that nothing else reads; gradients are not, because their readers change them. */
bool *graph_fixed(const graph *g, arena *mem);

#endif
