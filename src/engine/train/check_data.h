/* Checks the data before the first step: every label file, and a few samples through each pipeline.
 *
 *     data_check check = {.e = e, .m = m, .pre = pre, .what = "training data", .batch_size = 2, .seed = 42};
 *     TRY(data_check_run(&check, ds, mem, err));
 */
#ifndef ENGINE_TRAIN_CHECK_DATA_H
#define ENGINE_TRAIN_CHECK_DATA_H

#include "engine/dialect/experiment.h"
#include "model/model.h"

typedef struct data_check {
    const experiment *e;
    const model *m;
    const preprocessor *pre;
    const char *what;                 /* "training data", for messages */
    bool measured;                    /* for evaluation, not training */
    bool unlabelled;                  /* measured: only predictions are asked for, without labels */
    const experiment_evaluation *how; /* measured: its ignore_index; NULL: the dataset's */
    int64_t batch_size;
    uint64_t seed;
    int threads;             /* 0: all processors */
    bool (*stop)(void *arg); /* returns true to stop with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} data_check;

/* Reports missing files, labels that no head can be trained on (if measured: that are no class), maps of other sizes
 * than their images, and pipelines that fail. Caches what it found about the labels in WORK_DIR/label_scan.cache.
 * Errors begin with c->what. */
cseg_status data_check_run(const data_check *c, const dataset *ds, arena *mem, cseg_error *err);

#endif
