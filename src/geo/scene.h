/* Scenes: rasters that are read, and answered, window by window, so that their size does not matter.
 *
 *     scene scene;
 *     image window = {0};
 *     TRY(scene_open(path, IMAGE_COLOR, mem, &scene, err));
 *     TRY(scene_read(&scene, 0, 0, 512, 512, &window, err));
 */
#ifndef GEO_SCENE_H
#define GEO_SCENE_H

#include "io/raster/raster.h"

typedef struct scene {
    const char *path;
    raster *r;
    const raster_info *info;
    image_flags flags; /* how windows are read: image_read's flags */
    bool selected;     /* not all bands, or in another order */
    image *whole;      /* the whole picture, if its windows cannot be read by themselves and one was asked for; else
                          NULL */
    arena *mem;
} scene;

/* Closed when `mem` goes. Errors as raster_open. */
cseg_status scene_open(const char *path, image_flags flags, arena *mem, scene *out, cseg_error *err);
/* Takes these bands alone, in this order, as raster_select does: of windows and of what has no data. Call it before the
 * first window. n 0: all bands stay. */
cseg_status scene_select(scene *s, const int64_t *bands, size_t n, cseg_error *err);
/* Brings the scene onto the grid of another as raster_pair_align does; from then on it has that one's size and place.
 * Before the first window; `s` and `to` are used by one thread. */
cseg_status scene_align(scene *s, const scene *to, const pair_options *o, cseg_error *err);
/* Reads a window as the loader of images would give it, to the bit. PNG and JPEG are decoded once, as a whole. *out is
 * new. */
cseg_status scene_read(scene *s, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);
/* mask [h,w]: 1 where the scene has no data, by its mask, alpha or nodata (raster_read_holes). *n (may be NULL) counts
 * them. */
cseg_status scene_nodata(const scene *s, int64_t y, int64_t x, int64_t h, int64_t w, uint8_t *mask, int64_t *n,
                         cseg_error *err);

/* Marks pixels [first, first + n) of an answer where holes [n] is not 0: labels become 255 (u8) or 65535 (i32),
 * probabilities NaN, or 255 as bytes; every channel. */
void scene_put_nodata(image *m, int64_t first, const uint8_t *holes, int64_t n);
/* Labels of 256 classes and more use all numbers of a byte: they become i32, so that there is one for no data. */
cseg_status scene_make_room(image *labels, int64_t classes, cseg_error *err);

/* A mask of class ids for a scene: a GeoTIFF with the scene's place and size, and a palette. Where the scene has no
 * data the mask has `nodata`, and the file declares that value as its nodata. */
typedef struct scene_mask scene_mask;
/* Lives in `mem`, and reads `of`, which must live as long. type: IMAGE_U8 for up to 255 classes (nodata 255), else
 * IMAGE_U16 (nodata 65535). palette [n][3]; n 0: none. */
cseg_status scene_mask_create(const char *path, const scene *of, image_type type, const uint8_t *palette, int n,
                              arena *mem, scene_mask **out, cseg_error *err);
cseg_status scene_mask_write(scene_mask *m, int64_t y, int64_t x, const image *labels, cseg_error *err);
/* Gives the file its name. Without this call the file never appears. */
cseg_status scene_mask_commit(scene_mask *m, cseg_error *err);

#endif
