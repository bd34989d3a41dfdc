/* Fills an experiment from a config of either dialect. Here are the two readers, and what they share.
 *
 *     double factor = 1;
 *     TRY(dialect_read_number(cfg, "factor", &factor, err));
 */
#ifndef ENGINE_DIALECT_DIALECT_H
#define ENGINE_DIALECT_DIALECT_H

#include "engine/dialect/experiment.h"

cseg_status dialect_0x_read(experiment *e, cseg_error *err);
cseg_status dialect_1x_read(experiment *e, cseg_error *err);

/* The value at key, or the default when it is absent or None. A value of another type is an error that names it. */
cseg_status read_int(const value *dict, const char *key, int64_t *out, cseg_error *err);
cseg_status read_count(const value *dict, const char *key, int64_t *out, cseg_error *err); /* 1 or more */
cseg_status dialect_read_number(const value *dict, const char *key, double *out, cseg_error *err);
cseg_status read_bool(const value *dict, const char *key, bool *out, cseg_error *err);
cseg_status read_text(const value *dict, const char *key, const char **out, cseg_error *err);
/* A string or a list of strings. */
cseg_status read_texts(const value *dict, const char *key, arena *mem, const char ***out, int *n, cseg_error *err);
/* Notes an optimizer constructor other than the default one, which only training minds. */
cseg_status check_constructor(experiment *e, const value *constructor, const char *usual, cseg_error *err);
/* Every metric is one that data/metrics.h knows; `at` tells where it was written. */
/* Of an iteration-based loop or runner that has max_epochs, or the other way round: the reference refuses it too. */
cseg_status check_length(const value *loop, bool by_epoch, const char *what, cseg_error *err);
cseg_status check_metrics(const value *at, const experiment_evaluation *e, cseg_error *err);
/* 1.x's val_evaluator or test_evaluator: a dict, a list of them, or None. *out is the first of a list of at least one,
 * which lives in `mem`. */
cseg_status read_evaluators(const value *v, arena *mem, experiment_evaluation *out, cseg_error *err);
/* The rules of save_best, one of "greater" and "less" for all or for each, and what tells them by names. */
cseg_status read_save_best(const value *hook, bool one_x, arena *mem, experiment_checkpoint *c, cseg_error *err);
cseg_status read_ema(experiment *e, const value *hook, bool one_x, cseg_error *err);
cseg_status read_stopping(experiment *e, const value *hook, cseg_error *err);
/* A hook is a dict with a type. */
cseg_status check_hook(const value *hook, cseg_error *err);
/* A hook that has no meaning here: told once, by name and place. */
void ignored_hook(const value *hook);

#endif
