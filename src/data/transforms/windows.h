/* Applies a pipeline to windows of a picture that is never in memory as a whole. Each window is what the pipeline makes
 * of the whole picture there, bit for bit.
 *
 *     windowed *picture;
 *     TRY(windowed_open(steps, from, mem, &picture, err));
 *     TRY(windowed_read(picture, 0, 0, 512, 512, s, err));
 *
 * Each transform says how it can be done by windows (transform_windows). Resizes fetch only the pixels that a window is
 * made from. */
#ifndef DATA_TRANSFORMS_WINDOWS_H
#define DATA_TRANSFORMS_WINDOWS_H

#include "data/transforms/pipeline.h"

typedef struct windowed windowed;

typedef struct window_source {
    const char *path; /* for messages */
    int64_t h, w;
    int dates;            /* 2: `read` gives the channels of both dates, those of the first one first */
    const int64_t *bands; /* which of the file's bands `read` gives: those of pipeline_describe */
    size_t n_bands;
    /* Makes *out (new) from the window at (y, x), as the pipeline's loader reads files: pipeline_describe's flags. */
    cseg_status (*read)(void *arg, int64_t y, int64_t x, int64_t h, int64_t w, image *out, cseg_error *err);
    /* Told of each part of a picture that is looked at beforehand, and may stop that; NULL: nothing is. Counts pixels.
     */
    cseg_status (*looked)(void *arg, int64_t done, int64_t all, cseg_error *err);
    void *arg;
} window_source;

/* Opens a picture. p and what `from` points at must outlive *out, which lives in `mem`. Reads one pixel, or (Rerange)
 * all of them. CSEG_UNSUPPORTED, with file and line, for a transform that needs the whole picture and for several
 * views; else the transforms' errors. */
cseg_status windowed_open(const pipeline *p, const window_source *from, arena *mem, windowed **out, cseg_error *err);

/* What the pipeline makes of the picture. */
typedef struct windowed_info {
    int64_t h, w, c;
    image_type type;
    bool resized;        /* to another size than the source's */
    const char *resizer; /* the first transform that changed the size; NULL: none */
    where at;            /* of that transform */
} windowed_info;
const windowed_info *windowed_describe(const windowed *w);

/* Reads a window of it, ready for pipeline_pack. Release *out, zeroed before, whatever the result. */
cseg_status windowed_read(const windowed *w, int64_t y, int64_t x, int64_t n_h, int64_t n_w, sample *out,
                          cseg_error *err);

#endif
