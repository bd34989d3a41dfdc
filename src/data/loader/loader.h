/* Makes batches from a dataset, with threads that read ahead.
 *
 *     loader *train;
 *     batch next;
 *     TRY(loader_open(ds, &(loader_options){.batch_size = 2, .workers = 4, .order = ORDER_INFINITE}, &train, err));
 *     TRY(loader_next(train, &next, err));
 *     loader_give_back(train, &next);
 *
 * Order and random numbers depend on the seed and the position alone. So any number of threads gives the same batches,
 * and a run can go on from any iteration. */
#ifndef DATA_LOADER_LOADER_H
#define DATA_LOADER_LOADER_H

#include "data/datasets/dataset.h"

typedef struct loader loader;

typedef enum {
    ORDER_SEQUENTIAL, /* 0 ... count-1 once an epoch (DefaultSampler(shuffle=False), 0.x val and test) */
    ORDER_SHUFFLE,    /* a new permutation each epoch, batches do not cross epochs (DefaultSampler, 0.x loaders) */
    ORDER_INFINITE,   /* one permutation after another, batches cross from one into the next (InfiniteSampler) */
    ORDER_INFINITE_SEQUENTIAL /* the same without shuffling */
} loader_order;

typedef struct loader_options {
    int batch_size; /* at least 1 */
    int workers;    /* threads; 0 counts as 1 */
    int prefetch;   /* batches read ahead of the one in use; 0: 2, on which all threads work together */
    loader_order order;
    bool drop_last; /* an epoch's incomplete last batch is left out. Has no effect for the infinite orders */
    uint64_t seed;
    int64_t limit;           /* 1.x num_batch_per_epoch: batches an epoch has at most; 0: no limit */
    const preprocessor *pre; /* how images become a batch; must outlive the loader. NULL: as they are */
    bool training; /* the preprocessor's size and divisor pad images of different sizes; else they are refused */
    bool truth;    /* if the pipeline gives no labels, deliver those of dataset_get_truth */
} loader_options;

/* A map of a batch. Exactly one of label and weight is set. */
typedef struct batch_map {
    const char *key; /* gt_semantic_seg ... as in sample.h */
    int64_t h, w;    /* of the images in training; of the files in testing */
    int32_t *label;  /* [n,h,w] */
    float *weight;   /* [n,h,w] */
} batch_map;

/* The facts about one image of a batch: what the reference calls img_metas. */
typedef struct batch_meta {
    const char *path, *path2;
    int dates;            /* pictures in the channels: 2 for a pair that was loaded as one */
    int64_t index;        /* in the dataset */
    int64_t ori_h, ori_w; /* of the file */
    int64_t img_h, img_w; /* resized and cropped, before padding */
    int64_t pad_h, pad_w; /* as in img */
    double scale_x, scale_y;
    bool flip;
    char flip_direction; /* 'h', 'v', 'd', or 0 */
    bool reduce_zero_label;
} batch_meta;

/* Pixels are borrowed from the loader until loader_give_back. */
typedef struct batch {
    int64_t n, h, w, c;
    float *img; /* [n,h,w,c], normalised as the pipeline says */
    batch_map maps[SAMPLE_MAX_LABELS];
    int n_maps;
    batch_meta *metas;  /* n */
    int view, n_views;  /* of test time augmentation: 0 of 1 without it */
    uint64_t iteration; /* since the run's start; all views of a batch have the same */
    uint64_t epoch;
    bool last_of_epoch;
    void *slot; /* the loader's own */
} batch;

/* Starts the threads. The dataset must outlive the loader. CSEG_CONFIG: nothing to load (an empty dataset, or
 * drop_last with fewer samples than a batch). Stop it with loader_close, at any moment. */
cseg_status loader_open(const dataset *ds, const loader_options *options, loader **out, cseg_error *err);
void loader_close(loader *l); /* NULL is fine */

/* Batches in an epoch; for the infinite orders, count / batch_size rounded up, as the reference counts them. */
int64_t loader_batches(const loader *l);

/* Waits for the next batch, in order. On success *out is valid until loader_give_back; at most one batch is out at a
 * time. With test-time augmentation a batch comes view after view, each of its own size. An error that a thread met is
 * returned with the batch that needed that sample (of several, the first by position); asking again gives the same
 * error. The batches never end: after an epoch comes the next. */
cseg_status loader_next(loader *l, batch *out, cseg_error *err);
void loader_give_back(loader *l, batch *b);

/* Continues with this iteration (batches given out since the run's start), exactly as if all before it had been asked
 * for. Drops what was read ahead. No batch may be out. */
void loader_seek(loader *l, uint64_t iteration);

/* What loading has cost so far. */
typedef struct loader_costs {
    int64_t samples;      /* loaded */
    double seconds;       /* processor time of all threads */
    double waited;        /* wall time that loader_next waited for them */
    pipeline_times steps; /* processor time of each transform, and of "pack" */
} loader_costs;
void loader_tell_costs(loader *l, loader_costs *out);

const batch_map *batch_find(const batch *b, const char *key); /* NULL if absent */

#endif
