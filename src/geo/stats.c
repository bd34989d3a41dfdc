#include "geo/stats_internal.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* Bytes of samples in a window, and windows that a thread gets before sums are joined. */
enum { WINDOW_BYTES = 16 << 20, WINDOWS_EACH = 4, MOST_THREADS = 64 };

double stats_deviation(const stats_moments *m)
{
    return m->n ? sqrt(m->m2 / (double)m->n) : 0;
}

/* ---- all windows ----------------------------------------------------------------------------------------------- */

/* The window of that number among the chosen ones. */
static const stats_place *find_window(const stats_job *j, int64_t chosen, stats_span *at)
{
    /* Without overflow: total and chosen are below 2^40. */
    int64_t number =
        j->chosen == j->total ? chosen : (int64_t)(((double)chosen + 0.5) * (double)j->total / (double)j->chosen);
    size_t low = 0, high = j->out->scenes;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(number < j->places[middle].first ? &high : &low) = middle;
    }
    const stats_place *p = &j->places[low];
    number -= p->first;
    at->y = number / p->across * p->win_h;
    at->x = number % p->across * p->win_w;
    at->h = p->h - at->y < p->win_h ? p->h - at->y : p->win_h;
    at->w = p->w - at->x < p->win_w ? p->w - at->x : p->win_w;
    return p;
}

static cseg_status do_window(stats_job *j, stats_reader *r, int64_t chosen, cseg_error *err)
{
    stats_span at;
    const stats_place *p = find_window(j, chosen, &at);
    return stats_window(j, r, p, at, chosen, &j->sums[chosen - j->begin], err);
}

typedef struct worker {
    stats_job *j;
    stats_reader r;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    stats_job *j = w->j;
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

static void run_batch(stats_job *j, worker *workers)
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
static void join_batch(stats_job *j)
{
    stats_report *out = j->out;
    for (int64_t i = 0; j->pass == 0 && i < j->end - j->begin; i++) {
        const stats_sums *s = &j->sums[i];
        out->pixels += s->pixels;
        for (int64_t k = 0; k < out->bands; k++) {
            out->band[k].nodata += s->nodata[k];
            if (!stats_is_counted(out->type))
                stats_join(&out->band[k].all, &s->band[k]);
        }
        for (int64_t k = 0; out->by_class && k < STATS_CLASSES * out->bands; k++)
            stats_join(&out->by_class[k], &s->class[k]);
        for (int64_t k = 0; k < STATS_CLASSES; k++)
            out->labels[k] += s->labels[k];
    }
}

static cseg_status run_pass(stats_job *j, worker *workers, int passes, cseg_error *err)
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

static cseg_status run_passes(stats_job *j, worker *workers, cseg_error *err)
{
    double part[STATS_PERCENTILES];
    bool again = true;
    int passes = !stats_is_counted(j->out->type) && j->o->n_percentiles ? 2 : 1;
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

static cseg_status finish(stats_job *j, cseg_error *err)
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
        if (!stats_is_counted(out->type))
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
static void cut(stats_place *p, const raster_info *info, image_type type)
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

static cseg_status check_mask(const stats_job *j, const stats_place *p, raster *scene, arena *mem, cseg_error *err)
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

static cseg_status look_at_scene(stats_job *j, stats_place *p, bool first, raster_info *info, cseg_error *err)
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

static cseg_status look_at_scenes(stats_job *j, const char *const *paths, size_t n, cseg_error *err)
{
    raster_info *info = ARENA_ARRAY(j->mem, n, raster_info);
    j->places = ARENA_ARRAY(j->mem, n, stats_place);
    if (!info || !j->places)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        j->places[i] = (stats_place){.path = paths[i], .mask = j->o->masks ? j->o->masks[i] : NULL};
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

static int threads_of(const stats_job *j)
{
    int64_t n = j->o->threads > 0 ? j->o->threads : sysconf(_SC_NPROCESSORS_ONLN);
    n = n < 1 ? 1 : n > MOST_THREADS ? MOST_THREADS : n;
    return (int)(n < j->chosen ? n : j->chosen);
}

static cseg_status make_sums(stats_job *j, cseg_error *err)
{
    size_t bands = (size_t)j->out->bands, n = (size_t)j->threads * WINDOWS_EACH;
    j->sums = ARENA_ARRAY(j->mem, n, stats_sums);
    j->q = ARENA_ARRAY(j->mem, bands, image_quantile *);
    if (!j->sums || !j->q)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        stats_sums *s = &j->sums[i];
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

static cseg_status run_all(stats_job *j, cseg_error *err)
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
        stats_reader_close(&workers[i].r);
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
    stats_job j = {.o = options, .mem = mem, .out = out};
    if (n < 1)
        return fail(err, CSEG_USAGE, "there is no scene");
    if (options->n_percentiles > STATS_PERCENTILES)
        return fail(err, CSEG_USAGE, "at most %d percentiles are computed at once", (int)STATS_PERCENTILES);
    TRY(look_at_scenes(&j, paths, n, err));
    return run_all(&j, err);
}
