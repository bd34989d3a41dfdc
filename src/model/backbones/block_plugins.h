/* Plugin layers behind the convolutions of a ResNet's bottlenecks.
 *
 *     block_plugins_check(parent, NULL, 4, true);
 *     block_plugins *p = block_plugins_new(parent, NULL, 0, (int64_t[]){64, 64, 256}, 64);
 *     x = block_plugins_run(p, g, 1, x);
 *
 * The backbone checks its field once; each block makes and runs its own. */
#ifndef MODEL_BLOCK_PLUGINS_H
#define MODEL_BLOCK_PLUGINS_H

#include "model/layers/layers.h"

typedef struct block_plugins block_plugins;

/* plugins: None, or a list of dict(cfg=dict(type=...), position='after_conv1', stages=(True, ...)), for blocks that are
 * bottlenecks. Records an error if it is anything else. */
void block_plugins_check(module *m, const value *plugins, int64_t stages, bool bottleneck);
/* Makes those of a stage (from 0), in the order of their positions. channels: behind each of the three convolutions;
 * planes: what MMSegmentation makes those behind the first two for. NULL: there are none, or an error was recorded. */
block_plugins *block_plugins_new(module *block, const value *plugins, int64_t stage, const int64_t channels[3],
                                 int64_t planes);
/* x behind convolution `conv` (from 0). p may be NULL. */
tensor *block_plugins_run(const block_plugins *p, graph *g, int conv, tensor *x);

#endif
