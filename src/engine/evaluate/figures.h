/* Compares figures of evaluations: which is better, and when a run ends because nothing gets better. As in the
 * reference, which writes x > y, NaN is never better than anything.
 *
 *     bool greater;
 *     TRY(figure_rule("save_best", "mIoU", NULL, &(figure_keys){0}, &greater, err));
 *     bool better = figure_is_better(greater, true, 71.2, 71.9);
 */
#ifndef ENGINE_EVALUATE_FIGURES_H
#define ENGINE_EVALUATE_FIGURES_H

#include "engine/evaluate/evaluate.h"

/* Whether `now` is better than `best`; has_best false: than nothing yet. */
bool figure_is_better(bool greater, bool has_best, double best, double now);
/* The rule of a figure: `rule` ("greater", "less") if it is not NULL, else by the name, as CheckpointHook and EvalHook
 * have it; keys NULL: their own lists. A figure whose name tells nothing is better when it is greater, as all of
 * segmentation's are. CSEG_CONFIG, beginning with `what`: a name that says "loss" though nobody said so on purpose. */
typedef struct figure_keys {
    const char *const *greater, *const *less;
    int n_greater, n_less;
} figure_keys;
cseg_status figure_rule(const char *what, const char *name, const char *rule, const figure_keys *keys, bool *greater,
                        cseg_error *err);
/* NULL: there is none of that name. */
const metrics_entry *figure_find(const evaluation *v, const char *name);
/* CSEG_CONFIG that lists the figures there are. */
cseg_status figure_missing(const evaluation *v, const char *what, const char *wanted, cseg_error *err);

/* Early stopping, as mmengine's EarlyStoppingHook. */
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
/* Takes in the next value. The reason to end the run, in `mem`, or NULL to go on (or out of memory). */
const char *stopping_next(const stopping *how, const char *name, double now, stopping_state *s, arena *mem);

#endif
