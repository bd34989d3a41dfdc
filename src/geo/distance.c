#include "geo/distance.h"

#include <math.h>

#include "base/arena.h"
#include "base/nearest_zero.h"

static const float FAR = 1e9f;

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

cseg_status border_distance(const uint8_t *label, int64_t h, int64_t w, int ignore, float *distance, cseg_error *err)
{
    int32_t *map = mem_alloc((size_t)(h + 2) * (size_t)w * sizeof *map);
    if (!map)
        return fail_memory(err);
    int32_t *room = map + h * w;
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < w; x++)
            map[y * w + x] = !is_border(label, h, w, y, x, ignore);
    nearest_zero_in_columns(map, h, w, 0, w, map);
    for (int64_t y = 0; y < h; y++) {
        bool any = nearest_zero_in_row(map + y * w, w, room, distance + y * w);
        for (int64_t i = y * w; i < (y + 1) * w; i++)
            distance[i] = any ? sqrtf(distance[i]) : FAR;
    }
    mem_free(map);
    return CSEG_OK;
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
