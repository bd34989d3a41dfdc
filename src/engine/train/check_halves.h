/* Finds contradictions between two datasets of one model: each is right alone, and figures or classes are wrong
 * together. MMSegmentation does not report them.
 *
 *     check_halves(ds, ds);
 *     TRY(check_learned_classes("iter_80000.pth", ds, err));
 */
#ifndef ENGINE_TRAIN_CHECK_HALVES_H
#define ENGINE_TRAIN_CHECK_HALVES_H

#include "data/datasets/dataset.h"

/* One warning each: classes at other places, label files that are read otherwise, another normalisation. */
void check_halves(const dataset *train, const dataset *val);
/* The same of names alone: those that a checkpoint states, and those of the data it is tested on. Checkpoints that
 * state none are passed over; CSEG_NOT_FOUND and the like: it cannot be read. */
cseg_status check_learned_classes(const char *checkpoint, const dataset *measured, cseg_error *err);

#endif
