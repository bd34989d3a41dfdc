/* Makes and names the tree of modules, and records errors of constructors. */
#include "model/module.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "config/config.h"
#include "model/model.h"

/* More parameters than any network has; only a typo in a config exceeds it. */
static const int64_t PARAM_MAX = (int64_t)1 << 31;

void model_fail(model *m, cseg_status code, const value *at, const char *fmt, ...)
{
    if (model_failed(m))
        return;
    char place[512], text[1400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fail(&m->error, code, "%s%s", value_place(at, place), text);
}

bool model_failed(const model *m)
{
    return m->error.code != CSEG_OK;
}

static void fail_no_memory(model *m)
{
    if (!model_failed(m))
        fail_memory(&m->error);
}

void *module_state(module *m, size_t size)
{
    if (!m || model_failed(m->model))
        return NULL;
    void *p = arena_alloc(m->model->mem, size);
    if (!p)
        fail_no_memory(m->model);
    return p;
}

const char *module_text(module *m, const char *fmt, ...)
{
    if (!m)
        return NULL;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = arena_strdup(m->model->mem, text);
    if (!copy)
        fail_no_memory(m->model);
    return copy;
}

const char *module_index(module *m, int64_t i)
{
    return module_text(m, "%lld", (long long)i);
}

module *module_list_new(module *parent, const char *name)
{
    module *m = module_new(parent, name);
    if (m)
        m->base = true;
    return m;
}

const value *module_literal(module *m, const char *text)
{
    value *v = NULL;
    if (!m || model_failed(m->model) ||
        config_parse_literal(text, m->class_name, m->model->mem, &v, &m->model->error) != CSEG_OK)
        return NULL;
    return v;
}

static const char *full_name(module *m, const char *local)
{
    return m->name[0] ? arena_printf(m->model->mem, "%s.%s", m->name, local) : arena_strdup(m->model->mem, local);
}

module *module_new(module *parent, const char *name)
{
    if (!parent || !name || model_failed(parent->model))
        return NULL;
    arena *mem = parent->model->mem;
    module *m = ARENA_NEW(mem, module);
    if (m) {
        m->model = parent->model;
        m->parent = parent;
        m->class_name = "";
        m->name = full_name(parent, name);
    }
    if (!m || !m->name || !vec_push(mem, &parent->children, m)) {
        fail_no_memory(parent->model);
        return NULL;
    }
    return m;
}

const char *module_local_name(const module *m)
{
    size_t skip = m->parent && m->parent->name[0] ? strlen(m->parent->name) + 1 : 0;
    return m->name + skip;
}

module *module_child(const module *m, const char *local_name)
{
    for (size_t i = 0; i < m->children.n; i++)
        if (strcmp(module_local_name(m->children.at[i]), local_name) == 0)
            return m->children.at[i];
    return NULL;
}

param *module_own(const module *m, const char *local_name)
{
    size_t skip = m->name[0] ? strlen(m->name) + 1 : 0;
    for (size_t i = 0; i < m->params.n; i++)
        if (strcmp(m->params.at[i]->name + skip, local_name) == 0)
            return m->params.at[i];
    return NULL;
}

const value *module_at(const module *m, const char *key)
{
    const value *v = value_get(m->cfg, key);
    return v ? v : m->cfg;
}

void module_refuse(module *m, const char *const *keys, const char *release)
{
    for (; *keys; keys++)
        if (value_get(m->cfg, *keys))
            model_fail(m->model, CSEG_CONFIG, module_at(m, *keys),
                       "%s has %s in configs of MMSegmentation %s only; leave it out", m->kind->name, *keys, release);
}

static param *new_param(module *m, const char *name, int rank, const int64_t *dim)
{
    param *p = module_state(m, sizeof(model_param));
    if (!p)
        return NULL;
    p->count = 1;
    p->rank = rank;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > PARAM_MAX || p->count > PARAM_MAX / dim[i]) {
            model_fail(m->model, CSEG_CONFIG, m->parent ? m->parent->cfg : NULL,
                       "%s.%s: axis %d would have %lld elements, which makes no parameter", m->name, name, i,
                       (long long)dim[i]);
            return NULL;
        }
        p->dim[i] = dim[i];
        p->count *= dim[i];
    }
    p->owner = m->class_name;
    p->name = full_name(m, name);
    if (!p->name) {
        fail_no_memory(m->model);
        return NULL;
    }
    return p;
}

param *module_param(module *m, const char *name, int rank, const int64_t *dim, init_rule init, float a, float b)
{
    param *p = new_param(m, name, rank, dim);
    if (!p)
        return NULL;
    p->role = PARAM_TRAINED;
    p->type = DT_F32;
    p->requires_grad = true;
    *param_start_of(p) = (param_start){init, a, b, false};
    if (!vec_push(m->model->mem, &m->params, p))
        fail_no_memory(m->model);
    return p;
}

param *module_buffer(module *m, const char *name, dtype type, int rank, const int64_t *dim, float v)
{
    param *p = new_param(m, name, rank, dim);
    if (!p)
        return NULL;
    p->role = PARAM_BUFFER;
    p->type = type;
    *param_start_of(p) = (param_start){INIT_CONSTANT, v, 0, false};
    if (!vec_push(m->model->mem, &m->buffers, p))
        fail_no_memory(m->model);
    return p;
}

param *module_constant(module *m, const char *name, int rank, const int64_t *dim, const int64_t *values)
{
    param *p = values ? module_buffer(m, name, DT_I64, rank, dim, 0) : NULL;
    if (p)
        ((model_param *)p)->constant = values;
    return p;
}

/* Among the buffers, whatever it is: optimizers and gradients do not meet it. */
static void add_twin(module *m, param *of)
{
    const char *local = strrchr(of->name, '.');
    param *p = new_param(m, local ? local + 1 : of->name, of->rank, of->dim);
    if (!p)
        return;
    p->role = PARAM_BUFFER;
    p->type = of->type;
    ((model_param *)p)->twin_of = of;
    if (!vec_push(m->model->mem, &m->buffers, p))
        fail_no_memory(m->model);
}

void module_twin(module *parent, const char *name, module *of)
{
    module *m = of ? module_new(parent, name) : NULL;
    if (!m)
        return;
    m->class_name = of->class_name;
    for (size_t i = 0; i < of->params.n; i++)
        add_twin(m, of->params.at[i]);
    for (size_t i = 0; i < of->buffers.n; i++)
        add_twin(m, of->buffers.at[i]);
    for (size_t i = 0; i < of->children.n; i++)
        module_twin(m, module_local_name(of->children.at[i]), of->children.at[i]);
}

void module_each(module *m, void (*fn)(module *m))
{
    if (!m)
        return;
    fn(m);
    for (size_t i = 0; i < m->children.n; i++)
        module_each(m->children.at[i], fn);
}

/* Lists the known kinds, for a message: "ResNet, HRNet". */
static const char *known_kinds(module *parent, family f)
{
    strbuf b = {.mem = parent->model->mem};
    const kind *k;
    for (size_t i = 0; (k = kind_at(i)); i++)
        if (k->family == f)
            strbuf_addf(&b, "%s%s%s", b.n ? ", " : "", kind_prefix(k), k->name);
    return b.failed || !b.text ? "" : b.text;
}

static const kind *find_kind(module *parent, const char *name, family f, const value *cfg)
{
    if (!cfg || cfg->kind != V_DICT) {
        model_fail(parent->model, CSEG_CONFIG, cfg, "%s must be a dict with a `type`, not %s", name,
                   value_kind_name(cfg));
        return NULL;
    }
    const value *type = value_get(cfg, "type");
    const char *text = value_text(type);
    if (!text) {
        model_fail(parent->model, CSEG_CONFIG, type ? type : cfg, "%s has no `type` (known %s types: %s)", name,
                   family_name(f), known_kinds(parent, f));
        return NULL;
    }
    const char *nearest = NULL;
    char full[160];
    type_scope in = scope_of(cfg);
    type_scope first = parent->model->options.default_scope;
    const kind *other, *k = in == SCOPE_UNSAID && first ? kind_find(f, first, text, NULL) : NULL;
    if (k || (k = kind_find(f, in, text, &nearest)))
        return k;
    other = kind_elsewhere(f, text);
    if (f != FAMILY_PART && kind_find(FAMILY_PART, in, text, NULL))
        model_fail(parent->model, CSEG_CONFIG, type, "%s: %s is a part of other kinds, no %s by itself", name, text,
                   family_name(f));
    else if (other || !(in & (SCOPE_UNSAID | SCOPE_MMSEG)))
        model_fail(parent->model, CSEG_UNSUPPORTED, type, "%s: the %s %s is not implemented here%s%s%s (there are: %s)",
                   name, family_name(f), scope_full_name(cfg, full), other ? "; another is " : "",
                   !other                  ? ""
                   : kind_prefix(other)[0] ? kind_prefix(other)
                                           : "mmseg.",
                   other ? other->name : "", known_kinds(parent, f));
    else if (kind_in_reference(f, text))
        model_fail(parent->model, CSEG_UNSUPPORTED, type, "%s: the %s %s is not implemented here (there are: %s)", name,
                   family_name(f), text, known_kinds(parent, f));
    else if (nearest)
        model_fail(parent->model, CSEG_CONFIG, type, "%s: there is no %s type '%s'; did you mean '%s'?", name,
                   family_name(f), text, nearest);
    else
        model_fail(parent->model, CSEG_CONFIG, type, "%s: there is no %s type '%s' (there are: %s)", name,
                   family_name(f), text, known_kinds(parent, f));
    return NULL;
}

module *module_build(module *parent, const char *name, family f, const value *cfg, const value *inherited)
{
    if (!parent || model_failed(parent->model))
        return NULL;
    model *mod = parent->model;
    const kind *k = find_kind(parent, name, f, cfg);
    /* The root is its own tree's first module. */
    module *m = !k ? NULL : f == FAMILY_SEGMENTOR ? parent : module_new(parent, name);
    if (!m)
        return NULL;
    m->kind = k;
    m->class_name = k->name;
    m->base = true;
    m->cfg = cfg;
    m->config = module_state(m, k->fields->size ? k->fields->size : 1);
    m->head = f == FAMILY_HEAD ? module_state(m, sizeof *m->head) : NULL;
    if (model_failed(mod))
        return NULL;
    if (fields_parse(k->fields, k->name, cfg, inherited, mod->mem, m->config, &mod->error) != CSEG_OK)
        return NULL;
    k->build(m);
    return model_failed(mod) ? NULL : m;
}

module *module_build_part(module *parent, const char *name, const kind *k, const value *cfg)
{
    const char *type = value_type_name(cfg);
    const kind *given = type ? kind_find(FAMILY_PART, scope_of(cfg), type, NULL) : NULL;
    if (!parent || !given || given == k)
        return module_build(parent, name, FAMILY_PART, cfg, NULL);
    model_fail(parent->model, CSEG_CONFIG, value_blame(cfg, "type"), "%s: %s: its place is a %s's, not a %s's",
               parent->name, name, k->name, given->name);
    return NULL;
}
