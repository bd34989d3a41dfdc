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
    bool measured;                    /* evaluation, not learning */
    bool unlabelled;                  /* measured: only predictions are wanted */
    const experiment_evaluation *how; /* measured: what is not counted; NULL: the dataset's ignore_index */
    int64_t batch_size;
    uint64_t seed;
    int threads;             /* 0: all processors */
    bool (*stop)(void *arg); /* true: CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} data_check;

/* Files that are missing, labels that no head can learn from (or, measured, that are no classes), maps of other sizes
 * than their images', and pipelines that cannot work. Keeps what it found about the labels in
 * WORK_DIR/label_scan.cache. The errors begin with c->what. */
cseg_status data_check_run(const data_check *c, const dataset *ds, arena *mem, cseg_error *err);

#endif
