/* Prints one line of JSON for a config, to be compared with the line of MMSegmentation. Weights, inputs and labels are
 * derived from their names, the same way on both sides.
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
    const char *root; /* folder for relative paths that do not exist otherwise; NULL: none */
    backend *backend; /* runs the graphs */
    unsigned passes;  /* PASS_* of graph/passes/passes.h */
    bool label_all;   /* no label is ignore_index */
    bool edge;        /* there is a map of borders (gt_edge_map) beside the labels */
    bool fit;         /* the backbone's img_size is the images' */
    int64_t h, w;     /* of the images; 0: 96 x 128 */
} parity_options;

/* Each prints one line; for a config that fails the line has the key "error". Returns another status than CSEG_OK only
 * if the line cannot be written. */
cseg_status parity_config(const char *path, const parity_options *o, FILE *out, cseg_error *err);
/* Prints the state dict, logits, losses and gradients. */
cseg_status parity_model(const char *path, const parity_options *o, FILE *out, cseg_error *err);
/* Prints the losses of ten steps with the config's own optimizer at its base rate, and the weights after them. */
cseg_status parity_train(const char *path, const parity_options *o, FILE *out, cseg_error *err);

#endif
