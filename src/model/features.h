/* Features: the maps or tokens that backbones and necks hand on to heads.
 *
 *     features out = features_new(g, 0);
 *     features_add(g, &out, x);
 *     features_add(g, &out, op_relu(g, x));
 *
 * For a pair of dates there are two of these. */
#ifndef MODEL_FEATURES_H
#define MODEL_FEATURES_H

#include "graph/graph.h"

typedef struct features {
    int n;
    tensor **at;  /* in the graph's arena, in order of stages: maps [N,H,W,C] or tokens [N,L,C]; NULL after an error */
    tensor **cls; /* the class token [N,1,C] behind each of them; NULL: there are none */
    const struct module *from; /* the module that made them, for messages */
} features;

/* Makes a list of n NULL tensors. If memory runs out, records that and returns an empty list. */
features features_new(graph *g, int n);
void features_add(graph *g, features *f, tensor *t);
/* Returns the list without its first n maps; not a copy. */
features features_from(features f, int n);
/* Returns the maps of both dates in one list, those of the first date first. Neither this nor features_fused hands on
 * class tokens. */
features features_joined(graph *g, features first, features second);
#define FUSION_POLICIES "concat|sum|diff|abs_diff" /* for FIELD_CHOICE */
/* Combines the maps of two dates stage by stage: 'concat' (along channels: twice as many), 'sum', 'diff' (second minus
 * first) or 'abs_diff'. */
features features_fused(graph *g, features first, features second, const char *policy);

/* Returns the length of the last axis. */
int64_t tensor_channels(const tensor *t);
/* A map's pixels as tokens: [N,h,w,C] -> [N,h*w,C]. */
tensor *map_tokens(graph *g, tensor *map);
/* Resizes x [N,h,w,C] bilinearly to the size of `like` [N,H,W,...]; returns x itself if the sizes are equal. */
tensor *resize_like(graph *g, tensor *x, const tensor *like, bool align_corners);
/* The same by the nearest pixel. */
tensor *resize_nearest_like(graph *g, tensor *x, const tensor *like);
/* The modes of torch's interpolate that there are, for FIELD_CHOICE, and how a map is resized by one of them; without a
 * size. */
#define RESIZE_MODES "nearest|bilinear|bicubic"
resize_attr resize_by(const char *mode, bool align_corners);
/* Position codes [1,L,C] of a grid of L patches, [h, w], for a map of h x w patches: [1,h*w,C], resized in the way of
 * `how`. As in the reference, those of a map with as many patches in another shape are taken as they are. */
tensor *position_codes_for(graph *g, tensor *codes, const int64_t grid[2], int64_t h, int64_t w, resize_attr how);
/* Resizes as resize_like does, in the way of `how`. */
tensor *resize_like_by(graph *g, tensor *x, const tensor *like, resize_attr how);

#endif
