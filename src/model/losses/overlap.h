/* What losses share that compare the overlap of prediction and target: DiceLoss and TverskyLoss. */
#ifndef MODEL_OVERLAP_H
#define MODEL_OVERLAP_H

#include "model/model.h"

/* Reads an ignore_index: -1 for None, or a class or label. false: it is no int, which was recorded. */
bool overlap_read_ignored(module *m, const value *v, int64_t *ignored);
/* Returns the labels [N,H,W] one-hot [N,H,W,classes], after those outside 0..last have become the nearest of these. */
tensor *overlap_one_hot(graph *g, tensor *label, int64_t last, int64_t classes);
/* Returns x [..,K] (rank 4) with class k set to 0, if there is one. */
tensor *overlap_without(graph *g, tensor *x, int64_t k);
/* Returns x [N,H,W,K] with pixels set to 0 whose label is `ignored`, unless that is negative. */
tensor *overlap_counted(graph *g, tensor *x, tensor *label, int64_t ignored);

#endif
