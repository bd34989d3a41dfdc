/* Keeps what was found about a scene between runs. Private to this folder. */
#ifndef DATA_SCENES_INDEX_CACHE_H
#define DATA_SCENES_INDEX_CACHE_H

#include "data/scenes/index.h"

/* Fills *x, whose sizes and cells are there, from how->cache_file. False, and *x as it was: there is none that fits, or
 * it is damaged. */
bool index_cache_read(const scene_index_options *how, arena *mem, scene_index *x);
/* A failure is a warning: it costs time in later runs, nothing else. */
void index_cache_write(const scene_index_options *how, const scene_index *x, arena *mem);

#endif
