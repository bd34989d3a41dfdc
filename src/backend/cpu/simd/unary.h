/* Inner loops of functions of one element and of their gradients, on maps of either type (maps.h).
 *
 *     const unary_table *table = simd_choose()->unary;
 *     unary_attr relu6 = {.kind = UNARY_RELU6};
 *     if (table->has(relu6.kind))
 *         table->value(&relu6, map_of_floats(v), map_of_floats(v), n);
 */
#ifndef SIMD_UNARY_H
#define SIMD_UNARY_H

#include "backend/cpu/simd/maps.h"
#include "graph/tensor.h"

struct unary_table {
    bool (*has)(unary_kind kind); /* whether the loops below have the function */
    void (*value)(const unary_attr *a, map x, map y, int64_t n);
    /* dx = dy * slope. x or y have no memory if the slope does not depend on them (op_elementwise.c). */
    void (*slope)(const unary_attr *a, map x, map y, map dy, map dx, int64_t n);
};

#endif
