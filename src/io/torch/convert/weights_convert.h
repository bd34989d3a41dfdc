/* Turns a state dict with the names of another program (timm, Swin's, CLIP's...) into one with MMSegmentation's, as its
 * tools/model_converters do.
 *
 *     weights_converted out;
 *     TRY(weights_convert(file, weights_recognise(file), mem, &out, err));
 */
#ifndef IO_TORCH_CONVERT_WEIGHTS_CONVERT_H
#define IO_TORCH_CONVERT_WEIGHTS_CONVERT_H

#include "io/torch/convert/weight_rules.h"

typedef struct weights_converted {
    VEC(weight) kept;          /* in the file's order; of what is joined, where its first part stands */
    VEC(const char *) dropped; /* names in the file, without those that were joined to others */
} weights_converted;

const weight_source *weights_source_at(size_t i); /* NULL at the end */
const weight_source *weights_source_named(const char *name);
/* Whose names the file has; NULL: nobody's that is known. */
const weight_source *weights_recognise(const pth *file);
/* All lies in `mem`. CSEG_NOT_FOUND: a tensor that another is joined to is missing; CSEG_SHAPE; CSEG_CORRUPT: two
 * tensors get one name. */
cseg_status weights_convert(pth *file, const weight_source *s, arena *mem, weights_converted *out, cseg_error *err);

#endif
