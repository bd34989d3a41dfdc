/* Answers a config with one line of JSON, to be compared with the line that MMSegmentation gives. Weights, inputs and
 * labels are made from their names, the same on both sides.
 *
 *     parity_options how = {.backend = b};
 *     TRY(parity_model("configs/fcn.py", &how, stdout, err));
 */
#ifndef ENGINE_VERIFY_PARITY_H
#define ENGINE_VERIFY_PARITY_H

#include <stdio.h>

#include "backend/backends.h"
#include "base/error.h"

typedef struct parity_options {
    const char *root; /* folder in which paths that do not exist are looked for; NULL: none */
    backend *backend; /* runs the graphs */
    unsigned passes;  /* of graph/passes/passes.h */
} parity_options;

/* Each prints one line, for a config that fails too: then with the key "error". The status is not CSEG_OK only if the
 * line cannot be written. */
cseg_status parity_config(const char *path, const parity_options *o, FILE *out, cseg_error *err);
/* The state dict, logits, losses and gradients. */
cseg_status parity_model(const char *path, const parity_options *o, FILE *out, cseg_error *err);
/* The losses of ten steps with the config's own optimizer at its base rate, and where the weights are then. */
cseg_status parity_train(const char *path, const parity_options *o, FILE *out, cseg_error *err);

#endif
