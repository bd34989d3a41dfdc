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
    int head;      /* -1: the answering head */
    bool no_truth; /* predictions only: no labels are read */
    const experiment_evaluation *how;
    /* Called for each image with its prediction; may be NULL. */
    cseg_status (*each)(void *arg, const batch *b, int64_t at, const prediction *out, int64_t done, int64_t all,
                        cseg_error *err);
    void *arg;
    bool (*stop)(void *arg); /* returns true to stop with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} evaluate_options;

typedef struct evaluation_part {
    metrics m;
    const char *prefix; /* of the figures' names: "", "val/" for an evaluator, "0_" for a part of the dataset */
    dataset_part of;    /* the part that was measured */
} evaluation_part;

typedef struct evaluation {
    evaluation_part *parts; /* one for each pair of an evaluator with figures and a part of the dataset */
    int n_parts;
    metrics_entry *entries; /* of all parts, by the names that hooks use: prefix and mIoU */
    int64_t n;
    int64_t images;
    double seconds, data_seconds; /* for an image */
} evaluation;

/* Runs over one epoch of `l`, which reads `ds`. *out is in `mem`, and empty with no_truth. The classes are those of the
 * dataset, as in MMSegmentation 0.x and 1.x: a prediction beyond them counts as wrong for its pixel, but is no
 * class. */
cseg_status evaluate(predictor *p, const model *m, const dataset *ds, loader *l, const evaluate_options *o, arena *mem,
                     evaluation *out, cseg_error *err);
/* Gives the names of the figures that `evaluate` would compute, without images. */
cseg_status evaluate_names(const model *m, const model_head *head, const dataset *ds, const experiment_evaluation *how,
                           arena *mem, evaluation *out, cseg_error *err);
/* Warns if a head's map has another number of classes than the dataset that it is trained or measured on. */
void evaluate_check_classes(const model_head *head, const dataset *ds);
bool evaluators_measure(const experiment_evaluation *e); /* returns whether any evaluator computes figures */
/* Opens the loader for evaluating this part of the experiment. tta: use the config's tta_pipeline, if there is one;
 * truth: load labels even if the pipeline does not. */
cseg_status evaluate_open(const experiment *e, const experiment_data *d, const preprocessor *pre, bool tta, bool truth,
                          arena *mem, dataset **ds, loader **l, cseg_error *err);

#endif
