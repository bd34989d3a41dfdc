/* Sends messages that are not errors to one receiver, the sink. The library itself prints nothing: without a sink,
 * messages are dropped.
 *
 *     log_say(LOG_INFO, "%s: %d images", path, 20);
 *     log_warn_once("%s: has no palette; random colours are used", path);
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "cseg/error.h"

typedef enum { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } log_level;
typedef void log_sink(void *arg, log_level level, const char *text);

/* Sets the sink, one for the process; calls to it are serialised. `text` has no newline at its end, and the texts of %s
 * in it are harmless (base/text.h). */
void log_set_sink(log_sink *sink, void *arg);
void log_say(log_level level, const char *fmt, ...) CSEG_PRINTF(2, 3);
/* Gives a warning once in the life of the process, however often its text comes (for every image, from every thread).
 * Each has a row in docs/warnings.md, as every LOG_WARNING has; tests/check_warnings.sh compares. */
void log_warn_once(const char *fmt, ...) CSEG_PRINTF(1, 2);

#endif
