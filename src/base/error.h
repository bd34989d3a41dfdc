/* Fills the cseg_error that a caller owns, and passes failures on to the caller.
 *
 *     if (n < 1)
 *         return fail(err, CSEG_USAGE, "%s: holds no image; name a folder that does", path);
 *     if (!data)
 *         return fail_memory(err);
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "cseg/error.h"

/* Writes the message (if `err` is not NULL) and returns `code`, so that `return fail(...)` reads well. The texts of %s
 * are made harmless as base/text.h says. */
cseg_status fail(cseg_error *err, cseg_status code, const char *fmt, ...) CSEG_PRINTF(3, 4);

/* Says "out of memory". For every allocation that fails. */
cseg_status fail_memory(cseg_error *err);

/* Adds the text of errno: "PATH: cannot VERB: REASON". */
cseg_status fail_errno(cseg_error *err, const char *path, const char *verb);

/* Puts a prefix in front of the message that is already there; returns its code. To put one message into another in any
 * other way use "%-s" with err.text, which keeps its lines. */
cseg_status fail_within(cseg_error *err, const char *fmt, ...) CSEG_PRINTF(2, 3);

/* Evaluates a call that returns a status, and returns the status from the enclosing function if it is not CSEG_OK. Only
 * for functions that hold nothing that must be released. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        cseg_status try_status_ = (call);                                                                              \
        if (try_status_ != CSEG_OK)                                                                                    \
            return try_status_;                                                                                        \
    } while (0)

/* The same, for functions with an exit label `done` and a variable `status`. */
#define TRY_DONE(call)                                                                                                 \
    do {                                                                                                               \
        status = (call);                                                                                               \
        if (status != CSEG_OK)                                                                                         \
            goto done;                                                                                                 \
    } while (0)

#endif
