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
    bool refuses;  /* images that the model cannot mean are CSEG_DATA (input_watch.h); else a warning */
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
/* Names of a head's classes, *n of them, for files: "" where there is none. They live in `mem`. NULL:
 * out of memory. */
const char *const *infer_head_classes(const infer *x, int head, arena *mem, int *n);
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

typedef enum { INFER_BLEND_AUTO, INFER_BLEND_LOGITS, INFER_BLEND_SMOOTH, INFER_BLEND_CUT } infer_blend;

/* What is done while a scene is segmented, for progress. */
typedef enum { INFER_WINDOWS, INFER_JOIN } infer_stage;

typedef struct infer_scene {
    const char *path, *path2;    /* path2: the second date, on the grid of the first; else NULL */
    const char *mask_path;       /* the mask is a GeoTIFF with the scene's georeference */
    const char *scores_path;     /* a band for each class; NULL: no probabilities */
    bool scores_bytes;           /* as u8 in steps of 1 / CONFIDENCE_ONE, 255 where there are no data; else f32, NaN */
    const char *confidence_path; /* the answered class's probability, as u8 like that; NULL: none */
    int head;                    /* -1: the answering one */
    int64_t window; /* side of the windows, as the model sees them; 0: test_cfg's crop, or what was trained on */
    bool has_overlap;
    int64_t overlap; /* of neighbouring windows, if has_overlap; else test_cfg's, or a third of the window */
    /* AUTO: as MMSegmentation does it (LOGITS) if the config slides and neither window, overlap nor flips are given;
     * else SMOOTH. */
    infer_blend blend;
    const char *flips; /* predict_scene's */
    int batch;         /* windows that go through the model at once; 0: 1 */
    size_t memory;     /* bytes that the process may have resident; 0: some 700 MiB beside the model's plan */
    bool resume;       /* go on with what an interrupted run left in MASK_PATH.windows */
    bool plain;        /* GeoTIFFs without overviews, not cloud-optimised ones */
    bool warp, force;  /* of a pair: pair_options */
    cseg_status (*progress)(void *arg, infer_stage stage, int64_t done, int64_t all, cseg_error *err); /* may be NULL */
    void *arg;
} infer_scene;
/* Segments a scene by windows, which a thread reads ahead and another one's files take, with memory for a strip of
 * windows. The config's loader and transforms apply as in infer_file, so a model with mode='slide' gives the same mask
 * to the bit (INFER_BLEND_LOGITS). What is finished is kept in the folder MASK_PATH.windows until the result is whole;
 * a run that stops, also by SIGKILL, goes on from there. CSEG_UNSUPPORTED names a transform that needs the whole scene
 * at once; CSEG_USAGE: the least `memory` with which it can be done. */
cseg_status infer_run_scene(infer *x, const infer_scene *s, cseg_error *err);

#endif
