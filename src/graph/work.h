/* Computes what a node costs, from its shapes alone.
 *
 *     const node *first = x->from;
 *     printf("%.1f GFLOP, %.1f MiB\n", 2e-9 * node_multiply_adds(first), node_bytes(first) / 1048576);
 */
#ifndef GRAPH_WORK_H
#define GRAPH_WORK_H

#include "graph/tensor.h"

/* Returns the multiply-adds of a convolution, a matrix product, or the gradient of one; other ops are small beside
 * these and count as 0. A convolution counts as if computed directly, even if an algorithm with fewer multiplications
 * runs. */
double node_multiply_adds(const node *n);
/* Returns the least possible memory traffic: each input read once, each output written once. */
double node_bytes(const node *n);

#endif
