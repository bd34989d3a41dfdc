/* Tells what a node costs, from its shapes alone.
 *
 *     const node *first = x->from;
 *     printf("%.1f GFLOP, %.1f MiB\n", 2e-9 * node_multiply_adds(first), node_bytes(first) / 1048576);
 */
#ifndef GRAPH_WORK_H
#define GRAPH_WORK_H

#include "graph/tensor.h"

/* One for each product in a convolution, a matrix product, or the gradient of one; all else is small beside these and
 * counts nothing. A convolution counts as if done directly: fewer multiplications by another algorithm do not show. */
double node_multiply_adds(const node *n);
/* The least traffic there can be: each input read once, each output written once. */
double node_bytes(const node *n);

#endif
