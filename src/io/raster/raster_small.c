#include "io/raster/raster_small.h"

#include <math.h>
#include <string.h>

#include <gdal.h>

#include "io/image/image_watch.h"
#include "io/raster/gdal_scope.h"
#include "io/raster/raster_types.h"

/* Of the samples that are in memory at once. */
static const int64_t STRIP_BYTES = INT64_C(32) << 20;

/* Areas are counted in whole numbers: a side of the raster is H units times h, so that both its H pixels and the h
 * pixels of the picture are of whole units. */
typedef struct span {
    int64_t first, last; /* pixels, both included */
} span;

/* The pixels of `of` that pixel i of `by` touches, along a side. */
static span touched(int64_t i, int64_t of, int64_t by)
{
    return (span){i * of / by, ((i + 1) * of - 1) / by};
}

/* The units that pixel i of `n` and pixel k of `m` share. */
static int64_t shared(int64_t i, int64_t n, int64_t k, int64_t m)
{
    int64_t from = i * m > k * n ? i * m : k * n, to = (i + 1) * m < (k + 1) * n ? (i + 1) * m : (k + 1) * n;
    return to - from;
}

/* Row y of the raster, which is row `at` of the strip in memory. */
typedef struct strip_row {
    const image *strip;
    const uint8_t *holes; /* NULL: none */
    int64_t at, y;
} strip_row;

/* Takes the rows of a raster, in their order; `add` is called for each pair of a row and a row of the picture that
 * share an area, `finish` when a row of the picture is complete. */
typedef struct row_taker {
    cseg_status (*add)(void *arg, const strip_row *row, int64_t weight, cseg_error *err);
    void (*finish)(void *arg, int64_t row);
    void *arg;
} row_taker;

static cseg_status give_strip(const raster_info *i, int64_t out_h, int64_t y, const image *strip, const uint8_t *holes,
                              const row_taker *to, cseg_error *err)
{
    for (int64_t at = 0; at < strip->h; at++) {
        strip_row row = {strip, holes ? holes + at * strip->w : NULL, at, y + at};
        span s = touched(row.y, out_h, i->h);
        for (int64_t k = s.first; k <= s.last; k++) {
            TRY(to->add(to->arg, &row, shared(row.y, i->h, k, out_h), err));
            if ((k + 1) * i->h <= (row.y + 1) * out_h)
                to->finish(to->arg, k);
        }
    }
    return CSEG_OK;
}

static int64_t strip_rows(const raster_info *i, const image *strip)
{
    int64_t row = i->w * (strip->c * (int64_t)image_type_size(strip->type) + 2), rows = STRIP_BYTES / row;
    if (rows > i->block_h)
        rows -= rows % i->block_h;
    else if (i->block_h * row <=
             4 * STRIP_BYTES) /* else blocks are read again where GDAL has no room for a row of them */
        rows = i->block_h;
    return rows < 1 ? 1 : rows > i->h ? i->h : rows;
}

/* strip: c and type say what is read. */
static cseg_status read_rows(raster *r, const int *bands, int64_t out_h, image strip, const row_taker *to,
                             cseg_error *err)
{
    const raster_info *i = &r->info;
    cseg_status status = CSEG_OK;
    int64_t rows = strip_rows(i, &strip);
    uint8_t *holes = NULL;
    image_watch watch;
    TRY(image_new(rows, i->w, strip.c, strip.type, &strip, err));
    if (!(holes = mem_alloc_raw((size_t)(rows * i->w)))) {
        status = fail_memory(err);
        goto done;
    }
    image_watch_begin(&watch, r->name, i->h, i->w, i->h);
    for (int64_t y = 0, n; y < i->h; y += rows) {
        strip.h = rows < i->h - y ? rows : i->h - y;
        TRY_DONE(raster_read(r, y, 0, bands, &strip, err));
        TRY_DONE(raster_read_holes(r, y, 0, strip.h, i->w, holes, &n, err));
        TRY_DONE(give_strip(i, out_h, y, &strip, n ? holes : NULL, to, err));
        if (image_watch_row(&watch, y + strip.h)) {
            status = image_watch_fail(&watch, err);
            goto done;
        }
    }
done:
    mem_free(holes);
    image_release(&strip);
    return status;
}

/* ---- means ----------------------------------------------------------------------------------------------------- */

typedef struct mean {
    const raster_info *from;
    const uint8_t *palette; /* 256 colours, or NULL */
    image *into;
    float *cover;
    float *values;       /* [W,c] of one row, and [W] 1 where it counts */
    float *counts;       /* behind them */
    double *sums, *area; /* [w,c] and [w] of the row that is being summed */
} mean;

#define COPY_ROW(type)                                                                                                 \
    for (int64_t k = 0; k < n; k++)                                                                                    \
    to[k] = (float)((const type *)from)[k]

static void row_values(const image *m, int64_t row, float *to)
{
    const void *from = image_at(m, row, 0);
    int64_t n = m->w * m->c;
    switch (m->type) {
    case IMAGE_U8:
        COPY_ROW(uint8_t);
        break;
    case IMAGE_U16:
        COPY_ROW(uint16_t);
        break;
    case IMAGE_I16:
        COPY_ROW(int16_t);
        break;
    case IMAGE_I32:
        COPY_ROW(int32_t);
        break;
    default:
        COPY_ROW(float);
        break;
    }
}

static void row_colours(const mean *m, const uint8_t *from, float *to)
{
    for (int64_t x = 0; x < m->from->w; x++)
        for (int k = 0; k < 3; k++)
            to[3 * x + k] = m->palette[3 * from[x] + k];
}

/* Sets the counts, and to 0 what does not count: a pixel without data, or with a sample that is no number. False: all
 * count. */
static bool mark_row(const mean *m, const uint8_t *holes, bool is_float)
{
    int64_t c = m->into->c;
    if (!holes && !is_float)
        return false;
    for (int64_t x = 0; x < m->from->w; x++) {
        bool good = !holes || !holes[x];
        for (int64_t k = 0; good && is_float && k < c; k++)
            good = isfinite(m->values[c * x + k]);
        m->counts[x] = good;
        for (int64_t k = 0; !good && k < c; k++)
            m->values[c * x + k] = 0;
    }
    return true;
}

/* Adds pixels x ... end-1. */
static void add_pixels(const mean *m, bool marked, int64_t x, int64_t end, int64_t to, double weight)
{
    int64_t c = m->into->c;
    for (int64_t k = 0; k < c; k++) {
        double sum = 0;
        for (int64_t i = x; i < end; i++)
            sum += m->values[c * i + k];
        m->sums[c * to + k] += weight * sum;
    }
    double count = marked ? 0 : (double)(end - x);
    for (int64_t i = x; marked && i < end; i++)
        count += m->counts[i];
    m->area[to] += weight * count;
}

static cseg_status add_to_mean(void *arg, const strip_row *row, int64_t weight, cseg_error *err)
{
    (void)err;
    mean *m = arg;
    int64_t w = m->into->w, from = m->from->w;
    if (m->palette)
        row_colours(m, image_u8(row->strip, row->at, 0), m->values);
    else
        row_values(row->strip, row->at, m->values);
    bool marked = mark_row(m, row->holes, row->strip->type == IMAGE_F32);
    for (int64_t to = 0; to < w; to++) {
        span s = touched(to, from, w);
        add_pixels(m, marked, s.first, s.first + 1, to, (double)(weight * shared(s.first, from, to, w)));
        if (s.last > s.first + 1)
            add_pixels(m, marked, s.first + 1, s.last, to, (double)(weight * w));
        if (s.last > s.first)
            add_pixels(m, marked, s.last, s.last + 1, to, (double)(weight * shared(s.last, from, to, w)));
    }
    return CSEG_OK;
}

static void finish_mean(void *arg, int64_t row)
{
    mean *m = arg;
    int64_t w = m->into->w, c = m->into->c;
    double whole = (double)m->from->h * (double)m->from->w;
    for (int64_t x = 0; x < w; x++) {
        m->cover[row * w + x] = (float)(m->area[x] / whole);
        for (int64_t k = 0; k < c; k++)
            image_f32(m->into, row, x)[k] = m->area[x] > 0 ? (float)(m->sums[c * x + k] / m->area[x]) : 0.0f;
    }
    memset(m->sums, 0, (size_t)(w * c) * sizeof *m->sums);
    memset(m->area, 0, (size_t)w * sizeof *m->area);
}

static void full_palette(const raster_info *i, uint8_t to[static 768])
{
    memset(to, 0, 768);
    memcpy(to, i->palette, 3 * (size_t)(i->palette_n < 256 ? i->palette_n : 256));
}

cseg_status raster_read_mean(raster *r, const int *bands, image *into, float *cover, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    arena *mem = arena_new();
    mean m = {.into = into, .cover = cover};
    uint8_t palette[768];
    raster *from = r;
    if (!mem)
        return fail_memory(err);
    TRY_DONE(raster_open_overview(r, into->h, into->w, mem, &from, err));
    m.from = &from->info;
    bool colours = !bands && into->c == 3 && r->info.bands == 1 && r->info.palette && r->info.type == IMAGE_U8;
    if (colours) {
        full_palette(&r->info, palette);
        m.palette = palette;
    }
    m.values = mem_alloc((size_t)(m.from->w * into->c) * sizeof *m.values);
    m.counts = mem_alloc((size_t)m.from->w * sizeof *m.counts);
    m.sums = mem_alloc((size_t)(into->w * into->c) * sizeof *m.sums);
    m.area = mem_alloc((size_t)into->w * sizeof *m.area);
    if (!m.values || !m.counts || !m.sums || !m.area) {
        status = fail_memory(err);
        goto done;
    }
    row_taker to = {add_to_mean, finish_mean, &m};
    image strip = {.c = colours ? 1 : into->c, .type = m.from->type};
    TRY_DONE(read_rows(from, bands, into->h, strip, &to, err));
done:
    mem_free(m.values);
    mem_free(m.counts);
    mem_free(m.sums);
    mem_free(m.area);
    arena_free(mem);
    return status;
}

/* ---- ids ------------------------------------------------------------------------------------------------------- */

typedef struct id_count {
    int32_t id;
    int slot; /* column of `areas` */
    int64_t pixels;
    double area;
} id_count;

typedef struct majority {
    const char *name;
    const raster_ruler *ruler;
    int64_t none; /* an id that stands for no data; -1: there is none */
    int64_t from_w;
    image *into;
    id_count seen[RASTER_MOST_IDS]; /* by rising id */
    int n;
    int slots;      /* room in `areas` for each pixel */
    int64_t *areas; /* [w,slots] of the row that is being summed; slot 0: no data */
    int64_t holes, last_row;
} majority;

static int find_id(const majority *m, int32_t id)
{
    int low = 0, high = m->n;
    while (low < high) {
        int mid = (low + high) / 2;
        if (m->seen[mid].id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static cseg_status more_slots(majority *m, cseg_error *err)
{
    int slots = 2 * m->slots;
    int64_t *areas = mem_alloc((size_t)m->into->w * (size_t)slots * sizeof *areas);
    if (!areas)
        return fail_memory(err);
    for (int64_t x = 0; x < m->into->w; x++)
        memcpy(areas + x * slots, m->areas + x * m->slots, (size_t)m->slots * sizeof *areas);
    mem_free(m->areas);
    m->areas = areas;
    m->slots = slots;
    return CSEG_OK;
}

/* *at: where the id stands in `seen`. */
static cseg_status learn_id(majority *m, int32_t id, int *at, cseg_error *err)
{
    *at = find_id(m, id);
    if (*at < m->n && m->seen[*at].id == id)
        return CSEG_OK;
    if (m->n == RASTER_MOST_IDS)
        return fail(err, CSEG_DATA, "%s: holds more than %d different values, so it is no map of classes", m->name,
                    RASTER_MOST_IDS);
    if (m->n + 1 == m->slots)
        TRY(more_slots(m, err));
    memmove(m->seen + *at + 1, m->seen + *at, (size_t)(m->n - *at) * sizeof *m->seen);
    m->seen[*at] = (id_count){.id = id, .slot = m->n + 1};
    m->n++;
    return CSEG_OK;
}

static int32_t id_at(const image *strip, int64_t row, int64_t x)
{
    const void *p = image_at(strip, row, x);
    switch (strip->type) {
    case IMAGE_U8:
        return *(const uint8_t *)p;
    case IMAGE_U16:
        return *(const uint16_t *)p;
    case IMAGE_I16:
        return *(const int16_t *)p;
    default:
        return *(const int32_t *)p;
    }
}

/* Pixels x ... x+n-1 have one value. */
static void add_run(majority *m, int64_t x, int64_t n, int slot, int64_t weight)
{
    int64_t w = m->into->w, from = x * w, end = (x + n) * w; /* in units */
    span s = {from / m->from_w, (end - 1) / m->from_w};
    for (int64_t to = s.first; to <= s.last; to++) {
        int64_t a = to * m->from_w > from ? to * m->from_w : from;
        int64_t b = (to + 1) * m->from_w < end ? (to + 1) * m->from_w : end;
        m->areas[to * m->slots + slot] += weight * (b - a);
    }
}

static bool is_none(const majority *m, const strip_row *r, int64_t x)
{
    return (r->holes && r->holes[x]) || id_at(r->strip, r->at, x) == m->none;
}

/* The end of the run of equal pixels that begins at x. */
static int64_t run_end(const majority *m, const strip_row *r, int64_t x, bool none)
{
    int32_t id = id_at(r->strip, r->at, x);
    for (x++; x < r->strip->w; x++)
        if (none ? !is_none(m, r, x) : id_at(r->strip, r->at, x) != id || is_none(m, r, x))
            break;
    return x;
}

static void count_run(majority *m, id_count *c, int64_t y, int64_t from, int64_t to)
{
    if (!c) {
        m->holes += to - from;
        return;
    }
    c->pixels += to - from;
    if (m->ruler)
        c->area += m->ruler->area(m->ruler->arg, y, from, to);
}

static cseg_status add_to_majority(void *arg, const strip_row *row, int64_t weight, cseg_error *err)
{
    majority *m = arg;
    bool counted = m->last_row == row->y; /* it also belongs to an earlier row of the picture */
    m->last_row = row->y;
    for (int64_t x = 0, end; x < row->strip->w; x = end) {
        bool none = is_none(m, row, x);
        int at = 0;
        end = run_end(m, row, x, none);
        if (!none)
            TRY(learn_id(m, id_at(row->strip, row->at, x), &at, err));
        if (!counted)
            count_run(m, none ? NULL : &m->seen[at], row->y, x, end);
        add_run(m, x, end - x, none ? 0 : m->seen[at].slot, weight);
    }
    return CSEG_OK;
}

static void finish_majority(void *arg, int64_t row)
{
    majority *m = arg;
    for (int64_t x = 0; x < m->into->w; x++) {
        const int64_t *areas = m->areas + x * m->slots;
        int64_t most = areas[0];
        int32_t id = RASTER_NO_ID;
        for (int i = 0; i < m->n; i++)
            if (areas[m->seen[i].slot] > most) {
                most = areas[m->seen[i].slot];
                id = m->seen[i].id;
            }
        ((int32_t *)m->into->data)[row * m->into->w + x] = id;
    }
    memset(m->areas, 0, (size_t)(m->into->w * m->slots) * sizeof *m->areas);
}

static cseg_status give_found(const majority *m, raster_ids *found, arena *mem, cseg_error *err)
{
    *found = (raster_ids){.n = (size_t)m->n, .holes = m->holes};
    found->id = ARENA_ARRAY(mem, (size_t)m->n, int32_t);
    found->pixels = ARENA_ARRAY(mem, (size_t)m->n, int64_t);
    found->area = ARENA_ARRAY(mem, (size_t)m->n, double);
    if (!found->id || !found->pixels || !found->area)
        return fail_memory(err);
    for (int i = 0; i < m->n; i++) {
        found->id[i] = m->seen[i].id;
        found->pixels[i] = m->seen[i].pixels;
        found->area[i] = m->seen[i].area;
    }
    return CSEG_OK;
}

/* Masks of programs that state no nodata use the greatest number for it, as MMSegmentation's ignore_index. */
static int64_t none_of(const raster_info *i)
{
    return i->has_nodata ? -1 : i->type == IMAGE_U8 ? 255 : 65535;
}

cseg_status raster_read_ids(raster *r, const raster_ruler *ruler, image *into, raster_ids *found, arena *mem,
                            cseg_error *err)
{
    if (r->info.type == IMAGE_F32)
        return fail(err, CSEG_DATA, "%s: holds %s numbers; a map of classes holds integers", r->name, r->info.stored);
    majority *m = mem_alloc(sizeof *m);
    cseg_status status = CSEG_OK;
    if (!m)
        return fail_memory(err);
    *m = (majority){.name = r->name,
                    .ruler = ruler,
                    .none = none_of(&r->info),
                    .from_w = r->info.w,
                    .into = into,
                    .slots = 16,
                    .last_row = -1};
    m->areas = mem_alloc((size_t)(into->w * m->slots) * sizeof *m->areas);
    if (!m->areas) {
        status = fail_memory(err);
        goto done;
    }
    row_taker to = {add_to_majority, finish_majority, m};
    TRY_DONE(read_rows(r, NULL, into->h, (image){.c = 1, .type = r->info.type}, &to, err));
    TRY_DONE(give_found(m, found, mem, err));
done:
    mem_free(m->areas);
    mem_free(m);
    return status;
}
