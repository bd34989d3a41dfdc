/* Checks labels that no file holds but that a step of the pipeline writes: the model must know them. */
#ifndef ENGINE_TRAIN_CHECK_FILLS_H
#define ENGINE_TRAIN_CHECK_FILLS_H

#include "engine/dialect/experiment.h"
#include "model/model.h"

/* Every value with which a training pipeline of `ds`, or the preprocessor (NULL: none), may fill labels must be a class
 * of every head or its ignore_index. CSEG_CONFIG names the field, its place and what is allowed. 255, which everything
 * fills with unless told otherwise, is warned of instead: where nothing has to be filled it does no harm, and where it
 * has, the batch is refused when it comes (plan_bind_input). */
cseg_status check_fills(const model *m, const dataset *ds, const preprocessor *pre, const value *preprocessor_cfg,
                        cseg_error *err);

#endif
