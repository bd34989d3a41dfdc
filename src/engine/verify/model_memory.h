/* Reports what a model's memory consists of: the plan, its lower limit, and everything else that is allocated.
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

/* The owners of memory; NULL: there is none. */
typedef struct memory_parts {
    const plan *p;
    const model *m;
    const optimizer *o;
    const float *sum;   /* sum of gradients, when several iterations are one step */
    const ema *average; /* averages of weights */
} memory_parts;

/* Formats a table of at most 80 columns, in MiB, with the `largest` tensors that are alive at the plan's peak. */
cseg_status memory_text(const memory_parts *parts, int largest, arena *mem, char **out, cseg_error *err);

typedef struct memory_options {
    bool train;
    int64_t n, h, w; /* of the images */
    int threads;     /* 0: all processors */
    int largest;
} memory_options;

/* The same for a model that is built for this purpose: a training step with the config's optimizer and precision, or
 * label maps from images. Nothing is loaded or computed. */
cseg_status memory_of(const experiment *e, const memory_options *o, arena *mem, char **out, cseg_error *err);

#endif
