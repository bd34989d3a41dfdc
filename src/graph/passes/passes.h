/* Rewrites a traced graph into a faster one with the same results, up to rounding. Each pass can be switched off; every
 * parity test runs with all passes off and all on.
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
    PASS_COMMUTE_RESIZE = 4, /* moves 1x1 convolutions before bilinear resizes and concatenations: exact, and 4 to 64
                                times fewer multiply-adds for what was resized */
    PASS_RESIZE_ARGMAX = 8,  /* resize + argmax without the resized logits */
    PASS_FUSE_NORM = 16,     /* ReLU into group and layer norm; training: residual sum and ReLU into batch norm */
    PASS_FUSE_LOSS = 32,     /* training: resize + cross-entropy + accuracy without the resized logits */
    PASS_FUSE_SUM = 64,      /* resizes, the additions after them and ReLU in one pass over memory */
    PASS_RECOMPUTE = 128,    /* training, after graph_backward: results that are cheap, or inside a with_cp block, are
                                recomputed instead of kept */
    PASS_ALL = 255
};

/* Reads the passes from the text of CSEG_PASSES: "-commute_resize,-fuse_loss" or "none"; NULL: all. CSEG_USAGE names an
 * unknown pass and lists the known ones. */
cseg_status passes_from_text(const char *text, unsigned *passes, cseg_error *err);
/* Runs the passes on the forward graph; call it before graph_backward, which then differentiates the rewritten nodes.
 * Returns the graph's status. */
cseg_status graph_optimize(graph *g, unsigned passes, cseg_error *err);
/* Runs graph_backward and then the passes that come after it. */
cseg_status graph_optimize_backward(graph *g, tensor *loss, unsigned passes, cseg_error *err);
/* Makes a plan from a traced graph, gradients included: gives maps the types that the backend computes in (graph_bf16),
 * then calls plan_build. Plan a graph only for backends of one precision. */
cseg_status graph_plan(graph *g, backend *b, plan **out, cseg_error *err);
/* Assigns bfloat16 for a backend with port_of (graph_plan calls it). A map is stored as bfloat16 if b->port_of says
 * that the node that makes it and all nodes that read it can use that type; otherwise it stays float32, or is cast
 * once. Parameters, their gradients, statistics, outputs and inputs of losses stay float32. A graph that has been
 * through this is left unchanged. */
cseg_status graph_bf16(graph *g, const backend *b, cseg_error *err);

#endif
