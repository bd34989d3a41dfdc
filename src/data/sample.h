/* What travels through a pipeline: an image, its label maps, and what happened to them. */
#ifndef DATA_SAMPLE_H
#define DATA_SAMPLE_H

#include "base/random.h"
#include "config/value.h"
#include "io/image.h"

enum { SAMPLE_MAX_LABELS = 8, SAMPLE_MAX_IMAGES = 2 };

/* One named map that geometry moves along with the image: gt_semantic_seg, gt_semantic_seg_from, seg_weight_map... */
typedef struct sample_map {
    const char *key;  /* gt_semantic_seg (0.x) and gt_seg_map (1.x) are one: stored as gt_semantic_seg */
    const char *path;
    image map;        /* labels: c == 1, u8 or u16; weights: c == 1, f32 or u8 */
    bool is_weight;   /* interpolated and padded as weights (pad 0), not as labels (pad seg_pad_val) */
} sample_map;

typedef struct sample {
    arena *mem;         /* lives as long as the sample: strings, small things. Pixels are on the heap */
    rng random;         /* derived from (seed, epoch, index): the same for any number of workers */
    const char *path;   /* img_path; the first date's for pairs */
    const char *path2;  /* second date's, or NULL */
    image img;          /* HWC, BGR as the reference loads it; pairs: 2*C channels, first date first */
    int n_images;       /* 1, or 2 for a pair */
    sample_map maps[SAMPLE_MAX_LABELS];
    int n_maps;
    /* img_metas */
    int64_t ori_h, ori_w;   /* as the file has it */
    int64_t img_h, img_w;   /* after the geometric transforms, before padding */
    int64_t pad_h, pad_w;
    double scale_x, scale_y; /* scale_factor (w, h) */
    bool keep_ratio;
    bool flip;
    char flip_direction;     /* 'h', 'v', 'd', or 0 */
    struct {
        double mean[32], std[32];
        int n;
        bool to_rgb;
        bool done;
    } norm;
    bool reduce_zero_label;
    const value *label_map; /* old id -> new id, or NULL */
    int64_t index;
} sample;

void sample_release(sample *s); /* frees the pixels */
sample_map *sample_find(sample *s, const char *key); /* NULL if absent */

#endif
