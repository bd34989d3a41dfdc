/* Fills an experiment from a config of either dialect. Here are the two readers, and what they share.
 *
 *     double factor = 1;
 *     TRY(dialect_read_number(cfg, "factor", &factor, err));
 */
#ifndef ENGINE_DIALECT_DIALECT_H
#define ENGINE_DIALECT_DIALECT_H

#include "engine/dialect/experiment.h"
#include "engine/train/schedule/schedule.h"

/* A way of writing configs. The one place where the program asks which of the two a config is in is dialect_of. */
typedef struct dialect dialect;
struct dialect {
    const char *version; /* "0.x" */
    const dialect *other;
    const experiment_profile *profile;
    /* NULL ends each: all keys at the top level that the reference or this program looks for; some that no config of
     * the other dialect has; what test-time augmentation changes, as "key=value". */
    const char *const *names, *const *telling, *const *views;
    /* The key of the data of a part (train, val, test), and how one writes it. NULL: memory. */
    const char *(*data_key)(const char *part, arena *mem);
    const char *(*data_text)(const char *part, arena *mem);
    void (*begin)(experiment *e); /* as experiment_begin; e->cfg is there */
    cseg_status (*read)(experiment *e, cseg_error *err);
};
extern const dialect dialect_0x, dialect_1x;
const dialect *dialect_of(const value *cfg);

/* lr_config and momentum_config; param_scheduler, a dict or a list of those (None: constant rates). */
schedule_reader schedule_read_0x, schedule_read_1x;

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
/* Of an iteration-based loop or runner that has max_epochs, or the other way round: the reference refuses it too. */
cseg_status check_length(const value *loop, bool by_epoch, const char *what, cseg_error *err);
/* Every metric is one that data/metrics.h knows; `at` tells where it was written. */
cseg_status check_metrics(const value *at, const experiment_evaluation *e, cseg_error *err);
/* 1.x's val_evaluator or test_evaluator: a dict, a list of them, or None. *out is the first of a list of at least one,
 * which lives in `mem`. */
cseg_status read_evaluators(const value *v, arena *mem, experiment_evaluation *out, cseg_error *err);
/* The rules of save_best, one of "greater" and "less" for all or for each, and what tells them by names. */
cseg_status read_save_best(const value *hook, arena *mem, experiment_checkpoint *c, cseg_error *err);
/* All of e->log but its interval and whether there is TensorBoard; and what both dialects' loggers are told, of which
 * either value may be NULL. */
void read_log_0x(experiment *e);
void read_log_1x(experiment *e);
void read_log(experiment *e, const value *logger, const value *by_epoch);
/* An EMAHook of each dialect. */
cseg_status read_ema_0x(experiment *e, const value *hook, cseg_error *err);
cseg_status read_ema_1x(experiment *e, const value *hook, cseg_error *err);
cseg_status read_ema_share(experiment_ema *m, const value *hook, cseg_error *err); /* momentum and interval, of both */
/* A hook is a dict with a type. */
cseg_status check_hook(const value *hook, cseg_error *err);
/* A hook that has no meaning here: told once, by name and place. */
void ignored_hook(const value *hook);

#endif
