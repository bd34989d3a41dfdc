/* Operands whose axes of 1 are repeated, walked as rows: neighbouring axes along which the same operands are repeated
 * become one, so that the last one is long, and along it an operand either runs on or stands still. */
#ifndef CPU_REPEAT_H
#define CPU_REPEAT_H

#include "backend/cpu/cpu.h"

enum { REPEAT_OPERANDS = 3 };

typedef struct repeat {
    int operands, axes; /* axes in front of the last */
    int64_t dim[TENSOR_MAX_RANK], step[REPEAT_OPERANDS][TENSOR_MAX_RANK];
    int64_t width, run[REPEAT_OPERANDS]; /* the last axis; 1 where the operand runs along it, 0 where it is repeated */
    parts cuts;                          /* of a row */
    int64_t tasks;
} repeat;

/* Operands: the first `operands` inputs of the node; the result is its first output. */
void repeat_init(repeat *r, const node *n, int operands);

/* A piece of a row: `n` elements of the result from `at` on, and where each operand is then. */
typedef struct repeat_piece {
    int64_t at, n, from[REPEAT_OPERANDS];
} repeat_piece;
repeat_piece repeat_at(const repeat *r, int64_t task);

#endif
