/* Parts of a model that are not trained. */
#include <string.h>

#include "model/layers/layers.h"

static void stop_gradients(module *m)
{
    for (size_t i = 0; i < m->params.n; i++)
        m->params.at[i]->requires_grad = false;
}

void module_freeze_gradients(module *m)
{
    module_each(m, stop_gradients);
}

void module_freeze(module *m)
{
    norm_freeze_statistics(m);
    dropout_freeze(m);
    module_freeze_gradients(m);
}

static bool named_by(const value *list, const char *name)
{
    for (size_t i = 0; i < value_count(list); i++)
        if (strstr(name, value_text(value_item(list, i))))
            return true;
    return false;
}

static void stop_gradients_but(module *m, size_t root, const value *but)
{
    for (size_t i = 0; i < m->params.n; i++)
        if (!named_by(but, m->params.at[i]->name + root))
            m->params.at[i]->requires_grad = false;
    for (size_t i = 0; i < m->children.n; i++)
        stop_gradients_but(m->children.at[i], root, but);
}

void module_freeze_gradients_but(module *m, const char *key, const value *names)
{
    bool ok = value_is_list(names), all = false;
    for (size_t i = 0; ok && i < value_count(names); i++) {
        const char *one = value_text(value_item(names, i));
        ok = one;
        all = all || (one && strcmp(one, "all") == 0);
    }
    if (!ok)
        model_fail(m->model, CSEG_CONFIG, module_at(m, key),
                   "%s: %s is a list of parts of parameters' names, or ['all']", m->class_name, key);
    else if (!all)
        stop_gradients_but(m, strlen(m->name) + 1, names);
}
