/* Writes one page of HTML in which a scene and its map, or two dates, are compared: a divider, zoom, a legend with
 * areas. The page holds its pictures and scripts itself and opens from the disk, without a network.
 *
 *     map_layers *shown;
 *     map_layers_options grid = {.scene = path, .mask = "mask.tif", .most_w = PAGE_MOST, .most_h = PAGE_MOST};
 *     TRY(map_layers_open(&grid, mem, &shown, err));
 *     page_fact facts[] = {{"Model", "FCN, HRNet-W18"}, {"Date", "2026-07-01"}};
 *     page_info about = {.title = "Andros", .facts = facts, .n_facts = 2, .classes = shown->classes};
 *     about.n_classes = shown->n_classes;
 *     TRY(page_write("map.html", &about, shown, mem, err));
 */
#ifndef DRAW_PAGE_H
#define DRAW_PAGE_H

#include "draw/map_layers.h"

enum { PAGE_MOST = 4096 }; /* the sides of a page's pictures: map_layers_options.most_w and most_h */

typedef struct page_fact {
    const char *name, *value;
} page_fact;

/* What the page says. Texts may hold anything: they are escaped. */
typedef struct page_info {
    const char *title, *subtitle; /* subtitle may be NULL */
    const char *left, *right; /* what stands on the two sides; NULL: "Scene", "Map", or "First date", "Second date" */
    const page_fact *facts;   /* n_facts rows below the legend, above those that the scene itself gives */
    size_t n_facts;
    const map_class *classes; /* those of the map, in its order: names, colours, pixels, areas, confidence */
    size_t n_classes;
} page_info;

/* Written beside `path` and renamed. The grid's sides are at most PAGE_MOST (CSEG_SHAPE). */
cseg_status page_write(const char *path, const page_info *about, const map_layers *l, arena *mem, cseg_error *err);

#endif
