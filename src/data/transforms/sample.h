/* What travels through a pipeline: an image, its label maps, and what happened to them.
 *
 *     TRY(sample_settle(s, err));
 *     const sample_map *labels = sample_find(s, "gt_semantic_seg");
 *     int64_t rows = sample_height(s), columns = sample_width(s);
 *
 * Work is put off if that saves some of it. An image is not decoded yet; a resize, and the crops and flips after it,
 * are noted (`delayed`). Whoever needs the pixels does all of it together, so what a crop cuts away is neither resized
 * nor decoded (but for its entropy code). Before reading `img.data` or a map's data call sample_settle; read h and w by
 * sample_height and sample_width. */
#ifndef DATA_TRANSFORMS_SAMPLE_H
#define DATA_TRANSFORMS_SAMPLE_H

#include "base/random.h"
#include "config/value.h"
#include "io/imgproc/imgproc.h"

enum { SAMPLE_MAX_LABELS = 8, SAMPLE_MAX_IMAGES = 2, SAMPLE_MAX_CHANNELS = 256 };

/* One named map that geometry moves along with the image: gt_semantic_seg, gt_semantic_seg_from, seg_weight_map... */
typedef struct sample_map {
    const char *key;  /* gt_semantic_seg (0.x) and gt_seg_map (1.x) are one: stored as gt_semantic_seg */
    const char *path; /* set by the dataset, read by LoadAnnotations; NULL for maps that a transform makes */
    image map;        /* labels: c == 1, u8; weights: c == 1, f32 */
    delayed todo;
    bool is_weight; /* resized linearly, rotated linearly, padded with 0, unlike labels */
} sample_map;

/* The part of larger files that a sample is. What loads files then reads this part of them, and sees them as files of
 * that size. */
typedef struct sample_window {
    int64_t y, x, h, w;
    /* Reads it as image_read_bands would give it; *out is new. labels: of a label map. */
    cseg_status (*read)(const struct sample_window *w, const char *path, bool labels, const int64_t *bands, size_t n,
                        image_flags flags, image *out, cseg_error *err);
    /* Writes the label to ignore into labels, u8 [h,w], read from `path`, wherever nothing counts. */
    cseg_status (*blank)(const struct sample_window *w, const char *path, image *labels, cseg_error *err);
} sample_window;

/* What a transform measures of each channel of a whole picture, before it changes any pixel. */
typedef struct sample_range {
    bool known;
    const double *low, *high; /* one a channel */
} sample_range;

struct sample;
/* Where a transform that mixes several samples (RandomMosaic) finds the others. */
typedef struct sample_source {
    int64_t n;
    /* Fills *out (zeroed, out->mem and out->random set) with sample `index`, loaded and transformed as the inner
     * dataset does it. Called from several threads at once. */
    cseg_status (*fetch)(void *arg, int64_t index, struct sample *out, cseg_error *err);
    void *arg;
} sample_source;

/* A transform of the pipeline, for messages. */
typedef struct sample_step {
    const char *name; /* NULL: none */
    where at;
} sample_step;

typedef struct sample {
    arena *mem;                  /* lives as long as the sample: strings, small things. Pixels are on the heap */
    rng random;                  /* derived from (seed, epoch, index): the same for any number of workers */
    const char *path;            /* img_path; the first date's for pairs */
    const char *path2;           /* second date's, or NULL */
    const sample_window *window; /* NULL: the files as they are */
    const sample_source *others; /* NULL: transforms that mix samples fail */
    image img;    /* HWC, BGR as the reference loads it, decoded or not; pairs: 2*C channels, first date first */
    delayed todo; /* of img */
    int n_images; /* 1, or 2 for a pair */
    sample_map maps[SAMPLE_MAX_LABELS];
    int n_maps;
    /* img_metas */
    int64_t ori_h, ori_w;    /* as the file has it */
    int64_t img_h, img_w;    /* img_shape: after the geometric transforms (1.x: and Pad) */
    int64_t pad_h, pad_w;    /* pad_shape */
    double scale_x, scale_y; /* scale_factor (w, h) */
    bool keep_ratio;
    bool flip;
    char flip_direction; /* 'h', 'v', 'd', or 0 */
    /* What Normalize (0.x) asked for; pipeline_pack does it, and then the padding that came after it. */
    struct {
        double mean[SAMPLE_MAX_CHANNELS], std[SAMPLE_MAX_CHANNELS]; /* as float32 holds them */
        int n;                                                      /* channels; 0: not asked for */
        bool to_rgb;                                                /* blue and red change places first */
        double pad_val; /* Pad after Normalize: up to [pad_h, pad_w] with this */
    } norm;
    /* What MultiScaleFlipAug (0.x) decides for the Resize and RandomFlip inside it. */
    struct {
        bool has_scale, has_flip, flip;
        int64_t scale[2];
        char direction;
    } preset;
    sample_range range; /* for a window: what the transform in turn needs to know of the whole picture */
    /* Ask sample_nodata. */
    struct {
        bool asked, reduced; /* reduced: the image does not have the file's values */
        image_nodata of_file;
    } nodata;
    bool reduce_zero_label;          /* of the dataset */
    bool reduce_semantic_zero_label; /* the same for Open-CD's maps of each date */
    bool to_binary;                  /* Open-CD's format_seg_map='to_binary': 128 and more is 1, less is 0 */
    const value *label_map;          /* dict: old id -> new id, or NULL */
    int64_t index;
    /* The last transforms that changed the size of the image, and of the label maps. */
    sample_step image_step, map_step;
    struct pipeline_times *times; /* where transforms note what they took; NULL: nowhere */
} sample;

void sample_release(sample *s);                      /* frees the pixels; the strings go with the arena */
sample_map *sample_find(sample *s, const char *key); /* NULL if absent; gt_seg_map* finds gt_semantic_seg* */
/* Adds a map that the dataset found (path) or a transform makes (path NULL). NULL: there are SAMPLE_MAX_LABELS already.
 */
sample_map *sample_add_map(sample *s, const char *key, const char *path, bool is_weight);
/* Checks that the label and weight maps have the right size: in training the size of the image that comes out of the
 * pipeline; else the size of the file, which the answer has too. CSEG_SHAPE names the transform after which they
 * differ. */
cseg_status sample_check_maps(const sample *s, bool training, cseg_error *err);
/* Tells the value that stands for "no data" among the image's, as its file states it. */
cseg_status sample_nodata(sample *s, image_nodata *out, cseg_error *err);
/* Joins two dates of one size and type: the channels of b behind those of a, in *out, which is new. CSEG_DATA names
 * what differs. */
cseg_status sample_join_dates(const image *a, const image *b, const char *path, const char *path2, image *out,
                              cseg_error *err);
/* Size of the image as it will be once settled. */
int64_t sample_height(const sample *s);
int64_t sample_width(const sample *s);
/* Decodes what is not decoded yet, and does the delayed geometry. The 0.x normalisation, and the padding after it, stay
 * noted for pipeline_pack. */
cseg_status sample_settle(sample *s, cseg_error *err);
/* The delayed geometry; if there is none, the whole picture as it is. */
delayed delayed_or_whole(const delayed *todo, const image *m);
/* The same for one picture. */
cseg_status sample_settle_image(image *m, delayed *todo, cseg_error *err);
/* A deep copy, pixels too; the caller releases *out whatever the result. Strings are shared. */
cseg_status sample_copy(const sample *s, sample *out, cseg_error *err);

#endif
