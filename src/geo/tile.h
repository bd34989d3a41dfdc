/* Cuts a scene and its labels into training tiles, and holds out a part to test on.
 *
 *     tile_options how = {.out = "data/tiles", .size = 512, .stride = 256, .side = HOLD_RIGHT, .part = 0.2};
 *     tile_report report;
 *     TRY(tile_scene("scene.tif", "mask.tif", &how, &report, err));
 */
#ifndef GEO_TILE_H
#define GEO_TILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/raster/raster_burn.h"

typedef enum { HOLD_NONE, HOLD_TOP, HOLD_BOTTOM, HOLD_LEFT, HOLD_RIGHT } hold_side;

typedef struct tile_options {
    const char *out;      /* gets images/, labels/ and, if edge_gain > 0, weights/, each with train/ and
                             val/ */
    int64_t size, stride; /* of the training tiles, in pixels; stride < size overlaps them */
    hold_side side;       /* one straight cut: this side of the scene is held out */
    double part;          /* of the scene's rows or columns, in (0, 1) */
    double min_labelled;  /* training tiles with a smaller share of labelled pixels are left out */
    int ignore;           /* the label of pixels that count nowhere; the scene's nodata pixels get it too */
    int64_t *bands;       /* of the scene that tiles have, from 1, in this order; n_bands 0: all */
    size_t n_bands;
    const burn_options *burn;     /* the mask is a file of vectors, to be burnt so; NULL: a raster */
    bool force;                   /* use a mask that lies elsewhere than the scene, with a warning */
    double edge_gain, edge_width; /* weights: border_weight() of distance.h; gain 0: none */
} tile_options;

typedef struct tile_report {
    int64_t train, val, left_out;
    int64_t empty;              /* training tiles without any data, which are left out too */
    int64_t held_from, held_to; /* rows or columns that are held out */
} tile_report;

/* Reads windows, never the whole scene. The held-out part is cut into equal pieces of at most `size` that do not
 * overlap. Images keep the scene's bands: PNG for 1 or 3 bands of 8 bits, else GeoTIFF; labels are 8-bit PNG, weights
 * float32 TIFF. Files are named SCENE_ROW_COLUMN. mask_path NULL: images only.
 * CSEG_USAGE: a tile would be written over the scene or its mask. CSEG_SHAPE: scene and mask differ in size; CSEG_DATA:
 * the mask lies elsewhere, or nothing is left. */
cseg_status tile_scene(const char *scene_path, const char *mask_path, const tile_options *options, tile_report *report,
                       cseg_error *err);

#endif
