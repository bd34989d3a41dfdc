/* Lists the files in a tar archive. Part of io/archive/archive.h. */
#ifndef IO_ARCHIVE_ARCHIVE_TAR_H
#define IO_ARCHIVE_ARCHIVE_TAR_H

#include "io/archive/archive.h"

bool archive_is_tar(const uint8_t *bytes, size_t n);
/* Sets out->members (unsorted) and out->n. `bytes` must stay. CSEG_CORRUPT names the byte. */
cseg_status archive_list_tar(const uint8_t *bytes, size_t n, arena *mem, archive *out, cseg_error *err);

#endif
