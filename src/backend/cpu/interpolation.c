#include "backend/cpu/interpolation.h"

static void place(interpolation *p, int64_t i, float at)
{
    int64_t low = (int64_t)at;
    if (low > p->in - 1)
        low = p->in - 1;
    p->i0[i] = (int32_t)low;
    p->i1[i] = (int32_t)(low < p->in - 1 ? low + 1 : low);
    p->w[i] = at - (float)low;
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
    float step = scale > 0 ? (float)(1.0 / scale) : (float)in / (float)out;
    if (align_corners && !nearest)
        step = out > 1 ? (float)(in - 1) / (float)(out - 1) : 0;
    for (int64_t i = 0; i < out; i++) {
        float at = align_corners ? (float)i * step : ((float)i + 0.5f) * step - 0.5f;
        if (nearest) {
            at = (float)(int64_t)((float)i * step);
            at = at > (float)(in - 1) ? (float)(in - 1) : at;
        }
        /* Whatever scale was given, as PyTorch. */
        if (in == out)
            at = (float)i;
        else if (nearest && out == 2 * in)
            at = (float)(i / 2);
        place(p, i, at < 0 ? 0 : at);
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
