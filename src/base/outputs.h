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

/* Lives in `mem`, which also holds copies of the paths; NULL: out of memory. */
outputs *outputs_new(arena *mem);
/* Adds a file that is read. `what` ("the checkpoint") is not copied. A file that does not exist is not an input. */
cseg_status outputs_add_input(outputs *o, const char *path, const char *what, cseg_error *err);
/* Adds a file that will be written. `what` ("the mask of") and `of` (an input's path, or NULL) say what it is; neither
 * is copied. One output of one input may be added twice. CSEG_IO: a pipe, a device or the like has that name. */
cseg_status outputs_add(outputs *o, const char *path, const char *what, const char *of, cseg_error *err);
/* CSEG_USAGE for the first output that would take the place of an input or of another output. The message names both
 * and ends in `way_out` ("give another --out"). */
cseg_status outputs_check(const outputs *o, const char *way_out, cseg_error *err);

#endif
