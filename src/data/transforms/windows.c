#include "data/transforms/windows.h"

#include <math.h>
#include <string.h>

#include "data/transforms/transform.h"

/* Source pixels that a resize holds at a time. */
enum { PART_BYTES = 64 << 20 };

typedef struct window_step {
    const transform *t;
    sample_range range; /* of what comes into it */
} window_step;

/* Geometry, then what is done to each pixel after it. */
typedef struct stage {
    const struct stage *before; /* NULL: the source */
    delayed geometry;           /* of what `before` gives, which is like: a size, channels and a type */
    image like;
    int64_t h, w;
    VEC(window_step) steps;
} stage;

struct windowed {
    arena *mem;
    const window_source *from;
    sample begun; /* its preset: what a view decides for the transforms that are being opened */
    stage *last;
    bool loaded;
    windowed_info info;
};

static int dates_of(const windowed *w)
{
    return w->from->dates == 2 ? 2 : 1;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static cseg_status run_step(const window_step *st, sample *s, cseg_error *err)
{
    if (!st->t->kind->apply)
        return CSEG_OK;
    s->range = st->range;
    cseg_status status = st->t->kind->apply(st->t, s, err);
    s->range.known = false;
    return status == CSEG_OK ? CSEG_OK : fail_within(err, "%s: ", st->t->name);
}

typedef struct asked {
    const windowed *w;
    const stage *of;
} asked;

static cseg_status read_stage(const windowed *w, const stage *g, int64_t y, int64_t x, int64_t h, int64_t n_w,
                              sample *s, cseg_error *err);

/* What the resize after this stage reads: pixels, normalised if that came first. */
static cseg_status read_pixels(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err)
{
    const asked *a = arg;
    sample s = {.mem = a->w->mem, .n_images = dates_of(a->w)};
    cseg_status status = read_stage(a->w, a->of, y, x, h, w, &s, err);
    if (status == CSEG_OK)
        status = sample_need_pixels(&s, err);
    *out = status == CSEG_OK ? s.img : (image){0};
    if (status == CSEG_OK)
        s.img = (image){0};
    sample_release(&s);
    return status;
}

/* Output rows whose source fits PART_BYTES. */
static int64_t rows_at_once(const stage *g, const delayed *d)
{
    double down = (double)g->like.h / (double)g->geometry.full_h,
           across = (double)g->like.w / (double)g->geometry.full_w;
    double row = ((double)d->w * across + 4) * (double)g->like.c * (double)image_type_size(g->like.type);
    double rows = ((double)PART_BYTES / row - 4) / down;
    return rows < 1 ? 1 : rows < (double)d->h ? (int64_t)rows : d->h;
}

static cseg_status read_geometry(const windowed *w, const stage *g, int64_t y, int64_t x, int64_t n_h, int64_t n_w,
                                 image *out, cseg_error *err)
{
    delayed d = g->geometry;
    image like = g->like;
    asked a = {w, g->before};
    resize_source source = {read_pixels, &a};
    TRY(picture_crop(&like, &d, y, x, n_h, n_w, err));
    TRY(imgproc_new(n_h, n_w, like.c, like.type, out, err));
    int64_t most = rows_at_once(g, &d);
    for (int64_t from = 0; from < n_h; from += most) {
        delayed part = d;
        resizer *r;
        part.y += from;
        part.h = n_h - from < most ? n_h - from : most;
        TRY(resizer_open_from(&like, &source, &part, &r, err));
        for (int64_t i = 0; i < part.h; i++)
            memcpy(image_at(out, from + i, 0), resizer_row(r, i), (size_t)image_row_bytes(out));
        resizer_close(r);
    }
    return CSEG_OK;
}

/* *s has its mem and n_images; img is empty. */
static cseg_status read_stage(const windowed *w, const stage *g, int64_t y, int64_t x, int64_t h, int64_t n_w,
                              sample *s, cseg_error *err)
{
    if (g->before)
        TRY(read_geometry(w, g, y, x, h, n_w, &s->img, err));
    else
        TRY(w->from->read(w->from->arg, y, x, h, n_w, &s->img, err));
    s->ori_h = s->img_h = s->pad_h = h;
    s->ori_w = s->img_w = s->pad_w = n_w;
    s->scale_x = s->scale_y = 1;
    s->nodata = w->begun.nodata;
    for (size_t i = 0; i < g->steps.n; i++) {
        s->path = i || g->before ? w->from->path : NULL; /* the loader takes pixels that come from no file */
        TRY(run_step(&g->steps.at[i], s, err));
    }
    s->path = w->from->path;
    return CSEG_OK;
}

cseg_status windowed_read(const windowed *w, int64_t y, int64_t x, int64_t n_h, int64_t n_w, sample *out,
                          cseg_error *err)
{
    if (y < 0 || x < 0 || n_h < 1 || n_w < 1 || n_h > w->info.h - y || n_w > w->info.w - x)
        return fail(err, CSEG_USAGE, "%s: a window of %lld x %lld at row %lld, column %lld does not lie in %lld x %lld",
                    w->from->path, (long long)n_h, (long long)n_w, (long long)y, (long long)x, (long long)w->info.h,
                    (long long)w->info.w);
    out->mem = w->mem;
    out->n_images = dates_of(w);
    return read_stage(w, w->last, y, x, n_h, n_w, out, err);
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static cseg_status refuse(const windowed *w, const transform *t, const char *why, cseg_error *err)
{
    char place[512];
    value at = {.at = t->at};
    return fail(
        err, CSEG_UNSUPPORTED,
        "%s%s %s, so that %s cannot be segmented by windows; take it out of the test pipeline, or cut the scene "
        "into pieces with cseg tile",
        value_place(&at, place), t->name, why, w->from->path);
}

static cseg_status add_step(windowed *w, const transform *t, cseg_error *err)
{
    window_step st = {.t = t};
    if (t->measure) {
        asked a = {w, w->last};
        picture_parts all = {.h = w->last->h, .w = w->last->w, .read = read_pixels, .arg = &a};
        all.looked = w->from->looked;
        all.looked_arg = w->from->arg;
        sample now = {.path = w->from->path, .nodata = w->begun.nodata};
        TRY(sample_nodata(&now, &all.nodata, err));
        if (t->measure(t, &all, w->mem, &st.range, err) != CSEG_OK)
            return fail_within(err, "%s: ", t->name);
    }
    return vec_push(w->mem, &w->last->steps, st) ? CSEG_OK : fail_memory(err);
}

/* Asks the transform what it does to a picture without showing it a pixel. */
static cseg_status add_geometry(windowed *w, const transform *t, cseg_error *err)
{
    uint8_t nothing = 0;
    asked a = {w, w->last};
    image pixel;
    TRY(read_pixels(&a, 0, 0, 1, 1, &pixel, err));
    sample s = {.mem = w->mem, .n_images = dates_of(w), .path = w->from->path};
    s.img = (image){.h = w->last->h, .w = w->last->w, .c = pixel.c, .type = pixel.type, .data = &nothing};
    image_release(&pixel);
    s.preset = w->begun.preset;
    s.nodata = w->begun.nodata;
    if (t->kind->apply(t, &s, err) != CSEG_OK)
        return fail_within(err, "%s: ", t->name);
    if (!s.todo.any)
        return CSEG_OK;
    if (s.todo.flip_x || s.todo.flip_y)
        return refuse(w, t, "flips the whole image", err);
    stage *g = ARENA_NEW(w->mem, stage);
    if (!g)
        return fail_memory(err);
    g->before = w->last;
    g->geometry = s.todo;
    g->like = s.img;
    g->like.data = NULL;
    g->h = s.todo.h;
    g->w = s.todo.w;
    w->last = g;
    if (!w->info.resizer) {
        w->info.resizer = t->name;
        w->info.at = t->at;
    }
    return CSEG_OK;
}

static cseg_status add_all(windowed *w, const transform_list *list, cseg_error *err);

static cseg_status add(windowed *w, const transform *t, cseg_error *err)
{
    bool works = t->kind->apply != NULL;
    if (!w->loaded && works && t->kind->windows != WINDOWS_LOADS && t->kind->windows != WINDOWS_LOADS_PAIR &&
        t->kind->windows != WINDOWS_WHOLE && t->kind->windows != WINDOWS_INNER)
        return fail(err, CSEG_CONFIG, "%s: there is no image yet; put LoadImageFromFile in front of it", t->name);
    switch (t->kind->windows) {
    case WINDOWS_LOADS_PAIR:
        if (dates_of(w) != 2)
            return refuse(w, t, "loads two dates, and there is one", err);
        /* fallthrough */
    case WINDOWS_LOADS:
        if (w->loaded)
            return refuse(w, t, "loads the image once more", err);
        w->loaded = true;
        return add_step(w, t, err);
    case WINDOWS_POINTWISE:
    case WINDOWS_RANGE:
        return add_step(w, t, err);
    case WINDOWS_GEOMETRY:
        return add_geometry(w, t, err);
    case WINDOWS_INNER:
        for (size_t i = 0; i < t->n_inner; i++)
            TRY(add_all(w, &t->inner[i], err));
        return CSEG_OK;
    default:
        return refuse(w, t, "needs the whole image at once", err);
    }
}

static cseg_status add_all(windowed *w, const transform_list *list, cseg_error *err)
{
    for (size_t i = 0; i < list->n; i++)
        TRY(add(w, list->at[i], err));
    return CSEG_OK;
}

static cseg_status describe(windowed *w, cseg_error *err)
{
    sample s = {0};
    w->info.h = w->last->h;
    w->info.w = w->last->w;
    cseg_status status = windowed_read(w, 0, 0, 1, 1, &s, err);
    w->info.c = s.img.c;
    w->info.type = s.img.type;
    w->info.resized = w->info.h != w->from->h || w->info.w != w->from->w;
    sample_release(&s);
    return status;
}

/* Windows of other bands than the loader takes would go unnoticed. */
static cseg_status check_bands(const pipeline *p, const window_source *from, cseg_error *err)
{
    bool same = p->info.n_bands == from->n_bands;
    for (size_t i = 0; same && i < from->n_bands; i++)
        same = p->info.bands[i] == from->bands[i];
    return same ? CSEG_OK
                : fail(err, CSEG_UNSUPPORTED, "%s: the loader's bands cannot be chosen by windows here", from->path);
}

cseg_status windowed_open(const pipeline *p, const window_source *from, arena *mem, windowed **out, cseg_error *err)
{
    image_nodata nodata;
    windowed *w = ARENA_NEW(mem, windowed);
    if (!w || !(w->last = ARENA_NEW(mem, stage)))
        return fail_memory(err);
    w->mem = mem;
    w->from = from;
    w->last->h = from->h;
    w->last->w = from->w;
    TRY(check_bands(p, from, err));
    w->begun.path = from->path;
    TRY(sample_nodata(&w->begun, &nodata, err)); /* once for all windows */
    w->begun.nodata.reduced = p->info.reduced;
    if (p->info.variants > 1)
        return refuse(w, p->views, "makes several views of the image", err);
    TRY(add_all(w, &p->list, err));
    if (p->views) {
        w->begun.img.h = w->last->h;
        w->begun.img.w = w->last->w;
        variant_preset(&p->views->variants[0], &w->begun);
        TRY(add_all(w, &p->views->variants[0].steps, err));
    }
    if (!w->loaded)
        return fail(err, CSEG_CONFIG, "%s: the test pipeline loads no image; put LoadImageFromFile in front",
                    from->path);
    TRY(describe(w, err));
    *out = w;
    return CSEG_OK;
}

const windowed_info *windowed_describe(const windowed *w)
{
    return &w->info;
}
