/* mmdet's SinePositionalEncoding (Carion et al. 2020, arXiv:2005.12872): where a pixel lies, as sines and cosines.
 *
 *     sine_position where;
 *     if (sine_position_read(parent, cfg, &where))
 *         x = op_add(g, x, sine_position_trace(g, &where, 16, 32));
 */
#ifndef MODEL_SINE_POSITION_H
#define MODEL_SINE_POSITION_H

#include "model/model.h"

typedef struct sine_position {
    int64_t num_feats; /* half of the channels */
    double temperature, scale, eps, offset;
    bool normalize;
} sine_position;
/* From the class's keyword arguments. false: an error was recorded in m's model. */
bool sine_position_read(module *m, const value *cfg, sine_position *out);
/* [1,h*w,2*num_feats]: the same for each image of a batch, since no image is padded; a constant. */
tensor *sine_position_trace(graph *g, const sine_position *s, int64_t h, int64_t w);

#endif
