/* Reads a config dict into a C struct by a table. Parsing, defaults, ranges, messages and documentation follow from the
 * table. Every kind (backbone, head, transform, hook, optimizer...) has one.
 *
 *     typedef struct { int64_t channels; } conf;
 *     static const field fields[] = {FIELD_RANGE(conf, F_INT, channels, "256", 1, 4096, "channels of the map")};
 *     static const field_table table = {fields, 1, sizeof(conf), false};
 *     conf c;
 *     TRY(fields_parse(&table, "FCNHead", cfg, NULL, mem, &c, err));
 */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include <stdio.h>

#include "config/value.h"

typedef struct {
    size_t n;
    int64_t *at;
} ints;
typedef struct {
    size_t n;
    double *at;
} floats;

typedef enum {
    F_BOOL,     /* bool */
    F_INT,      /* int64_t */
    F_FLOAT,    /* double */
    F_STR,      /* const char *; None is NULL */
    F_INTS,     /* ints; an int is taken as a list of one. None is n == 0 */
    F_INT_LIST, /* ints; a list or tuple of any length, no int alone */
    F_FLOATS,   /* floats, as F_INTS */
    F_VALUE,    /* value *; None is NULL. For nested dicts, and for values that the kind reads itself */
    F_IGNORED,  /* accepted for compatibility, has no effect here; the documentation says so */
    F_FIXED,    /* would have an effect: the values in `choices` (as config text) and None are accepted, others
                   refused */
    F_WARNED,   /* would have an effect: values other than those in `choices` and None give a warning */
    F_LOCAL     /* file_client_args, backend_args: a storage backend; the only one here is the disk */
} field_type;

typedef struct field {
    const char *name;
    field_type type;
    size_t offset;
    const char *initial; /* the default, as config text: "1", "(1, 2, 2, 2)", "dict(type='BN')"; NULL: required */
    double min, max;     /* of numbers and of the elements of lists; both 0: no limit */
    const char *choices; /* of strings: "whole|slide"; NULL: any */
    const char *about;   /* one line for the documentation */
} field;

/* One table describes a kind's whole configuration. */
typedef struct {
    const field *at;
    size_t n;
    size_t size;   /* of the struct that is filled */
    bool any_more; /* the reference takes any key: unknown ones are accepted here, with a warning */
} field_table;
/* The table of an array of fields that fill a struct_. */
#define FIELD_TABLE(list_, struct_)                                                                                    \
    {                                                                                                                  \
        .at = (list_), .n = sizeof(list_) / sizeof(list_)[0], .size = sizeof(struct_)                                  \
    }

/* The key `key_` fills struct_.member_, which may lie inside of a member. */
#define FIELD_AT(key_, type_, struct_, member_, initial_, about_)                                                      \
    {                                                                                                                  \
        .name = key_, .type = type_, .offset = offsetof(struct_, member_), .initial = initial_, .about = about_        \
    }
#define FIELD_AT_RANGE(key_, type_, struct_, member_, initial_, min_, max_, about_)                                    \
    {                                                                                                                  \
        .name = key_, .type = type_, .offset = offsetof(struct_, member_), .initial = initial_, .min = min_,           \
        .max = max_, .about = about_                                                                                   \
    }
#define FIELD_AT_CHOICE(key_, struct_, member_, initial_, choices_, about_)                                            \
    {                                                                                                                  \
        .name = key_, .type = F_STR, .offset = offsetof(struct_, member_), .initial = initial_, .choices = choices_,   \
        .about = about_                                                                                                \
    }
/* The member has the key's name. */
#define FIELD(struct_, type_, name_, initial_, about_) FIELD_AT(#name_, type_, struct_, name_, initial_, about_)
#define FIELD_RANGE(struct_, type_, name_, initial_, min_, max_, about_)                                               \
    FIELD_AT_RANGE(#name_, type_, struct_, name_, initial_, min_, max_, about_)
#define FIELD_CHOICE(struct_, name_, initial_, choices_, about_)                                                       \
    FIELD_AT_CHOICE(#name_, struct_, name_, initial_, choices_, about_)
/* The same inside of struct_.part_, which several kinds share. */
#define FIELD_IN(struct_, part_, type_, name_, initial_, about_)                                                       \
    FIELD_AT(#name_, type_, struct_, part_.name_, initial_, about_)
#define FIELD_IN_RANGE(struct_, part_, type_, name_, initial_, min_, max_, about_)                                     \
    FIELD_AT_RANGE(#name_, type_, struct_, part_.name_, initial_, min_, max_, about_)
#define FIELD_IN_CHOICE(struct_, part_, name_, initial_, choices_, about_)                                             \
    FIELD_AT_CHOICE(#name_, struct_, part_.name_, initial_, choices_, about_)
/* Keys without a place in the struct. docs/fields-without-effect.md has a row for each of these but FIELD_ELSEWHERE;
 * tests/check_fields.sh compares. The values are config texts, parted by '|': "False", "'disk'|'local'". */
#define FIELD_NOWHERE(name_, type_, values_, about_)                                                                   \
    {                                                                                                                  \
        .name = #name_, .type = type_, .initial = "None", .choices = values_, .about = about_                          \
    }
#define FIELD_IGNORED(name_, about_) FIELD_NOWHERE(name_, F_IGNORED, NULL, about_)
#define FIELD_FIXED(name_, values_, about_) FIELD_NOWHERE(name_, F_FIXED, values_, about_)
#define FIELD_WARNED(name_, values_, about_) FIELD_NOWHERE(name_, F_WARNED, values_, about_)
#define FIELD_LOCAL(name_, about_) FIELD_NOWHERE(name_, F_LOCAL, NULL, about_)
/* Obeyed, but read by other means than this table. */
#define FIELD_ELSEWHERE(name_, about_) FIELD_NOWHERE(name_, F_IGNORED, NULL, about_)

/* Fills *out (table->size bytes). `dict` may be NULL: all defaults. The keys "type" and "_scope_" are always accepted.
 * `inherited` (may be NULL) is a dict of default arguments, as build_from_cfg's default_args: its values are used for
 * keys that `dict` lacks; its keys that the table lacks are skipped without a message. CSEG_CONFIG: unknown key (with
 * the nearest known one), missing key, wrong type, out of range; always with file and line. */
cseg_status fields_parse(const field_table *table, const char *kind, const value *dict, const value *inherited,
                         arena *mem, void *out, cseg_error *err);
/* Checks a dict that other code reads: reports unknown keys, F_FIXED, F_WARNED and F_LOCAL; the other keys of the table
 * are just known. `dict` may be NULL or None. Values that are not dicts are refused. */
cseg_status fields_check(const field_table *table, const char *kind, const value *dict, arena *mem, cseg_error *err);
/* Markdown: one row a field. */
void fields_document(const field_table *table, FILE *out);

#endif
