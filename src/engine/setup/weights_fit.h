/* Takes a tensor of another shape for a parameter, if the class of the weights' owner does so (model/pretrained.h). */
#ifndef ENGINE_SETUP_WEIGHTS_FIT_H
#define ENGINE_SETUP_WEIGHTS_FIT_H

#include "io/torch/pth.h"
#include "model/model.h"
#include "model/pretrained.h"

/* Reads t, fits it to p as m's kind says and stores it there. *fits false: it does not fit, or m (may be NULL) fits
 * nothing. */
cseg_status weights_fit(const module *m, pth *file, const pth_tensor *t, param *p, bool *fits, cseg_error *err);
/* Whether it would; p stays as it is. */
cseg_status weights_could_fit(const module *m, pth *file, const pth_tensor *t, param *p, bool *fits, cseg_error *err);
/* The fit_resize of these: by the naive backend, in float32 whatever the model computes in. */
fit_resize weights_resize;

#endif
