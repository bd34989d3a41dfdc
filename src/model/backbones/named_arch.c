#include "model/backbones/named_arch.h"

#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "model/model.h"

enum { KNOWN_MAX = 16 };

/* Returns the dict of a known architecture; NULL: an error was recorded. */
static const value *find(module *m, const char *name, const named_arch *known, size_t n)
{
    const char *names[KNOWN_MAX];
    strbuf list = {.mem = m->model->mem};
    value *dict = NULL;
    for (size_t i = 0; i < n && i < KNOWN_MAX; i++) {
        names[i] = known[i].name;
        strbuf_addf(&list, "%s%s", i ? ", " : "", known[i].name);
        if (strcmp(known[i].name, name) == 0)
            return config_parse_literal(known[i].text, m->class_name, m->model->mem, &dict, &m->model->error) == CSEG_OK
                       ? dict
                       : NULL;
    }
    const char *near = str_nearest(name, names, n < KNOWN_MAX ? n : KNOWN_MAX);
    model_fail(m->model, CSEG_CONFIG, module_at(m, "arch"),
               "%s: there is no arch '%s'%s%s%s; there are %s, or a dict with the numbers", m->class_name, name,
               near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", list.text ? list.text : "");
    return NULL;
}

bool named_arch_read(module *m, const value *arch, const named_arch *known, size_t n, const field_table *table,
                     void *out)
{
    const char *name = value_text(arch);
    if (!name && (!arch || arch->kind != V_DICT)) {
        model_fail(m->model, CSEG_CONFIG, module_at(m, "arch"), "%s: arch is a name or a dict, not %s", m->class_name,
                   value_kind_name(arch));
        return false;
    }
    const value *dict = name ? find(m, name, known, n) : arch;
    const char *what = dict ? module_text(m, "%s's arch", m->class_name) : NULL;
    return what && fields_parse(table, what, dict, NULL, m->model->mem, out, &m->model->error) == CSEG_OK;
}
