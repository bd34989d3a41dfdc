/* Writes pictures of answers, and names the files that they go to.
 *
 *     static const uint8_t palette[2][3] = {{0, 0, 0}, {0, 0, 255}};
 *     painter water = {palette[0], 2, 0.5};
 *     TRY(picture_write_overlay("out/a_overlay.png", "a.jpg", img, NULL, &water, err));
 */
#ifndef CLI_PICTURES_H
#define CLI_PICTURES_H

#include "base/arena.h"
#include "io/image/image.h"

/* Reads any image or raster as a picture to look at: u8, 3 channels, blue first. Samples that are not 8-bit are
 * stretched, from the 2nd to the 98th percentile of each band. One or two bands become gray; of more, the first three
 * are shown. */
cseg_status picture_read(const char *path, image *out, cseg_error *err);
/* The same of what `read` gives, as image_read would with these flags. */
typedef cseg_status picture_source(void *arg, image_flags flags, image *out, cseg_error *err);
cseg_status picture_read_from(picture_source *read, void *arg, image *out, cseg_error *err);

/* What class ids are painted with. */
typedef struct painter {
    const uint8_t *palette; /* [n][3], red first */
    int64_t n;
    double opacity;
} painter;
cseg_status picture_write_colour(const char *path, const image *labels, const painter *p, cseg_error *err);
/* Paints over a picture as picture_read gives it, or over the image at `source`. holes [h*w] or NULL: where it is not
 * 0, the source is shown unpainted. */
cseg_status picture_paint_over(const char *path, const image *picture, const image *labels, const uint8_t *holes,
                               const painter *p, cseg_error *err);
cseg_status picture_write_overlay(const char *path, const char *source, const image *labels, const uint8_t *holes,
                                  const painter *p, cseg_error *err);

/* FOLDER/STEM of `path`, SUFFIX appended; NULL: out of memory. */
char *picture_name(const char *folder, const char *path, const char *suffix, arena *mem);
/* The same; the folder is made. NULL: *err says why. */
char *picture_path(const char *folder, const char *path, const char *suffix, arena *mem, cseg_error *err);

#endif
