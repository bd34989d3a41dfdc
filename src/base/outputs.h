/* Compares what a command will write with what it reads, before the first byte is written, so that no input is lost.
 *
 *     outputs *o = outputs_new(mem);
 *     TRY(outputs_add_input(o, "in.tif", "the image", err));
 *     TRY(outputs_add(o, "out/in.png", "the mask of", "in.tif", err));
 *     TRY(outputs_check(o, "give another --out", err));
 *
 * Two names mean one place if they lie in the same folder and are spelt alike. Symbolic links and `..` are followed,
 * also in folders that do not exist yet. Where the file system takes upper and lower case for the same, so does this.
 * An output that exists is also compared as a file, so a link to an input counts as that input. The results of an
 * earlier run may be written over unless they are inputs now. */
#ifndef BASE_OUTPUTS_H
#define BASE_OUTPUTS_H

#include "base/arena.h"
#include "base/error.h"

typedef struct outputs outputs;

/* Lives in `mem`, which holds copies of the paths too; NULL: out of memory. */
outputs *outputs_new(arena *mem);
/* A file that is read. `what` ("the checkpoint") is kept as it is. What does not exist is no input. */
cseg_status outputs_add_input(outputs *o, const char *path, const char *what, cseg_error *err);
/* A file that will be written (CSEG_IO: a pipe, a device or the like has that name). `what` ("the mask of") and `of`
 * (an input's path, or NULL) say what it is; both are kept as they are. The same of the same may be written twice. */
cseg_status outputs_add(outputs *o, const char *path, const char *what, const char *of, cseg_error *err);
/* CSEG_USAGE: the first output that would take an input's place, or another output's. The message names both and ends
 * in `way_out` ("give another --out"). */
cseg_status outputs_check(const outputs *o, const char *way_out, cseg_error *err);

#endif
