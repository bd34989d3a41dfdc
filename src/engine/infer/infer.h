/* Segments images that belong to no dataset: files, pixels in memory, and scenes of any size.
 *
 *     infer *net;
 *     infer_answer answer = {0};
 *     TRY(infer_open(e, "iter_80000.pth", &(infer_options){0}, mem, &net, err));
 *     TRY(infer_image(net, "image.png", NULL, -1, false, &answer, err));
 *     infer_answer_release(&answer);
 *     infer_close(net);
 */
#ifndef ENGINE_INFER_INFER_H
#define ENGINE_INFER_INFER_H

#include "engine/setup/build.h"
#include "geo/scene.h"
#include "io/raster/raster.h"

typedef struct infer infer;

typedef struct infer_options {
    const char *backend; /* "cpu" (NULL) or "ref" */
    int threads;
    bool bf16;     /* maps and operands in bfloat16, if the CPU has it */
    bool tta;      /* the config's test-time augmentation */
    bool own_size; /* without the test pipeline's resizes */
} infer_options;

/* Builds the experiment's model, loads the checkpoint into it, and prepares the test pipeline for new images (without
 * labels). *out is in `mem`; call infer_close before freeing that. */
cseg_status infer_open(const experiment *e, const char *checkpoint, const infer_options *o, arena *mem, infer **out,
                       cseg_error *err);
void infer_close(infer *x); /* NULL is allowed */

/* Meaning of the labels: names and colours of the config's test dataset; numbers and made-up colours if it has none. */
int64_t infer_classes(const infer *x);
const char *infer_class_name(const infer *x, int64_t i);
const uint8_t *infer_palette(const infer *x); /* [classes][3], red first */
/* Returns the colours of a head's map (-1: the answering head), n of them: from the segmentor's PALETTES, else the
 * dataset's. */
const uint8_t *infer_head_palette(const infer *x, int head, int64_t *n);
const model *infer_model(const infer *x);

/* Segments a file. path2: the second date of a pair, else NULL. head: -1 for the answering head. */
cseg_status infer_file(infer *x, const char *path, const char *path2, int head, bool want_scores, prediction *out,
                       cseg_error *err);
/* Finds out what a file is. *is_raster: it is georeferenced, or a GeoTIFF; then its own nodata counts, and its answer
 * is georeferenced as well. *out is the open scene, in `mem`; out->r is NULL if GDAL does not know the file, which may
 * still be an image. */
cseg_status infer_look(const char *path, arena *mem, scene *out, bool *is_raster, cseg_error *err);

/* The result of infer_image. Zero it before the first use. */
typedef struct infer_answer {
    prediction p;   /* labels: 255 where there is no data; from 256 classes on IMAGE_I32 and 65535 */
    uint8_t *holes; /* [h, w]: 1 where there is no data; NULL: data everywhere */
} infer_answer;
void infer_answer_release(infer_answer *out);
/* As infer_file, but removes a raster's nodata from the labels. The program and the public API answer files through
 * this. */
cseg_status infer_image(infer *x, const char *path, const char *path2, int head, bool want_scores, infer_answer *out,
                        cseg_error *err);
/* Segments pixels in memory, which stay the caller's. Of three or four channels the first is blue, or red with `rgb`;
 * more channels are bands in the order of a file. The answer is that for a file with these pixels. */
cseg_status infer_pixels(infer *x, const image *img, bool rgb, int head, prediction *out, cseg_error *err);

typedef struct infer_scene {
    const char *path, *mask_path; /* the mask is a GeoTIFF with the scene's georeference */
    const char *scores_path;      /* NULL: no probabilities */
    int head;
    cseg_status (*progress)(void *arg, int64_t done, int64_t all, cseg_error *err); /* may be NULL */
    void *arg;
} infer_scene;
/* Segments a scene in slide mode, with memory for a strip of crops: the config's crop and stride, or else crops of the
 * training size with a third of overlap. The config's loader and transforms apply as in infer_file, so a model with
 * mode='slide' gives the same mask to the bit. A transform that needs the whole scene at once is refused by name
 * (CSEG_UNSUPPORTED). */
cseg_status infer_run_scene(infer *x, const infer_scene *s, cseg_error *err);

#endif
