/* Helpers over a backend's memory: what goes with an arena, and values on the host, whether the memory is the host's or
 * not.
 *
 *     const void *values;
 *     TRY(memory_view(b, data, (size_t)n, mem, &values, err));
 */
#ifndef GRAPH_MEMORY_H
#define GRAPH_MEMORY_H

#include "graph/backend.h"

/* Allocates zeroed backend memory that is freed with the arena; the backend must outlive the arena. NULL: out of
 * memory. */
void *memory_in_arena(backend *b, size_t bytes, arena *mem);
/* Gives the bytes at a backend's address for the host to read: in place, or as a copy in `mem`. */
cseg_status memory_view(backend *b, const void *at, size_t bytes, arena *mem, const void **out, cseg_error *err);
/* Gives room in which the host writes the `bytes` for address `at`: `at` itself, or a buffer that memory_close sends
 * there and frees. The buffer does not have the old contents. NULL: out of memory. */
void *memory_open(backend *b, void *at, size_t bytes);
void memory_close(backend *b, void *at, void *room, size_t bytes);

#endif
