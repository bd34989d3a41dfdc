/* Maps that lie in memory as float32 or as bfloat16 (simd/maps.h). Kernels take either type as it is. A kernel that
 * sums its output in float32 sums a stretch of it in a small buffer and narrows the stretch at the end. */
#ifndef CPU_MAP_H
#define CPU_MAP_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/simd/maps.h"

static inline bool map_is_half(const tensor *t)
{
    return t && t->type == DT_BF16;
}

static inline map map_of(const tensor *t, void *at)
{
    return t ? (map){at, map_is_half(t), dtype_size(t->type)} : (map){0};
}

static inline map map_in(const node *n, void *const *in, int k)
{
    return k < n->n_in ? map_of(n->in[k], in[k]) : (map){0};
}

static inline map map_out(const node *n, void *const *out, int k)
{
    return k < n->n_out ? map_of(n->out[k], out[k]) : (map){0};
}

/* Returns where to write the elements from `at` on as float32: the map itself, or `room` if it is bfloat16. Call
 * map_written afterwards. NULL: there is no map. */
static inline float *map_write(map m, int64_t at, float *room)
{
    return m.half ? room : m.at ? (float *)m.at + at : NULL;
}

static inline void map_written(const simd_table *v, map m, int64_t at, int64_t n, const float *from)
{
    if (m.half)
        v->narrow(from, (uint16_t *)m.at + at, n);
}

/* Copies elements between maps, with a cast between float32 and bfloat16; maps of other types must have the same
 * type. */
static inline void map_copy(const simd_table *v, map to, int64_t to_at, map from, int64_t from_at, int64_t n)
{
    if (from.half == to.half)
        memcpy((char *)to.at + (size_t)to_at * to.size, (const char *)from.at + (size_t)from_at * from.size,
               (size_t)n * to.size);
    else if (from.half)
        v->widen((const uint16_t *)from.at + from_at, (float *)to.at + to_at, n);
    else
        v->narrow((const float *)from.at + from_at, (uint16_t *)to.at + to_at, n);
}

#endif
