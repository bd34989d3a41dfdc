/* Draws charts: axes with round numbers, curves, legends.
 *
 *     const double steps[2] = {0, 100}, loss[2] = {0.7, 0.1};
 *     series line = {"loss", steps, loss, 2};
 *     chart panel = {"training", "iteration", &line, 1};
 *     TRY(chart_draw(&panel, 1, 640, 360, img, err));
 */
#ifndef DRAW_CHART_H
#define DRAW_CHART_H

#include <stddef.h>

#include "base/error.h"
#include "io/image/image.h"

typedef struct series {
    const char *name;
    const double *x, *y;
    size_t n;
} series;

typedef struct chart {
    const char *title, *x_name;
    const series *all;
    size_t n;
} chart;

/* Draws n charts of w x panel_h pixels, one below the other: title above, ticks at round numbers, a legend if there are
 * several series. Values that are not finite are left out. *out is new: u8, red first. */
cseg_status chart_draw(const chart *charts, size_t n, int64_t w, int64_t panel_h, image *out, cseg_error *err);

#endif
