/* What the configs of all losses have.
 *
 *     typedef struct { loss_config loss; double gamma; } conf;
 *     static const field fields[] = {LOSS_FIELDS(conf, "'loss_mine'"), FIELD(conf, F_FLOAT, gamma, "2.0", "power")};
 *     loss_begin(parent);
 *
 * A loss's config struct begins with a loss_config, its field table has LOSS_FIELDS, and its build calls loss_begin or
 * is that. */
#ifndef MODEL_LOSS_CONFIG_H
#define MODEL_LOSS_CONFIG_H

#include "model/model.h"

typedef struct loss_config {
    double loss_weight;
    const char *loss_name; /* not NULL behind loss_begin */
} loss_config;

/* Entries of a field_table for a struct S whose first member is `loss_config loss`; name: the default, as config text.
 */
#define LOSS_FIELDS(S, name)                                                                                           \
    FIELD_IN(S, loss, F_FLOAT, loss_weight, "1.0", "multiplies the loss"), LOSS_NAME_FIELD(S, name)
/* The same of losses whose class has no loss_weight. */
#define LOSS_NAME_FIELD(S, name)                                                                                       \
    FIELD_IN(S, loss, F_STR, loss_name, name, "in logs; only those with loss in it are learnt from")

/* Refuses what no loss can be without: a name. */
void loss_begin(module *m);

/* Warns, once, that the loss passes over the weights of pixels that it is given, as the reference's does. */
void loss_weighs_no_pixels(const module *loss);

static inline const char *loss_name(const module *loss)
{
    return ((const loss_config *)loss->config)->loss_name;
}

#endif
