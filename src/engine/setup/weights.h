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
    WEIGHTS_EXACT,   /* for tests: a parameter that is missing or has another shape is an error */
    WEIGHTS_FINETUNE /* for a start: what matches is loaded, the rest is listed in the log */
} weights_mode;

/* Reads a tensor of the file, of p's shape, into p's memory or memory with the same layout (an average). odd (may be
 * NULL) tells whether it holds NaN or infinity. A constant (module_constant) is compared: CSEG_SHAPE if it differs. */
cseg_status weights_take(const model *m, pth *file, const pth_tensor *t, const param *p, void *to, bool *odd,
                         cseg_error *err);
/* Copies the file's state dict into the model, or into its part below `part` ("" for all). From keys it removes
 * `module.` in front (DataParallel), applies `revise`, None or a list of (pattern, replacement) for the front of keys,
 * and takes those that then begin with `prefix` (NULL: all), without it.
 * Missing, unexpected and mis-shaped keys are listed. CSEG_SHAPE: they are an error in this mode, or no key matched. */
cseg_status weights_load(model *m, pth *file, const char *part, const char *prefix, const value *revise,
                         weights_mode mode, cseg_error *err);
/* The same for a path, address or zoo name. */
cseg_status weights_load_from(model *m, const char *spec, const value *revise, weights_mode mode, cseg_error *err);
/* Loads what init_cfg=dict(type='Pretrained') and pretrained= name. */
cseg_status weights_load_pretrained(model *m, cseg_error *err);

#endif
