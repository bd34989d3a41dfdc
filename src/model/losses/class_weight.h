/* The class weights of losses: a number for each class, which a config holds or names a file of.
 *
 *     floats weight;
 *     if (class_weight_read(parent, value_get(cfg, "class_weight"), &weight) && weight.n)
 *         x = op_mul(g, x, class_weight_trace(parent, g, weight, 19));
 */
#ifndef MODEL_CLASS_WEIGHT_H
#define MODEL_CLASS_WEIGHT_H

#include "model/model.h"

/* Reads a list of numbers, or the file that a string names. None: out->n is 0. false: an error was recorded. */
bool class_weight_read(module *m, const value *v, floats *out);
/* Returns the weights [classes] as a constant. NULL: their number is another one, which is recorded with the place of
 * the loss's class_weight. */
tensor *class_weight_trace(module *m, graph *g, floats w, int64_t classes);

/* The same for another list of a loss, named `key`. */
bool class_numbers_read(module *m, const char *key, const value *list, floats *out);
tensor *class_numbers_trace(module *m, graph *g, const char *key, floats w, int64_t classes);

#endif
