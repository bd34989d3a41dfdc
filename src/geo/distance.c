#include "geo/distance.h"

#include <math.h>

#include "base/arena.h"

static const float FAR = 1e18f; /* squared */

static bool differs(const uint8_t *label, int64_t i, int64_t j, int ignore)
{
    return label[i] != label[j] && label[i] != ignore && label[j] != ignore;
}

static bool is_border(const uint8_t *label, int64_t h, int64_t w, int64_t y, int64_t x, int ignore)
{
    int64_t i = y * w + x;
    return (x > 0 && differs(label, i, i - 1, ignore)) || (x + 1 < w && differs(label, i, i + 1, ignore)) ||
           (y > 0 && differs(label, i, i - w, ignore)) || (y + 1 < h && differs(label, i, i + w, ignore));
}

typedef struct room {
    float *f, *z;
    int64_t *v;
} room;

/* One line: d[i * step] = min over q of (i - q)^2 + d[q * step], by the lower envelope of parabolas. */
static void one_line(float *d, int64_t n, int64_t step, const room *r)
{
    int64_t k = -1;
    for (int64_t q = 0; q < n; q++) {
        r->f[q] = d[q * step];
        if (r->f[q] >= FAR)
            continue;
        float s = -INFINITY;
        while (k >= 0) {
            int64_t p = r->v[k];
            s = ((r->f[q] + (float)(q * q)) - (r->f[p] + (float)(p * p))) / (float)(2 * (q - p));
            if (s > r->z[k])
                break;
            k--;
            s = -INFINITY;
        }
        k++;
        r->v[k] = q;
        r->z[k] = s;
    }
    if (k < 0)
        return;
    int64_t last = k;
    k = 0;
    for (int64_t i = 0; i < n; i++) {
        while (k < last && r->z[k + 1] < (float)i)
            k++;
        int64_t away = i - r->v[k];
        d[i * step] = (float)(away * away) + r->f[r->v[k]];
    }
}

cseg_status border_distance(const uint8_t *label, int64_t h, int64_t w, int ignore, float *distance, cseg_error *err)
{
    int64_t longest = h > w ? h : w;
    room r = {mem_alloc((size_t)longest * sizeof(float)), mem_alloc((size_t)longest * sizeof(float)),
              mem_alloc((size_t)longest * sizeof(int64_t))};
    cseg_status status = CSEG_OK;
    if (!r.f || !r.z || !r.v) {
        status = fail_memory(err);
        goto done;
    }
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            distance[y * w + x] = is_border(label, h, w, y, x, ignore) ? 0.0f : FAR;
    for (int64_t x = 0; x < w; x++)
        one_line(distance + x, h, w, &r);
    for (int64_t y = 0; y < h; y++)
        one_line(distance + y * w, w, 1, &r);
    for (int64_t i = 0; i < h * w; i++)
        distance[i] = sqrtf(distance[i]);
done:
    mem_free(r.f);
    mem_free(r.z);
    mem_free(r.v);
    return status;
}

cseg_status border_weight(const uint8_t *label, int64_t h, int64_t w, int ignore, double gain, double width,
                          float *weight, cseg_error *err)
{
    TRY(border_distance(label, h, w, ignore, weight, err));
    for (int64_t i = 0; i < h * w; i++) {
        double d = weight[i];
        weight[i] = label[i] == ignore ? 0.0f : (float)(1.0 + gain * exp(-d * d / (2.0 * width * width)));
    }
    return CSEG_OK;
}
