/* Contrast limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994), with OpenCV's choices: tiles
 * that do not fit are extended by reflection, clipped counts are spread evenly, look-ups are mixed bilinearly. */
#include <math.h>

#include "base/arena.h"
#include "io/imgproc/imgproc.h"

typedef struct tiles {
    const image *m;
    int64_t channel;
    int64_t tx, ty, tw, th; /* how many, and their size */
    int clip;               /* largest count of a bin; 0: no limit */
    uint8_t *table;         /* ty * tx * 256 */
} tiles;

static int64_t reflected(int64_t i, int64_t n)
{
    while (n > 1 && i >= n)
        i = i < 2 * n - 1 ? 2 * n - 2 - i : i % (2 * n - 2);
    return n > 1 ? i : 0;
}

static void clip_counts(int count[256], int limit)
{
    int over = 0;
    for (int i = 0; i < 256; i++)
        if (count[i] > limit)
            over += count[i] - limit, count[i] = limit;
    int each = over / 256, rest = over - each * 256;
    for (int i = 0; i < 256; i++)
        count[i] += each;
    int step = rest > 0 ? 256 / rest : 1;
    for (int i = 0; i < 256 && rest > 0; i += step > 0 ? step : 1, rest--)
        count[i]++;
}

static void fill_table(const tiles *t, int64_t ty, int64_t tx)
{
    int count[256] = {0};
    for (int64_t y = ty * t->th; y < (ty + 1) * t->th; y++) {
        int64_t row = reflected(y, t->m->h);
        for (int64_t x = tx * t->tw; x < (tx + 1) * t->tw; x++)
            count[image_u8(t->m, row, reflected(x, t->m->w))[t->channel]]++;
    }
    if (t->clip > 0)
        clip_counts(count, t->clip);
    float scale = 255.f / (float)(t->tw * t->th);
    uint8_t *table = t->table + (ty * t->tx + tx) * 256;
    int sum = 0;
    for (int i = 0; i < 256; i++) {
        sum += count[i];
        float v = nearbyintf((float)sum * scale);
        table[i] = (uint8_t)(v > 255 ? 255 : v);
    }
}

/* The two tiles that a place lies between, and the weight of the second. */
static float between(int64_t i, float inverse, int64_t n, int64_t *first, int64_t *second)
{
    float f = (float)i * inverse - 0.5f;
    int64_t t = (int64_t)floorf(f);
    *first = t < 0 ? 0 : t;
    *second = t + 1 < n - 1 ? t + 1 : n - 1;
    return f - (float)t;
}

static void map_channel(const tiles *t)
{
    float ih = 1.f / (float)t->th, iw = 1.f / (float)t->tw;
    for (int64_t y = 0; y < t->m->h; y++) {
        int64_t y1, y2, x1, x2;
        float b = between(y, ih, t->ty, &y1, &y2), b1 = 1.f - b;
        const uint8_t *top = t->table + y1 * t->tx * 256, *low = t->table + y2 * t->tx * 256;
        for (int64_t x = 0; x < t->m->w; x++) {
            float a = between(x, iw, t->tx, &x1, &x2), a1 = 1.f - a;
            uint8_t *p = image_u8(t->m, y, x) + t->channel;
            int64_t i1 = x1 * 256 + *p, i2 = x2 * 256 + *p;
            float v = ((float)top[i1] * a1 + (float)top[i2] * a) * b1 + ((float)low[i1] * a1 + (float)low[i2] * a) * b;
            *p = (uint8_t)nearbyintf(v);
        }
    }
}

cseg_status imgproc_clahe(image *m, double clip_limit, int tiles_x, int tiles_y, cseg_error *err)
{
    if (m->type != IMAGE_U8)
        return fail(err, CSEG_UNSUPPORTED, "CLAHE needs an 8-bit image, this one is %s", image_type_name(m->type));
    int64_t extra_x = m->w % tiles_x, extra_y = m->h % tiles_y, w = m->w, h = m->h;
    if (extra_x || extra_y)
        w += tiles_x - extra_x, h += tiles_y - extra_y;
    tiles t = {.m = m, .tx = tiles_x, .ty = tiles_y, .tw = w / tiles_x, .th = h / tiles_y};
    if (clip_limit > 0) {
        t.clip = (int)(clip_limit * (double)(t.tw * t.th) / 256);
        t.clip = t.clip > 1 ? t.clip : 1;
    }
    t.table = mem_alloc((size_t)tiles_x * (size_t)tiles_y * 256);
    if (!t.table)
        return fail_memory(err);
    for (t.channel = 0; t.channel < m->c; t.channel++) {
        for (int64_t y = 0; y < t.ty; y++)
            for (int64_t x = 0; x < t.tx; x++)
                fill_table(&t, y, x);
        map_channel(&t);
    }
    mem_free(t.table);
    return CSEG_OK;
}
