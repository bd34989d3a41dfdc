/* What the loops over maps are written with: their types, loading and storing, whole vectors and the rest. Each of the
 * files that name an instruction set includes it once. */
#ifndef SIMD_MAPS_LOOPS_H
#define SIMD_MAPS_LOOPS_H

#include "backend/cpu/simd/lanes.h"
#include "backend/cpu/simd/maps.h"

#define MAPS_INLINE static inline __attribute__((always_inline))

/* The type of all maps of a call. It is a compile-time constant where a loop is compiled for one type. */
typedef enum SIMD_NAME(maps_type) {
    MAPS_FLOAT,
    MAPS_HALF,
    MAPS_MIXED,
} SIMD_NAME(maps_type);
#define MAPS_TYPE SIMD_NAME(maps_type)
#define MAPS_NONE ((map){0})

MAPS_INLINE MAPS_TYPE SIMD_NAME(maps_type_of)(map a, map b, map c, map d, map e)
{
    int halves = 0, all = 0;
    const map *m[5] = {&a, &b, &c, &d, &e};
    for (int i = 0; i < 5; i++) {
        all += m[i]->at != NULL;
        halves += m[i]->at && m[i]->half;
    }
    return halves == 0 ? MAPS_FLOAT : halves == all ? MAPS_HALF : MAPS_MIXED;
}

/* Calls the loop that is compiled for the type. */
#define MAPS_CALL(type, loop, ...)                                                                                     \
    do {                                                                                                               \
        MAPS_TYPE type_ = (type);                                                                                      \
        if (type_ == MAPS_FLOAT)                                                                                       \
            SIMD_NAME(loop)(MAPS_FLOAT, __VA_ARGS__);                                                                  \
        else if (type_ == MAPS_HALF)                                                                                   \
            SIMD_NAME(loop)(MAPS_HALF, __VA_ARGS__);                                                                   \
        else                                                                                                           \
            SIMD_NAME(loop)(MAPS_MIXED, __VA_ARGS__);                                                                  \
    } while (0)

MAPS_INLINE vec SIMD_NAME(maps_load)(MAPS_TYPE type, map m, int64_t at, int64_t n)
{
    return vec_load_map(m.at, type == MAPS_MIXED ? m.half : type == MAPS_HALF, at, n);
}
MAPS_INLINE void SIMD_NAME(maps_store)(MAPS_TYPE type, map m, int64_t at, vec a, int64_t n)
{
    vec_store_map(m.at, type == MAPS_MIXED ? m.half : type == MAPS_HALF, at, a, n);
}
#define LOAD(m, at, n) SIMD_NAME(maps_load)(type, m, at, n)
#define STORE(m, at, a, n) SIMD_NAME(maps_store)(type, m, at, a, n)
#define FLOATS(p, n) vec_load_map(p, false, 0, n)
#define PUT_FLOATS(p, a, n) vec_store_map(p, false, 0, a, n)

/* Runs whole vectors first, where the compiler sees n = VEC, then the rest. */
#define MAPS_EACH(c, n, size, ...)                                                                                     \
    do {                                                                                                               \
        int64_t c = 0;                                                                                                 \
        for (; c + VEC <= (size); c += VEC) {                                                                          \
            enum { n = VEC };                                                                                          \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
        if (c < (size)) {                                                                                              \
            const int64_t n = (size)-c;                                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    } while (0)

#endif
