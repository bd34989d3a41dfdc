/* What a command will write, compared with what it reads before the first byte is written.
 *
 * Two names mean one place when they lie in the same folder (symbolic links and `..` followed, folders that do not
 * exist yet included) and are spelt alike, or alike but for case where the file system takes that for the same. An
 * output that exists is also compared as a file, so a link to an input counts as that input. Results of an earlier run
 * may be written over, as long as they are no inputs. */
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
