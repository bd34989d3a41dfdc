#include "cli/pictures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "data/visual.h"

enum { PERCENTILE_SAMPLES = 20000 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The 2nd and 98th percentile of a band, from evenly spaced pixels. */
static cseg_status find_range(const image *m, int64_t band, double *low, double *high, cseg_error *err)
{
    int64_t n = m->h * m->w, step = n / PERCENTILE_SAMPLES + 1;
    size_t count = 0;
    double *v = mem_alloc((size_t)(n / step + 1) * sizeof *v);
    if (!v)
        return fail_memory(err);
    for (int64_t i = 0; i < n; i += step) {
        double x = image_get(m, i / m->w, i % m->w, band);
        if (isfinite(x))
            v[count++] = x;
    }
    qsort(v, count, sizeof *v, by_value);
    *low = count ? v[count * 2 / 100] : 0.0;
    *high = count ? v[(count - 1) * 98 / 100] : 1.0;
    if (*high <= *low)
        *high = *low + 1.0;
    mem_free(v);
    return CSEG_OK;
}

static cseg_status stretch(const image *m, image *out, cseg_error *err)
{
    TRY(image_new(m->h, m->w, 3, IMAGE_U8, out, err));
    for (int64_t k = 0; k < 3; k++) {
        /* Bands are red, green, blue; pictures blue first. */
        int64_t band = m->c < 3 ? 0 : 2 - k;
        double low, high;
        TRY(find_range(m, band, &low, &high, err));
        for (int64_t i = 0; i < m->h * m->w; i++) {
            double v = (image_get(m, i / m->w, i % m->w, band) - low) / (high - low) * 255.0;
            ((uint8_t *)out->data)[3 * i + k] = (uint8_t)(v > 255.0 ? 255.0 : v > 0.0 ? v : 0.0);
        }
    }
    return CSEG_OK;
}

cseg_status picture_read_from(picture_source *read, void *arg, image *out, cseg_error *err)
{
    image raw = {0};
    *out = (image){0};
    cseg_status status = read(arg, IMAGE_UNCHANGED | IMAGE_RGB, &raw, err);
    bool bytes = status == CSEG_OK && raw.type == IMAGE_U8;
    cseg_status colours = bytes ? read(arg, IMAGE_COLOR, out, err) : CSEG_UNSUPPORTED;
    /* Stretch data that are not colours. If reading failed for another reason, return its error. */
    if (status == CSEG_OK)
        status = colours == CSEG_UNSUPPORTED ? stretch(&raw, out, err) : colours;
    image_release(&raw);
    if (status != CSEG_OK)
        image_release(out);
    return status;
}

static cseg_status read_file(void *arg, image_flags flags, image *out, cseg_error *err)
{
    return image_read(arg, flags, out, err);
}

cseg_status picture_read(const char *path, image *out, cseg_error *err)
{
    return picture_read_from(read_file, (void *)path, out, err);
}

cseg_status picture_write_colour(const char *path, const image *labels, const painter *p, cseg_error *err)
{
    image colours = {0};
    cseg_status status = visual_colour(labels, p->palette, p->n, &colours, err);
    if (status == CSEG_OK)
        status = image_write(path, &colours, NULL, err);
    image_release(&colours);
    return status;
}

cseg_status picture_paint_over(const char *path, const image *picture, const image *labels, const uint8_t *holes,
                               const painter *p, cseg_error *err)
{
    image over = {0};
    cseg_status status = CSEG_OK;
    TRY_DONE(visual_overlay(picture, labels, p->palette, p->n, p->opacity, &over, err));
    if (holes && over.h == labels->h && over.w == labels->w)
        for (int64_t i = 0; i < over.h * over.w; i++)
            if (holes[i])
                memcpy((uint8_t *)over.data + 3 * i, (const uint8_t *)picture->data + 3 * i, 3);
    TRY_DONE(image_write(path, &over, NULL, err));
done:
    image_release(&over);
    return status;
}

cseg_status picture_write_overlay(const char *path, const char *source, const image *labels, const uint8_t *holes,
                                  const painter *p, cseg_error *err)
{
    image picture = {0};
    cseg_status status = picture_read(source, &picture, err);
    if (status == CSEG_OK)
        status = picture_paint_over(path, &picture, labels, holes, p, err);
    image_release(&picture);
    return status;
}

char *picture_name(const char *folder, const char *path, const char *suffix, arena *mem)
{
    int stem = (int)(strlen(path) - strlen(path_ext(path)));
    return arena_printf(mem, "%s/%.*s%s", folder, stem, path, suffix);
}

char *picture_path(const char *folder, const char *path, const char *suffix, arena *mem, cseg_error *err)
{
    char *joined = picture_name(folder, path, suffix, mem), *dir = NULL;
    if (joined)
        dir = path_dir(mem, joined);
    if (!dir)
        fail_memory(err);
    return dir && dir_create(dir, err) == CSEG_OK ? joined : NULL;
}
