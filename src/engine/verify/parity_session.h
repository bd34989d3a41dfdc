/* Holds what a parity line needs: a config's model, and the programs that run it. */
#ifndef ENGINE_VERIFY_PARITY_SESSION_H
#define ENGINE_VERIFY_PARITY_SESSION_H

#include "config/config.h"
#include "engine/dialect/experiment.h"
#include "engine/verify/parity.h"
#include "engine/verify/parity_values.h"
#include "graph/plan.h"

enum { PARITY_BATCH = 2, PARITY_HEIGHT = 96, PARITY_WIDTH = 128 };

typedef struct parity_session {
    const parity_options *options;
    int64_t h, w; /* of the images */
    arena *mem;
    value *config;
    experiment about; /* what the config says of its model and optimizer */
    model *model;
} parity_session;

typedef struct parity_program {
    graph *graph;
    plan *plan;
} parity_program;

/* Loads the config and builds the model: weights derived from names, dropout off. */
cseg_status parity_load_config(parity_session *s, const char *path, cseg_error *err);
cseg_status parity_load_model(parity_session *s, const char *path, cseg_error *err);

cseg_status parity_compile_logits(parity_session *s, parity_program *p, cseg_error *err);
cseg_status parity_compile_loss(parity_session *s, parity_program *p, cseg_error *err);
void parity_release(parity_program *p);
/* Fills inputs from these names: "input" and "label", or "input:3" and "label:3". */
void parity_fill(const parity_session *s, parity_program *p, const char *input, const char *label);

/* Prints {"config": ..., "mmseg": ... without the end; parity_end_line prints that and releases the session. */
void parity_begin_line(const parity_session *s, const char *path, FILE *out);
void parity_print_error(FILE *out, const char *key, const cseg_error *e);
cseg_status parity_end_line(parity_session *s, const char *path, FILE *out, cseg_error *err);
cseg_status parity_print_losses(const parity_program *p, FILE *out, cseg_error *err); /* {"decode.loss_ce": ...} */

#endif
