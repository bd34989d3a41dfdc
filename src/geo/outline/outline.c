#include "geo/outline/internal.h"

#include <limits.h>

static void release(void *arg)
{
    outline *o = arg;
    mem_free(o->walk.at);
    mem_free(o->out.at);
    mem_free(o->slots);
    simplify_free(o->simplifier);
    *o = (outline){.failed = true};
}

cseg_status outline_new(const outline_options *how, arena *mem, outline **out, cseg_error *err)
{
    if (how->w < 1 || how->h < 1 || how->w > INT_MAX - 2 || how->h > INT_MAX - 2)
        return fail(err, CSEG_SHAPE, "a raster of %lld x %lld pixels has no outlines", (long long)how->w,
                    (long long)how->h);
    outline *o = ARENA_NEW(mem, outline);
    if (!o || !arena_defer(mem, release, o))
        return fail_memory(err);
    o->o = *how;
    o->mem = mem;
    o->strands.size = sizeof(strand);
    o->chunks.size = sizeof(chunk);
    o->parts.size = sizeof(part);
    o->groups.size = sizeof(group);
    if (how->tolerance > 0.0)
        TRY(simplify_begin(o, err));
    run nothing = {-1, -1, NONE, NONE};
    *out = o;
    return vec_push(mem, &o->below, nothing) ? CSEG_OK : fail_memory(err);
}

/* labels NULL: there is nothing. */
static cseg_status read_runs(outline *o, const int32_t *labels, cseg_error *err)
{
    run_list *l = &o->below;
    int32_t w = (int32_t)o->o.w, before = -1;
    run r = {-1, -1, NONE, NONE};
    l->n = 0;
    bool good = vec_push(o->mem, l, r);
    for (int32_t x = 0; labels && x < w && good; x++) {
        int32_t label = labels[x] < 0 ? -1 : labels[x];
        if (label == before)
            continue;
        r = (run){x, label, NONE, NONE};
        good = vec_push(o->mem, l, r);
        before = label;
    }
    r = (run){w, -1, NONE, NONE};
    if (good && before >= 0)
        good = vec_push(o->mem, l, r);
    return good ? CSEG_OK : fail_memory(err);
}

static cseg_status sweep(outline *o, const int32_t *labels, const uint8_t *scores, cseg_error *err)
{
    bool ended = true;
    run_list t = o->above;
    o->above = o->below;
    o->below = t;
    TRY(read_runs(o, labels, err));
    TRY(parts_assign(o, scores, err));
    TRY(trace_row(o, err));
    TRY(parts_close(o, err));
    if (o->simplifier)
        TRY(simplify_row(o, &ended, err));
    if (ended)
        TRY(rings_emit(o, err));
    o->y++;
    return CSEG_OK;
}

cseg_status outline_row(outline *o, const int32_t *labels, const uint8_t *scores, cseg_error *err)
{
    if (o->failed || o->y >= o->o.h)
        return fail(err, CSEG_USAGE, "outlines get one row after the other, and each once");
    cseg_status status = sweep(o, labels, scores, err);
    if (status == CSEG_OK && o->y == o->o.h)
        status = sweep(o, NULL, NULL, err);
    o->failed = status != CSEG_OK;
    return status;
}

void outline_dropped(const outline *o, int64_t *shapes, int64_t *pixels)
{
    *shapes = o->dropped;
    *pixels = o->dropped_pixels;
}
