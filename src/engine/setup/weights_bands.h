/* Which parameters read the image, and pretrained weights for another number of bands. */
#ifndef ENGINE_SETUP_WEIGHTS_BANDS_H
#define ENGINE_SETUP_WEIGHTS_BANDS_H

#include "io/torch/convert/weight_bands.h"
#include "io/torch/pth.h"
#include "model/model.h"

/* Marks in reads [m->params.n] the weights of the convolutions that read the image itself: by tracing the model, so of
 * any backbone, and all of them where there are several (BiSeNet, ICNet). */
cseg_status weights_find_image(model *m, bool *reads, cseg_error *err);
/* Whether t differs from p, a weight that reads the image, in the number of input channels alone. */
bool weights_other_bands(const model *m, const pth_tensor *t, const param *p);
/* Reads t and stores it in p for p's number of channels. */
cseg_status weights_adapt(const model *m, pth *file, const pth_tensor *t, param *p, const weight_bands *how,
                          cseg_error *err);

#endif
