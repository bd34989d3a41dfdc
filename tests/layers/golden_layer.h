/* A maker of layers against what PyTorch answers (tests/data/model/layers: make_goldens.py says what a case is): names
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

#include <cmocka.h> /* after base/error.h: it has a macro called fail */

enum { LAYER_INPUTS = 3 };

/* Makes the layer as a child called "layer" of root, from the case's config. */
typedef module *layer_make(module *root, const value *config);
/* Traces it on the case's inputs; what it has not is NULL. */
typedef tensor *layer_trace(module *m, graph *g, tensor *const *in, const value *config);

/* Goes through the cases of FILE.json. */
void layer_check(const char *file, layer_make *make, layer_trace *trace);

/* A model of nothing but the root, for makers; and what model_build does behind the constructor. The model dies with
 * its arena, m->mem. */
model *layer_model(void);
void layer_allocate(model *m);

/* A kind that the registry need not have, as a child called "kind" of the root; `text` is its config. */
module *layer_kind(model *m, const kind *k, const char *text);

/* The page shows the file, whole. Both are named from the project's root. */
void layer_shown(const char *page, const char *file);

/* Entries of a config, which must be there. */
int64_t layer_int(const value *config, const char *key);
bool layer_bool(const value *config, const char *key);
ints layer_ints(model *m, const value *config, const char *key);

#endif
