/* The values of a config: all that Python literals can be. They are built once, in an arena, and then only read.
 *
 *     int64_t classes;
 *     const value *head = value_find(cfg, "model.decode_head");
 *     if (!value_integer(value_get(head, "num_classes"), &classes))
 *         return fail(err, CSEG_CONFIG, "%snum_classes must be a whole number", value_place(head, (char[512]){0}));
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum {
    V_NONE,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STR,
    V_LIST,
    V_TUPLE,
    V_SET,
    V_DICT,
    V_NAME,  /* an imported object of the pure-Python style, as its dotted name: mmseg.models.FCNHead */
    V_OBJECT /* a module, a function, an iterator: only while a config is evaluated, never in a finished one */
} value_kind;

/* Where a value was written. For --cfg-options, file is "--cfg-options KEY" and line 0; for defaults, file is NULL. */
typedef struct where {
    const char *file;
    int line, column; /* from 1; 0: no line */
} where;

typedef struct value value;
typedef struct value_entry {
    const char *key; /* non-string keys (ints in a dict) are kept as their text, with key_value set */
    value *key_value;
    value *item;
    const struct value_entry *over; /* the entry of a base that this one replaced; NULL: none */
} value_entry;

struct value {
    value_kind kind;
    where at;
    union {
        bool b;
        int64_t i;
        double f;
        struct {
            const char *text; /* NUL-terminated; may hold NULs inside */
            size_t n;
        } str; /* V_STR and V_NAME */
        struct {
            value **item;
            size_t n, cap;
        } list; /* V_LIST, V_TUPLE, V_SET */
        struct {
            value_entry *entry; /* in order of insertion, as Python keeps it */
            size_t n, cap;
            bool attributes; /* while evaluated: a ConfigDict (keys are attributes, update() merges deeply) */
        } dict;
        struct object *object; /* V_OBJECT; see eval.h */
    } as;
};

value *value_new(arena *mem, value_kind kind, where at); /* NULL: out of memory; so below */
value *value_bool(arena *mem, bool b, where at);
value *value_int(arena *mem, int64_t i, where at);
value *value_float(arena *mem, double f, where at);
value *value_str(arena *mem, const char *s, where at);
bool value_append(arena *mem, value *list, value *item);
bool value_set(arena *mem, value *dict, const char *key, value *item); /* replaces in place if it is there */
bool value_remove(value *dict, const char *key);
value *value_copy(arena *mem, const value *v);    /* deep */
bool value_equal(const value *a, const value *b); /* as Python's ==, but a tuple equals a list */

/* NULL if dict is NULL, no dict, or has no such key. */
value *value_get(const value *dict, const char *key);
/* A path: "model.decode_head.0.num_classes"; a number indexes a list. NULL if there is none. */
value *value_find(const value *root, const char *path);
/* Dicts: n entries; lists, tuples and sets: n items; else 0. */
size_t value_count(const value *v);
value *value_item(const value *list, size_t i);
bool value_is_list(const value *v);               /* list, tuple or set */
bool value_is_none(const value *v);               /* NULL or None */
const char *value_text(const value *v);           /* of V_STR or V_NAME, else NULL */
const char *value_type_name(const value *v);      /* the `type` of a dict without its scope: FCNHead; NULL if none */
bool value_number(const value *v, double *out);   /* int, float or bool */
bool value_integer(const value *v, int64_t *out); /* int, bool, or a float that is whole */
const char *value_kind_name(const value *v);      /* "a dict", "an int", for messages */
bool value_true(const value *v);                  /* Python's truth */

/* "FILE:LINE: " or "--cfg-options KEY: " in `out`; "" for a value without a place. */
const char *value_place(const value *v, char out[static 512]);

/* The value whose place a message about `key` of a dict names: the key's value or, if there is none, the dict. */
const value *value_blame(const value *dict, const char *key);

/* Writes a value as text. value_python: as Config.pretty_text has it, one top-level name a statement, or one dict
 * expression if a top-level key cannot be a name; it reads back as an equal value. value_json: tuples become lists,
 * sets sorted lists, V_NAME its dotted name. */
char *value_python(arena *mem, const value *v);
char *value_json(arena *mem, const value *v, int indent); /* indent 0: one line */

#endif
