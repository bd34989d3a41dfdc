/* Draws scene, map and outlines as one picture with a title, a legend, a scale bar and an arrow to the north.
 *
 *     quicklook_options how = {.scene = "scene.tif", .width = 1024, .opacity = 0.5, .legend = true};
 *     map_layers *shown;
 *     map_layers_options grid = {.scene = how.scene, .most_w = 1024, .most_h = 1024};
 *     TRY(map_layers_open(&grid, mem, &shown, err));
 *     TRY(quicklook_draw(&how, shown, mem, img, err));
 */
#ifndef DRAW_QUICKLOOK_H
#define DRAW_QUICKLOOK_H

#include "draw/map_layers.h"

typedef enum { BACKGROUND_NONE, BACKGROUND_WHITE, BACKGROUND_CHECKERED } quicklook_background;

typedef struct quicklook_options {
    const char *scene; /* named in errors */
    int64_t width;     /* of the whole picture */
    int64_t height;    /* 0: as the scene's shape wants it */
    bool two_dates;    /* there will be a second one */
    const char *const *vectors;
    size_t n_vectors;
    const char *title;               /* NULL: none */
    double opacity;                  /* of the map, in (0, 1] */
    bool legend;                     /* classes, colours, areas; only if there is a map */
    bool scale_bar;                  /* with an arrow to the north; left out where the scene's place is not known */
    quicklook_background background; /* where the scene has no data, and around it */
} quicklook_options;

/* The largest grid that the picture has room for; map_layers_open makes one that fits. Pictures are at least 64 pixels
 * wide and high. CSEG_USAGE: legend and title leave no room. */
cseg_status quicklook_room(const quicklook_options *how, int64_t *w, int64_t *h, cseg_error *err);

/* *out is new: u8, red first; with alpha for BACKGROUND_NONE. A second date stands to the right of the first. Errors as
 * raster_outlines. */
cseg_status quicklook_draw(const quicklook_options *how, const map_layers *l, arena *mem, image *out, cseg_error *err);

/* "1.25 km²", "340 ha", "90 m²"; at most 32 bytes. NaN: "". */
void quicklook_area(double square_metres, char to[static 32]);

#endif
