/* Writes the log of a run in MMSegmentation's formats and names, so that its own log tools read it.
 *
 *     run_log *log;
 *     log_step step = {.iter = 50, .max_iters = 20000, .lr = 0.01};
 *     TRY(run_log_open(e, 42, mem, &log, err));
 *     TRY(run_log_train(log, &step, err));
 *
 * 1.x: WORK_DIR/TIMESTAMP/TIMESTAMP.log (lines "Iter(train) [  50/1500]  lr: ..."), .../vis_data/TIMESTAMP.json and
 * scalars.json (a JSON line each), .../vis_data/config.py, and WORK_DIR/CONFIG.py.
 * 0.x: WORK_DIR/TIMESTAMP.log ("Iter [50/20000]\tlr: ..."), WORK_DIR/TIMESTAMP.log.json, WORK_DIR/CONFIG.py.
 *
 * Scalars of iterations are collected by name. 1.x averages losses, times and norms over log_processor.window_size, and
 * follows num_digits, mean_pattern, log_with_hierarchy and, for training's figures, custom_cfg; its window 'global'
 * begins at the first iteration of this process. 0.x averages all of them over the interval, or since the last
 * evaluation. The time left is the mean time of this process's iterations times the number of iterations left. Not
 * written: 1.x's lines "Iter(val) [ 50/101]" between the images of a validation. */
#ifndef ENGINE_TRAIN_LOG_RUN_LOG_H
#define ENGINE_TRAIN_LOG_RUN_LOG_H

#include "engine/dialect/experiment.h"
#include "engine/evaluate/evaluate.h"

typedef struct run_log run_log;
typedef struct log_format log_format;
extern const log_format log_format_mmcv, log_format_mmengine;

/* Opens the log: makes folders and files, copies the resolved config, and writes the header (versions, CPU, seed,
 * config). Lines also go to log_say(LOG_INFO), for the terminal. Closed when `mem` is freed. */
cseg_status run_log_open(const experiment *e, uint64_t seed, arena *mem, run_log **out, cseg_error *err);

typedef struct log_step {
    int64_t iter, max_iters; /* with this one; in the whole run (epoch-based: max_epochs * length) */
    int64_t epoch, max_epochs, inner, epoch_length; /* epoch-based: from 1 */
    double lr, base_lr, momentum;                   /* of the first group in this iteration; base_lr 0: not logged */
    double data_seconds, seconds;                   /* of this iteration: waiting for data, and in all */
    double grad_norm;                               /* NaN: no step, or not clipped */
    size_t memory;                                  /* peak resident bytes */
    const char *const *names;                       /* losses and accuracies, then "loss" last */
    const double *values;
    int n;
    int64_t batches; /* for val_losses of an epoch-based run: number of batches; else 0 */
} log_step;

/* Records an iteration. Writes a line (text, JSON, TensorBoard) every e->log.interval iterations, and at the end of an
 * epoch if MMSegmentation does. If the disk is full it fails with the file's path, and removes a half-written line. */
cseg_status run_log_train(run_log *l, const log_step *s, cseg_error *err);
/* Writes the averages of a validation pass of the workflow (mode val). */
cseg_status run_log_val_losses(run_log *l, const log_step *s, cseg_error *err);
/* Writes the tables and the summary line of an evaluation. */
cseg_status run_log_evaluation(run_log *l, const log_step *s, const evaluation *v, arena *mem, cseg_error *err);
/* Writes any other line ("Saving checkpoint at 500 iterations"). */
void run_log_line(run_log *l, const char *fmt, ...) CSEG_PRINTF(2, 3);
/* Returns the seconds left, from the mean of all iterations so far; for progress bars. */
double run_log_eta(const run_log *l);

#endif
