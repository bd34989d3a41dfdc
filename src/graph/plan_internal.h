/* The inside of a plan, shared by its files: plan.c runs it, place.c lays out its memory, plan_memory.c describes the
 * memory. */
#ifndef GRAPH_PLAN_INTERNAL_H
#define GRAPH_PLAN_INTERNAL_H

#include "graph/plan.h"

typedef struct step {
    const node *node;
    kernel *kernel; /* NULL: no work (reshape) */
    bool fixed;     /* depends on weights alone: runs after they changed */
    void **in, **out;
    double seconds, fastest; /* profiling: sum and minimum over `runs` */
    int runs;
} step;

/* Where a tensor is stored. */
typedef struct place {
    int buffer; /* index in plan.buffers; -1: none */
    size_t offset;
    bool fixed;         /* in fixed_memory: inputs, constants, results of fixed steps that other runs read */
    void *external;     /* memory of a parameter's gradient */
    const tensor *same; /* the parameter whose memory it is, under another shape */
} place;

/* Memory of one tensor, or of several one after another (a reshape, a result in place). */
typedef struct plan_buffer {
    int root;        /* id of the first tensor */
    int first, last; /* first and last step of its lifetime; last == n_steps: an output, which the caller reads */
    size_t bytes, offset;
    size_t pressure; /* the most bytes that are alive at once during its lifetime */
    bool fixed;      /* alive in all runs, in fixed memory */
    void *external;
} plan_buffer;

/* Which labels a loss accepts from an input: classes from 0, its ignore_index and, for a sigmoid, all negative labels,
 * which it ignores too. */
typedef struct label_rule {
    const tensor *input;
    int32_t low, classes, ignore_index; /* low: 0, or INT32_MIN if negative labels are ignored */
    const char *scope;                  /* the loss's scope, for messages */
} label_rule;

struct plan {
    arena *mem;
    const graph *graph;
    backend *backend;
    step *steps;
    size_t n_steps;
    bool *fixed;  /* by tensor id: a fixed step makes it (graph_fixed) */
    place *place; /* by tensor id */
    plan_buffer *buffers;
    size_t n_buffers;
    const void **bound; /* by tensor id: the caller's memory of bound inputs */
    void **staged;      /* by tensor id: host copies of inputs and outputs, if the backend's memory is not the host's */
    VEC(label_rule) rules;
    char *memory, *fixed_memory, *scratch;
    size_t bytes, fixed_bytes, scratch_bytes, kept_bytes; /* kept_bytes: kept by the kernels themselves */
    bool weights_changed, connected, profiling;
};

/* Returns a tensor's address in the backend's memory. */
void *plan_address(const plan *p, const tensor *t);

/* Fills place, buffers, bytes and fixed_bytes. */
cseg_status plan_place(plan *p, cseg_error *err);
/* plan_stage.c. Copy between the host and memory that is not the host's; they do nothing for host memory. stage_out
 * gives an output's values on the host. */
cseg_status plan_stage_open(plan *p, cseg_error *err);
void plan_stage_close(plan *p);
void plan_stage_in(const plan *p);
cseg_status plan_stage_out(const plan *p, const tensor *t, const void **out, cseg_error *err);

/* plan_input.c. Fills rules. */
cseg_status plan_find_label_rules(plan *p, cseg_error *err);

/* Logs at LOG_DEBUG, once for each distinct text, the ops for which the backend has no kernel of its own, with their
 * share of the bytes that the plan reads and writes, if it is at least a thousandth. */
void plan_tell_naive(const plan *p);

#endif
