/* The lines of the reference's oracle, so that both can be compared. */
#ifndef CONFIG_PARITY_H
#define CONFIG_PARITY_H

#include "config/config.h"

/* {"config": NAME, "mmseg": VERSION, "resolved": {...}} or {"config": NAME, "mmseg": VERSION, "error": "..."}, without
 * a newline. NAME is a path, or one below `root` (may be NULL). VERSION is 1.2.2 or 0.30.0, by the dialect.
 * Fails only when out of memory; a config that fails is a line, *good tells. */
cseg_status config_parity_line(const char *name, const char *root, arena *mem, char **line, bool *good, cseg_error *err);
/* The file that NAME stands for; NULL: out of memory. */
char *config_parity_path(const char *name, const char *root, arena *mem);

#endif
