#include "data/scenes/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/str.h"

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static cseg_status add(arena *mem, regions *to, region r, cseg_error *err)
{
    if (r.h < 1 || r.w < 1)
        return CSEG_OK;
    return vec_push(mem, to, r) ? CSEG_OK : fail_memory(err);
}

int64_t regions_area(const regions *r)
{
    int64_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->at[i].h * r->at[i].w;
    return n;
}

int64_t regions_overlap(const regions *r, region a)
{
    int64_t n = 0;
    for (size_t i = regions_first(r, a.y); i < r->n && r->at[i].y < a.y + a.h; i++)
        n += region_overlap(r->at[i], a);
    return n;
}

size_t regions_first(const regions *r, int64_t y)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->at[middle].y + r->at[middle].h <= y)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- parts --------------------------------------------------------------------------------------------------- */

static cseg_status split_straight(const scene_split *how, int64_t h, int64_t w, arena *mem, regions parts[SCENE_PARTS],
                                  cseg_error *err)
{
    bool rows = how->by == SPLIT_ROWS;
    int64_t length = rows ? h : w;
    int64_t test = (int64_t)llround((double)length * how->share[PART_TEST]);
    int64_t val = least((int64_t)llround((double)length * how->share[PART_VAL]), length - test);
    const int64_t n[SCENE_PARTS] = {length - val - test, val, test};
    int64_t from = 0;
    for (int p = 0; p < SCENE_PARTS; p++) {
        region r = rows ? (region){from, 0, n[p], w} : (region){0, from, h, n[p]};
        TRY(add(mem, &parts[p], r, err));
        from += n[p];
    }
    return CSEG_OK;
}

/* How many of n blocks a share takes: its whole part, and one more as often as the rest of it says. */
static int64_t blocks_of(double share, int64_t n, rng *r)
{
    double exact = share * (double)n, u = rng_uniform(r);
    int64_t k = (int64_t)floor(exact + u);
    if (share > 0 && k == 0 && n >= SCENE_PARTS)
        k = 1;
    return least(k, n);
}

/* Draws the part of each block. */
static uint8_t *draw_blocks(const scene_split *how, const char *name, int64_t n, arena *mem)
{
    uint8_t *part = ARENA_ARRAY(mem, (size_t)n, uint8_t);
    int64_t *order = ARENA_ARRAY(mem, (size_t)n, int64_t);
    rng r = rng_derive(how->seed, str_fnv1a64(name, strlen(name)), (uint64_t)n);
    if (!part || !order)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t k = rng_below(&r, i + 1), kept = order[i];
        order[i] = order[k];
        order[k] = kept;
    }
    int64_t val = blocks_of(how->share[PART_VAL], n, &r), test = blocks_of(how->share[PART_TEST], n, &r);
    for (int64_t i = 0; i < n; i++)
        part[order[i]] = i < val ? PART_VAL : i < val + test ? PART_TEST : PART_TRAIN;
    return part;
}

/* Neighbours in a row that belong to one part become one rectangle. */
static cseg_status add_cells(const uint8_t *part, int64_t side, int64_t h, int64_t w, arena *mem,
                             regions parts[SCENE_PARTS], cseg_error *err)
{
    int64_t rows = (h + side - 1) / side, columns = (w + side - 1) / side;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0, end; k < columns; k = end) {
            const uint8_t *row = part + i * columns;
            for (end = k + 1; end < columns && row[end] == row[k];)
                end++;
            region r = {i * side, k * side, least(side, h - i * side), least(end * side, w) - k * side};
            TRY(add(mem, &parts[row[k]], r, err));
        }
    return CSEG_OK;
}

cseg_status regions_split(const scene_split *how, const char *name, int64_t h, int64_t w, arena *mem,
                          regions parts[SCENE_PARTS], cseg_error *err)
{
    if (how->by == SPLIT_NONE)
        return add(mem, &parts[PART_TRAIN], (region){0, 0, h, w}, err);
    if (how->by == SPLIT_ROWS || how->by == SPLIT_COLUMNS)
        return split_straight(how, h, w, mem, parts, err);
    const uint8_t *part = how->cells;
    if (how->by == SPLIT_BLOCKS) {
        int64_t n = ((h + how->block - 1) / how->block) * ((w + how->block - 1) / how->block);
        part = draw_blocks(how, name, n, mem);
        if (!part)
            return fail_memory(err);
    }
    return add_cells(part, how->block, h, w, mem, parts, err);
}

/* ---- corners of crops ------------------------------------------------------------------------------------------ */

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int by_left(const void *a, const void *b)
{
    return by_number(&((const region *)a)->x, &((const region *)b)->x);
}

/* The corners from which a crop would come too near to r. */
static region forbidden(region r, int64_t crop_h, int64_t crop_w, int64_t gap)
{
    return (region){r.y - gap - crop_h + 1, r.x - gap - crop_w + 1, r.h + 2 * gap + crop_h - 1,
                    r.w + 2 * gap + crop_w - 1};
}

/* Appends what is free of rows y ... y + n - 1, through all of which the same rectangles go. Equal pieces above one
 * another become one. */
static cseg_status add_free(int64_t y, int64_t n, int64_t w, region *busy, size_t n_busy, size_t *row, arena *mem,
                            regions *out, cseg_error *err)
{
    size_t begun = out->n;
    int64_t x = 0;
    if (n_busy)
        qsort(busy, n_busy, sizeof *busy, by_left);
    for (size_t i = 0; i < n_busy && x < w; i++) {
        TRY(add(mem, out, (region){y, x, n, least(busy[i].x, w) - x}, err));
        x = most(x, busy[i].x + busy[i].w);
    }
    TRY(add(mem, out, (region){y, x, n, w - x}, err));
    bool same = begun - *row == out->n - begun;
    for (size_t i = begun; same && i < out->n; i++) {
        const region *a = &out->at[*row + i - begun], *b = &out->at[i];
        same = a->x == b->x && a->w == b->w && a->y + a->h == y;
    }
    if (!same) {
        *row = begun;
        return CSEG_OK;
    }
    for (size_t i = *row; i < begun; i++)
        out->at[i].h += n;
    out->n = begun;
    return CSEG_OK;
}

cseg_status regions_corners(int64_t h, int64_t w, int64_t crop_h, int64_t crop_w, const regions parts[SCENE_PARTS],
                            int64_t gap, arena *mem, regions *out, cseg_error *err)
{
    int64_t rows = h - crop_h + 1, columns = w - crop_w + 1;
    size_t n = parts[PART_VAL].n + parts[PART_TEST].n, n_cuts = 0, row = out->n;
    if (rows < 1 || columns < 1)
        return CSEG_OK;
    arena *own = arena_new();
    if (!own)
        return fail_memory(err);
    cseg_status status = CSEG_OK;
    region *held = ARENA_ARRAY(own, n + 1, region), *busy = ARENA_ARRAY(own, n + 1, region);
    int64_t *cuts = ARENA_ARRAY(own, 2 * n + 2, int64_t);
    if (!held || !busy || !cuts) {
        status = fail_memory(err);
        goto done;
    }
    n = 0;
    cuts[n_cuts++] = 0;
    cuts[n_cuts++] = rows;
    for (int p = PART_VAL; p < SCENE_PARTS; p++)
        for (size_t i = 0; i < parts[p].n; i++) {
            region f = forbidden(parts[p].at[i], crop_h, crop_w, gap);
            held[n++] = f;
            cuts[n_cuts++] = most(0, least(f.y, rows));
            cuts[n_cuts++] = most(0, least(f.y + f.h, rows));
        }
    qsort(cuts, n_cuts, sizeof *cuts, by_number);
    for (size_t k = 0; k + 1 < n_cuts; k++) {
        size_t n_busy = 0;
        if (cuts[k] == cuts[k + 1])
            continue;
        for (size_t i = 0; i < n; i++)
            if (held[i].y <= cuts[k] && held[i].y + held[i].h > cuts[k])
                busy[n_busy++] = held[i];
        TRY_DONE(add_free(cuts[k], cuts[k + 1] - cuts[k], columns, busy, n_busy, &row, mem, out, err));
    }
done:
    arena_free(own);
    return status;
}

/* ---- windows --------------------------------------------------------------------------------------------------- */

/* One axis: piece i of `n` positions from a on. */
typedef struct axis {
    int64_t a, n;      /* what counts */
    int64_t low, high; /* where windows may lie */
    int64_t size, step, pieces;
} axis;

static axis axis_of(int64_t a, int64_t n, int64_t length, int64_t crop, int64_t context)
{
    axis x = {.a = a, .n = n, .low = context ? 0 : a, .high = context ? length : a + n};
    x.size = least(crop, x.high - x.low);
    x.step = x.size == x.high - x.low ? n : crop - 2 * context; /* one window sees it all */
    x.pieces = (n + x.step - 1) / x.step;
    return x;
}

static void piece(const axis *x, int64_t i, int64_t context, int64_t *at, int64_t *own, int64_t *n)
{
    *own = x->a + i * x->step;
    *n = least(x->step, x->a + x->n - *own);
    *at = most(x->low, least(*own - context, x->high - x->size));
}

cseg_status regions_windows(const regions *part, int64_t h, int64_t w, int64_t crop_h, int64_t crop_w, int64_t context,
                            arena *mem, counted_windows *out, cseg_error *err)
{
    for (size_t k = 0; k < part->n; k++) {
        region r = part->at[k];
        axis down = axis_of(r.y, r.h, h, crop_h, context), across = axis_of(r.x, r.w, w, crop_w, context);
        for (int64_t i = 0; i < down.pieces; i++)
            for (int64_t j = 0; j < across.pieces; j++) {
                counted_window one = {.at = {.h = down.size, .w = across.size}};
                piece(&down, i, context, &one.at.y, &one.own.y, &one.own.h);
                piece(&across, j, context, &one.at.x, &one.own.x, &one.own.w);
                if (!vec_push(mem, out, one))
                    return fail_memory(err);
            }
    }
    return CSEG_OK;
}
