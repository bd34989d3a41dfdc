/* Checks which keys a config has outside models, data and optimizers. A key that MMSegmentation would refuse is
 * refused. A key that it would obey and this program does not is refused or warned about. A key that makes no
 * difference here is accepted. docs/fields-without-effect.md lists them. */
#ifndef ENGINE_DIALECT_KEYS_H
#define ENGINE_DIALECT_KEYS_H

#include "config/fields.h"
#include "engine/dialect/experiment.h"

cseg_status keys_check_0x(const experiment *e, cseg_error *err);
cseg_status keys_check_1x(const experiment *e, cseg_error *err);
/* Keys at the top level; NULL ends the list. */
extern const char *const keys_names_0x[], *const keys_names_1x[];
/* Returns whether default_hooks has a hook of this key and type by default; type NULL: the usual type. */
bool keys_usual_hook(const char *key, const char *type);

#define KEYS_TABLE(name_, fields_)                                                                                     \
    static const field_table name_ = {fields_, sizeof fields_ / sizeof *fields_, 0, false}
/* A key that has an effect; a dialect reads it. */
#define KEY(name_) FIELD_ELSEWHERE(name_, "obeyed")

/* Checks one item of a list, or a single value as a list of one, as MMSegmentation takes `vis_backends` and hooks. */
typedef cseg_status keys_each(const experiment *e, const value *one, cseg_error *err);
cseg_status keys_of_each(const experiment *e, const value *list, keys_each *check, cseg_error *err);

#endif
