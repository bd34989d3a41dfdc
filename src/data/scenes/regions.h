/* Rectangles of a scene: which of them belong to training, validation and test, where crops may lie, and the windows
 * that a part is measured by. */
#ifndef DATA_SCENES_REGIONS_H
#define DATA_SCENES_REGIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct region {
    int64_t y, x, h, w;
} region;

typedef VEC(region) regions; /* none overlaps another */

typedef enum { PART_TRAIN, PART_VAL, PART_TEST, SCENE_PARTS } scene_part;
typedef enum { SPLIT_NONE, SPLIT_ROWS, SPLIT_COLUMNS, SPLIT_BLOCKS, SPLIT_CELLS } split_by;

typedef struct scene_split {
    split_by by;
    double share[SCENE_PARTS]; /* of the scene, 0 to 1; that of training is what the others leave */
    int64_t block;             /* SPLIT_BLOCKS, SPLIT_CELLS: side of the squares, in pixels */
    uint64_t seed;             /* SPLIT_BLOCKS */
    /* SPLIT_CELLS: the part of each square, [rows][columns], rounded up. */
    const uint8_t *cells;
} scene_split;

/* Appends to parts[p] what belongs to part p of a scene of h x w pixels; all parts together cover the scene. ROWS:
 * training above, below it validation, below that the test; COLUMNS: the same from left to right. BLOCKS: squares,
 * drawn by the seed, the scene's name (without its folders) and their place in the scene alone, so that all datasets
 * that name a scene divide it alike. The shares of blocks are as near as whole blocks allow, and of three blocks and
 * more each part that is asked for has one. */
cseg_status regions_split(const scene_split *how, const char *name, int64_t h, int64_t w, arena *mem,
                          regions parts[SCENE_PARTS], cseg_error *err);

/* Where the upper left pixel of a crop may lie, so that no pixel of the crop is nearer than `gap` to a pixel of the
 * parts that are held out (0: it may touch them). Appends to *out, in order of rows; crops lie within the scene. */
cseg_status regions_corners(int64_t h, int64_t w, int64_t crop_h, int64_t crop_w, const regions parts[SCENE_PARTS],
                            int64_t gap, arena *mem, regions *out, cseg_error *err);

/* A window, and the pixels of it that count. */
typedef struct counted_window {
    region at, own;
} counted_window;
typedef VEC(counted_window) counted_windows;

/* Appends windows of crop_h x crop_w (less where the part or the scene is smaller): each pixel of the part counts in
 * one of them. context: pixels around what counts, which may lie outside of the part; less than half of the crop. */
cseg_status regions_windows(const regions *part, int64_t h, int64_t w, int64_t crop_h, int64_t crop_w, int64_t context,
                            arena *mem, counted_windows *out, cseg_error *err);

int64_t regions_area(const regions *r); /* pixels */
/* The first rectangle that ends below row y. For lists in order of rows, as the functions above make them. */
size_t regions_first(const regions *r, int64_t y);
/* Pixels of `a` that lie in such a list. */
int64_t regions_overlap(const regions *r, region a);
static inline int64_t region_overlap(region a, region b)
{
    int64_t y = a.y > b.y ? a.y : b.y, x = a.x > b.x ? a.x : b.x;
    int64_t bottom = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    int64_t right = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w;
    return bottom > y && right > x ? (bottom - y) * (right - x) : 0;
}

#endif
