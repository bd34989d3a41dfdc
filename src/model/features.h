/* Features: the maps or tokens that backbones and necks hand on to heads.
 *
 *     features out = features_new(g, 0);
 *     features_add(g, &out, x);
 *     features_add(g, &out, op_relu(g, x));
 *
 * A pair of dates is two of them. */
#ifndef MODEL_FEATURES_H
#define MODEL_FEATURES_H

#include "graph/graph.h"

typedef struct features {
    int n;
    tensor **at; /* in the graph's arena, in order of stages: maps [N,H,W,C] or tokens [N,L,C]; NULL: failed */
    const struct module *from; /* who made them, for messages */
} features;

/* Room for n, all NULL; of no maps (n == 0) when there is no memory, which is recorded. */
features features_new(graph *g, int n);
void features_add(graph *g, features *f, tensor *t);
/* The maps of both dates in one list, the first date's first. */
features features_joined(graph *g, features first, features second);
/* The maps of two dates made one, stage by stage: 'concat' (beside each other: twice the channels), 'sum', 'diff'
 * (second minus first) or 'abs_diff'. */
features features_fused(graph *g, features first, features second, const char *policy);

/* Channels: the last axis. */
int64_t tensor_channels(const tensor *t);
/* x [N,h,w,C] bilinearly at the size of `like` [N,H,W,...]; x itself where they are of one size. */
tensor *resize_like(graph *g, tensor *x, const tensor *like, bool align_corners);

#endif
