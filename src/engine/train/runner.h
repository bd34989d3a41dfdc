/* Trains a model as an experiment says, from the first iteration to the last.
 *
 *     runner_options how = {.threads = 4};
 *     TRY(runner_train(e, &how, err));
 *     printf("checkpoints are in %s\n", e->work_dir);
 */
#ifndef ENGINE_TRAIN_RUNNER_H
#define ENGINE_TRAIN_RUNNER_H

#include "engine/dialect/experiment.h"

typedef struct runner_progress {
    int64_t iter, max_iters;
    double loss, seconds, eta; /* of the last iteration; seconds left */
    size_t memory;             /* peak resident bytes */
    const char *doing;         /* "train", "val" */
    int64_t done, all;         /* images, in validation */
} runner_progress;

struct backend;
struct cpu_options; /* backend/backends.h */

typedef struct runner_options {
    const char *backend; /* "cpu" (NULL) or "ref" */
    /* Makes the backends instead of `backend`, for backends that the program does not have. NULL: out of memory. */
    struct backend *(*make_backend)(const struct cpu_options *o);
    int threads; /* 0: all processors */
    bool no_validate;
    bool memory; /* logs the memory of a step as soon as it is known */
    /* Returns true to end the run: the iteration is finished, a checkpoint is saved, and runner_train returns
     * CSEG_INTERRUPTED. */
    bool (*stop)(void *arg);
    void *stop_arg;
    void (*progress)(void *arg, const runner_progress *p);
    void *progress_arg;
} runner_options;

/* Runs the training. Reads e->load_from, e->resume_from and e->resume; writes into e->work_dir. */
cseg_status runner_train(experiment *e, const runner_options *o, cseg_error *err);

#endif
