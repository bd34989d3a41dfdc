/* Reads numbers and tensors from a checkpoint and checks their ranges.
 *
 *     int64_t iter = 0;
 *     TRY(saved_count(file, pickle_get(pth_root(file), "meta"), "iter", 0, SAVED_LARGEST, &iter, err));
 */
#ifndef ENGINE_TRAIN_CHECKPOINT_SAVED_H
#define ENGINE_TRAIN_CHECKPOINT_SAVED_H

#include "io/torch/pth.h"

/* More iterations than any run has; small enough that sums and products with sizes of data stay far within 64 bits. */
#define SAVED_LARGEST INT64_C(1000000000000)

/* Reads the whole number under `key` (an int, or a tensor or numpy scalar with one element). If it is absent or None,
 * *out stays unchanged. CSEG_CORRUPT: it is something else, or not within least..most. */
cseg_status saved_count(pth *file, const pickle_node *dict, const char *key, int64_t least, int64_t most, int64_t *out,
                        cseg_error *err);
/* The same for real numbers, which must be finite. saved_real reads a node without a key (an item of a list), called
 * `name` in messages. */
cseg_status saved_number(pth *file, const pickle_node *dict, const char *key, double least, double most, double *out,
                         cseg_error *err);
cseg_status saved_real(pth *file, const pickle_node *n, const char *name, double least, double most, double *out,
                       cseg_error *err);

/* Gives a tensor that must have exactly this shape. CSEG_SHAPE names `what` and `of`. */
cseg_status saved_shaped(pth *file, const pickle_node *n, const char *what, const char *of, int ndim,
                         const int64_t *shape, pth_tensor *out, cseg_error *err);

#endif
