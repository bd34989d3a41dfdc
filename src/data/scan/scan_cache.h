/* Counts the values of a label file, and remembers the counts between runs. Private to scan.c. */
#ifndef DATA_SCAN_SCAN_CACHE_H
#define DATA_SCAN_SCAN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"

typedef struct scan_value {
    int64_t value, count; /* as the file has it; pixels */
} scan_value;

/* The facts about one label file: raw values, before any mapping, so that they stay true whatever the config says. */
typedef enum {
    SCAN_GRAY,   /* one channel: its values are counted */
    SCAN_SAME,   /* gray, but as three equal channels, or with alpha */
    SCAN_COLOURS /* anything else */
} scan_form;

typedef struct scan_facts {
    int c; /* channels */
    scan_form form;
    bool jpeg;
    int64_t h, w, image_h, image_w;
    int n_values;
    scan_value *values; /* by value */
} scan_facts;

/* Counts values; one for each thread. What it finds lives as long as the counter. */
typedef struct scan_counter scan_counter;
scan_counter *scan_counter_new(void); /* NULL: memory */
void scan_counter_free(scan_counter *c);
/* Reads a label with the flags that it is loaded with (image.h: how >= 0), and the header of its image; or the headers
 * of both, SCAN_PICTURE with the orientation that images have; or a weight map with its flags. CSEG_DATA for labels
 * that are not whole numbers of 0 to 65535, and for weights that are below 0, infinite or NaN. */
#define SCAN_HEADER (-1)
#define SCAN_PICTURE (-2)
#define SCAN_WEIGHTS(flags) (-3 - (int)(flags))
/* In place of a map's key: an image whose size must be that of the first date's. */
#define SCAN_SECOND_DATE "second date"
cseg_status scan_file(scan_counter *c, const char *label, const char *picture, int how, scan_facts *out,
                      cseg_error *err);

/* What an earlier run found. A file is unchanged as long as its size and time of change are. */
typedef struct scan_cache {
    struct cached *at;
    size_t n;
} scan_cache;
/* A missing or damaged file gives an empty cache. */
void scan_cache_read(scan_cache *cache, const char *path, arena *mem);
bool scan_cache_find(scan_cache *cache, const char *label, const char *picture, int how, scan_facts *out);

typedef struct scan_cache_writer {
    file_replace file;
} scan_cache_writer;
cseg_status scan_cache_open(scan_cache_writer *w, const char *path, arena *mem, cseg_error *err);
void scan_cache_add(scan_cache_writer *w, const char *label, const char *picture, int how, const scan_facts *facts);
/* Adds what `cache` knows of files that this run did not ask for: other datasets' files, as long as they are unchanged.
 */
void scan_cache_add_rest(scan_cache_writer *w, const scan_cache *cache);
cseg_status scan_cache_commit(scan_cache_writer *w, cseg_error *err);

#endif
