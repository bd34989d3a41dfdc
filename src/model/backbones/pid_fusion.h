/* How PIDNet's branches inform each other. */
#ifndef MODEL_PID_FUSION_H
#define MODEL_PID_FUSION_H

#include "model/layers/layers.h"

/* mmseg's PagFM: each pixel of p and i [N,h',w',in], resized to p, count as much as they agree. -> p's shape */
module *pid_pixel_attention_new(module *parent, const char *name, int64_t in, int64_t channels);
tensor *pid_pixel_attention_run(module *m, graph *g, tensor *p, tensor *i);

/* mmseg's Bag and, if `light`, LightBag: p counts at borders (d, before the sigmoid), i elsewhere. Three maps
 * [N,h,w,channels] -> the same shape. act_cfg is Bag's. */
module *pid_border_attention_new(module *parent, const char *name, int64_t channels, bool light, const value *norm_cfg,
                                 const value *act_cfg);
tensor *pid_border_attention_run(module *m, graph *g, tensor *p, tensor *i, tensor *d);

#endif
