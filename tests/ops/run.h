/* Running an op case on a backend. */
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
    param params[CASE_INPUTS]; /* of float inputs */
    tensor *in[CASE_INPUTS];
    tensor *y;
    const float *seed; /* the gradient of y: L = sum(y * seed); NULL: y has none */
} case_run;

/* Traces c (by `trace`, which is c->trace or c->same_as) and plans it. In training, L is differentiated by every float
 * input that is not fixed. Kernels run in guarded memory (guard.h). The run must be closed even when this fails. */
cseg_status case_open(case_run *r, const op_case *c, case_trace *trace, backend *b, bool train, cseg_error *err);
/* The same for c->trace without guards, which cost a busy machine with many threads more than the kernels do. */
cseg_status case_open_bare(case_run *r, const op_case *c, backend *b, bool train, cseg_error *err);
/* As case_open in training, without the gradients and the guards. */
cseg_status case_open_forward(case_run *r, const op_case *c, backend *b, cseg_error *err);
void case_close(case_run *r);
/* Fills all inputs with their values of this round, and what the plan will overwrite with NaNs. */
void case_set(case_run *r, int round);

/* Everything that a run gives: "y", more outputs, gradients, statistics. False: there is no i-th. */
typedef struct case_result {
    char name[64];
    dtype type;
    int64_t count;
    const void *data;
} case_result;
/* The data is on the host, and stays until case_close or the next run. */
bool case_get(const case_run *r, size_t i, case_result *out);

#endif
