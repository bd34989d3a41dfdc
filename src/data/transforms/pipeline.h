/* Pipelines: a config's list of transforms, built once, applied to any number of samples by any number of threads; and
 * the last step to the model, from a sample to its place in a batch.
 *
 *     pipeline_build(list) -> for each sample: pipeline_apply -> preprocessor_size -> pipeline_pack, _pack_labels
 */
#ifndef DATA_TRANSFORMS_PIPELINE_H
#define DATA_TRANSFORMS_PIPELINE_H

#include <stdio.h>

#include "config/config.h"
#include "data/transforms/sample.h"

typedef struct pipeline pipeline;

typedef struct pipeline_options {
    config_dialect dialect; /* Pad(size=) is (h, w) in 0.x and (w, h) in 1.x; LoadAnnotations differs too */
} pipeline_options;

/* A value that a step writes into label maps, beside what the files hold. */
typedef struct pipeline_fill {
    const char *step, *field; /* "RandomRotate", "seg_pad_val" */
    double with;
    const value *at; /* where the config says so, or the step itself where it does not */
} pipeline_fill;

/* What the loader and the engine want to know. */
typedef struct pipeline_info {
    bool loads_image;
    bool loads_labels;      /* some LoadAnnotations is in it */
    bool reduce_zero_label; /* LoadAnnotations(reduce_zero_label=True) */
    bool random;            /* two runs may differ */
    bool needs_others;      /* sample.others must be set (RandomMosaic) */
    bool to_float32;        /* the image is loaded as float32 */
    image_flags flags;      /* what its loader asks of the decoder */
    int variants;           /* samples that come out: 1 but for test time augmentation */
    int64_t h, w;           /* size of every image that comes out, if it is fixed; else 0 */
    /* 0.x: the Normalize in it. norm_n == 0: none. */
    double mean[SAMPLE_MAX_CHANNELS], std[SAMPLE_MAX_CHANNELS];
    int norm_n;
    bool to_rgb;
    VEC(pipeline_fill) fills; /* in order of the steps */
} pipeline_info;

/* Processor seconds of the thread that the transforms of a pipeline took, added up under their names; those within
 * others count with these. Zero it first. Names live as long as the pipeline; more than fit are dropped. */
enum { PIPELINE_MAX_TIMES = 32 };
typedef struct pipeline_times {
    int n;
    struct {
        const char *name;
        double seconds;
    } at[PIPELINE_MAX_TIMES];
} pipeline_times;
void pipeline_times_add(pipeline_times *t, const char *name, double seconds);

/* `list` is a list of dicts (None or empty: a pipeline that does nothing). All of it lives in `mem`, `list` included,
 * which must stay. CSEG_CONFIG with file and line for unknown names (and the nearest known) and bad fields;
 * CSEG_UNSUPPORTED for transforms that are known but not done here. `options` may be NULL: the 1.x dialect. */
cseg_status pipeline_build(const value *list, const pipeline_options *options, arena *mem, pipeline **out,
                           cseg_error *err);
const pipeline_info *pipeline_describe(const pipeline *p);

/* Runs all transforms on *s: zeroed but for mem, random, path(s), maps with key and path, n_images, reduce_zero_label,
 * label_map, index, others, times. On failure *s is to be released all the same. CSEG_USAGE when p has several
 * variants. Geometry may be left delayed: read pixels after sample_settle, or take them with pipeline_pack. */
cseg_status pipeline_apply(const pipeline *p, sample *s, cseg_error *err);
/* The same for test time augmentation: out[0 .. variants-1], zeroed, get one sample each, in the reference's order
 * (scale, then flip); each tells its scale and flip. *s is used up. Release all of them whatever the result. */
cseg_status pipeline_apply_variants(const pipeline *p, sample *s, sample *out, cseg_error *err);

/* How a pipeline's LoadAnnotations reads a label file, and what becomes of each number in it; larger ones are refused.
 * And how it reads a weight map. */
typedef struct label_reading {
    image_flags flags, weight_flags;
    uint8_t seen[256];
} label_reading;
/* `like` is a sample of the dataset, before the pipeline. False: no LoadAnnotations is in it. */
bool pipeline_label_reading(const pipeline *p, const sample *like, const char *key, label_reading *out);

/* How images become a batch: SegDataPreProcessor (1.x), or nothing but what the pipeline asked for (0.x). */
typedef struct preprocessor {
    double mean[SAMPLE_MAX_CHANNELS], std[SAMPLE_MAX_CHANNELS];
    int n;       /* channels that are normalised, (x - mean) / std; 0: none are */
    bool zero_x; /* of a 0.x config, which has no data_preprocessor: for messages */
    bool swap;   /* bgr_to_rgb or rgb_to_bgr: of images of three channels; as the reference has it, not of pairs */
    bool pairs;  /* DualInputSegDataPreProcessor: of each date of a pair too. So, here, if there are 3 means */
    double pad_val;
    int64_t seg_pad_val;
    int64_t h, w;    /* size=(h, w); 0: none */
    int64_t divisor; /* size_divisor; 0: none */
    struct {
        bool any;
        int64_t h, w, divisor;
    } test; /* test_cfg */
} preprocessor;

/* `dict` is the config's data_preprocessor; NULL or None: no swap, no normalisation, no padding. */
cseg_status preprocessor_build(const value *dict, arena *mem, preprocessor *out, cseg_error *err);
/* The size that a batch of these samples takes: the largest, padded as asked. CSEG_SHAPE where a batch cannot be:
 * different sizes and nothing that pads them, or channels that differ. */
cseg_status preprocessor_size(const preprocessor *pre, const sample *const *samples, int n, bool training, int64_t *h,
                              int64_t *w, cseg_error *err);

/* The image into its slot of a batch: f32 [h, w, c] (NHWC), cut and flipped as is still delayed, blue and red changed,
 * normalised and padded in one pass. Changes nothing in *s but its delayed state (it may settle a resize), and
 * notes pad_h and pad_w. CSEG_SHAPE when the image is larger than [h, w] or its channels do not fit the means. */
cseg_status pipeline_pack(const preprocessor *pre, sample *s, int64_t h, int64_t w, float *slot, cseg_error *err);
/* A label map into its slot, i32 [h, w], padded with seg_pad_val. CSEG_NOT_FOUND when the sample has no such map. */
cseg_status pipeline_pack_labels(const preprocessor *pre, sample *s, const char *key, int64_t h, int64_t w,
                                 int32_t *slot, cseg_error *err);
/* A weight map, f32 [h, w], padded with 0. */
cseg_status pipeline_pack_weights(sample *s, const char *key, int64_t h, int64_t w, float *slot, cseg_error *err);

/* Markdown: every transform with its fields. */
void transforms_document(FILE *out);

#endif
