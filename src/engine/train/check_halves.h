/* Finds contradictions between two datasets of one model: each dataset is valid on its own, but together they give
 * wrong figures or classes. MMSegmentation does not report them.
 *
 *     check_halves(ds, ds);
 *     TRY(check_learned_classes("iter_80000.pth", ds, err));
 */
#ifndef ENGINE_TRAIN_CHECK_HALVES_H
#define ENGINE_TRAIN_CHECK_HALVES_H

#include "data/datasets/dataset.h"

/* Gives one warning for each: classes in another order, label files read in another way, another normalisation. */
void check_halves(const dataset *train, const dataset *val);
/* The same for names: those in a checkpoint and those of the dataset it is tested on. Checkpoints without names are
 * skipped; CSEG_NOT_FOUND and others: the checkpoint cannot be read. */
cseg_status check_learned_classes(const char *checkpoint, const dataset *measured, cseg_error *err);

#endif
