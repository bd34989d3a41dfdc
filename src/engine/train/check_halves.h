/* What two data sets of one model say of the same thing in different ways: each is right alone, and figures or classes
 * are wrong together. The reference says nothing. */
#ifndef ENGINE_TRAIN_CHECK_HALVES_H
#define ENGINE_TRAIN_CHECK_HALVES_H

#include "data/datasets/dataset.h"

/* One warning each: classes at other places, label files that are read otherwise, another normalisation. */
void check_halves(const dataset *train, const dataset *val);
/* The same of names alone: those that a checkpoint states, and those of the data it is tested on. Checkpoints that
 * state none are passed over; CSEG_NOT_FOUND and the like: it cannot be read. */
cseg_status check_learned_classes(const char *checkpoint, const dataset *measured, cseg_error *err);

#endif
