/* The inside of the look at the labels, shared by its files. */
#ifndef DATA_SCAN_SCAN_INTERNAL_H
#define DATA_SCAN_SCAN_INTERNAL_H

#include <pthread.h>

#include "data/scan/scan.h"
#include "data/scan/scan_cache.h"

/* How files are read and what their numbers mean; all files of a dataset's map share one. */
typedef struct scan_reading {
    const char *key;
    int how; /* see scan_file */
    uint8_t seen[256];
    const dataset_meta *meta;
    struct scan_reading *next;
} scan_reading;

/* One file that is looked at. */
typedef struct scan_entry {
    const char *path, *of; /* the label, and its image */
    const scan_reading *as;
    int64_t order; /* in the dataset */
    scan_facts facts;
    bool known; /* the dataset has counted: nothing is read */
    bool cached;
} scan_entry;

typedef struct scan {
    const scan_options *options;
    scan_reading *readings;
    VEC(scan_entry) all;
    scan_entry *at; /* those of `all` that differ */
    int64_t n;
    pthread_mutex_t lock;
    int64_t next;
    bool stopped;
    int64_t failed; /* the first entry, in order, that could not be read; n: none */
    cseg_error error;
} scan;

/* Whether the files of this map hold labels; else only their headers were looked at. */
static inline bool scan_has_values(const scan_entry *e)
{
    return e->as->how >= 0;
}

/* scan_judge.c: sizes, values and what they have in common. */
cseg_status scan_judge(const scan *s, arena *mem, cseg_error *err);
/* What training sees if the file says v, and whether all rules for the map ignore that. -1: it cannot be kept in 8
 * bits. */
int64_t scan_seen(const scan_entry *e, int64_t v);
bool scan_is_ignored(const scan *s, const scan_entry *e, int64_t id);
/* Labels that all rules for the map accept: 0 ... n-1. */
int64_t scan_labels_of(const scan *s, const scan_entry *e);

#endif
