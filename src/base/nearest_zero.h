/* Squares of distances to the nearest 0 of a map, exact and in time linear in its size (Meijster, Roerdink and
 * Hesselink 2000): first along columns, then along rows.
 *
 *     int32_t map[2 * 3] = {1, 0, 1, 1, 1, 1}, room[2 * 3];
 *     float square[2 * 3];
 *     nearest_zero_in_columns(map, 2, 3, 0, 3, map);
 *     for (int64_t y = 0; y < 2; y++)
 *         nearest_zero_in_row(map + y * 3, 3, room, square + y * 3);
 */
#ifndef BASE_NEAREST_ZERO_H
#define BASE_NEAREST_ZERO_H

#include <stdbool.h>
#include <stdint.h>

/* away[y,x]: pixels to the nearest y' in the column with map[y',x] == 0; INT32_MAX if there is none. Both are [h,w],
 * and may be the same memory; the columns `begin` to `end` - 1 are read and written, h below 2^30. */
void nearest_zero_in_columns(const int32_t *map, int64_t h, int64_t w, int64_t begin, int64_t end, int32_t *away);

/* square[x]: the square of the distance to the nearest 0 of the whole map, from a row of `away`. room: [2 * w]. false:
 * the map has no 0, and square is as it was. */
bool nearest_zero_in_row(const int32_t *away, int64_t w, int32_t *room, float *square);

#endif
