/* A table of op cases. The gradient check (test_gradients.c), the comparison of backends with the naive one
 * (test_backends.c) and the timing (bench/) use it. */
#ifndef OPS_CASES_H
#define OPS_CASES_H

#include "graph/graph.h"

/* What an input contains. Gradient checks change float inputs by 1 if the case is linear, else by up to 1/16, or 1/4 if
 * the result is a scalar. */
typedef enum {
    HOLDS_INTS,      /* integers -3..3: sums of products are exact in float32 */
    HOLDS_FRACTIONS, /* in (-1, 1), with 24 bits: sums are inexact, so they show in which order they were taken */
    HOLDS_ODD,       /* odd multiples of 1/8 in (-4, 4): away from the kinks of ReLU and similar functions */
    HOLDS_POSITIVE,  /* odd multiples of 1/8 in (1/2, 4) */
    HOLDS_DISTINCT,  /* shuffled multiples of 1/4: no two are equal or close */
    HOLDS_LARGE,     /* HOLDS_ODD + 1000: a large mean must not cost precision */
    HOLDS_LABELS,    /* i32: classes 0..K-1, some 255 (ignored) */
    HOLDS_WILD,      /* i32: the same, and some -1, K and 300 */
    HOLDS_IGNORED,   /* i32: only 255 */
    HOLDS_SEED       /* i64 [2] */
} holds;

typedef struct case_input {
    const char *shape; /* "2,5,7,3"; "" is a scalar; NULL: missing */
    holds holds;
    bool fixed; /* a buffer without gradient (running statistics, pixel weights) */
} case_input;

enum { CASE_INPUTS = 8 };
typedef struct op_case op_case;
/* Traces the case and returns its result. Further results become outputs of the graph. */
typedef tensor *case_trace(graph *g, tensor *const *in, const op_case *c);

struct op_case {
    const char *name;
    case_trace *trace;
    op_attr attr;
    case_input in[CASE_INPUTS];
    int64_t n[6]; /* further arguments of `trace` */
    bool exact;   /* all results and gradients are exact in float32 in any order of sums */
    bool linear;  /* linear in each input: the gradient check takes steps of 1 */
    bool no_grad; /* nothing to differentiate, or checked by same_as */
    bool train_only, inference_only;
    double tolerance;    /* for other backends, in units of the largest result; 0: 1e-5 */
    double rough;        /* the same in bfloat16; 0: 1/128 */
    case_trace *same_as; /* gives the same results without fusion, or NULL; gradients are compared with it too */
    bool as_maps; /* set by tests: float inputs and the result pass through nodes of their own, so that a backend with
                     bf16 can store them as such, and inputs contain values that bfloat16 can represent */
};

typedef struct case_list {
    const op_case *at;
    size_t n;
} case_list;
#define CASE_LIST(array) ((case_list){(array), sizeof(array) / sizeof *(array)})
/* The tables, one for each family. */
case_list cases_conv(void), cases_transposed(void), cases_norm(void), cases_elementwise(void), cases_shape(void),
    cases_spatial(void), cases_loss(void), cases_labels(void), cases_points(void), cases_attention(void),
    cases_deform(void);

size_t op_case_count(void);
const op_case *op_case_at(size_t i);

/* Fills `out` with the values of input i, which depend only on case, input and round. out: floats, int32 or int64, as
 * `holds` says. */
void case_fill(const op_case *c, int i, int round, const tensor *t, void *out);

#endif
