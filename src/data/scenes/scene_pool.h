/* Open rasters, lent to one thread at a time. Files stay open between loans, up to a fixed number. So as many are open
 * as threads are reading, and a few more. Private to this folder. */
#ifndef DATA_SCENES_SCENE_POOL_H
#define DATA_SCENES_SCENE_POOL_H

#include "io/raster/raster_burn.h"

typedef struct scene_pool scene_pool;

typedef struct scene_loan {
    raster *raster; /* or */
    burner *burner;
    struct scene_file *file; /* the pool's own */
} scene_loan;

/* Lives in `mem`, and closes all files when it goes; nothing may be lent then. idle: files that stay open. */
cseg_status scene_pool_new(int idle, arena *mem, scene_pool **out, cseg_error *err);
/* From any thread. bands: the raster is what a file of these n bands alone would be (raster_select); n 0: of all.
 * `path` and bands must live as long as the pool. Errors as raster_open and raster_select. */
cseg_status scene_pool_take(scene_pool *p, const char *path, const int64_t *bands, size_t n, scene_loan *out,
                            cseg_error *err);
/* The same of a file of vectors, which are burnt on the grid of the raster at `grid`. how must live as long as the
 * pool.
 */
cseg_status scene_pool_take_burner(scene_pool *p, const char *path, const burn_options *how, const char *grid,
                                   scene_loan *out, cseg_error *err);
/* good: false closes the file, so that the next who wants it opens it anew. */
void scene_pool_give(scene_pool *p, scene_loan *loan, bool good);
int scene_pool_open_files(scene_pool *p); /* lent or idle */

#endif
