/* Looks at every label file before the first step, so that a wrong value is told with its file instead of as a strange
 * loss hours later. */
#ifndef DATA_SCAN_H
#define DATA_SCAN_H

#include "data/datasets/dataset.h"

/* What is expected of one label map. */
typedef struct scan_key {
    const char *key;     /* gt_semantic_seg... */
    int64_t num_classes; /* of the head that learns it */
} scan_key;

typedef struct scan_options {
    const scan_key *keys;    /* maps that are not named are not looked at; */
    int n_keys;              /* 0: gt_semantic_seg, with the dataset's classes */
    int64_t ignore_index;    /* of the loss; -1: that of the dataset */
    int threads;             /* at least 1 */
    const char *cache_file;  /* what was found in earlier runs; NULL: no cache. A damaged one is made anew */
    bool reduce_zero_label;  /* what the pipeline's LoadAnnotations does: or-ed with the dataset's own */
    bool (*stop)(void *arg); /* asked now and then: true ends the scan with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} scan_options;

typedef struct scan_report {
    int64_t files, cached; /* label files looked at, and of these told from the cache */
    int64_t *pixels;       /* [n] pixels of each class of the first key over all files, in the arena */
    int64_t n;
    int64_t ignored; /* pixels of the first key */
} scan_report;

/* Reads the label files in parallel. `report` may be NULL.
 * CSEG_DATA: a value that is neither class nor ignored; names the first such file in the dataset's order, the values
 * and their counts, how many more files are wrong, and the likely cause (0/255 masks, reduce_zero_label, colours
 * instead of indices, classes counted from 1). CSEG_SHAPE: a label map whose size differs from its image's.
 * CSEG_NOT_FOUND, CSEG_CORRUPT: files that are missing or damaged. */
cseg_status scan_labels(const dataset *ds, const scan_options *options, arena *mem, scan_report *report,
                        cseg_error *err);

#endif
