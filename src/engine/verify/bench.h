/* Times a model: label maps from images, or training steps. It times the same work as for other programs:
 *   inference   a normalised f32 image [N, S, S, C] in, labels [N, S, S] out; logits upsampled and argmax included
 *   training    one step: forward, losses, backward, SGD with momentum and weight decay
 *
 *     bench *timing;
 *     bench_result result;
 *     TRY(bench_open(e, &(bench_options){.size = 512, .batch = 1, .repeat = 10}, &timing, err));
 *     TRY(bench_run(timing, &result, err));
 *     bench_close(timing);
 *
 * Weights, images and labels are derived from names, as in cseg parity. Building the model and the plan is not timed as
 * part of a call. */
#ifndef ENGINE_VERIFY_BENCH_H
#define ENGINE_VERIFY_BENCH_H

#include "engine/dialect/experiment.h"
#include "graph/plan.h"

typedef struct bench_options {
    bool train;
    bool bf16;
    bool profile; /* also times each step of the plan: see plan_step_at */
    int64_t size, batch, repeat;
    int threads; /* 0: all processors that this process may use */
} bench_options;

typedef struct bench_result {
    double fastest, median; /* seconds for a call: of `repeat` calls, after one to warm up */
    double optimizer;       /* of a training step: seconds of the optimizer, the fastest */
    double build, warm_up;  /* seconds: from the experiment to a plan; the first call */
    int64_t peak_rss;       /* bytes: this process's peak since its start */
} bench_result;

typedef struct bench bench;

/* Opens a bench; e must outlive it. Pretrained weights are not loaded. CSEG_UNSUPPORTED: bf16 on a machine without
 * it. */
cseg_status bench_open(const experiment *e, const bench_options *o, bench **out, cseg_error *err);
void bench_close(bench *b); /* NULL is allowed */
cseg_status bench_run(bench *b, bench_result *out, cseg_error *err);
const plan *bench_plan(const bench *b);
int bench_threads(const bench *b);

/* Changes num_classes of all heads in the config; call it before experiment_read. */
cseg_status bench_set_classes(value *cfg, int64_t classes, arena *mem, cseg_error *err);

#endif
