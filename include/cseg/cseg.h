/* cseg: semantic segmentation from MMSegmentation's own config files and checkpoints.
 *
 *     cseg_error err;
 *     cseg_segmentor *s;
 *     cseg_map map;
 *     cseg_status status = cseg_segmentor_open("config.py", "iter_80000.pth", NULL, &s, &err);
 *     if (status == CSEG_OK)
 *         status = cseg_segment_file(s, "image.png", &map, &err);
 *
 * Every function that can fail returns a status and fills a cseg_error that the caller owns (NULL: not wanted). The
 * library never exits and prints nothing: its messages go to the function that cseg_log_to was given. A handle is used
 * by one thread at a time; different handles may be used by different threads at once. Strings and pixels that a handle
 * gives out live as long as its comment says. */
#ifndef CSEG_CSEG_H
#define CSEG_CSEG_H

#include <stddef.h>
#include <stdint.h>

#include "cseg/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The API of one major version stays compatible. */
#define CSEG_API_MAJOR 0
#define CSEG_API_MINOR 1
CSEG_API const char *cseg_version(void); /* "0.1.0", of the library that is loaded */
CSEG_API const char *cseg_status_name(cseg_status status);

typedef enum cseg_log_level { CSEG_LOG_DEBUG, CSEG_LOG_INFO, CSEG_LOG_WARNING, CSEG_LOG_ERROR } cseg_log_level;
/* Sets the function that receives the library's messages, one for the process; NULL: none. Calls to it come one at a
 * time, from any thread. */
CSEG_API void cseg_log_to(void (*receiver)(void *arg, cseg_log_level level, const char *text), void *arg);

/* ---- configs --------------------------------------------------------------------------------------------------- */

typedef struct cseg_config cseg_config;

/* Reads a config of either dialect, resolves its bases and applies `n` assignments "model.decode_head.num_classes=2".
 */
CSEG_API cseg_status cseg_config_open(const char *path, const char *const *assignments, size_t n, cseg_config **out,
                                      cseg_error *err);
CSEG_API void cseg_config_close(cseg_config *config); /* NULL is fine, as in all _close and _release functions */
/* The whole config as Python or JSON text, which lives until the config is closed. */
CSEG_API cseg_status cseg_config_python(cseg_config *config, const char **text, cseg_error *err);
CSEG_API cseg_status cseg_config_json(cseg_config *config, const char **text, cseg_error *err);

/* ---- segmenting ------------------------------------------------------------------------------------------------ */

typedef struct cseg_segmentor cseg_segmentor;

typedef struct cseg_segmentor_options {
    int threads; /* 0: one for each processor */
    int head;    /* which of several decode heads, counted from 1; 0: the one that test_cfg chooses */
} cseg_segmentor_options;

/* The id of a pixel without data, as in the masks that cseg infer writes: in cseg_map's ids, and in its ids32. */
#define CSEG_NODATA 255
#define CSEG_NODATA_32 65535

/* Class ids of an image. */
typedef struct cseg_map {
    int64_t height, width;
    const uint8_t *ids;   /* [height][width], for up to 255 classes (256 if no pixel lacks data); else NULL */
    const int32_t *ids32; /* the same for more classes; else NULL */
    void *owner;
} cseg_map;

/* An image in memory: rows of interleaved 8-bit samples. */
typedef struct cseg_pixels {
    int64_t height, width, channels;
    int64_t row_bytes; /* distance of rows in bytes; 0: rows follow each other without gaps */
    int red_first;     /* order of three channels: 1: red first; 0: blue first, as in OpenCV */
    const uint8_t *bytes;
} cseg_pixels;

/* Builds the model of a config (either dialect) and loads a checkpoint: a file, an address, or an open-mmlab:// name.
 * `options` may be NULL. The config's test pipeline and test_cfg say how images become the model's input. */
CSEG_API cseg_status cseg_segmentor_open(const char *config, const char *checkpoint,
                                         const cseg_segmentor_options *options, cseg_segmentor **out, cseg_error *err);
CSEG_API void cseg_segmentor_close(cseg_segmentor *s);
CSEG_API int cseg_segmentor_class_count(const cseg_segmentor *s);
/* NULL for an id without a class. */
CSEG_API const char *cseg_segmentor_class_name(const cseg_segmentor *s, int id);
CSEG_API cseg_status cseg_segmentor_class_colour(const cseg_segmentor *s, int id, uint8_t rgb[3], cseg_error *err);

/* Segments an image. The map has the image's size and belongs to the caller: cseg_map_release. Pixels that a raster's
 * own file states to have no data have no class but CSEG_NODATA (CSEG_NODATA_32). */
CSEG_API cseg_status cseg_segment_file(cseg_segmentor *s, const char *image, cseg_map *out, cseg_error *err);
CSEG_API cseg_status cseg_segment_pixels(cseg_segmentor *s, const cseg_pixels *image, cseg_map *out, cseg_error *err);
CSEG_API void cseg_map_release(cseg_map *map);
/* Writes an indexed PNG in the classes' colours. The file appears whole or not at all. */
CSEG_API cseg_status cseg_map_save(const cseg_segmentor *s, const cseg_map *map, const char *path, cseg_error *err);

#ifdef __cplusplus
}
#endif
#endif
