/* Opens, reads, replaces and lists files. Every path that a user names goes through here: a pipe, a device or a folder
 * is refused with a message that says what it is, and is never waited for.
 *
 *     char *bytes;
 *     size_t size;
 *     TRY(file_read(path, 0, mem, &bytes, &size, err));
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"

/* Opens a regular file for reading. Anything else (a pipe, a device, a socket, a folder) is refused with CSEG_IO and a
 * message that says what it is, and is never waited for. Every input goes through here. The caller closes *fd; size may
 * be NULL. */
cseg_status file_open(const char *path, int *fd, int64_t *size, cseg_error *err);
/* The same as a stream ("rb"). */
cseg_status file_open_stream(const char *path, FILE **out, int64_t *size, cseg_error *err);
/* Does the check alone, for a path that a library will open by name. */
cseg_status file_check(const char *path, cseg_error *err);

/* Checks the path of an output. It may be missing or a regular file. A pipe, a device, a socket or a folder is refused
 * with CSEG_IO and a message that says what it is; it is neither waited for nor replaced. Every output goes through
 * here. */
cseg_status file_check_output(const char *path, cseg_error *err);

/* Reads the whole file, and puts one NUL behind it that *n does not count. Refuses files over `limit` bytes (0: no
 * limit). */
cseg_status file_read(const char *path, size_t limit, arena *mem, char **data, size_t *n, cseg_error *err);

/* Writes a file beside `path`, syncs it and renames it: `path` holds the old bytes or all of the new ones, never a
 * part. Usage: file_replace r; file_replace_open(&r, path, mem, err); fwrite(..., r.out); file_replace_commit(&r, err);
 * If a signal ends the process, the half-written file is removed (base/temporary.h). file_replace_abort(&r) removes
 * what was written; it is harmless after commit. Commit reports write errors that stdio has buffered. */
typedef struct file_replace {
    FILE *out;
    const char *path;
    char *temporary;
} file_replace;
cseg_status file_replace_open(file_replace *r, const char *path, arena *mem, cseg_error *err);
cseg_status file_replace_commit(file_replace *r, cseg_error *err);
void file_replace_abort(file_replace *r);
cseg_status file_replace_bytes(const char *path, const void *data, size_t n, arena *mem, cseg_error *err);

bool file_exists(const char *path); /* anything */
bool file_is_dir(const char *path);
int64_t file_size(const char *path); /* -1 if it cannot be found out */
/* Makes all missing parents too; an existing folder is fine. */
cseg_status dir_create(const char *path, cseg_error *err);
/* Lists the files below `dir`: paths relative to it, sorted by bytes. suffix NULL: all. Links are followed, loops are
 * not. Links that lead nowhere, loops and folders more than 32 deep are reported by a warning. Pipes and the like are
 * listed too: opening them gives an error that says what they are, which is better than a missing sample. */
cseg_status dir_list(const char *dir, const char *suffix, bool recursive, arena *mem, char ***names, size_t *n,
                     cseg_error *err);

char *path_join(arena *mem, const char *a, const char *b); /* b if it is absolute; NULL: out of memory */
char *path_dir(arena *mem, const char *path);              /* "." for a bare name */
const char *path_base(const char *path);                   /* points into path */
const char *path_ext(const char *path);                    /* ".png", or "" */

#endif
