/* Shows what cseg stats found: tables, the lines of a config, JSON. */
#ifndef CLI_STATS_REPORT_H
#define CLI_STATS_REPORT_H

#include "geo/stats.h"

typedef struct stats_shown {
    const stats_report *report;
    const double *percentiles; /* that were asked for, n_percentiles of them */
    size_t n_percentiles;
} stats_shown;

/* Prints at most 80 columns. */
void stats_print(const stats_shown *s);
/* Makes the file's folder too. */
cseg_status stats_write_json(const stats_shown *s, const char *path, arena *mem, cseg_error *err);

#endif
