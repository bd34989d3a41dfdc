/* Helpers over a backend's memory: what goes with an arena, and values on the host, whether the memory is the host's or
 * not.
 *
 *     const void *values;
 *     TRY(memory_view(b, data, (size_t)n, mem, &values, err));
 */
#ifndef GRAPH_MEMORY_H
#define GRAPH_MEMORY_H

#include "graph/backend.h"

/* Zeroed memory of the backend's, given back when the arena goes; the backend must outlive that. NULL: out of memory.
 */
void *memory_in_arena(backend *b, size_t bytes, arena *mem);
/* The bytes at an address of the backend's, as the host reads them: there, or a copy in `mem`. */
cseg_status memory_view(backend *b, const void *at, size_t bytes, arena *mem, const void **out, cseg_error *err);
/* For the host to write `bytes` that are to lie at `at`: `at` itself, or room that memory_close sends there and frees.
 * What lay there is not in the room. NULL: out of memory. */
void *memory_open(backend *b, void *at, size_t bytes);
void memory_close(backend *b, void *at, void *room, size_t bytes);

#endif
