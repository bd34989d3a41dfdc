/* Looks at every label file before the first step. A wrong value is reported with its file, instead of as a strange
 * loss hours later.
 *
 *     scan_report found;
 *     TRY(scan_labels(ds, &(scan_options){.threads = 4}, mem, &found, err));
 */
#ifndef DATA_SCAN_SCAN_H
#define DATA_SCAN_SCAN_H

#include "data/datasets/dataset.h"

/* What one head learns from a label map, after all that LoadAnnotations does to the numbers of the file: its labels are
 * 0 ... n_labels-1, or ignore_index, which need not be among them. A map that several heads learn from has a rule of
 * each, and its labels keep all of them. */
typedef struct scan_rule {
    const char *key;  /* gt_semantic_seg... */
    const char *head; /* decode_head.1, for messages */
    int64_t n_labels;
    int64_t ignore_index;
} scan_rule;

typedef struct scan_options {
    const scan_rule *rules; /* maps that are not named are not looked at; */
    int n_rules;            /* 0: gt_semantic_seg, with the dataset's classes and ignore_index */
    /* The labels are measured against, not learned from: they are the dataset's classes, or its ignore_index. What only
     * the heads know is let through with a warning: it counts against whatever is predicted there. */
    bool measured;
    bool has_ignored;        /* measured: the evaluator says itself what is not counted, */
    int64_t ignored;         /* whatever the dataset's ignore_index */
    int threads;             /* at least 1 */
    const char *cache_file;  /* what was found in earlier runs; NULL: no cache. A damaged one is made anew */
    bool (*stop)(void *arg); /* asked now and then: true ends the scan with CSEG_INTERRUPTED; may be NULL */
    void *stop_arg;
} scan_options;

typedef struct scan_report {
    int64_t files, cached; /* files looked at, and of these told from the cache */
    int64_t *pixels;       /* [n] pixels of each class of the first rule's map over all files, in the arena */
    int64_t n;
    int64_t ignored; /* pixels of that map */
} scan_report;

/* Reads the label files and weight maps in parallel, and the headers of second dates' images. What becomes of a
 * number is asked of the very LoadAnnotations that will load the file, so that the dataset must have its pipeline.
 * `report` may be NULL.
 * CSEG_DATA: a value that is neither class nor ignored; names the first such file in the dataset's order, the values
 * and their counts, how many more files are wrong, and the likely cause (0/255 masks, reduce_zero_label, colours
 * instead of indices, JPEG, classes counted from 1). A weight that is below 0, infinite or no number. CSEG_SHAPE: a map
 * whose size differs from its image's. CSEG_NOT_FOUND, CSEG_CORRUPT: files that are missing or damaged. */
cseg_status scan_labels(const dataset *ds, const scan_options *options, arena *mem, scan_report *report,
                        cseg_error *err);

#endif
