/* Collects the state dict of a tree of modules, and allocates its memory. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include "model/model.h"

/* Fills model->params: each module's own parameters, then its buffers, then its children's, as PyTorch's
 * state_dict(). */
void params_collect(model *m);
/* Allocates the flat buffers, zeroed, and points every param's data and grad into them. */
void params_allocate(model *m);

#endif
