/* What goes to the user's eyes: log lines, one line of progress, and nothing of the latter where there is no terminal.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* Log lines go to stderr from now on; with `quiet` warnings and errors only and no
 * progress, with `verbose` debug lines too. Called again it takes the new answer. */
void terminal_start(bool quiet, bool verbose);
void terminal_log(void *arg, log_level level, const char *text); /* a log_sink */

/* Columns of stderr's terminal; 0: stderr is none. */
int terminal_width(void);

typedef struct progress {
    int64_t done, all; /* steps; all 0: unknown. The speed is that since the first call for this `what` */
    const char *what;  /* "train", "test", "infer" */
    bool has_loss;
    double loss;
} progress;

/* Shows or updates the line, at most some ten times a second; nothing without a terminal. */
void progress_show(const progress *p);
/* Erases the line. Log lines do that by themselves. */
void progress_clear(void);

/* The line itself, for `width` columns: speed in steps a second, ETA in seconds (negative: unknown), memory in bytes.
 */
void progress_text(const progress *p, double speed, double eta, int64_t memory, int width, char *to, int n);
/* This process's resident memory in bytes; 0 where it cannot be told. */
int64_t terminal_memory_in_use(void);

#endif
