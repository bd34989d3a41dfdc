/* --cfg-options, read as the reference's DictAction reads them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "config/config.h"
#include "config/merge.h"
#include "config/value_internal.h"

enum { DEEPEST = 100 };

static const where NOWHERE = {0};

/* Digits as Python's int() and float() take them: a '_' between two of them is passed over. NULL: it stands elsewhere.
 */
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

/* The first comma outside brackets, or the end. */
static size_t next_comma(const char *s, bool *balanced)
{
    long round = 0, square = 0;
    size_t end = strlen(s);
    for (size_t i = 0; s[i]; i++) {
        round += (s[i] == '(') - (s[i] == ')');
        square += (s[i] == '[') - (s[i] == ']');
        if (s[i] == ',' && round == 0 && square == 0 && end > i)
            end = i;
    }
    *balanced = round == 0 && square == 0;
    return end;
}

/* s[0, n) without quotes at its ends and without spaces. */
static char *stripped(arena *mem, const char *s, size_t n)
{
    while (n && (*s == '\'' || *s == '"')) {
        s++;
        n--;
    }
    while (n && (s[n - 1] == '\'' || s[n - 1] == '"'))
        n--;
    char *out = arena_alloc(mem, n + 1);
    size_t k = 0;
    for (size_t i = 0; out && i < n; i++)
        if (s[i] != ' ')
            out[k++] = s[i];
    return out;
}

static cseg_status parse_value(const char *text, size_t length, arena *mem, int depth, value **out, cseg_error *err)
{
    char *s = stripped(mem, text, length);
    if (!s)
        return fail_memory(err);
    if (depth > DEEPEST)
        return fail(err, CSEG_USAGE, "--cfg-options: brackets nest too deeply");
    size_t n = strlen(s);
    bool tuple = n > 1 && s[0] == '(' && s[n - 1] == ')', list = n > 1 && s[0] == '[' && s[n - 1] == ']';
    if (!tuple && !list && !strchr(s, ','))
        return parse_scalar(s, mem, out, err);
    if (tuple || list) {
        s[n - 1] = 0;
        s++;
    }
    if (!(*out = value_new(mem, tuple ? V_TUPLE : V_LIST, NOWHERE)))
        return fail_memory(err);
    while (*s) {
        bool balanced;
        value *item;
        size_t comma = next_comma(s, &balanced);
        if (!balanced)
            return fail(err, CSEG_USAGE, "--cfg-options: the brackets of '%.200s' do not match", s);
        TRY(parse_value(s, comma, mem, depth + 1, &item, err));
        if (!value_append(mem, *out, item))
            return fail_memory(err);
        s += comma + (s[comma] == ',');
    }
    return CSEG_OK;
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
    TRY(parse_value(equals + 1, strlen(equals + 1), mem, 0, &item, err));
    TRY(nest(assignment, (size_t)(equals - assignment), item, mem, &tree, err));
    cseg_status status = merge_into(cfg, tree, true, mem, &merged, &culprit, err);
    if (status == CSEG_CONFIG)
        return fail_within(err, "--cfg-options %.200s: ", assignment);
    if (status == CSEG_OK)
        cfg->as = merged->as;
    return status;
}
