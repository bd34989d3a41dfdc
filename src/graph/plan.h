/* Makes a graph ready to run: chooses the kernels and lays out every tensor in one arena by lifetime.
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

/* Makes the kernels and lays out the memory. Graph and backend must outlive the plan, and the graph stays as it is. Who
 * has traced a graph calls graph_plan (passes.h), which gives its maps the types that the backend computes in.
 * Parameters must have their memory: `data`, which may move later (plan_weights_changed then), and `grad` where the
 * graph has a gradient, which may not. CSEG_USAGE: they have none, or the graph's
 * types are not the backend's; CSEG_UNSUPPORTED: the backend lacks an op.
 * Nodes that depend on parameters and constants alone are fixed when !g->train: they run at the first plan_run and
 * after plan_weights_changed only. Their results have memory of their own, unless nobody reads them in between (scaled
 * weights that a convolution's kernel keeps in another layout). */
cseg_status plan_build(const graph *g, backend *b, plan **out, cseg_error *err);
void plan_free(plan *p);

/* What is to become an input, as whoever made it describes it. Row-major, without gaps. */
typedef struct plan_data {
    const void *data;
    dtype type;
    int rank;
    int64_t dim[TENSOR_MAX_RANK];
    int dates; /* of the pictures in its channels; 0: one */
    /* The file that the i-th entry of the first axis is from, for messages; may be NULL, and give NULL. */
    const char *(*file)(const void *arg, int64_t i);
    const void *arg;
} plan_data;

/* Data from outside comes in by one of these two, which compare it with what the graph declares. All these addresses
 * are the host's: where the backend's memory is not, each run sends what lies there, and outputs are got when asked
 * for. plan_bind_input makes the plan read the caller's memory from now on, which must stay; d NULL: its own again.
 * Labels that a loss reads must be classes of its or its ignore_index, as they are in memory now. plan_open_input gives
 * the plan's own memory for the caller to write what d describes (d->data is not read). CSEG_NOT_FOUND: no input of
 * that name; CSEG_SHAPE: another shape, type or number of dates; CSEG_DATA: a label that the loss cannot name. The
 * message names the file. */
cseg_status plan_bind_input(plan *p, const char *name, const plan_data *d, cseg_error *err);
cseg_status plan_open_input(plan *p, const char *name, const plan_data *d, void **to, cseg_error *err);
/* For a caller that makes up inputs by their declared shape: the plan's own memory, which stays as it is between runs;
 * NULL if the graph has none of that name. Nobody looks at labels there; a kernel leaves out those it cannot name. */
void *plan_input(plan *p, const char *name, const tensor **shape);
/* An output's values on the host, valid until the next run or, of that output, the next call. CSEG_NOT_FOUND: none of
 * that name. shape may be NULL. Gradients are written to param->grad instead (overwritten at each run). */
cseg_status plan_get_output(plan *p, const char *name, const void **data, const tensor **shape, cseg_error *err);
/* Where it lies in the backend's memory, valid until the next run. */
cseg_status plan_locate_output(const plan *p, const char *name, const void **at, const tensor **shape, cseg_error *err);
/* plan_get_output, NULL for any error. */
const void *plan_output(plan *p, const char *name, const tensor **shape);
void plan_weights_changed(plan *p);
cseg_status plan_run(plan *p, cseg_error *err);

size_t plan_bytes(const plan *p); /* arena, fixed memory, scratch, and what kernels keep */
/* What a plan's memory is made of, in bytes. No layout of these tensors takes less than `bound`: as much lives at once
 * when step `peak` (from 0) runs. */
typedef struct plan_memory {
    size_t arena, bound;
    size_t
        fixed; /* inputs; constants that the host's memory does not hold for kernels; what depends on weights alone */
    size_t scratch; /* of the kernel that needs most */
    size_t kept;    /* by kernels: weights in another layout */
    size_t steps, peak;
    const node *at; /* that step's */
    size_t alive;   /* tensors in the arena then */
} plan_memory;
cseg_status plan_measure(const plan *p, plan_memory *out, cseg_error *err);
/* The tensors that live at that step, the largest ones a line each and the others in one: MiB, module, op that made it,
 * shape; 80 columns. NULL: out of memory. */
char *plan_memory_text(const plan *p, const plan_memory *m, size_t largest, arena *mem);
/* Times each step of the runs from now on; switching it on forgets earlier times. */
void plan_profile(plan *p, bool on);
typedef struct plan_step {
    const node *node;
    bool fixed;              /* runs only when weights changed */
    int runs;                /* that were timed; 0 for steps without work (reshapes) too */
    double seconds, fastest; /* the sum of those runs, and the shortest */
    bool naive;              /* the backend has no kernel of its own for it */
} plan_step;
size_t plan_step_count(const plan *p);
plan_step plan_step_at(const plan *p, size_t i); /* in order of execution */
/* After a run that gave a NaN: CSEG_NUMERIC, and in err the first tensor, in order of execution, that holds a NaN or
 * infinity: an input, a parameter, or an output of which op in which module. CSEG_OK if none does. Runs the plan once
 * more with a check behind each step (running statistics and other state move once more), so the caller passes the same
 * inputs. */
cseg_status plan_find_nan(plan *p, cseg_error *err);

#endif
