/* Makes pictures of label maps.
 *
 *     static const uint8_t palette[2][3] = {{0, 0, 0}, {255, 0, 0}};
 *     image picture = {0};
 *     TRY(visual_colour(img, palette[0], 2, &picture, err));
 */
#ifndef DATA_VISUAL_H
#define DATA_VISUAL_H

#include "base/error.h"
#include "io/image/image.h"

/* Paints class ids in their colours. `mask`: c == 1, u8, u16 or i32. Out: u8, 3 channels, BLUE first as images are
 * here; ids without a colour are black. palette [n_colours][3] is red first. */
cseg_status visual_colour(const image *mask, const uint8_t *palette, int64_t n_colours, image *out, cseg_error *err);

/* Blends the colours over `img` (u8; 1 or 3 channels, blue first; more: the first three), as show_result (0.x, opacity
 * 0.5) and SegLocalVisualizer (1.x, alpha 0.8) do: img * (1 - opacity) + colour * opacity, truncated to a byte. If the
 * sizes differ, the mask is stretched to the image by nearest neighbour. opacity in (0, 1]. */
cseg_status visual_overlay(const image *img, const image *mask, const uint8_t *palette, int64_t n_colours,
                           double opacity, image *out, cseg_error *err);

/* Writes a mask as an indexed PNG with the palette (up to 256 colours), atomically. Ids must fit a byte. */
cseg_status visual_write_palette(const char *path, const image *mask, const uint8_t *palette, int64_t n_colours,
                                 cseg_error *err);

#endif
