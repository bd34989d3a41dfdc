#include "geo/mask_rows.h"

#include <string.h>

#include "base/text.h"

struct mask_rows {
    mask_source source;
    raster *mask, *confidence;
    const raster_info *info;
    const char **names;
    int n_names;
    int32_t nodata; /* of a file that does not say; -1: it does */
    int64_t y;      /* the next row */
    int64_t top, h; /* rows in `labels` */
    image labels, scores;
    uint8_t *holes;
};

/* Pixels in memory: as many rows as GDAL decodes at once, if they are not too many. */
static const int64_t STRIP = 1 << 24;

static void release(void *arg)
{
    mask_rows *m = arg;
    image_release(&m->labels);
    image_release(&m->scores);
    mem_free(m->holes);
    m->holes = NULL;
}

static cseg_status check_mask(mask_rows *m, cseg_error *err)
{
    const raster_info *i = m->info;
    if (i->bands != 1)
        return fail(err, CSEG_DATA,
                    "%s: holds %lld bands, a mask one: class numbers. A picture in colours is no mask: take the file "
                    "that cseg infer wrote without _colour",
                    m->source.mask, (long long)i->bands);
    if (i->type == IMAGE_F32)
        return fail(err, CSEG_DATA, "%s: holds %s, and a mask whole numbers, of 8 or 16 bits", m->source.mask,
                    i->stored);
    m->nodata = i->has_nodata ? -1 : i->type == IMAGE_U8 ? 255 : 65535;
    return CSEG_OK;
}

static cseg_status open_confidence(mask_rows *m, arena *mem, cseg_error *err)
{
    const char *path = m->source.confidence;
    TRY(raster_open(path, mem, &m->confidence, err));
    const raster_info *c = raster_describe(m->confidence);
    if (c->h != m->info->h || c->w != m->info->w)
        return fail(err, CSEG_SHAPE, "%s is %lld x %lld pixels, its mask %s is %lld x %lld", path, (long long)c->w,
                    (long long)c->h, m->source.mask, (long long)m->info->w, (long long)m->info->h);
    if (c->bands != 1 || c->type != IMAGE_U8)
        return fail(err, CSEG_DATA, "%s: holds %lld bands of %s; a confidence is one band of 8 bits, probability * 250",
                    path, (long long)c->bands, c->stored);
    return raster_same_place(m->source.mask, m->info, path, c, m->source.force, err);
}

static cseg_status copy_names(mask_rows *m, arena *mem, cseg_error *err)
{
    const char *const *from = m->source.names ? m->source.names : m->info->categories;
    int n = m->source.names ? m->source.n_names : m->info->categories_n;
    m->names = ARENA_ARRAY(mem, (size_t)n + 1, const char *);
    for (int i = 0; m->names && i < n; i++)
        if (from[i] && *from[i] && !(m->names[i] = text_harmless(mem, from[i])))
            m->names = NULL;
    m->n_names = n;
    return m->names ? CSEG_OK : fail_memory(err);
}

cseg_status mask_rows_open(const mask_source *source, arena *mem, mask_rows **out, cseg_error *err)
{
    mask_rows *m = ARENA_NEW(mem, mask_rows);
    if (!m || !arena_defer(mem, release, m))
        return fail_memory(err);
    m->source = *source;
    TRY(raster_open(source->mask, mem, &m->mask, err));
    m->info = raster_describe(m->mask);
    TRY(check_mask(m, err));
    if (source->confidence)
        TRY(open_confidence(m, mem, err));
    TRY(copy_names(m, mem, err));
    int64_t most = STRIP / m->info->w, h = m->info->block_h < most ? m->info->block_h : most;
    h = h < 1 ? 1 : h > m->info->h ? m->info->h : h;
    if (m->info->block_h == 1) /* rows of their own: some at once */
        h = most < 1 ? 1 : most > 64 ? 64 : most;
    h = h > m->info->h ? m->info->h : h;
    TRY(image_new(h, m->info->w, 1, IMAGE_I32, &m->labels, err));
    if (source->confidence)
        TRY(image_new(h, m->info->w, 1, IMAGE_U8, &m->scores, err));
    m->holes = mem_alloc_raw((size_t)(h * m->info->w));
    *out = m;
    return m->holes ? CSEG_OK : fail_memory(err);
}

const raster_info *mask_rows_info(const mask_rows *m)
{
    return m->info;
}

int64_t mask_rows_left(const mask_rows *m)
{
    return m->info->h - m->y;
}

static cseg_status mark_holes(mask_rows *m, int64_t h, cseg_error *err)
{
    int32_t *l = m->labels.data, odd = -1;
    int64_t n = h * m->info->w, at = 0;
    TRY(raster_read_holes(m->mask, m->y, 0, h, m->info->w, m->holes, NULL, err));
    for (int64_t i = 0; i < n; i++) {
        if (m->holes[i] || l[i] == m->nodata)
            l[i] = -1;
        else if (l[i] < 0 || l[i] >= MASK_CLASSES) {
            odd = odd < 0 ? 1 : odd;
            at = i;
        }
    }
    if (odd > 0)
        return fail(err, CSEG_DATA, "%s: column %lld, row %lld holds %d, and a mask class numbers from 0 to %d",
                    m->source.mask, (long long)(at % m->info->w), (long long)(m->y + at / m->info->w), l[at],
                    MASK_CLASSES - 1);
    return CSEG_OK;
}

static cseg_status read_strip(mask_rows *m, cseg_error *err)
{
    int64_t left = m->info->h - m->y, room = m->labels.h, h = left < room ? left : room;
    cseg_status status = CSEG_OK;
    if (m->source.progress)
        TRY(m->source.progress(m->source.arg, m->y, m->info->h, err));
    m->labels.h = h;
    status = raster_read(m->mask, m->y, 0, NULL, &m->labels, err);
    m->labels.h = room;
    TRY(status);
    if (m->confidence) {
        m->scores.h = h;
        status = raster_read(m->confidence, m->y, 0, NULL, &m->scores, err);
        m->scores.h = room;
        TRY(status);
    }
    TRY(mark_holes(m, h, err));
    m->top = m->y;
    m->h = h;
    return CSEG_OK;
}

cseg_status mask_rows_next(mask_rows *m, int32_t **labels, const uint8_t **scores, cseg_error *err)
{
    if (m->y >= m->info->h)
        return fail(err, CSEG_USAGE, "%s: has no more rows", m->source.mask);
    if (m->y >= m->top + m->h)
        TRY(read_strip(m, err));
    *labels = (int32_t *)m->labels.data + (m->y - m->top) * m->info->w;
    *scores = m->confidence ? (const uint8_t *)m->scores.data + (m->y - m->top) * m->info->w : NULL;
    m->y++;
    if (m->y == m->info->h && m->source.progress)
        return m->source.progress(m->source.arg, m->y, m->info->h, err);
    return CSEG_OK;
}

const char *mask_rows_name(const mask_rows *m, int64_t id)
{
    return id >= 0 && id < m->n_names ? m->names[id] : NULL;
}

int mask_rows_names(const mask_rows *m)
{
    return m->n_names;
}
