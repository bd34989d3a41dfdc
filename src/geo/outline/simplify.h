/* Decides which points of a border may go, so that simplified borders never touch or cross. Used by simplify.c.
 *
 * A stretch of a border may become one straight segment if no other border has a point in the stretch's convex hull.
 * If this holds for all borders, measured by the points that they had before, no two of the segments cross: a segment
 * that crossed another would have to leave the other's hull through the other's old stretch, which would then have a
 * point in the hull of the first (de Berg, van Kreveld and Schirra, Topologically correct subdivision simplification
 * using the bandwidth criterion, 1998, compare points in the same way). */
#ifndef GEO_OUTLINE_SIMPLIFY_H
#define GEO_OUTLINE_SIMPLIFY_H

#include "geo/outline/internal.h"

enum { BAND = 512 }; /* rows of corners that are simplified at once, and the most that a segment spans */

/* All points of borders between two rows of corners, one bit each. */
typedef struct point_map {
    uint64_t *bits; /* [BAND + 1][words] */
    size_t words;
    int32_t top; /* the first row */
} point_map;

/* How many points lie in the smallest upright rectangle around p[0..n), and in its convex hull, borders included. */
int64_t map_count_box(const point_map *m, const outline_point *p, size_t n);
int64_t map_count_hull(const point_map *m, const outline_point *p, size_t n);
void map_set(point_map *m, outline_point at);

#endif
