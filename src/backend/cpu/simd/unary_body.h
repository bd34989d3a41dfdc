/* The loops of unary.h for one instruction set. Bound by memory traffic, but for those with exp. The kind and the type
 * of the maps are constants where a loop is compiled. */
#include "backend/cpu/simd/functions.h"
#include "backend/cpu/simd/unary.h"

VEC_INLINE vec SIMD_NAME(unary_load)(map m, bool half, int64_t at, int64_t n)
{
    return m.at ? vec_load_map(m.at, half, at, n) : vec_zero();
}

VEC_INLINE void SIMD_NAME(unary_values)(unary_kind kind, const unary_attr *a, map x, map y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VEC) {
        vec v = vec_load_map(x.at, x.half, i, n - i);
        vec_store_map(y.at, y.half, i, vec_unary(kind, a->alpha, v), n - i);
    }
}

VEC_INLINE void SIMD_NAME(unary_slopes)(unary_kind kind, const unary_attr *a, map x, map y, map dy, map dx, int64_t n)
{
    for (int64_t i = 0; i < n; i += VEC) {
        vec of = SIMD_NAME(unary_load)(x, x.half, i, n - i), to = SIMD_NAME(unary_load)(y, y.half, i, n - i);
        vec slope = vec_unary_slope(kind, a->alpha, of, to);
        vec_store_map(dx.at, dx.half, i, vec_mul(slope, vec_load_map(dy.at, dy.half, i, n - i)), n - i);
    }
}

#define UNARY_KINDS(ROW)                                                                                               \
    switch (a->kind) {                                                                                                 \
        ROW(UNARY_RELU6)                                                                                               \
        ROW(UNARY_LEAKY_RELU)                                                                                          \
        ROW(UNARY_SIGMOID)                                                                                             \
        ROW(UNARY_GELU)                                                                                                \
        ROW(UNARY_SILU)                                                                                                \
        ROW(UNARY_HSWISH)                                                                                              \
    default:                                                                                                           \
        break;                                                                                                         \
    }

static void SIMD_NAME(unary_value)(const unary_attr *a, map x, map y, int64_t n)
{
#define UNARY_ROW(kind)                                                                                                \
    case kind:                                                                                                         \
        SIMD_NAME(unary_values)(kind, a, x, y, n);                                                                     \
        break;
    UNARY_KINDS(UNARY_ROW)
#undef UNARY_ROW
}

static void SIMD_NAME(unary_slope)(const unary_attr *a, map x, map y, map dy, map dx, int64_t n)
{
#define UNARY_ROW(kind)                                                                                                \
    case kind:                                                                                                         \
        SIMD_NAME(unary_slopes)(kind, a, x, y, dy, dx, n);                                                             \
        break;
    UNARY_KINDS(UNARY_ROW)
#undef UNARY_ROW
}
#undef UNARY_KINDS

static bool SIMD_NAME(unary_has)(unary_kind kind)
{
    return kind != UNARY_RELU && vec_has_unary(kind);
}

static const unary_table SIMD_NAME(unary) = {
    .has = SIMD_NAME(unary_has),
    .value = SIMD_NAME(unary_value),
    .slope = SIMD_NAME(unary_slope),
};
