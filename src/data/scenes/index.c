#include "data/scenes/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "base/usage.h"
#include "data/scenes/index_cache.h"

enum { LEAST_SIDE = 64, MOST_CELLS = 1 << 20, MOST_COUNTS = 1 << 24, WINDOW_BYTES = 64 << 20, TELL_EVERY = 10 };

typedef struct counter {
    const scene_index_options *how;
    scene_index *x;
    arena *mem;
    uint32_t *counts; /* [INDEX_VALUES], all 0 between squares */
    uint32_t *seen;   /* values that this square has */
    int64_t n_seen;
    size_t room; /* of x->counts */
    double told;
} counter;

region scene_index_square(const scene_index *x, int64_t cell)
{
    region r = {cell / x->columns * x->side, cell % x->columns * x->side, x->side, x->side};
    r.h = r.y + r.h > x->h ? x->h - r.y : r.h;
    r.w = r.x + r.w > x->w ? x->w - r.x : r.w;
    return r;
}

int64_t scene_index_count(const scene_index *x, int64_t cell, uint32_t value)
{
    const index_cell *c = &x->cells[cell];
    for (uint32_t i = c->first; i < c->first + c->n; i++)
        if (x->counts[i].value == value)
            return x->counts[i].count;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void note(counter *c, uint32_t v)
{
    if (c->counts[v]++ == 0)
        c->seen[c->n_seen++] = v;
}

static cseg_status count_one(counter *c, const image *m, int64_t y, int64_t x, region window, cseg_error *err)
{
    double v = image_get(m, y, x, 0);
    if (!(v >= 0 && v < INDEX_NO_DATA) || v != floor(v))
        return fail(err, CSEG_DATA, "%s: pixel (row %lld, column %lld) is %g; labels are whole numbers of 0 to %d",
                    c->how->name, (long long)(window.y + y), (long long)(window.x + x), v, INDEX_NO_DATA - 1);
    note(c, (uint32_t)v);
    return CSEG_OK;
}

/* Moves the counts of a square behind those that there are. */
static cseg_status keep_cell(counter *c, int64_t cell, cseg_error *err)
{
    scene_index *x = c->x;
    if (x->n_counts + c->n_seen > MOST_COUNTS)
        return fail(err, CSEG_DATA,
                    "%s holds too many different values to be labels (more than %d in squares of %lld pixels): is it a "
                    "picture?",
                    c->how->name, MOST_COUNTS, (long long)x->side);
    x->counts = arena_grow(c->mem, x->counts, (size_t)x->n_counts, &c->room, (size_t)(x->n_counts + c->n_seen),
                           sizeof *x->counts);
    if (!x->counts)
        return fail_memory(err);
    if (c->n_seen)
        qsort(c->seen, (size_t)c->n_seen, sizeof *c->seen, by_value);
    x->cells[cell] = (index_cell){(uint32_t)x->n_counts, (uint32_t)c->n_seen};
    for (int64_t i = 0; i < c->n_seen; i++) {
        x->counts[x->n_counts++] = (index_count){c->seen[i], c->counts[c->seen[i]]};
        c->counts[c->seen[i]] = 0;
    }
    c->n_seen = 0;
    return CSEG_OK;
}

static cseg_status count_cell(counter *c, int64_t cell, region window, const image *m, const uint8_t *holes,
                              cseg_error *err)
{
    region r = scene_index_square(c->x, cell);
    for (int64_t y = r.y - window.y; y < r.y - window.y + r.h; y++)
        for (int64_t x = r.x - window.x; x < r.x - window.x + r.w; x++) {
            if (holes[y * window.w + x])
                note(c, INDEX_NO_DATA);
            else if (m->type == IMAGE_U8)
                note(c, *image_u8(m, y, x));
            else
                TRY(count_one(c, m, y, x, window, err));
        }
    return keep_cell(c, cell, err);
}

static cseg_status count_window(counter *c, region window, cseg_error *err)
{
    image m = {0};
    cseg_status status = CSEG_OK;
    const scene_index *x = c->x;
    uint8_t *holes = mem_alloc_raw((size_t)(window.h * window.w));
    if (!holes)
        return fail_memory(err);
    TRY_DONE(c->how->read(c->how->arg, window, &m, holes, err));
    if (m.c != 1 || m.h != window.h || m.w != window.w) {
        status = fail(err, CSEG_DATA,
                      "%s has %lld channels where labels have one; a picture in colours is to be converted by its "
                      "palette",
                      c->how->name, (long long)m.c);
        goto done;
    }
    for (int64_t y = window.y; y < window.y + window.h; y += x->side)
        for (int64_t k = window.x; k < window.x + window.w; k += x->side)
            TRY_DONE(count_cell(c, scene_index_cell(x, y, k), window, &m, holes, err));
done:
    image_release(&m);
    mem_free(holes);
    return status;
}

/* Between windows: somebody may want to end it, or to know how far it is. */
static cseg_status go_on(counter *c, int64_t row, cseg_error *err)
{
    const scene_index_options *how = c->how;
    if (how->stop && how->stop(how->stop_arg))
        return fail(err, CSEG_INTERRUPTED, "the look at the labels was interrupted");
    if (usage_seconds() - c->told < TELL_EVERY)
        return CSEG_OK;
    c->told = usage_seconds();
    log_say(LOG_INFO, "%s: looked at %.0f %% of its labels", how->name, 100.0 * (double)row / (double)how->h);
    return CSEG_OK;
}

/* Side of the windows: whole squares, and not more memory than WINDOW_BYTES. */
static int64_t window_side(const scene_index_options *how, int64_t side)
{
    int64_t n = side < 1024 ? 1024 : side;
    while (n > side && n * n * (how->bytes + 8) > WINDOW_BYTES)
        n /= 2;
    return n;
}

static cseg_status count_all(counter *c, cseg_error *err)
{
    const scene_index_options *how = c->how;
    int64_t side = window_side(how, c->x->side);
    for (int64_t y = 0; y < how->h; y += side)
        for (int64_t x = 0; x < how->w; x += side) {
            TRY(go_on(c, y, err));
            TRY(count_window(
                c, (region){y, x, how->h - y < side ? how->h - y : side, how->w - x < side ? how->w - x : side}, err));
        }
    return CSEG_OK;
}

static cseg_status begin(const scene_index_options *how, arena *mem, scene_index *out, cseg_error *err)
{
    *out = (scene_index){.h = how->h, .w = how->w, .side = LEAST_SIDE};
    int64_t most = how->most_cells ? how->most_cells : MOST_CELLS;
    do {
        out->rows = (how->h + out->side - 1) / out->side;
        out->columns = (how->w + out->side - 1) / out->side;
    } while (out->rows * out->columns > most && (out->side *= 2));
    out->cells = ARENA_ARRAY(mem, (size_t)(out->rows * out->columns), index_cell);
    return out->cells ? CSEG_OK : fail_memory(err);
}

cseg_status scene_index_make(const scene_index_options *how, arena *mem, scene_index *out, cseg_error *err)
{
    TRY(begin(how, mem, out, err));
    if (how->cache_file && index_cache_read(how, mem, out))
        return CSEG_OK;
    counter c = {.how = how, .x = out, .mem = mem, .told = usage_seconds()};
    c.counts = mem_alloc(INDEX_VALUES * sizeof *c.counts);
    c.seen = mem_alloc(INDEX_VALUES * sizeof *c.seen);
    cseg_status status = c.counts && c.seen ? count_all(&c, err) : fail_memory(err);
    mem_free(c.counts);
    mem_free(c.seen);
    if (status == CSEG_OK && how->cache_file)
        index_cache_write(how, out, mem);
    return status;
}
