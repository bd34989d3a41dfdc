/* Maps that lie in memory as float32 or as bfloat16 (simd/maps.h). Most kernels take either as it is. One that knows
 * float32 alone goes through its maps in stretches: of a bfloat16 one, a stretch is widened into a small room that
 * stays in the L1 cache, and the result is narrowed from one. Of a float32 map the stretch is the map's own memory, of
 * any length. */
#ifndef CPU_MAP_H
#define CPU_MAP_H

#include "backend/cpu/cpu.h"
#include "backend/cpu/simd/maps.h"

enum { MAP_ROOM = 1024 }; /* floats: five rooms are 20 KiB */

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

/* Elements at ... at + n - 1, to be read. room: n floats. NULL: there is no map. */
static inline const float *map_read(const simd_table *v, map m, int64_t at, int64_t n, float *room)
{
    if (!m.half)
        return m.at ? (const float *)m.at + at : NULL;
    v->widen((const uint16_t *)m.at + at, room, n);
    return room;
}

/* Where the elements from `at` on are to be written; behind that, map_written. NULL: there is no map. */
static inline float *map_write(map m, int64_t at, float *room)
{
    return m.half ? room : m.at ? (float *)m.at + at : NULL;
}

static inline void map_written(const simd_table *v, map m, int64_t at, int64_t n, const float *from)
{
    if (m.half)
        v->narrow(from, (uint16_t *)m.at + at, n);
}

/* Elements of one map as those of another; maps of other types than float32 and bfloat16 must have the same. */
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
