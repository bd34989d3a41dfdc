/* Keeps what is finished of a scene in a folder beside the result, so that a run that was interrupted goes on where it
 * was: parts of the answer, each a GeoTIFF of its own, and the last point (predict.h) up to which they are complete.
 *
 *     scene_store *s;
 *     predict_point point = {.row = 1};
 *     raster_spec spec = {.h = 512, .w = 512, .bands = 1};
 *     TRY(scene_store_open("out/scene.tif.windows", "head: 0\n", false, mem, &s, err));
 *     TRY(scene_store_put(s, STORE_LABELS, 0, 0, img, err));
 *     TRY(scene_store_reach(s, &point, err));
 *     TRY(scene_store_join(s, STORE_LABELS, "out/scene.tif", &spec, &(raster_join_options){0}, err));
 *     scene_store_remove(s);
 *
 * Parts are written beside, synced and renamed; a point is written after its parts. So after a kill at any moment the
 * folder holds a point and all that belongs to it. */
#ifndef ENGINE_INFER_SCENE_STORE_H
#define ENGINE_INFER_SCENE_STORE_H

#include "engine/infer/predict.h"
#include "io/raster/raster.h"

typedef struct scene_store scene_store;
typedef enum { STORE_LABELS, STORE_SCORES, STORE_CONFIDENCE, STORE_KINDS } store_kind;

/* asked: what the answer depends on, lines of "NAME: VALUE". With `resume` a folder that holds the same goes on, and
 * one that holds something else is refused with the first line that differs; without, what it holds is removed. The
 * folder is locked until `mem` goes: CSEG_USAGE if another process has it. */
cseg_status scene_store_open(const char *folder, const char *asked, bool resume, arena *mem, scene_store **out,
                             cseg_error *err);
/* Where an earlier run stopped; NULL: nowhere. Its sums are the store's. */
const predict_point *scene_store_point(const scene_store *s);
/* Adds a part of the answer. */
cseg_status scene_store_put(scene_store *s, store_kind which, int64_t y, int64_t x, const image *part, cseg_error *err);
/* All that was put is complete up to here. */
cseg_status scene_store_reach(scene_store *s, const predict_point *at, cseg_error *err);
/* Makes one raster of the parts of a kind. o: without parts and temporary. */
cseg_status scene_store_join(const scene_store *s, store_kind which, const char *path, const raster_spec *spec,
                             const raster_join_options *o, cseg_error *err);
/* Removes the folder: the result is whole. */
void scene_store_remove(scene_store *s);
const char *scene_store_folder(const scene_store *s);

#endif
