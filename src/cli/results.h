/* Writes the results of `cseg test` for other programs to read.
 *
 *     results *list;
 *     TRY(results_open("results.pkl", mem, &list, err));
 *     TRY(results_add(list, img, err));
 *     TRY(results_commit(list, err));
 */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include "data/datasets/dataset.h"
#include "engine/evaluate/evaluate.h"
#include "io/image/image.h"

/* Writes a Python pickle: a list with a numpy array (uint8, or int32 beyond 256 classes) for each image, as pickle.load
 * or mmcv.load read it. It is written beside `path` as answers come; `path` appears whole or not at all. */
typedef struct results results;
cseg_status results_open(const char *path, arena *mem, results **out, cseg_error *err);
cseg_status results_add(results *r, const image *labels, cseg_error *err);
cseg_status results_commit(results *r, cseg_error *err); /* without this call the file is removed when `mem` goes */

/* Writes the label map as test servers want it, as a PNG at `path`. For datasets with reduce_zero_label, ids count from
 * 1 again; Cityscapes gets its own ids back. */
cseg_status results_write_png(const char *path, const image *labels, const dataset_meta *meta, cseg_error *err);

/* Writes {"config": ..., "metric": {...}} (0.x, where classes have figures of their own), or the figures followed by
 * "per_class", a list of {"class": NAME, "IoU": ...} (1.x, config NULL). NaN as Python writes it. */
cseg_status results_write_json(const char *path, const char *config, const evaluation *v, arena *mem, cseg_error *err);

#endif
