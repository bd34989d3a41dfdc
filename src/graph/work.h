/* What a node costs, told from its shapes alone. */
#ifndef GRAPH_WORK_H
#define GRAPH_WORK_H

#include "graph/tensor.h"

/* One for each product in a convolution, a matrix product, or the gradient of one; all else is small beside these and
 * counts nothing. A convolution counts as if done directly: fewer multiplications by another algorithm do not show. */
double node_multiply_adds(const node *n);
/* The least traffic there can be: each input read once, each output written once. */
double node_bytes(const node *n);

#endif
