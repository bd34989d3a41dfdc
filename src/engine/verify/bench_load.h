/* Measures how fast a config's training images are loaded: decoded, augmented, packed into batches.
 *
 *     bench_load_report report;
 *     TRY(bench_load(e, &(bench_load_options){.threads = 4}, &report, err));
 *     printf("%.0f images a second\n", report.images_per_s);
 */
#ifndef ENGINE_VERIFY_BENCH_LOAD_H
#define ENGINE_VERIFY_BENCH_LOAD_H

#include "engine/dialect/experiment.h"

typedef struct bench_load_options {
    int64_t images;  /* in a round, rounded up to whole batches. 0: one epoch */
    int64_t repeats; /* number of rounds, of which the fastest counts; 0: 3 */
    int64_t threads; /* of the loader; 0: 1 */
} bench_load_options;

/* The figures of the fastest round. */
typedef struct bench_load_report {
    int64_t images, batch, threads;
    double images_per_s;      /* in real time */
    double images_per_core_s; /* in processor time of the loader's threads */
    pipeline_times steps;     /* milliseconds (not seconds) for an image: each transform, and "pack" */
} bench_load_report;

/* Loads the training images of an experiment in the dataset's order, with its batch size and preprocessor, after one
 * batch to warm up. It measures what training does, without the model. Names in *out live as long as the experiment.
 * CSEG_CONFIG: there is no training data. */
cseg_status bench_load(experiment *e, const bench_load_options *options, bench_load_report *out, cseg_error *err);

#endif
