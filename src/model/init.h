/* Sets how weights are initialised: MMEngine's init_cfg, turned into rules for parameters.
 *
 *     init_default(parent, "dict(type='Normal', std=0.01)");
 *     init_resolve(m);
 *
 * MMEngine walks the tree of modules after construction. A module applies its init_cfg to everything below it, then
 * calls its children; a class with its own init_weights() (ConvModule) runs that instead. The walk descends into
 * BaseModules only, so the init_cfg of heads in a plain torch list has no effect. The same is done here, with rules
 * instead of values. */
#ifndef MODEL_INIT_H
#define MODEL_INIT_H

#include "model/model.h"

void init_set(param *p, init_rule rule, float a, float b, bool fan_out);
/* The same for a layer's own weight; its bias starts at 0. What the layer has not (a NULL layer: both) is passed over.
 */
void init_layer(module *layer, init_rule rule, float a, float b, bool fan_out);
/* The parameter starts with these values, as many as it has, whatever rules say. They must outlive the model. */
void init_values(param *p, const float *values);
/* For m->init: in m and below, weights of convolutions by Kaiming's normal rule (fan out, ReLU), batch norms 1 and 0;
 * the convolutions' biases stay as PyTorch starts them. Classes that write this loop themselves have it. */
void init_kaiming_below(module *m);
/* The same for transformers: linear layers start truncated normal with std 0.02, layer norms at 1, the biases of both
 * at 0. */
void init_linear_below(module *m);
/* These, and convolutions normal with std sqrt(2 / (their kernel's area * the outputs of a group)) and bias 0. */
void init_transformer_below(module *m);
/* For m->init: how ViT and its kin start (timm's 'jax_impl'): weights of linear layers by a truncated normal of
 * deviation 0.02, their biases 0, or within modules called ffn by a normal of deviation 1e-6; convolutions by Kaiming's
 * normal rule (fan in, ReLU), norms 1 and 0. Other parameters stay as PyTorch starts them. */
void init_jax_below(module *m);
/* For classes that know init_cfg=dict(type='Pretrained_Part'): if it is one, notes the checkpoint, of which the keys
 * with this prefix are taken, and returns true; weights are then as PyTorch starts them. */
bool init_from_part(module *m, const value *init_cfg, const char *prefix);
/* What a BaseModule's init_weights() does, for an m->init that calls it behind rules of its own: applies m->init_cfg,
 * and unless that is a file goes on to the modules below. */
void init_by_cfg(module *m);
/* In m and below, what has two axes or more starts by `rule` with gain 1: weights of linear layers and attentions. */
void init_matrices_below(module *m, init_rule rule);
/* For classes that fill a part of themselves with a model of torchvision's in their constructor: notes the checkpoint,
 * if `pretrained` is True that of the zoo, torchvision://`name`, or the file that it names. The kind's pretrained_form
 * says what it fills. */
void init_from_torchvision(module *m, const value *pretrained, const char *name);
/* For classes that load a file behind rules of their own: notes the checkpoint that init_cfg names. None: nothing.
 * Another init_cfg is refused. */
void init_from_file(module *m, const value *init_cfg);
/* Sets a default init_cfg, given as config text. */
void init_default(module *m, const char *text);
/* Chooses between init_cfg and pretrained for a kind that has both, as MMSegmentation does: pretrained replaces the
 * default, and both at once are refused. `text` (may be NULL) is the default. */
void init_choose(module *m, const value *init_cfg, const char *pretrained, const char *text);
/* Walks the tree and sets the rules; also collects model->pretrained. Errors are recorded in the model. */
void init_resolve(model *m);

#endif
