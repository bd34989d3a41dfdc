/* The inside of a set of scenes. Private to this folder. */
#ifndef DATA_SCENES_SCENES_INTERNAL_H
#define DATA_SCENES_SCENES_INTERNAL_H

#include "data/scenes/index.h"
#include "data/scenes/scene_pool.h"
#include "data/scenes/scenes.h"

/* A square that has a class, and the sum of the weights up to it. */
typedef struct class_square {
    uint32_t scene, square;
    double end;
} class_square;
typedef VEC(class_square) class_squares;

typedef struct one_scene {
    const scene_input *in;
    int64_t h, w, crop_h, crop_w;
    double pixel_area;    /* m2; 0: unknown */
    const uint8_t *cells; /* see scene_split */
    regions parts[SCENE_PARTS];
    regions corners; /* draws: where crops may begin */
    int64_t *ends;   /* of corners: pixels up to here */
    scene_index index;
    scene_values *values; /* NULL: no labels */
} one_scene;

typedef struct grid_window {
    int64_t scene;
    counted_window window;
} grid_window;

struct scene_set {
    scene_options how;
    scene_pool *pool;
    one_scene *at;
    int64_t n;
    int64_t samples;
    double *ends;           /* draws, [n]: sum of the scenes' weights up to here */
    class_squares *classes; /* draws, [n_balanced] */
    VEC(grid_window) windows;
    uint8_t ignore;
};

/* scenes.c: whether a pixel with this value in the file counts. */
static inline bool scene_counts(const scene_options *how, uint32_t value)
{
    return value < 256 && how->seen[value] != how->ignore && (!how->n_classes || how->seen[value] < how->n_classes);
}
/* draw.c */
cseg_status draw_prepare(scene_set *s, arena *mem, cseg_error *err);
cseg_status draw_crop(const scene_set *s, rng *random, scene_place *out, cseg_error *err);
/* Corners from which a crop holds all of a square; if there are none, or a square is larger than a crop, some of it. */
typedef enum { REACH_NONE, REACH_SOME, REACH_ALL } reach;
reach draw_reaches(const one_scene *s, region square, region *corners);
/* report.c: fills the values of all scenes, and says what the part holds. */
cseg_status report_part(scene_set *s, arena *mem, cseg_error *err);
/* scenes.c: holes [h*w] of the window: where the scene or the label file at `path` (NULL: none) has no data. */
cseg_status scene_read_holes(const scene_set *s, const scene_place *place, const char *path, uint8_t *holes,
                             cseg_error *err);

#endif
