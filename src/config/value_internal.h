/* What the evaluator needs of values beyond value.h.
 *
 * While a config is evaluated, values may share parts, contain themselves, or spread out endlessly from a few nodes. So
 * every function that walks them takes a budget of nodes. The budget is negative afterwards if it did not suffice, or
 * if the values are nested too deeply. */
#ifndef CONFIG_VALUE_INTERNAL_H
#define CONFIG_VALUE_INTERNAL_H

#include "base/str.h"
#include "config/value.h"

value *value_strn(arena *mem, const char *s, size_t n, where at);

/* Finds keys of any kind: 1 and True are the same key, 1 and "1" are not. */
value_entry *value_entry_by(const value *dict, const value *key);
bool value_set_by(arena *mem, value *dict, value *key, value *item);
void value_remove_entry(value *dict, value_entry *e);

/* One step of value_find: key of n bytes. */
value *value_step(const value *v, const char *key, size_t n);

bool value_is_number(const value *v);                      /* int, float, bool */
int value_compare_numbers(const value *a, const value *b); /* -1, 0, 1; 2: not comparable (nan) */
/* strict: a tuple does not equal a list, as in Python. */
bool value_equal_within(const value *a, const value *b, bool strict, long *budget);
bool value_within(const value *v, const value *list, bool strict, long *budget);
value *value_copy_within(arena *mem, const value *v, long *budget); /* NULL: out of memory, or of budget */

/* Python's repr(), on one line. */
void value_repr(strbuf *out, const value *v, long *budget);
char *value_repr_text(arena *mem, const value *v); /* of a key or another small value */

#endif
