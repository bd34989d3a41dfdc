/* Loads weights from files into models.
 *
 *     TRY(weights_load_pretrained(m, err));
 *     TRY(weights_load_from(m, "iter_80000.pth", NULL, WEIGHTS_EXACT, err));
 */
#ifndef ENGINE_SETUP_WEIGHTS_H
#define ENGINE_SETUP_WEIGHTS_H

#include "io/torch/pth.h"
#include "model/model.h"

typedef enum {
    WEIGHTS_EXACT,   /* to test with: a parameter that is missing or of another shape is an error */
    WEIGHTS_FINETUNE /* to start from: what fits is taken, the rest is listed in the log */
} weights_mode;

/* Reads one tensor of the file, of p's shape, to where p lies or what lies as it does (an average). odd (NULL: not
 * asked for) tells whether it holds infinity or what is not a number. */
cseg_status weights_take(const model *m, pth *file, const pth_tensor *t, const param *p, void *to, bool *odd,
                         cseg_error *err);
/* Copies the file's state dict into the model, or into the part of it below `part` ("" for all), taking only keys
 * that begin with `prefix` (NULL: all) without it. `module.` in front of a key (DataParallel) is dropped, and `revise`
 * (None or a list of (pattern, replacement), applied to the front of keys) then applied.
 * Missing, unexpected and mis-shaped keys are listed. CSEG_SHAPE: they are an error, or nothing fitted at all. */
cseg_status weights_load(model *m, pth *file, const char *part, const char *prefix, const value *revise,
                         weights_mode mode, cseg_error *err);
/* The same from a path, address or zoo name. */
cseg_status weights_load_from(model *m, const char *spec, const value *revise, weights_mode mode, cseg_error *err);
/* What init_cfg=dict(type='Pretrained') and pretrained= ask for. */
cseg_status weights_load_pretrained(model *m, cseg_error *err);

#endif
