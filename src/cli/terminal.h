/* Writes to the user's terminal: log lines, and one line of progress. In a file that line is written once a minute.
 *
 *     terminal_start(false, false);
 *     progress_show(&(progress){.done = 50, .all = 1500, .what = "train"});
 *     progress_clear();
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* From now on log lines go to stderr: with `quiet` warnings and errors only and no progress, with `verbose` debug lines
 * too. A second call changes the setting. */
void terminal_start(bool quiet, bool verbose);
void terminal_log(void *arg, log_level level, const char *text); /* a log_sink */

/* The width of stderr's terminal in columns; 0: stderr is not a terminal. */
int terminal_width(void);

typedef struct progress {
    int64_t done, all; /* steps; all 0: unknown. Speed is measured since the first call with this `what` */
    const char *what;  /* "train", "test", "infer" */
    bool has_loss;
    double loss;
} progress;

/* Shows or updates the line, at most some ten times a second. Without a terminal it is a line of its own, once a
 * minute. */
void progress_show(const progress *p);
/* Erases the line. Log lines erase it by themselves. */
void progress_clear(void);

/* Formats the line for `width` columns: speed in steps a second, ETA in seconds (negative: unknown), memory in bytes.
 */
void progress_text(const progress *p, double speed, double eta, int64_t memory, int width, char *to, int n);

#endif
