#include "backend/cpu/interpolation.h"

#include "base/bilinear.h"

/* Nearest neighbour, as PyTorch computes it. */
static float nearest_position(int64_t i, int64_t in, int64_t out, double scale)
{
    if (in == out)
        return (float)i; /* whatever the given scale is */
    if (out == 2 * in)
        return (float)(i / 2);
    float step = scale > 0 ? (float)(1.0 / scale) : (float)in / (float)out;
    float at = (float)(int64_t)((float)i * step);
    return at > (float)(in - 1) ? (float)(in - 1) : at;
}

bool interpolation_init(interpolation *p, int64_t in, int64_t out, bool align_corners, bool nearest, double scale,
                        arena *mem)
{
    *p = (interpolation){.in = in, .out = out};
    p->i0 = ARENA_ARRAY(mem, (size_t)out, int32_t);
    p->i1 = ARENA_ARRAY(mem, (size_t)out, int32_t);
    p->w = ARENA_ARRAY(mem, (size_t)out, float);
    p->first = ARENA_ARRAY(mem, (size_t)in, int32_t);
    p->last = ARENA_ARRAY(mem, (size_t)in, int32_t);
    if (!p->i0 || !p->i1 || !p->w || !p->first || !p->last)
        return false;
    for (int64_t i = 0; i < out; i++) {
        float at = nearest ? nearest_position(i, in, out, scale) : bilinear_position(i, in, out, align_corners, scale);
        bilinear_source from = bilinear_source_at(at, in);
        p->i0[i] = from.low;
        p->i1[i] = from.high;
        p->w[i] = from.t;
    }
    for (int64_t r = 0; r < in; r++) {
        p->first[r] = (int32_t)out;
        p->last[r] = -1;
    }
    for (int64_t i = 0; i < out; i++)
        for (int k = 0; k < 2; k++) {
            int32_t r = k ? p->i1[i] : p->i0[i];
            if (p->first[r] > i)
                p->first[r] = (int32_t)i;
            p->last[r] = (int32_t)i;
        }
    return true;
}
