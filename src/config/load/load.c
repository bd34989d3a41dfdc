/* Loads config files with their bases. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "config/config.h"
#include "config/load/json.h"
#include "config/load/merge.h"
#include "config/load/packages.h"
#include "config/load/paths.h"
#include "config/load/template.h"
#include "config/scope.h"
#include "config/syntax/keywords.h"
#include "config/syntax/parser.h"

enum { DEEPEST_CHAIN = 30, MOST_FILES = 500 };

typedef struct loading {
    arena *mem;     /* the caller's: names of files, the result */
    arena *scratch; /* everything else */
    cseg_error *err;
    eval_budget budget;
    const char *chain[DEEPEST_CHAIN]; /* absolute paths of the files that are being read, outermost first */
    size_t chained, files;
} loading;

/* One file while it is read. */
typedef struct file {
    loading *l;
    source s;
    const char *path; /* absolute */
    ast_block body;
    bool lazy;
    eval ev;
} file;

/* A file's own keys, before the caller's keys are merged into them. */
typedef struct loaded {
    value *keys;
    value *imported; /* set of names, of the pure-Python style */
    bool lazy;
} loaded;

static cseg_status load_file(loading *l, const char *name, bool as_lazy, loaded *out);

static bool names_base(const stmt *s)
{
    return s->kind == S_ASSIGN && s->target[0]->kind == N_NAME && strcmp(s->target[0]->name, "_base_") == 0;
}

/* Whether the reference would take this for the pure-Python style: a relative or foreign import, or read_base(). */
static bool looks_lazy(const ast_block *b)
{
    for (size_t i = 0; i < b->n; i++) {
        const stmt *s = b->at[i];
        if (s->kind == S_READ_BASE || (s->kind == S_FROM && s->level))
            return true;
        if (s->kind == S_FROM && !stdlib_has(s->module) &&
            !(strcmp(s->module, "mmengine") == 0 && s->names == 1 && strcmp(s->name[0].name, "Config") == 0))
            return true;
        for (size_t k = 0; s->kind == S_IMPORT && k < s->names; k++)
            if (!stdlib_has(s->name[k].name))
                return true;
    }
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < b->at[i]->arms; k++)
            if (looks_lazy(&b->at[i]->arm[k].body))
                return true;
    return false;
}

static const stmt *find_base(const ast_block *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (names_base(b->at[i]))
            return b->at[i];
    return NULL;
}

static eval new_eval(file *f, value *globals)
{
    return (eval){.mem = f->l->scratch,
                  .s = &f->s,
                  .err = f->l->err,
                  .globals = globals,
                  .budget = &f->l->budget,
                  .lazy = f->lazy};
}

/* Says which file wanted the one that failed. */
static void add_chain(const file *f, spot at)
{
    cseg_error *err = f->l->err;
    if (!err)
        return;
    size_t n = strlen(err->text);
    text_print(err->text + n, sizeof err->text - n, "\n  read as a base of %.300s:%d", f->s.name, at.line);
}

/* Evaluates `_base_ = ...`. It may use the names that stand before it. */
static cseg_status eval_base_list(file *f, const stmt *base, value **out)
{
    value *globals;
    eval ev = new_eval(f, NULL);
    TRY(eval_new(&ev, base->at, V_DICT, &globals));
    ev.globals = globals;
    if (base->value->kind != N_CONST && base->value->kind != N_LIST) {
        ast_block before = {f->body.at, 0};
        while (before.at[before.n] != base)
            before.n++;
        TRY(eval_block(&ev, &before));
    }
    TRY(eval_node(&ev, base->value, out));
    return CSEG_OK;
}

/* Marks each outermost dict that has a type with the package it came from. */
static cseg_status add_scope(eval *ev, value *v, const char *package, int depth)
{
    spot at = {v->at.line, v->at.column};
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, at, "nested too deeply");
    if (v->kind == V_DICT && value_get(v, "type")) {
        value *text;
        if (!value_is_none(value_get(v, "_scope_")))
            return CSEG_OK;
        TRY(eval_string(ev, at, package, strlen(package), &text));
        return eval_put_name(ev, at, v, "_scope_", text);
    }
    for (size_t i = 0; v->kind == V_DICT && i < v->as.dict.n; i++)
        TRY(add_scope(ev, v->as.dict.entry[i].item, package, depth + 1));
    for (size_t i = 0; (v->kind == V_LIST || v->kind == V_TUPLE) && i < v->as.list.n; i++)
        TRY(add_scope(ev, v->as.list.item[i], package, depth + 1));
    return CSEG_OK;
}

static cseg_status no_duplicates(file *f, spot at, const value *all, const value *more)
{
    char first[512], second[512];
    for (size_t i = 0; i < more->as.dict.n; i++) {
        const value *other = value_get(all, more->as.dict.entry[i].key);
        if (other)
            return eval_fail(&f->ev, at,
                             "the bases give '%.100s' twice: %.200sand %.200swhich the reference refuses, too",
                             more->as.dict.entry[i].key, value_place(other, first),
                             value_place(more->as.dict.entry[i].item, second));
    }
    return CSEG_OK;
}

/* Finds the file of the base that `text` names; *package: the package it lies in, or NULL. */
static cseg_status find_file(file *f, const value *text, char **path, const char **package)
{
    loading *l = f->l;
    spot at = {text->at.line, text->at.column};
    const char *colons = strstr(text->as.str.text, "::");
    *package = NULL;
    if (!colons) {
        char *dir = path_dir(l->scratch, f->s.name);
        char *joined = dir ? path_join(l->scratch, strcmp(dir, ".") == 0 ? "" : dir, text->as.str.text) : NULL;
        *path = joined ? path_normal(l->mem, joined) : NULL;
        if (!*path)
            return fail_memory(l->err);
        return file_exists(*path) ? CSEG_OK
                                  : eval_fail(&f->ev, at, "the base '%.300s' does not exist (there is no %.300s)",
                                              text->as.str.text, *path);
    }
    char *name = arena_strndup(l->scratch, text->as.str.text, (size_t)(colons - text->as.str.text)), *root;
    if (!name)
        return fail_memory(l->err);
    *package = name;
    TRY(package_find(name, f->path, l->scratch, &root, l->err));
    if (root)
        TRY(package_config(root, colons + 2, l->mem, path, l->err));
    else
        *path = NULL;
    return *path ? CSEG_OK
                 : eval_fail(&f->ev, at,
                             "the base '%.300s' is not found; CSEG_PACKAGES names the folders that hold packages",
                             text->as.str.text);
}

static cseg_status load_base(file *f, value *text, value *all)
{
    char *path;
    const char *package;
    loaded base;
    spot at = {text->at.line, text->at.column};
    if (text->kind != V_STR)
        return eval_fail(&f->ev, at, "a base is a path, not %s", value_kind_name(text));
    TRY(find_file(f, text, &path, &package));
    cseg_status status = load_file(f->l, path, false, &base);
    if (status != CSEG_OK) {
        add_chain(f, at);
        return status;
    }
    if (base.lazy)
        return eval_fail(&f->ev, at,
                         "'%.300s' is written in the pure-Python style (imports, read_base()) and cannot be a "
                         "base of this one",
                         text->as.str.text);
    TRY(no_duplicates(f, at, all, base.keys));
    TRY(eval_to_config(&f->ev, at, base.keys, 0, &base.keys));
    if (package)
        TRY(add_scope(&f->ev, base.keys, package, 0));
    return eval_pairs(&f->ev, at, base.keys, all);
}

/* All bases together, as a ConfigDict. */
static cseg_status load_bases(file *f, value *list, spot at, value **all)
{
    TRY(eval_new(&f->ev, at, V_DICT, all));
    (*all)->as.dict.attributes = true;
    if (list && !value_is_list(list))
        return load_base(f, list, *all);
    for (size_t i = 0; list && i < list->as.list.n; i++)
        TRY(load_base(f, list->as.list.item[i], *all));
    return CSEG_OK;
}

static bool is_private(const char *key)
{
    return str_starts(key, "__");
}

/* Removes names that are not config values: names of Python itself, modules, functions. */
static void drop_imports(const eval *ev, value *keys, bool all_imported)
{
    size_t k = 0;
    for (size_t i = 0; i < keys->as.dict.n; i++) {
        value_entry e = keys->as.dict.entry[i];
        value text = {.kind = V_STR, .as.str = {e.key, strlen(e.key)}};
        long budget = EVAL_STEPS;
        bool imported = ev->imported && value_within(&text, ev->imported, true, &budget);
        if (!is_private(e.key) && e.item->kind != V_OBJECT && !(imported && (all_imported || e.item->kind == V_NAME)))
            keys->as.dict.entry[k++] = e;
    }
    keys->as.dict.n = k;
}

static void note_deprecation(const file *f, value *keys)
{
    const value *note = value_get(keys, "_deprecation_");
    if (!note)
        return;
    const char *instead = value_text(value_get(note, "expected")), *more = value_text(value_get(note, "reference"));
    log_say(LOG_WARNING, "%s: this config will go%s%s%s%s", f->s.name, instead ? "; use " : "", instead ? instead : "",
            more ? "; see " : "", more ? more : "");
    value_remove(keys, "_deprecation_");
}

static cseg_status merge_bases(file *f, value *own, value *all, value **out)
{
    const value *culprit;
    TRY(eval_copy(&f->ev, (spot){1, 1}, own, &own));
    TRY(template_fill(&f->ev, own, all, 0));
    value_remove(own, "_base_");
    cseg_status status = merge_into(all, own, false, f->l->scratch, out, &culprit, f->l->err);
    if (status == CSEG_CONFIG && culprit) {
        char what[512];
        text_print(what, sizeof what, "%-s", f->l->err ? f->l->err->text : "");
        bool mine = culprit->at.file == f->s.name;
        eval_fail(&f->ev, mine ? (spot){culprit->at.line, culprit->at.column} : (spot){1, 1}, "%-s", what);
    }
    return status;
}

/* The names that Python itself gives to a config. */
static cseg_status new_globals(file *f, value **out)
{
    value *path, *name;
    spot at = {1, 1};
    TRY(eval_new(&f->ev, at, V_DICT, out));
    TRY(eval_new(&f->ev, at, V_SET, &f->ev.imported));
    TRY(eval_string(&f->ev, at, f->path, strlen(f->path), &path));
    TRY(eval_string(&f->ev, at, "builtins", 8, &name));
    TRY(eval_put_name(&f->ev, at, *out, "__file__", path));
    f->ev.globals = *out;
    return eval_put_name(&f->ev, at, *out, "__name__", name);
}

static cseg_status run_text(file *f, value **out)
{
    value *all, *list = NULL, *globals;
    spot at = {1, 1};
    const stmt *base = find_base(&f->body);
    if (base)
        TRY(eval_base_list(f, base, &list));
    TRY(load_bases(f, list, base ? base->at : at, &all));
    TRY(new_globals(f, &globals));
    TRY(eval_put_name(&f->ev, at, globals, "_base_", all));
    TRY(eval_block(&f->ev, &f->body));
    drop_imports(&f->ev, globals, false);
    value_remove(globals, "_base_");
    note_deprecation(f, globals);
    return merge_bases(f, globals, all, out);
}

static cseg_status run_json(file *f, value **out)
{
    value *own, *all;
    TRY(json_parse(&f->s, f->l->scratch, &own, f->l->err));
    if (own->kind != V_DICT)
        return fail(f->l->err, CSEG_CONFIG, "%s: holds %s, not an object", f->s.name, value_kind_name(own));
    TRY(load_bases(f, value_get(own, "_base_"), (spot){own->at.line, own->at.column}, &all));
    note_deprecation(f, own);
    TRY(merge_bases(f, own, all, out));
    drop_imports(&f->ev, *out, false);
    return CSEG_OK;
}

/* Finds the file that `from .module import` names in `with read_base():`. */
static cseg_status find_module(file *f, const stmt *s, char **path)
{
    loading *l = f->l;
    strbuf text = {.mem = l->scratch};
    char *module = arena_strdup(l->scratch, s->module), *root = NULL;
    if (!module)
        return fail_memory(l->err);
    if (s->level) {
        char *dir = path_dir(l->scratch, f->s.name);
        if (!dir)
            return fail_memory(l->err);
        strbuf_add(&text, strcmp(dir, ".") == 0 ? "." : dir);
        for (int i = 1; i < s->level && i < 64; i++)
            strbuf_add(&text, "/..");
        strbuf_add(&text, "/");
    } else {
        char *package = arena_strndup(l->scratch, module, strcspn(module, "."));
        if (!package)
            return fail_memory(l->err);
        if (!strchr(module, '.'))
            return eval_fail(&f->ev, s->at, "a base is a module within a package, not the package '%s' itself", module);
        TRY(package_find(package, f->path, l->scratch, &root, l->err));
        if (!root)
            return eval_fail(&f->ev, s->at,
                             "the package '%.100s' is not found; CSEG_PACKAGES names the folders that hold "
                             "packages",
                             package);
        strbuf_addf(&text, "%s/", root);
        module = strchr(module, '.') + 1;
    }
    for (char *c = module; *c; c++)
        if (*c == '.')
            *c = '/';
    strbuf_addf(&text, "%s.py", module);
    *path = text.failed ? NULL : path_normal(l->mem, text.text);
    if (!*path)
        return fail_memory(l->err);
    return file_exists(*path) ? CSEG_OK
                              : eval_fail(&f->ev, s->at, "the base does not exist (there is no %.300s)", *path);
}

static cseg_status import_name_of(file *f, eval *ev, const import_name *n, const value *keys)
{
    value *v = value_get(keys, n->name);
    if (v)
        return eval_put_name(ev, n->at, ev->globals, n->as ? n->as : n->name, v);
    const char **names = ARENA_ARRAY(f->l->scratch, keys->as.dict.n, const char *);
    if (!names)
        return fail_memory(f->l->err);
    for (size_t i = 0; i < keys->as.dict.n; i++)
        names[i] = keys->as.dict.entry[i].key;
    const char *near = str_nearest(n->name, names, keys->as.dict.n);
    return near ? eval_fail(ev, n->at, "the base has no '%s'; is '%s' meant?", n->name, near)
                : eval_fail(ev, n->at, "the base has no '%s'", n->name);
}

/* eval.read_base: imports the names of one `from ... import ...`. */
static cseg_status read_base(eval *ev, const stmt *s, void *arg)
{
    file *f = arg;
    char *path;
    loaded base;
    TRY(find_module(f, s, &path));
    cseg_status status = load_file(f->l, path, true, &base);
    if (status != CSEG_OK) {
        add_chain(f, s->at);
        return status;
    }
    for (size_t i = 0; i < base.imported->as.list.n; i++)
        TRY(eval_add_unique(ev, s->at, ev->imported, base.imported->as.list.item[i]));
    for (size_t i = 0; i < s->names; i++) {
        if (strcmp(s->name[i].name, "*") == 0)
            TRY(eval_pairs(ev, s->at, base.keys, ev->globals));
        else
            TRY(import_name_of(f, ev, &s->name[i], base.keys));
    }
    return CSEG_OK;
}

static cseg_status run_lazy(file *f, loaded *out)
{
    spot at = {1, 1};
    value *globals;
    const stmt *base = find_base(&f->body);
    if (base)
        return eval_fail(&f->ev, base->at,
                         "a config in the pure-Python style cannot have '_base_'; write 'with read_base():'");
    TRY(new_globals(f, &globals));
    f->ev.read_base = read_base;
    f->ev.arg = f;
    TRY(eval_block(&f->ev, &f->body));
    size_t k = 0;
    for (size_t i = 0; i < globals->as.dict.n; i++)
        if (!is_private(globals->as.dict.entry[i].key))
            globals->as.dict.entry[k++] = globals->as.dict.entry[i];
    globals->as.dict.n = k;
    out->imported = f->ev.imported;
    return eval_to_config(&f->ev, at, globals, 0, &out->keys);
}

static cseg_status load_source(loading *l, const char *name, const char *text, size_t n, bool as_lazy, loaded *out)
{
    file f = {.l = l};
    *out = (loaded){0};
    f.path = path_absolute(l->scratch, name);
    if (!f.path)
        return fail_memory(l->err);
    const char *ext = path_ext(name);
    TRY(source_open(&f.s, name, text, n, l->scratch, l->err));
    if (strcmp(ext, ".json") == 0) {
        TRY(template_apply(&f.s, f.path, l->scratch, l->err));
        f.ev = new_eval(&f, NULL);
        return run_json(&f, &out->keys);
    }
    const source plain = f.s;
    TRY(template_apply(&f.s, f.path, l->scratch, l->err));
    TRY(parse_module(&f.s, l->scratch, &f.body, l->err));
    f.lazy = as_lazy || (looks_lazy(&f.body) && !find_base(&f.body));
    if (f.lazy && f.s.text != plain.text) {
        /* The pure-Python style has no {{ }}. */
        f.s = plain;
        TRY(parse_module(&f.s, l->scratch, &f.body, l->err));
    }
    f.ev = new_eval(&f, NULL);
    out->lazy = f.lazy;
    return f.lazy ? run_lazy(&f, out) : run_text(&f, &out->keys);
}

static cseg_status load_file(loading *l, const char *name, bool as_lazy, loaded *out)
{
    char *text, *path = path_absolute(l->scratch, name);
    size_t n;
    const char *ext = path_ext(name);
    if (!path)
        return fail_memory(l->err);
    if (strcmp(ext, ".yaml") == 0 || strcmp(ext, ".yml") == 0)
        return fail(l->err, CSEG_UNSUPPORTED, "%s: configs in YAML are not supported; write it as .py or .json", name);
    if (strcmp(ext, ".py") != 0 && strcmp(ext, ".json") != 0)
        return fail(l->err, CSEG_USAGE, "%s: a config's name ends in .py or .json", name);
    for (size_t i = 0; i < l->chained; i++)
        if (strcmp(l->chain[i], path) == 0)
            return fail(l->err, CSEG_CONFIG, "%s: is a base of itself", name);
    if (l->chained == DEEPEST_CHAIN || l->files == MOST_FILES)
        return fail(l->err, CSEG_CONFIG, "%s: more than %d bases %s", name,
                    l->files == MOST_FILES ? MOST_FILES : DEEPEST_CHAIN,
                    l->files == MOST_FILES ? "in all" : "one upon the other");
    TRY(file_read(name, LARGEST_CONFIG, l->scratch, &text, &n, l->err));
    l->chain[l->chained++] = path;
    l->files++;
    TRY(load_source(l, name, text, n, as_lazy, out));
    l->chained--;
    return CSEG_OK;
}

/* No function or module may be left in what the caller gets; ConfigDicts become dicts. */
static cseg_status check_values(loading *l, value *v, const char *key, int depth)
{
    char place[512];
    if (depth > EVAL_DEPTH)
        return fail(l->err, CSEG_CONFIG, "%snested too deeply", value_place(v, place));
    if (v->kind == V_OBJECT)
        return fail(l->err, CSEG_CONFIG, "%s'%.100s' is %.100s, which is no config value", value_place(v, place), key,
                    v->as.object->name);
    for (size_t i = 0; value_is_list(v) && i < v->as.list.n; i++)
        TRY(check_values(l, v->as.list.item[i], key, depth + 1));
    for (size_t i = 0; v->kind == V_DICT && i < v->as.dict.n; i++)
        TRY(check_values(l, v->as.dict.entry[i].item, v->as.dict.entry[i].key, depth + 1));
    return CSEG_OK;
}

static cseg_status give_result(loading *l, value *v, value **out)
{
    long budget = EVAL_STEPS;
    char place[512];
    TRY(check_values(l, v, "the config", 0));
    *out = value_copy_within(l->mem, v, &budget);
    if (budget < 0)
        return fail(l->err, CSEG_CONFIG, "%sthis config has too many values", value_place(v, place));
    return *out ? CSEG_OK : fail_memory(l->err);
}

/* Modules of OpenMMLab's packages are silent: what they register is built in, or refused where it is used. */
static bool imports_are_openmmlabs(const value *imports)
{
    if (!value_is_list(imports))
        return value_text(imports) && scope_is_openmmlabs(value_text(imports));
    for (size_t i = 0; i < value_count(imports); i++)
        if (!value_text(value_item(imports, i)) || !scope_is_openmmlabs(value_text(value_item(imports, i))))
            return false;
    return true;
}

static cseg_status finish(loading *l, const char *name, loaded *all, value **out)
{
    static const char *const reserved[] = {"filename", "text", "pretty_text", "env_variables"};
    char place[512];
    if (all->lazy) {
        eval ev = {.imported = all->imported};
        drop_imports(&ev, all->keys, true);
    }
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (value_get(all->keys, reserved[i]))
            return fail(l->err, CSEG_CONFIG, "%s'%s' is reserved and cannot be a key of a config",
                        value_place(value_get(all->keys, reserved[i]), place), reserved[i]);
    const value *custom = value_get(all->keys, "custom_imports");
    if (custom && !imports_are_openmmlabs(value_get(custom, "imports")))
        log_say(LOG_WARNING, "%s: no Python module is imported here; custom_imports has no effect", name);
    return give_result(l, all->keys, out);
}

static cseg_status open_loader(loading *l, arena *mem, cseg_error *err)
{
    *l = (loading){.mem = mem, .scratch = arena_new(), .err = err, .budget.steps = EVAL_STEPS};
    return l->scratch ? CSEG_OK : fail_memory(err);
}

/* The file `name`, or `text`, which messages call so. */
static cseg_status load_all(const char *name, const char *text, arena *mem, value **out, cseg_error *err)
{
    loading l;
    loaded all;
    TRY(open_loader(&l, mem, err));
    cseg_status status = CSEG_OK;
    char *own = arena_strdup(mem, name);
    if (!own) {
        status = fail_memory(err);
        goto done;
    }
    if (text)
        TRY_DONE(load_source(&l, own, text, strlen(text), false, &all));
    else
        TRY_DONE(load_file(&l, own, false, &all));
    TRY_DONE(finish(&l, own, &all, out));
done:
    arena_free(l.scratch);
    return status;
}

cseg_status config_load(const char *path, arena *mem, value **out, cseg_error *err)
{
    return load_all(path, NULL, mem, out, err);
}

cseg_status config_parse_text(const char *text, const char *name, arena *mem, value **out, cseg_error *err)
{
    return load_all(name, text, mem, out, err);
}

cseg_status config_parse_literal(const char *text, const char *name, arena *mem, value **out, cseg_error *err)
{
    loading l;
    TRY(open_loader(&l, mem, err));
    cseg_status status = CSEG_OK;
    file f = {.l = &l};
    ast_node *n;
    value *v, *globals;
    char *own = arena_strdup(mem, name);
    if (!own || !(globals = value_new(l.scratch, V_DICT, (where){0}))) {
        status = fail_memory(err);
        goto done;
    }
    TRY_DONE(source_open(&f.s, own, text, strlen(text), l.scratch, err));
    TRY_DONE(parse_literal(&f.s, l.scratch, &n, err));
    f.ev = new_eval(&f, globals);
    TRY_DONE(eval_node(&f.ev, n, &v));
    TRY_DONE(give_result(&l, v, out));
done:
    arena_free(l.scratch);
    return status;
}
