/* Rewrites a traced graph into a faster one with the same results, up to rounding. Each pass has a switch; every parity
 * test runs with all off and all on.
 *
 *     unsigned passes;
 *     TRY(passes_from_text("-commute_resize", &passes, err));
 *     TRY(graph_optimize(g, passes, err));
 *     TRY(graph_optimize_backward(g, x, passes, err));
 */
#ifndef GRAPH_PASSES_H
#define GRAPH_PASSES_H

#include "graph/plan.h"

enum {
    PASS_FOLD_NORM = 1,      /* inference: batch norm into the weights of the convolution before it */
    PASS_FUSE_CONV = 2,      /* inference: residual sum and activation into the convolution */
    PASS_COMMUTE_RESIZE = 4, /* 1x1 convolutions below bilinear resizes and concatenations: exact, 4 to 64 times fewer
                                flops for what was resized */
    PASS_RESIZE_ARGMAX = 8,  /* resize + argmax without the resized logits */
    PASS_FUSE_NORM = 16,     /* training: residual sum and ReLU into batch norm */
    PASS_FUSE_LOSS = 32,     /* training: resize + cross-entropy + accuracy without the resized logits */
    PASS_FUSE_SUM = 64,      /* resizes, the additions behind them and ReLU in one pass over memory */
    PASS_RECOMPUTE = 128,    /* training, behind graph_backward: what is cheap to make or under with_cp is not kept but
                                made anew */
    PASS_ALL = 255
};

/* From the environment: CSEG_PASSES="-commute_resize,-fuse_loss" or "none"; unset: all. CSEG_USAGE names an unknown
 * one and lists those that there are. */
cseg_status passes_from_text(const char *text, unsigned *passes, cseg_error *err);
/* Call before graph_backward: gradients follow by themselves. Returns the graph's status. */
cseg_status graph_optimize(graph *g, unsigned passes, cseg_error *err);
/* graph_backward, and the passes that come behind it. */
cseg_status graph_optimize_backward(graph *g, tensor *loss, unsigned passes, cseg_error *err);
/* The last step from a graph, gradients included, to what runs: its maps get the types that the backend computes in
 * (graph_bf16), and plan_build makes the plan. A graph is planned for backends of one precision alone. */
cseg_status graph_plan(graph *g, backend *b, plan **out, cseg_error *err);
/* Mixed precision, for a backend with port_of (graph_plan calls it): maps whose maker
 * and readers can have it are stored as bfloat16, as b->port_of says; where one cannot, the map stays float32, or
 * is cast, once. Parameters, their gradients, statistics, outputs and what losses read stay float32. Graphs that were
 * mixed before are left as they are. */
cseg_status graph_bf16(graph *g, const backend *b, cseg_error *err);

#endif
