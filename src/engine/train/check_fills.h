/* Checks labels that are in no file but are written by a transform: the model must have a class for them. */
#ifndef ENGINE_TRAIN_CHECK_FILLS_H
#define ENGINE_TRAIN_CHECK_FILLS_H

#include "engine/dialect/experiment.h"
#include "model/model.h"

/* Checks every value with which a training pipeline of `ds`, or the preprocessor (NULL: none), may fill labels: it must
 * be a class of every head, or the head's ignore_index. CSEG_CONFIG names the field, its place and the allowed values.
 * 255, the default everywhere, only gives a warning: it does no harm if nothing has to be filled, and if something is,
 * plan_bind_input refuses the batch. */
cseg_status check_fills(const model *m, const dataset *ds, const preprocessor *pre, const value *preprocessor_cfg,
                        cseg_error *err);

#endif
