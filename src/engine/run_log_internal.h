/* What the run log's files share. */
#ifndef ENGINE_RUN_LOG_INTERNAL_H
#define ENGINE_RUN_LOG_INTERNAL_H

#include <stdio.h>

#include "engine/run_log.h"
#include "io/events.h"

enum { LOG_SCALARS = 96, LOG_TEXT = 8192 };

/* The last values of one figure: the newest is ring[(n - 1) % window]. */
typedef struct log_scalar {
    const char *name;
    double *ring;
    int64_t n;
} log_scalar;

/* What one line says. A figure's line holds its name and its value; whole numbers are written without a point. */
typedef struct log_item {
    const char *name;
    double value;
    bool whole;
} log_item;
typedef struct log_items {
    log_item at[LOG_SCALARS + 16];
    int n;
} log_items;

struct run_log {
    const experiment *e;
    arena *mem;
    bool one_x;
    FILE *text, *json, *scalars; /* scalars: 1.x, the same lines as json */
    events *board;               /* NULL: no TensorBoard */
    const char *folder, *name;   /* of this run; experiment's name, for "Exp name:" */
    log_scalar kept[LOG_SCALARS];
    int n_kept;
    int64_t window; /* values that a ring holds */
    int64_t mean;   /* values that are averaged */
    double seconds;
    int64_t counted;
    double eta;
    char line[LOG_TEXT]; /* being put together */
    size_t used;
};

/* run_log_text.c: a line with time and level in front, to the file and to log_say. */
cseg_status run_log_write(run_log *l, const char *text, cseg_error *err);
/* To the file alone: pages that a terminal need not show. */
cseg_status run_log_file(run_log *l, const char *text, cseg_error *err);
/* Puts a line together in l->line; what is too long is cut. */
void run_log_begin(run_log *l);
void run_log_add(run_log *l, const char *fmt, ...) CSEG_PRINTF(2, 3);
void run_log_add_duration(run_log *l, double seconds); /* "1 day, 0:10:00", as Python's timedelta */
void log_items_add(log_items *i, const char *name, double v, bool whole);

/* run_log_json.c: one JSON object a line. `mode` is put first if it is not NULL (0.x, whose numbers are rounded to five
 * places). */
cseg_status run_log_json(run_log *l, const char *mode, const log_items *items, cseg_error *err);
/* The first line of 0.x: what the run is. */
cseg_status run_log_json_meta(run_log *l, uint64_t seed, const char *environment, cseg_error *err);
cseg_status run_log_board(run_log *l, const char *prefix, const log_items *items, int64_t step, cseg_error *err);

#endif
