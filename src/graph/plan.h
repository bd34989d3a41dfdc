/* Makes a graph ready to run: prepares the kernels and lays out all tensors in one arena by lifetime.
 *
 *     plan *run;
 *     TRY(plan_build(g, b, &run, err));
 *     float *image = plan_input(run, "img", NULL);
 *     TRY(plan_run(run, err));
 *     const int32_t *labels = plan_output(run, "labels", NULL);
 */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "graph/backend.h"

typedef struct plan plan;

/* Prepares the kernels and lays out the memory. Graph and backend must outlive the plan; the graph is not changed. Call
 * graph_plan (passes.h) for a traced graph: it first gives the maps the types that the backend computes in. Parameters
 * must have memory: `data`, which may move later (call plan_weights_changed then), and `grad` if the graph has a
 * gradient for them, which must not move. CSEG_USAGE: they have none, or the
 * graph's types are not the backend's. CSEG_UNSUPPORTED: the backend lacks an op.
 * Nodes that depend on weights and constants alone are fixed (graph_fixed; in training: on weights that do not learn):
 * they run only at the first plan_run and after plan_weights_changed. Their results have memory of their own, unless no
 * other run reads them (scaled weights that a convolution's kernel keeps in another layout). */
cseg_status plan_build(const graph *g, backend *b, plan **out, cseg_error *err);
void plan_free(plan *p);

/* The data for an input, as their maker describes them. Row-major, without gaps. */
typedef struct plan_data {
    const void *data;
    dtype type;
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
    int dates; /* number of dates whose images are in the channels; 0: one */
    /* Returns the file of entry i of the first axis, for messages. May be NULL, and may return NULL. */
    const char *(*file)(const void *arg, int64_t i);
    const void *arg;
} plan_data;

/* These two are the ways in for data; they compare d with the input that the graph declares. All addresses are the
 * host's: if the backend's memory is not the host's, each run sends the inputs, and outputs are fetched on request.
 * plan_bind_input lets the plan read the caller's memory from now on, which must stay valid; d NULL: the plan's own
 * memory again. Labels that a loss reads, as they are at the call, must be one of its classes or its ignore_index.
 * plan_open_input gives the plan's own memory, into which the caller writes what d describes (d->data is not read).
 * CSEG_NOT_FOUND: no input of that name. CSEG_SHAPE: another shape, type or number of dates. CSEG_DATA: a label that
 * the loss has no class for. The message names the file. */
cseg_status plan_bind_input(plan *p, const char *name, const plan_data *d, cseg_error *err);
cseg_status plan_open_input(plan *p, const char *name, const plan_data *d, void **to, cseg_error *err);
/* Returns the plan's own memory for an input, for callers that make up data by its declared shape; the contents stay
 * between runs. NULL if the graph has no such input. Labels written there are not checked; kernels skip labels that are
 * no class. */
void *plan_input(plan *p, const char *name, const tensor **shape);
/* Gives an output's values on the host, valid until the next run or the next call for that output. CSEG_NOT_FOUND: no
 * output of that name. shape may be NULL. Gradients are not outputs in this sense: each run overwrites param->grad. */
cseg_status plan_get_output(plan *p, const char *name, const void **data, const tensor **shape, cseg_error *err);
/* Where it lies in the backend's memory, valid until the next run. */
cseg_status plan_locate_output(const plan *p, const char *name, const void **at, const tensor **shape, cseg_error *err);
/* plan_get_output, NULL for any error. */
const void *plan_output(plan *p, const char *name, const tensor **shape);
void plan_weights_changed(plan *p);
cseg_status plan_run(plan *p, cseg_error *err);

size_t plan_bytes(const plan *p); /* returns the bytes of arena, fixed memory, scratch, and what kernels keep */
/* What a plan's memory consists of, in bytes. `bound` is the lower limit for any layout of these tensors: so many bytes
 * are alive at once when step `peak` (from 0) runs. */
typedef struct plan_memory {
    size_t arena, bound;
    size_t
        fixed; /* inputs; constants, if the backend's memory is not the host's; results that depend on weights alone */
    size_t scratch; /* of the kernel that needs the most */
    size_t kept;    /* by kernels: weights in another layout */
    size_t steps, peak;
    const node *at; /* the node of that step */
    size_t alive;   /* number of tensors in the arena at that step */
} plan_memory;
cseg_status plan_measure(const plan *p, plan_memory *out, cseg_error *err);
/* Lists the tensors alive at that step, one line for each of the `largest` and one for all others: MiB, module, op that
 * made it, shape; 80 columns. NULL: out of memory. */
char *plan_memory_text(const plan *p, const plan_memory *m, size_t largest, arena *mem);
/* Switches timing of each step on or off; switching it on clears earlier times. */
void plan_profile(plan *p, bool on);
typedef struct plan_step {
    const node *node;
    bool fixed;              /* runs only after weights changed */
    int runs;                /* number of timed runs; 0 also for steps without work (reshapes) */
    double seconds, fastest; /* sum over these runs, and the shortest */
    bool naive;              /* the backend has no kernel of its own for the node */
} plan_step;
size_t plan_step_count(const plan *p);
plan_step plan_step_at(const plan *p, size_t i); /* steps are in order of execution */
/* Finds where a NaN began, after a run that gave one. CSEG_NUMERIC: err names the first tensor, in order of execution,
 * that holds a NaN or infinity: an input, a parameter, or an output with its op and module. CSEG_OK: no tensor does. It
 * runs the plan once more and checks after each step, so the caller must leave the inputs unchanged; running statistics
 * and other state are updated once more. */
cseg_status plan_find_nan(plan *p, cseg_error *err);

#endif
