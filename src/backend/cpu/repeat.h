/* Walks operands whose axes of size 1 are repeated, as rows. Neighbouring axes along which the same operands are
 * repeated are merged, so that the last axis is long. Along it each operand either advances or stays at one element. */
#ifndef CPU_REPEAT_H
#define CPU_REPEAT_H

#include "backend/cpu/cpu.h"

enum { REPEAT_OPERANDS = 3 };

typedef struct repeat {
    int operands, axes; /* number of axes in front of the last */
    int64_t dim[TENSOR_MAX_RANK], step[REPEAT_OPERANDS][TENSOR_MAX_RANK];
    int64_t width, run[REPEAT_OPERANDS]; /* of the last axis; run: 1 advances along it, 0 is repeated */
    parts cuts;                          /* of a row, for threads */
    int64_t tasks;
} repeat;

/* Prepares the walk. Operands are the node's first `operands` inputs; the result is its first output. */
void repeat_init(repeat *r, const node *n, int operands);

/* A piece of a row: `n` elements of the result from `at` on, and where each operand's elements begin. */
typedef struct repeat_piece {
    int64_t at, n, from[REPEAT_OPERANDS];
} repeat_piece;
repeat_piece repeat_at(const repeat *r, int64_t task);

#endif
