/* Compares figures of evaluations: which one is better, and when a run stops because none improves. As in
 * MMSegmentation, which tests x > y, NaN is never better than anything.
 *
 *     bool greater;
 *     TRY(figure_rule("save_best", "mIoU", NULL, &(figure_keys){0}, &greater, err));
 *     bool better = figure_is_better(greater, true, 71.2, 71.9);
 */
#ifndef ENGINE_EVALUATE_FIGURES_H
#define ENGINE_EVALUATE_FIGURES_H

#include "engine/evaluate/evaluate.h"

/* Returns whether `now` is better than `best`; has_best false: there is none yet. */
bool figure_is_better(bool greater, bool has_best, double best, double now);
/* figure_rule finds the rule of a figure: `rule` ("greater", "less") unless it is NULL, else by the name, as
 * CheckpointHook and EvalHook do; keys NULL: their own lists. Figures with other names are better when greater, as all
 * figures of segmentation are. CSEG_CONFIG, beginning with `what`: the name contains "loss" and no rule was given. */
typedef struct figure_keys {
    const char *const *greater, *const *less;
    int n_greater, n_less;
} figure_keys;
cseg_status figure_rule(const char *what, const char *name, const char *rule, const figure_keys *keys, bool *greater,
                        cseg_error *err);
/* Finds a figure by its name; NULL: there is none. */
const metrics_entry *figure_find(const evaluation *v, const char *name);
/* Fails with CSEG_CONFIG and lists the figures that there are. */
cseg_status figure_missing(const evaluation *v, const char *what, const char *wanted, cseg_error *err);

/* Early stopping, as MMEngine's EarlyStoppingHook. */
typedef struct stopping {
    bool greater;
    double min_delta, threshold; /* threshold NaN: none */
    int64_t patience;
    bool check_finite;
} stopping;
typedef struct stopping_state {
    bool has_best;
    double best;
    int64_t bad_rounds;
} stopping_state;
/* Takes the next value. Returns the reason to end the run, in `mem`, or NULL to go on (or if memory runs out). */
const char *stopping_next(const stopping *how, const char *name, double now, stopping_state *s, arena *mem);

#endif
