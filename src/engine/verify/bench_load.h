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
    int64_t images;  /* a round; rounded up to whole batches. 0: one epoch */
    int64_t repeats; /* rounds, of which the fastest counts; 0: 3 */
    int64_t threads; /* of the loader; 0: 1 */
} bench_load_options;

/* The figures of the fastest round. */
typedef struct bench_load_report {
    int64_t images, batch, threads;
    double images_per_s;      /* by the clock */
    double images_per_core_s; /* by the processor time of the loader's threads */
    pipeline_times steps;     /* milliseconds (not seconds) an image: each transform, and "pack" */
} bench_load_report;

/* Reads the training images of an experiment in the dataset's order, with its own batch size and preprocessor, after
 * one batch to warm up. What is measured is what training does, but for the model. Names in *out live as long as the
 * experiment. CSEG_CONFIG: there is nothing to train on. */
cseg_status bench_load(experiment *e, const bench_load_options *options, bench_load_report *out, cseg_error *err);

#endif
