/* A path by which GDAL writes into a stream of ours, so that no write that fails is missed: its GeoJSON driver does not
 * look. */
#ifndef IO_VECTOR_VECTOR_STREAM_H
#define IO_VECTOR_VECTOR_STREAM_H

#include <stdio.h>

#include "base/arena.h"

/* Call both between gdal_begin and gdal_end. The path, in `mem`, can be opened for writing until it is closed. GDAL
 * does not close the stream; its errors stay in ferror(). NULL: out of memory. */
const char *vector_stream_open(FILE *out, arena *mem);
void vector_stream_close(const char *path);

#endif
