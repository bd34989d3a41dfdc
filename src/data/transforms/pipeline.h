/* Pipelines: a config's list of transforms, built once, then applied to any number of samples by any number of threads.
 * The last step packs a sample into its place in a batch.
 *
 *     pipeline *train;
 *     TRY(pipeline_build(cfg, NULL, mem, &train, err));
 *     TRY(pipeline_apply(train, s, err));
 *     TRY(pipeline_pack(pre, s, 512, 512, v, err));
 *
 * preprocessor_size tells the size of the batch, between applying and packing. */
#ifndef DATA_TRANSFORMS_PIPELINE_H
#define DATA_TRANSFORMS_PIPELINE_H

#include <stdio.h>

#include "config/value.h"
#include "data/transforms/sample.h"

typedef struct pipeline pipeline;

/* What a transform's fields mean where configs differ (data/rules.h). All zero is a good default: mmseg 1.x's. */
typedef struct pipeline_rules {
    bool pad_height_first;     /* Pad(size=) is (h, w); else (w, h), or one number for both */
    bool pad_first_channel;    /* Pad(pad_val=) of one whole number fills the first channel alone; else every one */
    bool pad_keeps_shape;      /* img_shape stays that in front of Pad */
    bool flip_may_wait;        /* RandomFlip may leave prob out: MultiScaleFlipAug around it decides */
    bool resize_may_wait;      /* Resize may leave its size out: MultiScaleFlipAug around it has it */
    bool maps_before_reducing; /* LoadAnnotations applies the label_map before it reduces zero */
    bool loader_reduces; /* LoadAnnotations alone says whether zero is reduced; else its dataset, and it must not say
                          * otherwise */
} pipeline_rules;

/* A value that a step writes into label maps, in addition to what the files hold. */
typedef struct pipeline_fill {
    const char *step, *field; /* "RandomRotate", "seg_pad_val" */
    double with;
    const value *at; /* where the config says so; the step itself if it does not say */
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
    const int64_t *bands;   /* the bands of files that it takes, from 1, in this order; n_bands 0: as they are */
    size_t n_bands;
    bool reduced; /* the image does not have the values of files deeper than 8 bits */
    int variants; /* samples that come out: 1 except for test-time augmentation */
    int64_t h, w; /* size of every image that comes out, if it is fixed; else 0 */
    /* 0.x: the Normalize in it. norm_n == 0: none. */
    double mean[SAMPLE_MAX_CHANNELS], std[SAMPLE_MAX_CHANNELS];
    int norm_n;
    bool to_rgb;
    VEC(pipeline_fill) fills; /* in order of the steps */
} pipeline_info;

/* Processor seconds that the transforms of a pipeline took on this thread, summed under their names; transforms within
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

/* Makes every step that loads images, anywhere in a config's value, take these bands of files: sets its `bands`. n
 * numbers from 1. CSEG_CONFIG: there is no such step. */
cseg_status pipeline_set_bands(value *cfg, const int64_t *bands, size_t n, arena *mem, cseg_error *err);

/* `list` is a list of dicts (None or empty: a pipeline that does nothing). All of it lives in `mem`, `list` included,
 * which must stay. CSEG_CONFIG with file and line for unknown names (and the nearest known) and bad fields;
 * CSEG_UNSUPPORTED for transforms that are known but not done here. `rules` live as long as the pipeline;
 * NULL: all zero. */
cseg_status pipeline_build(const value *list, const pipeline_rules *rules, arena *mem, pipeline **out, cseg_error *err);
const pipeline_info *pipeline_describe(const pipeline *p);

/* Runs all transforms on *s: zeroed but for mem, random, path(s), maps with key and path, n_images, reduce_zero_label,
 * label_map, index, others, times. Release *s after a failure too. CSEG_USAGE if p has several variants. Geometry may
 * be left delayed: read pixels after sample_settle, or take them with pipeline_pack. */
cseg_status pipeline_apply(const pipeline *p, sample *s, cseg_error *err);
/* The same for test-time augmentation: out[0 .. variants-1], zeroed, get one sample each, in the reference's order
 * (scale, then flip); each states its scale and flip. *s is used up. Release all of them whatever the result. */
cseg_status pipeline_apply_variants(const pipeline *p, sample *s, sample *out, cseg_error *err);

/* How a pipeline's LoadAnnotations reads a label file, and what each number in it becomes (larger numbers are refused);
 * and how it reads a weight map. */
typedef struct label_reading {
    image_flags flags, weight_flags;
    uint8_t seen[256];
} label_reading;
/* `like` is a sample of the dataset, before the pipeline. False: no LoadAnnotations is in it. */
bool pipeline_label_reading(const pipeline *p, const sample *like, const char *key, label_reading *out);

/* How images become a batch: SegDataPreProcessor (1.x), or only what the pipeline asked for (0.x). */
typedef struct preprocessor {
    double mean[SAMPLE_MAX_CHANNELS], std[SAMPLE_MAX_CHANNELS];
    int n;                 /* channels that are normalised, (x - mean) / std; 0: none are */
    const char *same_size; /* for messages: how images of one batch are made alike; NULL: by Pad or by this */
    bool swap;  /* bgr_to_rgb or rgb_to_bgr: of images of three channels; as the reference has it, not of pairs */
    bool pairs; /* DualInputSegDataPreProcessor: of each date of a pair too. So, here, if there are 3 means */
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
/* The size that a batch of these samples takes: the largest, padded as asked. CSEG_SHAPE if they cannot be a batch:
 * their sizes differ and nothing pads them, or their channels differ. */
cseg_status preprocessor_size(const preprocessor *pre, const sample *const *samples, int n, bool training, int64_t *h,
                              int64_t *w, cseg_error *err);

/* Packs the image into its slot of a batch: f32 [h, w, c] (NHWC). In one pass it is cut and flipped as far as that is
 * delayed, blue and red are exchanged, and it is normalised and padded. Changes nothing in *s but its delayed state (it
 * may settle a resize), and sets pad_h and pad_w. CSEG_SHAPE if the image is larger than [h, w] or its channels do not
 * fit the means. */
cseg_status pipeline_pack(const preprocessor *pre, sample *s, int64_t h, int64_t w, float *slot, cseg_error *err);
/* Packs a label map into its slot, i32 [h, w], padded with seg_pad_val. CSEG_NOT_FOUND if the sample has no such map.
 */
cseg_status pipeline_pack_labels(const preprocessor *pre, sample *s, const char *key, int64_t h, int64_t w,
                                 int32_t *slot, cseg_error *err);
/* A weight map, f32 [h, w], padded with 0. */
cseg_status pipeline_pack_weights(sample *s, const char *key, int64_t h, int64_t w, float *slot, cseg_error *err);

/* Markdown: every transform with its fields. */
void transforms_document(FILE *out);

#endif
