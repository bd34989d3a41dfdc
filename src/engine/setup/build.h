/* Builds from an experiment what train, test and infer need: model, backend, preprocessor, predictor, graphs.
 *
 *     model *net;
 *     backend *cpu;
 *     TRY(build_model(e, NULL, true, &net, err));
 *     TRY(build_backend("cpu", &(cpu_options){.threads = 4}, &cpu, err));
 *     TRY(build_model(e, cpu, true, &net, err));
 */
#ifndef ENGINE_SETUP_BUILD_H
#define ENGINE_SETUP_BUILD_H

#include "backend/backends.h"
#include "engine/dialect/experiment.h"
#include "engine/infer/predict.h"

/* Builds the model of an experiment, with weights allocated in the memory of b (NULL: the host's), which must outlive
 * it; no_grad for everything but training. Free it with model_free. */
cseg_status build_model(const experiment *e, backend *b, bool no_grad, model **out, cseg_error *err);
/* Reads the file of numbers that a loss names: model_options.read_numbers. */
cseg_status build_read_numbers(void *arg, const char *path, arena *mem, floats *out, cseg_error *err);
/* Makes a backend: "cpu" (also NULL), or "ref", which ignores the options. If bf16 is asked for and the CPU does not
 * have it, logs that and uses float32. */
cseg_status build_backend(const char *name, const cpu_options *o, backend **out, cseg_error *err);
/* Makes the preprocessor of the experiment, or one that does nothing if pipelines normalise. */
cseg_status build_preprocessor(const experiment *e, arena *mem, preprocessor *out, cseg_error *err);
cseg_status build_predictor(model *m, backend *b, predictor **out, cseg_error *err);

/* Shape of a batch of images. */
typedef struct batch_shape {
    int64_t n, h, w;
} batch_shape;
/* Traces the model's losses for such a batch (data: what it has besides images and labels; NULL: nothing), optimized by
 * `passes`; for training with all gradients. Free it with graph_free. */
cseg_status build_loss_graph(model *m, batch_shape s, const trace_options *data, bool train, unsigned passes,
                             graph **out, cseg_error *err);
/* Traces output "labels": the answering head's classes, i32 [n, h, w]. */
cseg_status build_label_graph(model *m, batch_shape s, unsigned passes, graph **out, cseg_error *err);

#endif
