/* Evaluates a config's statements and expressions. It computes values and does nothing else: it writes no file, imports
 * no module, and runs nobody's code. Every step and every byte counts against a budget.
 *
 *     value *list, *three;
 *     spot at = {.line = 1, .column = 1};
 *     TRY(eval_new(ev, at, V_LIST, &list));
 *     TRY(eval_int(ev, at, 3, &three));
 *     TRY(eval_append(ev, at, list, three));
 *
 * Values behave as in Python: names share lists and dicts. Ranges, views, zips and generators are lists. A dict with
 * `attributes` set is MMEngine's ConfigDict. */
#ifndef CONFIG_EVAL_EVAL_H
#define CONFIG_EVAL_EVAL_H

#include "config/syntax/ast.h"
#include "config/value_internal.h"

enum { EVAL_STEPS = 4000000, EVAL_MEMORY = 192 * 1024 * 1024, EVAL_DEPTH = 200 };

typedef struct eval eval;
typedef struct args {
    value **at; /* positional; if a builtin names its parameters, all of them, NULL where not given */
    size_t n;
    const char **name;
    value **named;
    size_t names;
} args;
typedef cseg_status builtin_fn(eval *ev, spot at, value *self, const args *a, value **out);

/* A function, a type or a method. */
typedef struct builtin {
    const char *name;
    builtin_fn *fn;
    int least, most;    /* positional arguments; most < 0: any number */
    const char *params; /* names that may be given as keywords, in order: "iterable|start"; "*": any, left in
                           args.name; NULL: none */
    value_kind type;    /* of types: the kind that isinstance() asks for; else V_OBJECT */
} builtin;

typedef enum {
    OBJ_MODULE,
    OBJ_FUNCTION, /* fn */
    OBJ_METHOD,   /* fn of self */
    OBJ_ENVIRON,
    OBJ_UNKNOWN /* in Python's standard library but not in the config language: refused when used */
} object_kind;

typedef struct object {
    object_kind kind;
    const char *name;
    const builtin *fn;
    value *self;
} object;

typedef struct scope {
    struct scope *up;
    value *names; /* a dict */
} scope;

/* Shared by all files of one load. */
typedef struct eval_budget {
    long steps;
    size_t start; /* bytes the arena held at the beginning */
} eval_budget;

struct eval {
    arena *mem; /* scratch: everything that is evaluated */
    const source *s;
    cseg_error *err;
    value *globals; /* a dict */
    scope *local;   /* of comprehensions; NULL outside */
    eval_budget *budget;
    int depth;
    bool lazy;       /* the pure-Python style */
    value *imported; /* set of names; NULL: not wanted */
    /* Reads the base that `from` names; NULL if bases are not allowed here. */
    cseg_status (*read_base)(eval *ev, const stmt *from, void *arg);
    void *arg;
};

/* eval.c: basics */
cseg_status eval_fail(const eval *ev, spot at, const char *fmt, ...) CSEG_PRINTF(3, 4);   /* CSEG_CONFIG */
cseg_status eval_refuse(const eval *ev, spot at, const char *fmt, ...) CSEG_PRINTF(3, 4); /* CSEG_UNSUPPORTED */
cseg_status eval_charge(eval *ev, spot at, size_t steps);
cseg_status eval_room(eval *ev, spot at, size_t count, size_t size); /* before count * size bytes are made */
where eval_where(const eval *ev, spot at);
cseg_status eval_none(eval *ev, spot at, value **out);
cseg_status eval_bool(eval *ev, spot at, bool b, value **out);
cseg_status eval_int(eval *ev, spot at, int64_t i, value **out);
cseg_status eval_float(eval *ev, spot at, double f, value **out);
cseg_status eval_string(eval *ev, spot at, const char *s, size_t n, value **out);
cseg_status eval_text(eval *ev, spot at, strbuf *b, value **out); /* the text of b */
cseg_status eval_new(eval *ev, spot at, value_kind kind, value **out);
cseg_status eval_object(eval *ev, spot at, object_kind kind, const char *name, const builtin *fn, value *self,
                        value **out);
cseg_status eval_append(eval *ev, spot at, value *list, value *item);
cseg_status eval_put(eval *ev, spot at, value *dict, value *key, value *item); /* in a ConfigDict, nested dicts
                                                                                  become ConfigDicts */
cseg_status eval_put_name(eval *ev, spot at, value *dict, const char *key, value *item);
cseg_status eval_lookup(eval *ev, spot at, const value *dict, const value *key, value_entry **out); /* NULL: none */
cseg_status eval_add_unique(eval *ev, spot at, value *set, value *item);
cseg_status eval_key(eval *ev, spot at, const value_entry *e, value **out);
cseg_status eval_items(eval *ev, spot at, value *v, value ***items, size_t *n); /* what iterating gives */
cseg_status eval_pairs(eval *ev, spot at, value *v, value *dict);               /* dict.update(v), shallow */
/* The first place of part[0, m) in s[from, n), or n + 1. Linear; callers charge for n. */
size_t eval_find(const char *s, size_t n, size_t from, const char *part, size_t m);
cseg_status eval_equal(eval *ev, spot at, const value *a, const value *b, bool *out);
cseg_status eval_contains(eval *ev, spot at, value *box, value *item, bool *out);
cseg_status eval_compare(eval *ev, spot at, uint32_t op, value *a, value *b, bool *out);
cseg_status eval_copy(eval *ev, spot at, const value *v, value **out);           /* deepcopy */
cseg_status eval_to_config(eval *ev, spot at, value *v, int depth, value **out); /* dicts become ConfigDicts */
cseg_status eval_repr(eval *ev, spot at, const value *v, strbuf *out);
cseg_status eval_str(eval *ev, spot at, const value *v, strbuf *out);
cseg_status eval_integer(eval *ev, spot at, const value *v, const char *what, int64_t *out);

/* eval_expr.c, eval_access.c, eval_ops.c */
cseg_status eval_node(eval *ev, const ast_node *n, value **out);
cseg_status eval_attribute(eval *ev, spot at, value *v, const char *name, value **out);
cseg_status eval_index(eval *ev, spot at, value *v, value *index, value **out);
cseg_status eval_call(eval *ev, spot at, value *callee, args *a, value **out);
cseg_status eval_binary(eval *ev, spot at, uint32_t op, value *a, value *b, value **out);
cseg_status eval_unary(eval *ev, spot at, uint32_t op, value *a, value **out);
cseg_status eval_slice_bounds(eval *ev, const ast_node *slice, size_t n, int64_t *start, int64_t *step, size_t *count);
cseg_status eval_slice(eval *ev, spot at, value *v, const ast_node *slice, value **out);
cseg_status eval_assign(eval *ev, const ast_node *target, value *v);

/* eval_stmt.c */
cseg_status eval_block(eval *ev, const ast_block *b);

/* builtins.c, number_functions.c, methods.c, methods_string.c, modules.c: NULL if there is none of that name */
const builtin *builtin_find(const char *name);
const builtin *builtin_find_number(const char *name);
const builtin *method_find(value_kind kind, const char *name);
const builtin *method_find_string(const char *name);
bool builtin_is_python(const char *name); /* a builtin of Python that is left out here */
cseg_status builtin_sort(eval *ev, spot at, value *list, value *key, bool reverse); /* in place; key may be NULL */
cseg_status module_import(eval *ev, spot at, const char *module, value **out);
cseg_status module_member(eval *ev, spot at, const char *module, const char *name, value **out);
cseg_status eval_environ_get(eval *ev, spot at, const char *name, value **out); /* *out NULL: not set */
/* As dict.update: a ConfigDict merges nested dicts, a plain dict replaces them. */
cseg_status eval_dict_update(eval *ev, spot at, value *dict, value *other, int depth);

/* format.c */
cseg_status format_value(eval *ev, spot at, const value *v, const char *spec, size_t n, strbuf *out);
cseg_status format_percent(eval *ev, spot at, const value *format, value *arg, value **out);
cseg_status format_method(eval *ev, spot at, value *self, const args *a, value **out);

#endif
