/* Reads --cfg-options as MMEngine's DictAction reads them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "config/config.h"
#include "config/load/merge.h"
#include "config/value_internal.h"

enum { DEEPEST = 100 };

static const where NOWHERE = {0};

/* Copies digits as Python's int() and float() take them: a '_' between two digits is skipped. NULL: a '_' stands
 * elsewhere. */
static char *without_underscores(arena *mem, const char *s, bool *well)
{
    char *out = arena_alloc(mem, strlen(s) + 1);
    size_t k = 0;
    *well = true;
    for (size_t i = 0; out && s[i]; i++) {
        if (s[i] != '_')
            out[k++] = s[i];
        else if (i == 0 || !strchr("0123456789", s[i - 1]) || !s[i + 1] || !strchr("0123456789", s[i + 1]))
            *well = false;
    }
    return out;
}

static cseg_status parse_scalar(const char *s, arena *mem, value **out, cseg_error *err)
{
    bool well;
    char *digits = without_underscores(mem, s, &well), *end;
    if (!digits)
        return fail_memory(err);
    const char *first = digits + (*digits == '-' || *digits == '+');
    errno = 0;
    long long i = strtoll(digits, &end, 10);
    if (well && *first >= '0' && *first <= '9' && !*end) {
        if (errno == ERANGE)
            return fail(err, CSEG_UNSUPPORTED, "--cfg-options: %.100s is beyond 64 bits", s);
        *out = value_int(mem, i, NOWHERE);
    } else {
        double f = strtod(digits, &end);
        bool number = well && end != digits && !*end && !strpbrk(first, "xXpP(");
        *out = number                        ? value_float(mem, f, NOWHERE)
               : strcasecmp(s, "true") == 0  ? value_bool(mem, true, NOWHERE)
               : strcasecmp(s, "false") == 0 ? value_bool(mem, false, NOWHERE)
               : strcmp(s, "None") == 0      ? value_new(mem, V_NONE, NOWHERE)
                                             : value_str(mem, s, NOWHERE);
    }
    return *out ? CSEG_OK : fail_memory(err);
}

/* The length of the dict literal, `{...}` or `dict(...)`, that s begins with; 0: s begins with none. SIZE_MAX: it does
 * not end. */
static size_t dict_length(const char *s)
{
    size_t begin = strncmp(s, "dict(", 5) == 0 ? 4 : 0, open = 0;
    char quote = 0;
    if (begin == 0 && *s != '{')
        return 0;
    for (size_t i = begin; s[i]; i++) {
        if (quote && s[i] == '\\' && s[i + 1])
            i++;
        else if (quote)
            quote = s[i] == quote ? 0 : quote;
        else if (s[i] == '\'' || s[i] == '"')
            quote = s[i];
        else if (strchr("([{", s[i]))
            open++;
        else if (strchr(")]}", s[i]) && --open == 0)
            return i + 1;
    }
    return SIZE_MAX;
}

/* Whether a value may begin after this character. */
static bool is_before_value(char c)
{
    return c == '[' || c == '(' || c == ',' || c == '\'' || c == '"' || c == ' ';
}

/* The next character that the reference looks at: it skips what is inside dicts. */
static size_t behind(const char *s, size_t i)
{
    size_t n = i == 0 || is_before_value(s[i - 1]) ? dict_length(s + i) : 0;
    return n == 0 || n == SIZE_MAX ? i + 1 : i + n;
}

/* The first comma outside brackets, or the end. */
static size_t next_comma(const char *s, bool *balanced)
{
    long round = 0, square = 0;
    size_t end = strlen(s);
    for (size_t i = 0, next; s[i]; i = next) {
        next = behind(s, i);
        round += next > i + 1 ? 0 : (s[i] == '(') - (s[i] == ')');
        square += next > i + 1 ? 0 : (s[i] == '[') - (s[i] == ']');
        if (s[i] == ',' && round == 0 && square == 0 && end > i)
            end = i;
    }
    *balanced = round == 0 && square == 0;
    return end;
}

/* Whether the bracket that s begins with is closed by its last character. */
static bool is_enclosed(const char *s, char open, char close)
{
    size_t n = strlen(s), depth = 0;
    if (n < 2 || s[0] != open || s[n - 1] != close)
        return false;
    for (size_t i = 0, next; s[i]; i = next) {
        next = behind(s, i);
        if (next > i + 1)
            continue;
        depth += s[i] == open;
        depth -= s[i] == close;
        if (depth == 0)
            return !s[next];
    }
    return true; /* as the reference, which does not look */
}

/* s[0, n) without quotes at its ends, and without spaces except in dicts. */
static char *stripped(arena *mem, const char *s, size_t n)
{
    while (n && (*s == '\'' || *s == '"')) {
        s++;
        n--;
    }
    while (n && (s[n - 1] == '\'' || s[n - 1] == '"'))
        n--;
    char *from = arena_strndup(mem, s, n), *out = arena_alloc(mem, n + 1);
    size_t k = 0;
    for (size_t i = 0, next; from && out && from[i]; i = next) {
        next = behind(from, i);
        if (next == i + 1 && from[i] == ' ')
            continue;
        memcpy(out + k, from + i, next - i);
        k += next - i;
    }
    return from ? out : NULL;
}

/* Of one `key=value`. */
typedef struct override {
    const char *place; /* "--cfg-options KEY" */
    const char *value; /* as it was given */
    arena *mem;
    cseg_error *err;
} override;

static cseg_status parse_dict(const override *o, const char *s, value **out)
{
    char name[400];
    snprintf(name, sizeof name, "%.390s", o->place);
    return config_parse_literal(s, name, o->mem, out, o->err);
}

/* s: the value, or a part of it if depth > 0 */
static cseg_status malformed(const override *o, const char *s, int depth, const char *what)
{
    return fail(o->err, CSEG_USAGE, "%.300s: %s in '%.200s'%s%.200s", o->place, what, s, depth ? ", a part of " : "",
                depth ? o->value : "");
}

static cseg_status parse_value(const override *o, const char *text, size_t length, int depth, value **out)
{
    char *s = stripped(o->mem, text, length);
    if (!s)
        return fail_memory(o->err);
    if (depth > DEEPEST)
        return malformed(o, s, depth, "brackets nest too deeply");
    size_t n = strlen(s), dict = dict_length(s);
    if (dict == SIZE_MAX && strpbrk(s, ",:="))
        return malformed(o, s, depth, "the first bracket is not closed");
    if (dict > 0 && dict == n)
        return parse_dict(o, s, out);
    bool tuple = is_enclosed(s, '(', ')'), list = is_enclosed(s, '[', ']');
    if (!tuple && !list && !strchr(s, ','))
        return parse_scalar(s, o->mem, out, o->err);
    if (tuple || list) {
        s[n - 1] = 0;
        s++;
    }
    if (!(*out = value_new(o->mem, tuple ? V_TUPLE : V_LIST, NOWHERE)))
        return fail_memory(o->err);
    while (*s) {
        bool balanced;
        value *item;
        size_t comma = next_comma(s, &balanced);
        if (!balanced)
            return malformed(o, s, depth, "the brackets do not match");
        if (!tuple && !list && !s[comma] && value_count(*out) == 0)
            return malformed(o, s, depth, "no list, tuple or dict, but commas within brackets");
        TRY(parse_value(o, s, comma, depth + 1, &item));
        if (!value_append(o->mem, *out, item))
            return fail_memory(o->err);
        s += comma + (s[comma] == ',');
    }
    return CSEG_OK;
}

/* Each assignment makes values of its own. */
static void set_places(value *v, const char *place)
{
    v->at = (where){.file = place};
    for (size_t i = 0; i < value_count(v); i++)
        set_places(v->kind == V_DICT ? v->as.dict.entry[i].item : v->as.list.item[i], place);
}

/* {'a': {'b': item}} for "a.b". */
static cseg_status nest(const char *key, size_t n, value *item, arena *mem, value **out, cseg_error *err)
{
    value *inner = *out = value_new(mem, V_DICT, NOWHERE);
    int depth = 0;
    for (size_t from = 0; inner && from <= n;) {
        size_t length = strcspn(key + from, ".");
        length = length > n - from ? n - from : length;
        char *part = arena_strndup(mem, key + from, length);
        bool last = from + length >= n;
        value *next = last ? item : value_new(mem, V_DICT, NOWHERE);
        if (length == 0)
            return fail(err, CSEG_USAGE, "--cfg-options: '%.*s' has an empty part", n > 200 ? 200 : (int)n, key);
        if (++depth > DEEPEST)
            return fail(err, CSEG_USAGE, "--cfg-options: a key of more than %d parts", DEEPEST);
        if (!part || !next || !value_set(mem, inner, part, next))
            return fail_memory(err);
        inner = next;
        from += length + 1;
    }
    return *out ? CSEG_OK : fail_memory(err);
}

cseg_status config_override(value *cfg, const char *assignment, arena *mem, cseg_error *err)
{
    const char *equals = strchr(assignment, '=');
    value *item, *tree, *merged;
    const value *culprit;
    if (!equals || equals == assignment)
        return fail(err, CSEG_USAGE, "--cfg-options: '%.200s' is not of the form key=value", assignment);
    const char *place = arena_printf(mem, "--cfg-options %.*s", (int)(equals - assignment), assignment);
    override o = {place, equals + 1, mem, err};
    if (!place)
        return fail_memory(err);
    TRY(parse_value(&o, equals + 1, strlen(equals + 1), 0, &item));
    TRY(nest(assignment, (size_t)(equals - assignment), item, mem, &tree, err));
    set_places(tree, place);
    cseg_status status = merge_into(cfg, tree, true, mem, &merged, &culprit, err);
    if (status == CSEG_CONFIG)
        return fail_within(err, "--cfg-options %.200s: ", assignment);
    if (status == CSEG_OK)
        cfg->as = merged->as;
    return status;
}
