/* Scene, second date and map, brought onto one small grid of pixels: what pictures and pages are made of.
 *
 *     map_layers_options how = {.scene = "scene.tif", .mask = "mask.tif", .most_w = 1024, .most_h = 768};
 *     map_layers *shown;
 *     TRY(map_layers_open(&how, mem, &shown, err));
 */
#ifndef DRAW_MAP_LAYERS_H
#define DRAW_MAP_LAYERS_H

#include "geo/area.h"

/* How samples become bytes. The limits are found in the small picture, for each band alone. */
typedef struct stretch {
    enum {
        STRETCH_DEFAULT, /* bytes as they are, other types from the 2nd to the 98th percentile */
        STRETCH_PERCENT, /* from the low to the high percentile */
        STRETCH_NONE     /* bytes as they are; 0 to the type's greatest number; floats from 0 to 1 */
    } how;
    double low, high; /* in [0, 100]; 0 and 100: the least and the greatest */
} stretch;

typedef struct map_layers_options {
    const char *scene, *second, *mask; /* second and mask may be NULL */
    int bands[3];                      /* zero-based, red, green, blue */
    int n_bands;                       /* 3; 1: gray; 0: the first three, or the first one of fewer */
    stretch stretch;
    int64_t most_w, most_h; /* the grid has the scene's shape and at most these sides */
    bool enlarge;           /* a scene that is smaller is enlarged, else shown in its own size */
    /* By class id; n_names or n_colours 0: those that the mask has. */
    const char *const *names;
    size_t n_names;
    const uint8_t *palette; /* [n_colours][3], red first */
    size_t n_colours;
} map_layers_options;

typedef struct map_class {
    int32_t id;
    const char *name;  /* "class 3" if nobody gives it one */
    uint8_t colour[3]; /* red first */
    int64_t pixels;    /* of the mask itself, not of the picture */
    double area;       /* square metres; NaN: not known */
    double confidence; /* mean, 0 to 1; NaN: not known */
} map_class;

typedef struct map_layers {
    const raster_info *info;        /* of the scene */
    const char *date, *second_date; /* by the files' metadata; "" where they say nothing */
    int64_t h, w;                   /* of the grid */
    double metres[2];               /* a column's and a row's step in the middle of the scene; NaN: not known */
    image scene, second; /* u8 RGBA [h,w,4], alpha 0 where there are no data; second is empty if there is none */
    image map;           /* i32 [h,w]: a row of `classes`, or -1; empty if there is no mask */
    map_class *classes;  /* by rising id; only those that the mask holds */
    size_t n_classes;
    int64_t unclassified; /* pixels of the mask without data */
} map_layers;

/* *out lives in `mem`. Rasters are read once, with memory that does not grow with them. The mask and the second date
 * are placed by their georeference: errors as raster_place_onto. CSEG_USAGE: a band that the scene does not have. */
cseg_status map_layers_open(const map_layers_options *how, arena *mem, map_layers **out, cseg_error *err);
/* Takes areas and confidences of the same mask from a report. */
void map_layers_take_areas(map_layers *l, const area_report *report);

#endif
