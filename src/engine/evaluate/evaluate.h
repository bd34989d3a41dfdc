/* Measures a model on a dataset.
 *
 *     evaluation result;
 *     evaluate_options how = {.head = -1, .how = &e->test_eval};
 *     TRY(evaluate(pred, m, ds, l, &how, mem, &result, err));
 *     printf("%" PRId64 " images, aAcc %.2f\n", result.images, result.parts[0].m.aAcc);
 */
#ifndef ENGINE_EVALUATE_EVALUATE_H
#define ENGINE_EVALUATE_EVALUATE_H

#include "data/metrics.h"
#include "engine/dialect/experiment.h"
#include "engine/infer/predict.h"

typedef struct evaluate_options {
    int head;      /* -1: the answering one */
    bool no_truth; /* predictions only: labels are not wanted */
    const experiment_evaluation *how;
    /* Called for each image with its prediction; may be NULL. */
    cseg_status (*each)(void *arg, const batch *b, int64_t at, const prediction *out, int64_t done, int64_t all,
                        cseg_error *err);
    void *arg;
    bool (*stop)(void *arg); /* true: CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} evaluate_options;

typedef struct evaluation_part {
    metrics m;
    const char *prefix; /* of its figures' names: "", "val/" of an evaluator, "0_" of a part of the dataset */
    dataset_part of;    /* what was measured */
} evaluation_part;

typedef struct evaluation {
    evaluation_part *parts; /* one for each evaluator that gives figures and each part of the dataset */
    int n_parts;
    metrics_entry *entries; /* of all parts, by the names that hooks know: prefix and mIoU */
    int64_t n;
    int64_t images;
    double seconds, data_seconds; /* an image */
} evaluation;

/* Runs over one epoch of `l`, which reads `ds`. *out lives in `mem` and is empty with no_truth. Classes are those of
 * the dataset, as in both references: what a head predicts beyond them is a fault of the pixel, but no class. */
cseg_status evaluate(predictor *p, const model *m, const dataset *ds, loader *l, const evaluate_options *o, arena *mem,
                     evaluation *out, cseg_error *err);
/* The figures that `evaluate` would give, with no images. */
cseg_status evaluate_names(const model_head *head, const dataset *ds, const experiment_evaluation *how, arena *mem,
                           evaluation *out, cseg_error *err);
/* Warns where a head's map has another number of classes than the dataset that it is measured on or learns from. */
void evaluate_check_classes(const model_head *head, const dataset *ds);
bool evaluators_measure(const experiment_evaluation *e); /* whether any of them gives figures */
/* The loader that evaluation of this part of the experiment reads from; tta: through the config's tta_pipeline, if
 * test-time augmentation is one; truth: with labels, also where the pipeline loads none. */
cseg_status evaluate_open(const experiment *e, const experiment_data *d, const preprocessor *pre, bool tta, bool truth,
                          arena *mem, dataset **ds, loader **l, cseg_error *err);

#endif
