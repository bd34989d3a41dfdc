/* Golden cases of tests/data/graph: results of PyTorch and MMSegmentation (make_goldens.py describes them). */
#ifndef OPS_GOLDEN_H
#define OPS_GOLDEN_H

#include <cjson/cJSON.h>

#include "graph/graph.h"

/* Traces the case's op on its inputs (NULL: missing). Further results become outputs "out1"... */
tensor *golden_trace(graph *g, const cJSON *golden, tensor *const *in);
/* Returns whether input i is a buffer: a running statistic, without gradient. */
bool golden_is_buffer(const cJSON *golden, int i);

#endif
