/* Compares a maker of layers with PyTorch's results (tests/data/model/layers; make_goldens.py describes a case): names
 * and shapes of the state dict, results in both modes, running statistics, gradients of inputs and weights; on each
 * backend. */
#ifndef LAYERS_GOLDEN_LAYER_H
#define LAYERS_GOLDEN_LAYER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "model/layers/layers.h"

#include <cmocka.h> /* after base/error.h, because it has a macro called fail */

enum { LAYER_INPUTS = 3 };

/* Makes the layer as a child "layer" of root, from the case's config. */
typedef module *layer_make(module *root, const value *config);
/* Traces it on the case's inputs; missing ones are NULL. */
typedef tensor *layer_trace(module *m, graph *g, tensor *const *in, const value *config);

/* Runs the cases of FILE.json. */
void layer_check(const char *file, layer_make *make, layer_trace *trace);

/* Makes a model that only has the root, for makers; and does what model_build does after the constructor. The model is
 * freed with its arena, m->mem. */
model *layer_model(void);
void layer_allocate(model *m);

/* Makes a kind, which need not be in the registry, as a child "kind" of the root; `text` is its config. */
module *layer_kind(model *m, const kind *k, const char *text);

/* Checks that the page contains the whole file. Both paths begin at the project's root. */
void layer_shown(const char *page, const char *file);

/* Read entries of a config, which must exist. */
int64_t layer_int(const value *config, const char *key);
bool layer_bool(const value *config, const char *key);
ints layer_ints(model *m, const value *config, const char *key);

#endif
