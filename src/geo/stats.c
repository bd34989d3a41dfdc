#include "geo/stats.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "io/image/image_quantile.h"
#include "io/raster/raster.h"

/* Bytes of samples in a window, and windows that a thread gets before sums are joined. */
enum { WINDOW_BYTES = 16 << 20, WINDOWS_EACH = 4, MOST_THREADS = 64 };

typedef struct span {
    int64_t y, x, h, w;
} span;

/* One scene and its windows. */
typedef struct place {
    const char *path, *mask;
    int64_t h, w, win_h, win_w, across, first, n; /* windows, numbered through all scenes */
    image_nodata nodata;
} place;

/* What one thread has open, and room for a window. */
typedef struct reader {
    arena *mem;
    const place *of;
    raster *scene, *mask;
    image pixels, labels;
    uint8_t *holes, *skip, *none;
    int64_t room;
} reader;

/* Sums of one window. */
typedef struct window_sums {
    stats_moments *band;  /* [bands] */
    stats_moments *class; /* [STATS_CLASSES][bands] or NULL */
    int64_t *nodata;      /* [bands] */
    int64_t labels[STATS_CLASSES];
    int64_t pixels;
} window_sums;

typedef struct job {
    const stats_options *o;
    arena *mem;
    stats_report *out;
    place *places;
    image_quantile **q; /* [bands] */
    pthread_mutex_t *lock;
    int n_locks;
    int threads, pass;
    int64_t total, chosen; /* windows; those that are read */
    window_sums *sums;     /* of the windows in work */
    /* the windows in work: numbers among the chosen ones */
    int64_t begin, end, next;
    pthread_mutex_t claim;
    cseg_status status; /* of the first window that failed */
    int64_t failed;
    cseg_error error;
} job;

double stats_deviation(const stats_moments *m)
{
    return m->n ? sqrt(m->m2 / (double)m->n) : 0;
}

/* ---- sums ------------------------------------------------------------------------------------------------------ */

static void join(stats_moments *a, const stats_moments *b)
{
    if (b->n == 0)
        return;
    if (a->n == 0) {
        *a = *b;
        return;
    }
    double n = (double)a->n + (double)b->n, d = b->mean - a->mean;
    a->mean += d * ((double)b->n / n);
    a->m2 += b->m2 + d * d * ((double)a->n * ((double)b->n / n));
    a->n += b->n;
    a->min = b->min < a->min ? b->min : a->min;
    a->max = b->max > a->max ? b->max : a->max;
}

static double sample_of(const image *m, int64_t at)
{
    switch (m->type) {
    case IMAGE_U8:
        return ((const uint8_t *)m->data)[at];
    case IMAGE_U16:
        return ((const uint16_t *)m->data)[at];
    case IMAGE_I16:
        return ((const int16_t *)m->data)[at];
    case IMAGE_I32:
        return ((const int32_t *)m->data)[at];
    default:
        return (double)((const float *)m->data)[at];
    }
}

/* Adds a channel's samples to the moments of their class, or all to to[0]: first sums, then squares around the means.
 * to: `stride` apart. */
static void add_moments(const image *m, int64_t channel, const uint8_t *skip, const uint8_t *labels, stats_moments *to,
                        int64_t stride)
{
    int64_t n = m->h * m->w, classes = labels ? STATS_CLASSES : 1;
    for (int64_t c = 0; c < classes; c++)
        to[c * stride] = (stats_moments){.min = INFINITY, .max = -INFINITY};
    for (int64_t i = 0; i < n; i++) {
        if (skip[i])
            continue;
        stats_moments *t = &to[(labels ? labels[i] : 0) * stride];
        double v = sample_of(m, i * m->c + channel);
        t->n++;
        t->mean += v;
        t->min = v < t->min ? v : t->min;
        t->max = v > t->max ? v : t->max;
    }
    for (int64_t c = 0; c < classes; c++)
        if (to[c * stride].n)
            to[c * stride].mean /= (double)to[c * stride].n;
    for (int64_t i = 0; i < n; i++) {
        if (skip[i])
            continue;
        stats_moments *t = &to[(labels ? labels[i] : 0) * stride];
        double d = sample_of(m, i * m->c + channel) - t->mean;
        t->m2 += d * d;
    }
}

/* ---- one window ------------------------------------------------------------------------------------------------ */

static void close_reader(reader *r)
{
    arena_free(r->mem);
    image_release(&r->pixels);
    image_release(&r->labels);
    mem_free(r->holes);
    mem_free(r->skip);
    mem_free(r->none);
    *r = (reader){0};
}

static cseg_status open_scene(const job *j, reader *r, const place *p, cseg_error *err)
{
    if (r->of == p)
        return CSEG_OK;
    arena_free(r->mem);
    r->of = NULL;
    r->mask = NULL;
    r->mem = arena_new();
    if (!r->mem)
        return fail_memory(err);
    TRY(raster_open(p->path, r->mem, &r->scene, err));
    if (j->o->n_bands)
        TRY(raster_select(r->scene, j->o->bands, j->o->n_bands, err));
    if (p->mask)
        TRY(raster_open(p->mask, r->mem, &r->mask, err));
    r->of = p;
    return CSEG_OK;
}

static cseg_status make_room(reader *r, int64_t n, cseg_error *err)
{
    if (n <= r->room)
        return CSEG_OK;
    mem_free(r->holes);
    mem_free(r->skip);
    mem_free(r->none);
    r->room = 0;
    r->holes = mem_alloc_raw((size_t)n);
    r->skip = mem_alloc_raw((size_t)n);
    r->none = mem_alloc_raw((size_t)n);
    if (!r->holes || !r->skip || !r->none)
        return fail_memory(err);
    r->room = n;
    return CSEG_OK;
}

static cseg_status read_window(const job *j, reader *r, span at, cseg_error *err)
{
    image_release(&r->pixels);
    image_release(&r->labels);
    TRY(make_room(r, at.h * at.w, err));
    TRY(image_new(at.h, at.w, j->out->bands, j->out->type, &r->pixels, err));
    TRY(raster_read(r->scene, at.y, at.x, NULL, &r->pixels, err));
    TRY(raster_read_holes(r->scene, at.y, at.x, at.h, at.w, r->holes, NULL, err));
    if (!r->mask)
        return CSEG_OK;
    TRY(image_new(at.h, at.w, 1, IMAGE_U8, &r->labels, err));
    return raster_read(r->mask, at.y, at.x, NULL, &r->labels, err);
}

/* r->skip: 1 where band k has no data. */
static int64_t find_nodata(reader *r, int64_t k)
{
    const image *m = &r->pixels;
    int64_t n = m->h * m->w, count = 0;
    memcpy(r->skip, r->holes, (size_t)n);
    if (r->of->nodata.known && !r->of->nodata.whole) { /* else the holes are the pixels all of whose bands are */
        image_skip_nodata(m, k, m->c, &r->of->nodata, r->none);
        for (int64_t i = 0; i < n; i++)
            r->skip[i] |= r->none[i];
    }
    if (m->type == IMAGE_F32)
        for (int64_t i = 0; i < n; i++)
            r->skip[i] |= !isfinite(((const float *)m->data)[i * m->c + k]);
    for (int64_t i = 0; i < n; i++)
        count += r->skip[i];
    return count;
}

static bool is_counted(image_type t)
{
    return t != IMAGE_I32 && t != IMAGE_F32;
}

static void add_window(job *j, reader *r, window_sums *s, int64_t number)
{
    const image *m = &r->pixels;
    bool quantiles = is_counted(m->type) || j->o->n_percentiles;
    s->pixels = m->h * m->w;
    memset(s->labels, 0, sizeof s->labels);
    for (int64_t i = 0; r->mask && i < s->pixels; i++)
        s->labels[((const uint8_t *)r->labels.data)[i]]++;
    for (int64_t i = 0; i < m->c; i++) {
        int64_t k = (i + number) % m->c; /* threads begin at different bands, whose counts they share */
        s->nodata[k] = find_nodata(r, k);
        if (j->pass == 0 && !is_counted(m->type))
            add_moments(m, k, r->skip, NULL, &s->band[k], 0);
        if (j->pass == 0 && r->mask)
            add_moments(m, k, r->skip, r->labels.data, s->class + k, m->c);
        if (!quantiles)
            continue;
        pthread_mutex_lock(&j->lock[k % j->n_locks]);
        image_quantile_add(j->q[k], m, k, r->skip);
        pthread_mutex_unlock(&j->lock[k % j->n_locks]);
    }
}

/* The window of that number among the chosen ones. */
static const place *find_window(const job *j, int64_t chosen, span *at)
{
    /* Without overflow: total and chosen are below 2^40. */
    int64_t number =
        j->chosen == j->total ? chosen : (int64_t)(((double)chosen + 0.5) * (double)j->total / (double)j->chosen);
    size_t low = 0, high = j->out->scenes;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(number < j->places[middle].first ? &high : &low) = middle;
    }
    const place *p = &j->places[low];
    number -= p->first;
    at->y = number / p->across * p->win_h;
    at->x = number % p->across * p->win_w;
    at->h = p->h - at->y < p->win_h ? p->h - at->y : p->win_h;
    at->w = p->w - at->x < p->win_w ? p->w - at->x : p->win_w;
    return p;
}

static cseg_status do_window(job *j, reader *r, int64_t chosen, cseg_error *err)
{
    span at;
    const place *p = find_window(j, chosen, &at);
    TRY(open_scene(j, r, p, err));
    TRY(read_window(j, r, at, err));
    add_window(j, r, &j->sums[chosen - j->begin], chosen);
    return CSEG_OK;
}

/* ---- all windows ----------------------------------------------------------------------------------------------- */

typedef struct worker {
    job *j;
    reader r;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    job *j = w->j;
    for (;;) {
        pthread_mutex_lock(&j->claim);
        int64_t mine = j->status == CSEG_OK ? j->next++ : j->end;
        pthread_mutex_unlock(&j->claim);
        if (mine >= j->end)
            return NULL;
        cseg_error error = {0};
        cseg_status status = do_window(j, &w->r, mine, &error);
        if (status == CSEG_OK)
            continue;
        pthread_mutex_lock(&j->claim);
        if (j->status == CSEG_OK || mine < j->failed) { /* the first window's error, whoever was faster */
            j->status = status;
            j->failed = mine;
            j->error = error;
        }
        pthread_mutex_unlock(&j->claim);
    }
}

static void run_batch(job *j, worker *workers)
{
    pthread_t threads[MOST_THREADS];
    int n = 0;
    /* The caller works too: where no thread can be made, alone. */
    while (n < j->threads - 1 && pthread_create(&threads[n], NULL, work, &workers[n + 1]) == 0)
        n++;
    work(&workers[0]);
    while (n > 0)
        pthread_join(threads[--n], NULL);
}

/* In the order of windows, so that the sums do not depend on threads. */
static void join_batch(job *j)
{
    stats_report *out = j->out;
    for (int64_t i = 0; j->pass == 0 && i < j->end - j->begin; i++) {
        const window_sums *s = &j->sums[i];
        out->pixels += s->pixels;
        for (int64_t k = 0; k < out->bands; k++) {
            out->band[k].nodata += s->nodata[k];
            if (!is_counted(out->type))
                join(&out->band[k].all, &s->band[k]);
        }
        for (int64_t k = 0; out->by_class && k < STATS_CLASSES * out->bands; k++)
            join(&out->by_class[k], &s->class[k]);
        for (int64_t k = 0; k < STATS_CLASSES; k++)
            out->labels[k] += s->labels[k];
    }
}

static cseg_status run_pass(job *j, worker *workers, int passes, cseg_error *err)
{
    int64_t some = (int64_t)j->threads * WINDOWS_EACH;
    for (j->begin = 0; j->begin < j->chosen; j->begin = j->end) {
        j->end = j->begin + some < j->chosen ? j->begin + some : j->chosen;
        j->next = j->begin;
        run_batch(j, workers);
        if (j->status != CSEG_OK) {
            if (err)
                *err = j->error;
            return j->status;
        }
        join_batch(j);
        if (j->o->progress)
            TRY(j->o->progress(j->o->arg, j->pass * j->chosen + j->end, passes * j->chosen, err));
    }
    return CSEG_OK;
}

static cseg_status run_passes(job *j, worker *workers, cseg_error *err)
{
    double part[STATS_PERCENTILES];
    bool again = true;
    int passes = !is_counted(j->out->type) && j->o->n_percentiles ? 2 : 1;
    for (size_t i = 0; i < j->o->n_percentiles; i++)
        part[i] = j->o->percentiles[i] / 100;
    for (j->pass = 0; again; j->pass++) {
        TRY(run_pass(j, workers, passes, err));
        again = false;
        for (int64_t k = 0; k < j->out->bands; k++) {
            again |= image_quantile_again(j->q[k], part, j->o->n_percentiles);
            if (image_quantile_failed(j->q[k]))
                return fail_memory(err);
        }
    }
    return CSEG_OK;
}

/* ---- from counts ----------------------------------------------------------------------------------------------- */

static void sum_value(void *arg, double v, int64_t n)
{
    stats_moments *m = arg;
    m->min = v < m->min ? v : m->min;
    m->max = v > m->max ? v : m->max;
    m->n += n;
    m->mean += v * (double)n; /* whole numbers, exact up to 2^53 */
}

static void sum_square(void *arg, double v, int64_t n)
{
    stats_moments *m = arg;
    m->m2 += (v - m->mean) * (v - m->mean) * (double)n;
}

static cseg_status finish(job *j, cseg_error *err)
{
    stats_report *out = j->out;
    for (int64_t k = 0; k < out->bands; k++) {
        stats_moments *m = &out->band[k].all;
        double *p = ARENA_ARRAY(j->mem, j->o->n_percentiles + 1, double);
        if (!p)
            return fail_memory(err);
        for (size_t i = 0; i < j->o->n_percentiles; i++)
            p[i] = image_quantile_at(j->q[k], j->o->percentiles[i] / 100);
        out->band[k].percentiles = p;
        if (!is_counted(out->type))
            continue;
        *m = (stats_moments){.min = INFINITY, .max = -INFINITY};
        image_quantile_each(j->q[k], sum_value, m);
        m->mean = m->n ? m->mean / (double)m->n : 0;
        image_quantile_each(j->q[k], sum_square, m);
    }
    return CSEG_OK;
}

/* ---- beforehand ------------------------------------------------------------------------------------------------ */

/* Whole blocks of the file as far as they fit. */
static void cut(place *p, const raster_info *info, image_type type)
{
    int64_t pixels = WINDOW_BYTES / ((int64_t)image_type_size(type) * info->bands);
    int64_t bh = info->block_h > 0 ? info->block_h : 1, bw = info->block_w > 0 ? info->block_w : 1;
    pixels = pixels < 1 ? 1 : pixels;
    if (bw >= info->w && info->w <= pixels) { /* strips */
        p->win_w = info->w;
        p->win_h = pixels / info->w / bh * bh;
        p->win_h = p->win_h < 1 ? pixels / info->w : p->win_h;
    } else {
        int64_t side = (int64_t)sqrt((double)pixels);
        p->win_w = side / bw * bw;
        p->win_w = p->win_w < 1 ? (bw < pixels ? bw : side) : p->win_w;
        p->win_h = pixels / p->win_w / bh * bh;
        p->win_h = p->win_h < 1 ? pixels / p->win_w : p->win_h;
    }
    p->win_h = p->win_h < 1 ? 1 : p->win_h > p->h ? p->h : p->win_h;
    p->win_w = p->win_w < 1 ? 1 : p->win_w > p->w ? p->w : p->win_w;
    p->across = (p->w + p->win_w - 1) / p->win_w;
    p->n = p->across * ((p->h + p->win_h - 1) / p->win_h);
}

static cseg_status check_mask(const job *j, const place *p, raster *scene, arena *mem, cseg_error *err)
{
    raster *mask;
    TRY(raster_open(p->mask, mem, &mask, err));
    const raster_info *m = raster_describe(mask), *s = raster_describe(scene);
    if (m->h != s->h || m->w != s->w)
        return fail(err, CSEG_DATA, "%s is %lld x %lld pixels, its scene %s is %lld x %lld", p->mask, (long long)m->w,
                    (long long)m->h, p->path, (long long)s->w, (long long)s->h);
    if (m->bands != 1 || m->type != IMAGE_U8)
        return fail(err, CSEG_DATA, "%s holds %lld bands of %s, a mask one of 8-bit class numbers", p->mask,
                    (long long)m->bands, m->stored);
    TRY(raster_describe_rpc(mask, err));
    TRY(raster_describe_rpc(scene, err));
    return raster_same_place(p->path, s, p->mask, m, j->o->force, err);
}

static cseg_status look_at_scene(job *j, place *p, bool first, raster_info *info, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    raster *r;
    stats_report *out = j->out;
    arena *mem = arena_new();
    if (!mem)
        return fail_memory(err);
    TRY_DONE(raster_open(p->path, mem, &r, err));
    if (j->o->n_bands)
        TRY_DONE(raster_select(r, j->o->bands, j->o->n_bands, err));
    *info = *raster_describe(r);
    p->h = info->h;
    p->w = info->w;
    p->nodata = (image_nodata){.known = info->has_nodata, .whole = info->type == IMAGE_U8, .value = info->nodata};
    out->type = first ? info->type : image_type_wider(out->type, info->type);
    if (!first && info->bands != out->bands)
        status = fail(err, CSEG_DATA,
                      "%s has %lld bands, %s has %lld: their statistics are of nothing in common; take "
                      "some with --bands, or one kind of scene",
                      p->path, (long long)info->bands, j->places[0].path, (long long)out->bands);
    out->bands = info->bands;
    for (int64_t k = 0; first && status == CSEG_OK && k < info->bands; k++) {
        if (k == 0 && !(out->band = ARENA_ARRAY(j->mem, (size_t)info->bands, stats_band)))
            status = fail_memory(err);
        else if (!(out->band[k].name = arena_strdup(j->mem, info->names[k])))
            status = fail_memory(err);
    }
    if (status == CSEG_OK && p->mask)
        status = check_mask(j, p, r, mem, err);
done:
    arena_free(mem);
    return status;
}

static cseg_status look_at_scenes(job *j, const char *const *paths, size_t n, cseg_error *err)
{
    raster_info *info = ARENA_ARRAY(j->mem, n, raster_info);
    j->places = ARENA_ARRAY(j->mem, n, place);
    if (!info || !j->places)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        j->places[i] = (place){.path = paths[i], .mask = j->o->masks ? j->o->masks[i] : NULL};
        TRY(look_at_scene(j, &j->places[i], i == 0, &info[i], err));
    }
    for (size_t i = 0; i < n; i++) {
        cut(&j->places[i], &info[i], j->out->type);
        j->places[i].first = j->total;
        j->total += j->places[i].n;
    }
    j->chosen = j->o->sample > 0 && j->o->sample < j->total ? j->o->sample : j->total;
    j->out->scenes = n;
    j->out->windows = j->chosen;
    j->out->windows_all = j->total;
    return CSEG_OK;
}

static int threads_of(const job *j)
{
    int64_t n = j->o->threads > 0 ? j->o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    n = n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : n;
    return (int)(n < j->chosen ? n : j->chosen);
}

static cseg_status make_sums(job *j, cseg_error *err)
{
    size_t bands = (size_t)j->out->bands, n = (size_t)j->threads * WINDOWS_EACH;
    j->sums = ARENA_ARRAY(j->mem, n, window_sums);
    j->q = ARENA_ARRAY(j->mem, bands, image_quantile *);
    if (!j->sums || !j->q)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        window_sums *s = &j->sums[i];
        s->band = ARENA_ARRAY(j->mem, bands, stats_moments);
        s->nodata = ARENA_ARRAY(j->mem, bands, int64_t);
        s->class = j->o->masks ? ARENA_ARRAY(j->mem, bands * STATS_CLASSES, stats_moments) : NULL;
        if (!s->band || !s->nodata || (j->o->masks && !s->class))
            return fail_memory(err);
    }
    if (j->o->masks && !(j->out->by_class = ARENA_ARRAY(j->mem, bands * STATS_CLASSES, stats_moments)))
        return fail_memory(err);
    for (size_t k = 0; k < bands; k++)
        TRY(image_quantile_new(j->out->type, &j->q[k], err));
    return CSEG_OK;
}

static cseg_status run_all(job *j, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    worker workers[MOST_THREADS];
    pthread_mutex_t locks[MOST_THREADS];
    memset(workers, 0, sizeof workers);
    j->threads = threads_of(j);
    j->lock = locks;
    j->n_locks = MOST_THREADS;
    for (int i = 0; i < MOST_THREADS; i++) {
        pthread_mutex_init(&locks[i], NULL);
        workers[i].j = j;
    }
    pthread_mutex_init(&j->claim, NULL);
    TRY_DONE(make_sums(j, err));
    TRY_DONE(run_passes(j, workers, err));
    status = finish(j, err);
done:
    for (int i = 0; i < MOST_THREADS; i++) {
        pthread_mutex_destroy(&locks[i]);
        close_reader(&workers[i].r);
    }
    pthread_mutex_destroy(&j->claim);
    for (int64_t k = 0; j->q && k < j->out->bands; k++)
        image_quantile_free(j->q[k]);
    return status;
}

cseg_status stats_run(const char *const *paths, size_t n, const stats_options *options, arena *mem, stats_report *out,
                      cseg_error *err)
{
    *out = (stats_report){0};
    job j = {.o = options, .mem = mem, .out = out};
    if (n < 1)
        return fail(err, CSEG_USAGE, "there is no scene");
    if (options->n_percentiles > STATS_PERCENTILES)
        return fail(err, CSEG_USAGE, "at most %d percentiles are computed at once", (int)STATS_PERCENTILES);
    TRY(look_at_scenes(&j, paths, n, err));
    return run_all(&j, err);
}
