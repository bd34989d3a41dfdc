/* Recognises files that are not checkpoints by their first bytes, and says what to do about them.
 *
 *     const foreign_kind *kind = foreign_find(data, (size_t)n);
 *     if (kind)
 *         return foreign_refuse(kind, path, err);
 */
#ifndef IO_TORCH_FOREIGN_H
#define IO_TORCH_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { FOREIGN_BYTES = 512 }; /* a file's first bytes; more would tell nothing more */

typedef struct foreign_kind {
    const char *what;   /* "an HTML page" */
    const char *advice; /* a sentence */
    cseg_status status; /* CSEG_CORRUPT: not a checkpoint; CSEG_UNSUPPORTED: weights, in a format that is not read */
    bool text;          /* what a server says instead of giving a file */
} foreign_kind;

/* NULL: a zip archive, a pickle or safetensors, which the reader examines, or something unknown. An empty file is a
 * kind too. */
const foreign_kind *foreign_find(const void *bytes, size_t n);
/* Says "NAME: is no PyTorch checkpoint, but an HTML page. ADVICE"; returns kind->status. */
cseg_status foreign_refuse(const foreign_kind *kind, const char *name, cseg_error *err);

#endif
