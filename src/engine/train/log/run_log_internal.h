/* What the run log's files share. */
#ifndef ENGINE_TRAIN_LOG_RUN_LOG_INTERNAL_H
#define ENGINE_TRAIN_LOG_RUN_LOG_INTERNAL_H

#include <regex.h>
#include <time.h>

#include "base/str.h"
#include "engine/train/log/run_log.h"
#include "io/events.h"

/* ---- figures: run_log_series.c ---------------------------------------------------------------------------------- */

/* The last values of a figure, oldest first; at least `keep` of them as soon as there are so many. */
typedef struct log_series {
    const char *name;
    VEC(double) values;
    size_t keep;
} log_series;

typedef enum { LOG_MEAN, LOG_MAX, LOG_MIN, LOG_CURRENT } log_method;
enum { LOG_WINDOW_ALL = 0, LOG_WINDOW_EPOCH = -1, LOG_WINDOW_GLOBAL = -2 }; /* other windows: a number of values */

/* An entry of log_processor.custom_cfg: shows `source` as `name`. */
typedef struct log_rule {
    const char *source, *name;
    log_method method;
    int64_t window;
} log_rule;

/* How figures are averaged and shown in a line. */
typedef struct log_rules {
    int64_t window;    /* number of values in a mean */
    int digits;        /* of numbers in text lines, if the config decides it */
    bool hierarchy;    /* names begin with "train/" and "val/" outside of text lines */
    bool averages_all; /* false: only what `averaged` matches */
    regex_t averaged;
    VEC(log_rule) custom;
} log_rules;

/* The items of a line. Whole numbers are written without a point. Valid until the next line. */
typedef struct log_item {
    const char *name;
    double value;
    bool whole;
} log_item;
typedef VEC(log_item) log_items;

/* ---- the log ---------------------------------------------------------------------------------------------------- */

typedef struct log_file {
    int fd; /* -1: not open */
    const char *path;
} log_file;

/* A log format. Each function gets the log with e, mem and format set. */
struct log_format {
    const char *time_format;                                            /* of a line, in strftime's format */
    bool milliseconds;                                                  /* after the time */
    const char *origin;                                                 /* after both: logger and level */
    cseg_status (*rules)(run_log *l, cseg_error *err);                  /* sets log_rules */
    cseg_status (*open)(run_log *l, const char *stem, cseg_error *err); /* opens folder, name and files */
    /* Writes the first line of a run. */
    cseg_status (*begin)(run_log *l, uint64_t seed, const char *environment, const char *dir, cseg_error *err);
    cseg_status (*train)(run_log *l, const log_step *s, cseg_error *err);
    cseg_status (*losses)(run_log *l, const log_step *s, cseg_error *err); /* NULL: the format's workflows only train */
    cseg_status (*evaluation)(run_log *l, const log_step *s, const evaluation *v, cseg_error *err);
};

struct run_log {
    const experiment *e;
    arena *mem;
    arena *line_mem; /* cleared before each line */
    const log_format *format;
    log_file text, json, scalars; /* scalars: the same lines as json, or not open */
    events *board;                /* NULL: no TensorBoard */
    const char *folder, *name;    /* folder of this run; name after "Exp name:" */
    int64_t every;                /* iterations between lines */
    log_rules rules;
    VEC(log_series) kept; /* in order of first appearance */
    double seconds;       /* sum over the counted iterations */
    int64_t counted;
    double eta;
};

/* Writes the resolved config into a file of this name, but never over the user's config. */
cseg_status run_log_copy_config(const run_log *l, const char *dir, const char *name, cseg_error *err);
/* Reads log_processor. CSEG_CONFIG or CSEG_UNSUPPORTED: it asks for something that is not supported. */
cseg_status log_rules_read(run_log *l, cseg_error *err);
cseg_status log_note(run_log *l, const char *name, double v, cseg_error *err);
void log_forget(run_log *l); /* as LogBuffer.clear() */
/* Gives all figures according to the rules; `inner` and `iter` are the lengths of the windows 'epoch' and 'global'. */
cseg_status log_collect(run_log *l, int64_t inner, int64_t iter, log_items *out, cseg_error *err);
cseg_status log_items_add(run_log *l, log_items *i, const char *name, double v, bool whole, cseg_error *err);
const log_item *log_items_find(const log_items *i, const char *name); /* NULL: not there */

/* run_log_text.c. */
cseg_status log_file_open(run_log *l, const char *dir, const char *stem, const char *ending, log_file *out,
                          cseg_error *err);
/* Appends all n bytes, or none of them where the file can be truncated. */
cseg_status log_file_append(const log_file *f, const char *text, size_t n, cseg_error *err);
/* Writes a line to the file and to log_say, beginning with time and level. */
cseg_status run_log_write(run_log *l, const char *text, cseg_error *err);
/* Writes to the file only: long settings that the terminal need not show. */
cseg_status run_log_file(run_log *l, const char *text, cseg_error *err);
strbuf run_log_begin(run_log *l); /* an empty line; clears line_mem */
cseg_status run_log_end(run_log *l, const strbuf *line, cseg_error *err);
void log_add_number(strbuf *b, double v, int digits, char form); /* form 'f' or 'e', as in Python's format */
void log_add_duration(strbuf *b, double seconds);                /* "1 day, 0:10:00", as Python's timedelta */
/* The time of lines and file names. Tests set a clock of their own; NULL: the system's. */
typedef void log_clock(struct timespec *out);
void run_log_set_clock(log_clock *clock);
struct timespec run_log_now(void);

/* run_log_json.c: writes one JSON object in a line. If `mode` is not NULL it comes first, and numbers are rounded to
 * five places. */
cseg_status run_log_json(run_log *l, const char *mode, const log_items *items, cseg_error *err);
/* Writes a first line with facts about the run. */
cseg_status run_log_json_meta(run_log *l, uint64_t seed, const char *environment, cseg_error *err);
cseg_status run_log_board(run_log *l, const char *prefix, const log_items *items, int64_t step, cseg_error *err);

#endif
