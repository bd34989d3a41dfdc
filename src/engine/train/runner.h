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
    double loss, seconds, eta; /* of the last iteration; seconds until the end */
    size_t memory;             /* peak resident bytes */
    const char *doing;         /* "train", "val" */
    int64_t done, all;         /* images, while doing val */
} runner_progress;

struct backend;
struct cpu_options; /* backend/backends.h */

typedef struct runner_options {
    const char *backend; /* "cpu" (NULL) or "ref" */
    /* Makes the backends in place of `backend`, where they are none of the program's. NULL: out of memory. */
    struct backend *(*make_backend)(const struct cpu_options *o);
    int threads; /* 0: all processors */
    bool no_validate;
    bool memory; /* tell what a step holds, as soon as that is known */
    /* True as soon as the run shall end: the iteration is finished, a checkpoint saved, CSEG_INTERRUPTED returned. */
    bool (*stop)(void *arg);
    void *stop_arg;
    void (*progress)(void *arg, const runner_progress *p);
    void *progress_arg;
} runner_options;

/* Reads e->load_from, e->resume_from and e->resume, writes into e->work_dir. */
cseg_status runner_train(experiment *e, const runner_options *o, cseg_error *err);

#endif
