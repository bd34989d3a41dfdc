/* A plan's inside, shared by its files: plan.c runs it, place.c lays it out, plan_memory.c tells what it holds. */
#ifndef GRAPH_PLAN_INTERNAL_H
#define GRAPH_PLAN_INTERNAL_H

#include "graph/plan.h"

typedef struct step {
    const node *node;
    kernel *kernel; /* NULL: nothing to do (reshape) */
    bool fixed;     /* depends on weights alone: runs when they changed */
    void **in, **out;
    double seconds, fastest; /* profiling: the sum and the shortest of `runs` */
    int runs;
} step;

/* Where a tensor lies. */
typedef struct place {
    int buffer; /* in plan.buffers; -1: none */
    size_t offset;
    bool fixed;     /* in fixed_memory: inputs, constants, results of fixed steps that later runs need */
    void *external; /* a parameter's gradient */
} place;

/* Memory that one tensor, or several one after another (a reshape, a result in place), take. */
typedef struct plan_buffer {
    int root;        /* tensor id of the first */
    int first, last; /* steps; last may be n_steps: an output, read by the caller */
    size_t bytes, offset;
    size_t pressure; /* the most bytes that live at once while it does */
    bool fixed;      /* lives for ever, in fixed memory */
    void *external;
} plan_buffer;

/* What a loss can make of the labels that an input holds: classes from 0, its ignore_index, and to a sigmoid all that
 * is negative, which it ignores too. */
typedef struct label_rule {
    const tensor *input;
    int32_t low, classes, ignore_index; /* low: 0, or INT32_MIN where negative ones are ignored */
    const char *scope;                  /* of the loss */
} label_rule;

struct plan {
    arena *mem;
    const graph *graph;
    backend *backend;
    step *steps;
    size_t n_steps;
    kernel_setting setting;
    bool *fixed;  /* by tensor id: made by a fixed step */
    place *place; /* by tensor id */
    plan_buffer *buffers;
    size_t n_buffers;
    const void **bound; /* by tensor id: inputs in the caller's memory */
    void **staged;      /* by tensor id: inputs and outputs on the host, where the backend's memory is not the host's */
    VEC(label_rule) rules;
    char *memory, *fixed_memory, *scratch;
    size_t bytes, fixed_bytes, scratch_bytes, kept_bytes; /* kept_bytes: by kernels themselves */
    bool weights_changed, connected, profiling;
};

/* Where a tensor lies in the backend's memory. */
void *plan_address(const plan *p, const tensor *t);

/* Fills place, buffers, bytes and fixed_bytes. */
cseg_status plan_place(plan *p, cseg_error *err);
/* plan_stage.c. Between the host and a memory that is not the host's; nothing to do where it is. stage_out gives an
 * output's values on the host. */
cseg_status plan_stage_open(plan *p, cseg_error *err);
void plan_stage_close(plan *p);
void plan_stage_in(const plan *p);
cseg_status plan_stage_out(const plan *p, const tensor *t, const void **out, cseg_error *err);

/* plan_input.c. Fills rules. */
cseg_status plan_find_label_rules(plan *p, cseg_error *err);

/* Says at LOG_DEBUG, once for each answer, which ops the backend has no kernel of its own for, and their share of what
 * the plan reads and writes, from a thousandth on. */
void plan_tell_naive(const plan *p);

#endif
