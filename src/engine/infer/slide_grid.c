#include "engine/infer/slide_grid.h"

#include <math.h>

#include "base/arena.h"

int64_t slide_count(const slide_axis *a)
{
    int64_t beyond = a->size - a->crop + a->stride - 1;
    return (beyond > 0 ? beyond : 0) / a->stride + 1;
}

int64_t slide_start(const slide_axis *a, int64_t i)
{
    int64_t end = i * a->stride + a->crop;
    if (end > a->size)
        end = a->size;
    return end > a->crop ? end - a->crop : 0;
}

int64_t slide_width(const slide_axis *a)
{
    return a->crop < a->size ? a->crop : a->size;
}

/* A squared sine: it falls to nearly 0 at the window's ends, smoothly, so that neither values nor their slopes jump
 * where a window begins. */
static void put_smooth(float *to, int64_t n)
{
    const double pi = 3.14159265358979323846;
    for (int64_t i = 0; i < n; i++) {
        double s = sin(pi * ((double)i + 0.5) / (double)n);
        to[i] = (float)(s * s);
    }
}

/* Up to the middle of the overlap with either neighbour. */
static void put_cut(float *to, const slide_axis *a, int64_t i)
{
    int64_t n = slide_width(a), from = slide_start(a, i), begin = 0, end = a->size;
    if (i > 0)
        begin = (from + slide_start(a, i - 1) + n) / 2;
    if (i + 1 < slide_count(a))
        end = (slide_start(a, i + 1) + from + n) / 2;
    for (int64_t j = 0; j < n; j++)
        to[j] = from + j >= begin && from + j < end ? 1.0f : 0.0f;
}

cseg_status slide_weights_init(slide_weights *w, const slide_axis *a, predict_blend blend, int64_t first, int64_t last,
                               int views, cseg_error *err)
{
    int64_t n = slide_width(a);
    *w = (slide_weights){.first = first, .width = n};
    w->sum = mem_alloc((size_t)a->size * sizeof *w->sum);
    if (blend != BLEND_LOGITS)
        w->of = mem_alloc((size_t)((last - first) * n) * sizeof *w->of);
    if (!w->sum || (blend != BLEND_LOGITS && !w->of)) {
        slide_weights_release(w);
        return fail_memory(err);
    }
    for (int64_t i = first; i < last; i++) {
        float *of = w->of ? w->of + (i - first) * n : NULL;
        if (blend == BLEND_SMOOTH)
            put_smooth(of, n);
        else if (blend == BLEND_CUT)
            put_cut(of, a, i);
        for (int64_t j = 0; j < n; j++)
            w->sum[slide_start(a, i) + j] += (of ? of[j] : 1.0f) * (float)views;
    }
    return CSEG_OK;
}

void slide_weights_release(slide_weights *w)
{
    mem_free(w->of);
    mem_free(w->sum);
    *w = (slide_weights){0};
}

const float *slide_weights_at(const slide_weights *w, int64_t i)
{
    return w->of ? w->of + (i - w->first) * w->width : NULL;
}
