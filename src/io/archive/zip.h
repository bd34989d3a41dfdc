/* Reads and writes zip archives as PyTorch has them: stored or deflated entries, zip64.
 *
 *     zip_archive archive;
 *     TRY(zip_open(data, (size_t)n, path, mem, &archive, err));
 *     const zip_entry *pickle = zip_find(&archive, "archive/data.pkl");
 */
#ifndef IO_ARCHIVE_ZIP_H
#define IO_ARCHIVE_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"

typedef struct zip_entry {
    const char *name;
    uint64_t local;  /* byte of the file where its header begins */
    uint64_t at;     /* and its (packed) data */
    uint64_t size;   /* unpacked */
    uint64_t packed; /* in the file */
    uint32_t crc;
    bool deflated;
} zip_entry;

typedef struct zip_archive {
    const char *path; /* for messages */
    const uint8_t *bytes;
    size_t n;
    zip_entry *entries; /* in the directory's order */
    size_t count;
    zip_entry **by_name; /* sorted */
} zip_archive;

bool zip_is(const void *bytes, size_t n); /* begins like a zip archive */
/* Opens an archive; `bytes` must stay. Directory and local headers are checked against each other and the file's size.
 * Entries that share bytes or a name are refused, so that no reader can see other data than another reader. */
cseg_status zip_open(const void *bytes, size_t n, const char *path, arena *mem, zip_archive *out, cseg_error *err);
const zip_entry *zip_find(const zip_archive *z, const char *name); /* NULL: not there */
/* Gives the entry's bytes, CRC checked: in place if stored, unpacked into `mem` if deflated. CSEG_CORRUPT, before
 * anything is unpacked, if that would take more than `most` bytes: a few bytes of a file can ask for a thousand times
 * as many. */
cseg_status zip_bytes(const zip_archive *z, const zip_entry *e, uint64_t most, arena *mem, const uint8_t **out,
                      cseg_error *err);

/* Writes stored entries only, each entry's data aligned to 64 bytes in the file. Errors of stdio stay in the FILE; its
 * owner asks for them once at the end. */
typedef struct zip_writer zip_writer;
zip_writer *zip_writer_new(FILE *out, arena *mem); /* `out` stands at byte 0; NULL: out of memory */
bool zip_add(zip_writer *w, const char *name, const void *data, size_t n); /* false: out of memory */
void zip_finish(zip_writer *w);                                            /* directory and end */

#endif
