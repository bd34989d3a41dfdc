/* Which images cseg infer segments, and the names of what it writes. */
#ifndef CLI_INFER_FILES_H
#define CLI_INFER_FILES_H

#include "cli/options.h"
#include "engine/infer/infer.h"

/* One image: where it is, the second date's (or NULL), and its name below --out. */
typedef struct infer_input {
    const char *path, *path2, *name;
} infer_input;
typedef VEC(infer_input) infer_inputs;

/* Finds the images that args[2 ...] name: files, and all images below folders. Images below `out`, if that is within
 * such a folder, count as earlier results and are left out, with a warning. second: --second, or NULL. CSEG_NOT_FOUND:
 * no such file, or a folder without an image. */
cseg_status infer_find(const str_list *args, const char *second, const char *out, arena *mem, infer_inputs *inputs,
                       cseg_error *err);

/* OUT/NAME without its ending, "_HEAD" if there is one, and the suffix; NULL: out of memory. */
char *infer_output(const char *out, const infer_input *in, const char *head, const char *suffix, arena *mem);

typedef struct infer_plan {
    const char *out, *checkpoint;
    bool pictures, scores, all_heads;
} infer_plan;
/* Compares all outputs with all inputs. CSEG_USAGE: see outputs_check. */
cseg_status infer_check_outputs(const infer_inputs *inputs, const infer_plan *plan, const experiment *e, const model *m,
                                cseg_error *err);

#endif
