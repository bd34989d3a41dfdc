/* Tells what a model's memory is made of: the plan, the least that it could take, and what is held besides.
 *
 *     char *table;
 *     TRY(memory_of(e, &(memory_options){.train = true, .n = 2, .h = 512, .w = 512, .largest = 10}, mem, &table, err));
 */
#ifndef ENGINE_VERIFY_MODEL_MEMORY_H
#define ENGINE_VERIFY_MODEL_MEMORY_H

#include "engine/dialect/experiment.h"
#include "engine/train/ema.h"
#include "engine/train/optim/optimizer.h"
#include "graph/plan.h"

/* Who holds memory; NULL: there is none. */
typedef struct memory_parts {
    const plan *p;
    const model *m;
    const optimizer *o;
    const float *sum;   /* of gradients, when several iterations make a step */
    const ema *average; /* of weights */
} memory_parts;

/* A table of at most 80 columns, in MiB, and the `largest` tensors that live where the plan holds most. */
cseg_status memory_text(const memory_parts *parts, int largest, arena *mem, char **out, cseg_error *err);

typedef struct memory_options {
    bool train;
    int64_t n, h, w; /* of the images */
    int threads;     /* 0: all processors */
    int largest;
} memory_options;

/* The same for a model that is built for this: a training step with the config's optimizer and precision, or a map of
 * labels from images. Nothing is loaded and nothing computed. */
cseg_status memory_of(const experiment *e, const memory_options *o, arena *mem, char **out, cseg_error *err);

#endif
