/* Reads zip and tar archives and folders alike: a list of members, and the bytes of one at a time.
 *
 *     const archive *a;
 *     const uint8_t *bytes;
 *     size_t size;
 *     TRY(archive_open(path, mem, &a, err));
 *     for (size_t i = 0; i < a->n; i++)
 *         TRY(archive_read(a, &a->members[i], mem, &bytes, &size, err));
 *
 * An archive does not change once it is open: several threads may read it at once, each into its own arena. */
#ifndef IO_ARCHIVE_ARCHIVE_H
#define IO_ARCHIVE_ARCHIVE_H

#include "base/arena.h"
#include "io/archive/zip.h"

typedef enum { ARCHIVE_FOLDER, ARCHIVE_ZIP, ARCHIVE_TAR } archive_kind;

typedef struct archive_member {
    const char *name; /* below the archive's root, parts separated by '/'; no part is "", "." or ".." */
    uint64_t size;    /* unpacked; 0 in folders, where it is not asked for */
    union {
        const zip_entry *entry; /* zip */
        const uint8_t *bytes;   /* tar */
    } at;
} archive_member;

typedef struct archive {
    const char *path;
    archive_kind kind;
    archive_member *members; /* files only, sorted by name (bytes) */
    size_t n;
    zip_archive zip; /* if it is one */
} archive;

/* Opens a folder, a zip or a tar, which may be gzipped. The first bytes of a file say what it is. All lives in `mem`.
 * CSEG_NOT_FOUND, CSEG_IO; CSEG_CORRUPT for damage, and for members whose names lead out of the archive's root;
 * CSEG_UNSUPPORTED for other files. */
cseg_status archive_open(const char *path, arena *mem, const archive **out, cseg_error *err);
const archive_member *archive_find(const archive *a, const char *name); /* NULL: not there */
/* Gives a member's bytes, unpacked and checked, in place or in `mem`. */
cseg_status archive_read(const archive *a, const archive_member *m, arena *mem, const uint8_t **bytes, size_t *n,
                         cseg_error *err);
/* The member's path as messages show it: "A.zip: B/C.tif", or the file's own. NULL: out of memory. */
char *archive_name(const archive *a, const archive_member *m, arena *mem);

/* Whether a name leads to a place below the root that it is joined to, without detours. */
bool archive_is_inside(const char *name);
/* Unpacks gzip data of any number of parts into `mem`. `name` is for messages. CSEG_CORRUPT: damaged, or longer than
 * `most` bytes. */
cseg_status archive_gunzip(const uint8_t *bytes, size_t n, const char *name, size_t most, arena *mem,
                           const uint8_t **out, size_t *out_n, cseg_error *err);
bool archive_is_gzip(const uint8_t *bytes, size_t n);

#endif
