/* Fills an experiment from a config of either dialect: the two readers, and what they share.
 *
 *     double factor = 1;
 *     TRY(dialect_read_number(cfg, "factor", &factor, err));
 */
#ifndef ENGINE_DIALECT_DIALECT_H
#define ENGINE_DIALECT_DIALECT_H

#include "engine/dialect/experiment.h"
#include "engine/train/schedule/schedule.h"

/* One of the two ways in which MMSegmentation's configs are written. Only dialect_of asks in which one a config is. */
typedef struct dialect dialect;
struct dialect {
    const char *version; /* "0.x" */
    const dialect *other;
    const experiment_profile *profile;
    /* Each ends with NULL. names: all top-level keys that MMSegmentation or this program looks for. telling: some keys
     * that no config of the other dialect has. views: the changes of test-time augmentation, as "key=value". */
    const char *const *names, *const *telling, *const *views;
    /* Returns the key of a part's data (train, val, test), and how a config spells it. NULL: out of memory. */
    const char *(*data_key)(const char *part, arena *mem);
    const char *(*data_text)(const char *part, arena *mem);
    void (*begin)(experiment *e); /* as experiment_begin; e->cfg is set */
    cseg_status (*read)(experiment *e, cseg_error *err);
};
extern const dialect dialect_0x, dialect_1x;
const dialect *dialect_of(const value *cfg);

/* Read lr_config and momentum_config; or param_scheduler, a dict or a list of dicts (None: constant rates). */
schedule_reader schedule_read_0x, schedule_read_1x;

/* Read the value of a key; *out keeps its default if the key is absent or None. A value of another type is an error
 * that names it. */
cseg_status read_int(const value *dict, const char *key, int64_t *out, cseg_error *err);
cseg_status read_count(const value *dict, const char *key, int64_t *out, cseg_error *err); /* must be 1 or more */
cseg_status read_count_or_zero(const value *dict, const char *key, int64_t *out, cseg_error *err);
cseg_status dialect_read_number(const value *dict, const char *key, double *out, cseg_error *err);
cseg_status read_bool(const value *dict, const char *key, bool *out, cseg_error *err);
cseg_status read_text(const value *dict, const char *key, const char **out, cseg_error *err);
/* Reads a string or a list of strings. */
cseg_status read_texts(const value *dict, const char *key, arena *mem, const char ***out, int *n, cseg_error *err);
/* Notes an optimizer constructor that is not known; only training refuses it. */
cseg_status check_constructor(experiment *e, cseg_error *err);
/* Refuses an iteration-based loop or runner with max_epochs, and the reverse, as MMSegmentation does. */
cseg_status check_length(const value *loop, bool by_epoch, const char *what, cseg_error *err);
/* Checks that data/metrics.h knows every metric; `at` is their place for messages. */
cseg_status check_metrics(const value *at, const experiment_evaluation *e, cseg_error *err);
/* Reads val_evaluator or test_evaluator of 1.x: a dict, a list of dicts, or None. *out is the first of at least one, in
 * `mem`. */
cseg_status read_evaluators(const value *v, arena *mem, experiment_evaluation *out, cseg_error *err);
/* Reads the rules of save_best ("greater" or "less", for all figures or for each), and the parts of names that decide
 * the rule. */
cseg_status read_save_best(const value *hook, arena *mem, experiment_checkpoint *c, cseg_error *err);
/* read_log_0x and read_log_1x fill all of e->log except its interval and the use of TensorBoard; read_log fills what
 * both dialects' loggers have in common, and either value may be NULL. */
void read_log_0x(experiment *e);
void read_log_1x(experiment *e);
void read_log(experiment *e, const value *logger, const value *by_epoch);
/* Read the EMAHook of each dialect. */
cseg_status read_ema_0x(experiment *e, const value *hook, cseg_error *err);
cseg_status read_ema_1x(experiment *e, const value *hook, cseg_error *err);
cseg_status read_ema_share(experiment_ema *m, const value *hook, cseg_error *err); /* momentum and interval */
/* Checks that a hook is a dict with a type. */
cseg_status check_hook(const value *hook, cseg_error *err);
/* Warns once, with name and place, of a hook that has no effect here. */
void ignored_hook(const value *hook);

#endif
