/* Reads NumPy's .npy files (versions 1 to 3), and reads lists of numbers from the formats that configs name.
 *
 *     double *numbers;
 *     size_t count;
 *     TRY(numbers_read("class_weight.npy", mem, &numbers, &count, err));
 */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "base/arena.h"
#include "base/error.h"
#include "io/torch/pickle.h"

/* The array lives in `mem`; pickle_array_get reads single elements. Object arrays are refused. */
cseg_status npy_decode(const void *bytes, size_t n, const char *name, arena *mem, pickle_array *out, cseg_error *err);

/* A flat list of numbers, as class_weight files hold it: .npy, .json, .pkl/.pickle, .yml/.yaml (one sequence) by the
 * name's ending. NaN and infinity are refused (CSEG_NUMERIC). */
cseg_status numbers_read(const char *path, arena *mem, double **out, size_t *n, cseg_error *err);

#endif
