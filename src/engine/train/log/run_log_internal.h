/* What the run log's files share. */
#ifndef ENGINE_TRAIN_LOG_RUN_LOG_INTERNAL_H
#define ENGINE_TRAIN_LOG_RUN_LOG_INTERNAL_H

#include <regex.h>
#include <time.h>

#include "base/str.h"
#include "engine/train/log/run_log.h"
#include "io/events.h"

/* ---- figures: run_log_series.c ---------------------------------------------------------------------------------- */

/* The last values of one figure, oldest first; at least `keep` of them once there were as many. */
typedef struct log_series {
    const char *name;
    VEC(double) values;
    size_t keep;
} log_series;

typedef enum { LOG_MEAN, LOG_MAX, LOG_MIN, LOG_CURRENT } log_method;
enum { LOG_WINDOW_ALL = 0, LOG_WINDOW_EPOCH = -1, LOG_WINDOW_GLOBAL = -2 }; /* else: a number of values */

/* One entry of log_processor.custom_cfg: what `source` shows as `name`. */
typedef struct log_rule {
    const char *source, *name;
    log_method method;
    int64_t window;
} log_rule;

/* How figures become what a line says. */
typedef struct log_rules {
    int64_t window;    /* values in a mean */
    int digits;        /* of a number in a line of text, where the config decides that */
    bool hierarchy;    /* names carry "train/" and "val/" outside the lines of text */
    bool averages_all; /* else: what `averaged` finds */
    regex_t averaged;
    VEC(log_rule) custom;
} log_rules;

/* What a line says. Whole numbers are written without a point. Lives until the next line. */
typedef struct log_item {
    const char *name;
    double value;
    bool whole;
} log_item;
typedef VEC(log_item) log_items;

/* ---- the log ---------------------------------------------------------------------------------------------------- */

typedef struct log_file {
    int fd; /* -1: there is none */
    const char *path;
} log_file;

/* How a log is written. Each function has the log with e, mem and format set. */
struct log_format {
    const char *time_format;                                            /* of a line, as strftime takes it */
    bool milliseconds;                                                  /* behind the time */
    const char *origin;                                                 /* behind both: who writes, and the level */
    cseg_status (*rules)(run_log *l, cseg_error *err);                  /* sets them */
    cseg_status (*open)(run_log *l, const char *stem, cseg_error *err); /* folder, name and files */
    /* The line that a run begins with. */
    cseg_status (*begin)(run_log *l, uint64_t seed, const char *environment, const char *dir, cseg_error *err);
    cseg_status (*train)(run_log *l, const log_step *s, cseg_error *err);
    cseg_status (*losses)(run_log *l, const log_step *s, cseg_error *err); /* NULL: workflows only train */
    cseg_status (*evaluation)(run_log *l, const log_step *s, const evaluation *v, cseg_error *err);
};

struct run_log {
    const experiment *e;
    arena *mem;
    arena *line_mem; /* emptied before each line */
    const log_format *format;
    log_file text, json, scalars; /* scalars: the same lines as json, or none */
    events *board;                /* NULL: no TensorBoard */
    const char *folder, *name;    /* of this run; the experiment's name, for "Exp name:" */
    int64_t every;                /* iterations between lines */
    log_rules rules;
    VEC(log_series) kept; /* in the order in which they were first seen */
    double seconds;       /* of the iterations that were counted */
    int64_t counted;
    double eta;
};

/* The resolved config into a file of this name; never over the one that the user wrote. */
cseg_status run_log_copy_config(const run_log *l, const char *dir, const char *name, cseg_error *err);
/* Reads log_processor. CSEG_CONFIG or CSEG_UNSUPPORTED for what it cannot follow. */
cseg_status log_rules_read(run_log *l, cseg_error *err);
cseg_status log_note(run_log *l, const char *name, double v, cseg_error *err);
void log_forget(run_log *l); /* what LogBuffer.clear() does */
/* All figures as the rules show them; `inner` and `iter` are the lengths of the windows 'epoch' and 'global'. */
cseg_status log_collect(run_log *l, int64_t inner, int64_t iter, log_items *out, cseg_error *err);
cseg_status log_items_add(run_log *l, log_items *i, const char *name, double v, bool whole, cseg_error *err);
const log_item *log_items_find(const log_items *i, const char *name); /* NULL: none */

/* run_log_text.c. */
cseg_status log_file_open(run_log *l, const char *dir, const char *stem, const char *ending, log_file *out,
                          cseg_error *err);
/* Appends all of the n bytes, or none of them where that can be undone. */
cseg_status log_file_append(const log_file *f, const char *text, size_t n, cseg_error *err);
/* A line with time and level in front, to the file and to log_say. */
cseg_status run_log_write(run_log *l, const char *text, cseg_error *err);
/* To the file alone: pages of settings that a terminal need not show. */
cseg_status run_log_file(run_log *l, const char *text, cseg_error *err);
strbuf run_log_begin(run_log *l); /* an empty line; all that was in line_mem goes */
cseg_status run_log_end(run_log *l, const strbuf *line, cseg_error *err);
void log_add_number(strbuf *b, double v, int digits, char form); /* form 'f' or 'e', as Python formats */
void log_add_duration(strbuf *b, double seconds);                /* "1 day, 0:10:00", as Python's timedelta */
/* The time of lines and of file names; tests set a clock of their own, NULL is the system's. */
typedef void log_clock(struct timespec *out);
void run_log_set_clock(log_clock *clock);
struct timespec run_log_now(void);

/* run_log_json.c: one JSON object a line. `mode` is put first if it is not NULL; numbers are then rounded to five
 * places. */
cseg_status run_log_json(run_log *l, const char *mode, const log_items *items, cseg_error *err);
/* A first line that tells what the run is. */
cseg_status run_log_json_meta(run_log *l, uint64_t seed, const char *environment, cseg_error *err);
cseg_status run_log_board(run_log *l, const char *prefix, const log_items *items, int64_t step, cseg_error *err);

#endif
