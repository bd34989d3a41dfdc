/* Lists what a command reads, to be compared with what it will write (base/outputs.h).
 *
 *     outputs *o = outputs_new(mem);
 *     TRY(inputs_add_config(o, cfg, NULL, mem, err));
 *     TRY(inputs_add_dataset(o, ds, err));
 */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include "base/outputs.h"
#include "config/config.h"
#include "data/datasets/dataset.h"

/* Whether a file of a folder is taken for an image or raster, by its name's ending. */
bool inputs_is_image(const char *path);
/* Adds the files that a config comes from, and those that its values name: weights, lists, classes. own: NULL, or the
 * path of the config itself, which is then left out. */
cseg_status inputs_add_config(outputs *o, const value *cfg, const char *own, arena *mem, cseg_error *err);
/* Images, labels and weight maps of all samples. */
cseg_status inputs_add_dataset(outputs *o, const dataset *ds, cseg_error *err);

#endif
