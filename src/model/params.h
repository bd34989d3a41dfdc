/* The state dict of a tree of modules, and its memory. */
#ifndef MODEL_PARAMS_H
#define MODEL_PARAMS_H

#include "model/model.h"

/* model->params: each module's own parameters, then its buffers, then its children's, as PyTorch's state_dict(). */
void params_collect(model *m);
/* The flat buffers, zeroed, and every param's data and grad in them. */
void params_allocate(model *m);

#endif
