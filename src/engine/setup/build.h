/* Builds from an experiment what train, test and infer begin with: model, backend, preprocessor, predictor, graphs.
 *
 *     model *net;
 *     backend *cpu;
 *     TRY(build_model(e, NULL, true, &net, err));
 *     TRY(build_backend("cpu", &(cpu_options){.threads = 4}, &cpu, err));
 */
#ifndef ENGINE_SETUP_BUILD_H
#define ENGINE_SETUP_BUILD_H

#include "backend/backends.h"
#include "engine/dialect/experiment.h"
#include "engine/infer/predict.h"

/* The model of an experiment, its weights allocated in the memory of b (NULL: the host's), which must outlive it; with
 * no_grad for everything but training. Freed by model_free. */
cseg_status build_model(const experiment *e, backend *b, bool no_grad, model **out, cseg_error *err);
/* "cpu" (NULL too) or "ref", which does not know the options. Where bf16 is wished and cannot be had, the log says so
 * and float32 is used. */
cseg_status build_backend(const char *name, const cpu_options *o, backend **out, cseg_error *err);
/* The preprocessor of the experiment, or one that does nothing where pipelines normalise. */
cseg_status build_preprocessor(const experiment *e, arena *mem, preprocessor *out, cseg_error *err);
cseg_status build_predictor(model *m, backend *b, predictor **out, cseg_error *err);

/* A batch of images. */
typedef struct batch_shape {
    int64_t n, h, w;
} batch_shape;
/* The model's losses for such a batch (data: what it has beside images and labels; NULL: nothing), optimized by
 * `passes`; in training with all gradients. Freed by graph_free. */
cseg_status build_loss_graph(model *m, batch_shape s, const trace_options *data, bool train, unsigned passes,
                             graph **out, cseg_error *err);
/* Output "labels": the answering head's classes, i32 [n, h, w]. */
cseg_status build_label_graph(model *m, batch_shape s, unsigned passes, graph **out, cseg_error *err);

#endif
