/* Looks at every label file before the first step. A wrong value is reported with its file, instead of as a strange
 * loss hours later.
 *
 *     scan_report found;
 *     TRY(scan_labels(ds, &(scan_options){.threads = 4}, mem, &found, err));
 */
#ifndef DATA_SCAN_SCAN_H
#define DATA_SCAN_SCAN_H

#include "data/datasets/dataset.h"

/* What one head learns from a label map, after all that LoadAnnotations does to the numbers of the file: the labels are
 * 0 ... n_labels-1, or ignore_index or `ignored`, which may lie outside this range. If several heads learn from a map,
 * each has a rule, and the labels must obey all of them. */
typedef struct scan_rule {
    const char *key;  /* gt_semantic_seg... */
    const char *head; /* decode_head.1, for messages */
    int64_t n_labels;
    int64_t ignore_index;
    bool has_ignored; /* `ignored` is left out too */
    int64_t ignored;
} scan_rule;

typedef struct scan_options {
    const scan_rule *rules; /* maps that are not named are not looked at; */
    int n_rules;            /* 0: gt_semantic_seg, with the dataset's classes and ignore_index */
    /* The labels are measured against, not learned from: they are the dataset's classes, or its ignore_index. A label
     * that only the heads know is accepted with a warning: it counts as an error of whatever is predicted there. */
    bool measured;
    bool has_ignored;        /* measured: the evaluator itself says what is not counted, */
    int64_t ignored;         /* whatever the dataset's ignore_index */
    int threads;             /* at least 1 */
    const char *cache_file;  /* remembers what earlier runs found; NULL: no cache. A damaged cache is made anew */
    bool (*stop)(void *arg); /* asked now and then: true ends the scan with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} scan_options;

typedef struct scan_report {
    int64_t files, cached; /* files in all, and how many of them were answered from the cache */
    int64_t *pixels;       /* [n] pixels of each class of the first rule's map over all files, in the arena */
    int64_t n;
    int64_t ignored; /* pixels of that map */
} scan_report;

/* Reads the label files and weight maps in parallel, and the headers of second dates' images. The LoadAnnotations that
 * will load a file says what becomes of each number, so the dataset must have its pipeline. `report` may be NULL.
 * CSEG_DATA: a value that is neither class nor ignored. The error names the first such file in the dataset's order, the
 * values and their counts, how many more files are wrong, and the likely cause (0/255 masks, reduce_zero_label, colours
 * instead of indices, JPEG, classes counted from 1). Also a weight that is below 0, infinite or NaN. CSEG_SHAPE: a map
 * whose size differs from its image's. CSEG_NOT_FOUND, CSEG_CORRUPT: files that are missing or damaged. */
cseg_status scan_labels(const dataset *ds, const scan_options *options, arena *mem, scan_report *report,
                        cseg_error *err);

#endif
