/* Maps a file's bytes into memory for reading.
 *
 *     const uint8_t *bytes;
 *     size_t size;
 *     TRY(file_map(path, mem, &bytes, &size, err));
 */
#ifndef IO_FILE_MAP_H
#define IO_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* Unmapped when `mem` goes. An empty file gives n == 0 and a valid pointer. The file must not be made shorter while it
 * is mapped; replacing it by rename, as everything here does, is fine. */
cseg_status file_map(const char *path, arena *mem, const uint8_t **bytes, size_t *n, cseg_error *err);

#endif
