/* Reads windows of scenes and adds up their samples. */
#include <math.h>
#include <string.h>

#include "geo/stats_internal.h"

/* ---- sums ------------------------------------------------------------------------------------------------------ */

void stats_join(stats_moments *a, const stats_moments *b)
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

void stats_reader_close(stats_reader *r)
{
    arena_free(r->mem);
    image_release(&r->pixels);
    image_release(&r->labels);
    mem_free(r->holes);
    mem_free(r->skip);
    mem_free(r->none);
    *r = (stats_reader){0};
}

static cseg_status open_scene(const stats_job *j, stats_reader *r, const stats_place *p, cseg_error *err)
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

static cseg_status make_room(stats_reader *r, int64_t n, cseg_error *err)
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

static cseg_status read_window(const stats_job *j, stats_reader *r, stats_span at, cseg_error *err)
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
static int64_t find_nodata(stats_reader *r, int64_t k)
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

bool stats_is_counted(image_type t)
{
    return t != IMAGE_I32 && t != IMAGE_F32;
}

static void add_window(stats_job *j, stats_reader *r, stats_sums *s, int64_t number)
{
    const image *m = &r->pixels;
    bool quantiles = stats_is_counted(m->type) || j->o->n_percentiles;
    s->pixels = m->h * m->w;
    memset(s->labels, 0, sizeof s->labels);
    for (int64_t i = 0; r->mask && i < s->pixels; i++)
        s->labels[((const uint8_t *)r->labels.data)[i]]++;
    for (int64_t i = 0; i < m->c; i++) {
        int64_t k = (i + number) % m->c; /* threads begin at different bands, whose counts they share */
        s->nodata[k] = find_nodata(r, k);
        if (j->pass == 0 && !stats_is_counted(m->type))
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

cseg_status stats_window(stats_job *j, stats_reader *r, const stats_place *p, stats_span at, int64_t number,
                         stats_sums *to, cseg_error *err)
{
    TRY(open_scene(j, r, p, err));
    TRY(read_window(j, r, at, err));
    add_window(j, r, to, number);
    return CSEG_OK;
}
