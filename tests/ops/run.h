/* Runs an op case on a backend. */
#ifndef OPS_RUN_H
#define OPS_RUN_H

#include "base/error.h"
#include "cases.h"
#include "graph/plan.h"

typedef struct case_run {
    const op_case *c;
    graph *g;
    plan *p;
    backend *b;
    param params[CASE_INPUTS]; /* for float inputs */
    tensor *in[CASE_INPUTS];
    tensor *y;
    const float *seed; /* the gradient of y: L = sum(y * seed); NULL: y has none */
} case_run;

/* Traces c (by `trace`, which is c->trace or c->same_as) and plans it. In training, L is differentiated with respect to
 * every float input that is not fixed. Kernels run in guarded memory (guard.h). Close the run even if this fails. */
cseg_status case_open(case_run *r, const op_case *c, case_trace *trace, backend *b, bool train, cseg_error *err);
/* The same for c->trace without guards, which on a busy machine with many threads cost more time than the kernels. */
cseg_status case_open_bare(case_run *r, const op_case *c, backend *b, bool train, cseg_error *err);
/* As case_open in training, without gradients and guards. */
cseg_status case_open_forward(case_run *r, const op_case *c, backend *b, cseg_error *err);
void case_close(case_run *r);
/* Fills all inputs with their values of this round, and everything that the plan must write with NaNs. */
void case_set(case_run *r, int round);

/* One result of a run: "y", further outputs, gradients, statistics. case_get returns false if there is no i-th. */
typedef struct case_result {
    char name[64];
    dtype type;
    int64_t count;
    const void *data;
} case_result;
/* on the host, valid until case_close or the next run */
bool case_get(const case_run *r, size_t i, case_result *out);

#endif
