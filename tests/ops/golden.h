/* Golden cases of tests/data/graph: what PyTorch and MMSegmentation answered (make_goldens.py says how). */
#ifndef OPS_GOLDEN_H
#define OPS_GOLDEN_H

#include <cjson/cJSON.h>

#include "graph/graph.h"

/* Traces the case's op on its inputs (NULL: missing). More results than the first become outputs "out1"... */
tensor *golden_trace(graph *g, const cJSON *golden, tensor *const *in);
/* Whether input i is a buffer: a running statistic, without gradient. */
bool golden_is_buffer(const cJSON *golden, int i);

#endif
