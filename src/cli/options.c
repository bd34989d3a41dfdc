/* Parses the command line by tables. Follows Python's argparse where scripts depend on it: --key value, --key=value,
 * unique beginnings of names, lists up to the next option, and `--`. */
#include "cli/options.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/arguments.h"

typedef struct parse {
    const cli_command *c;
    int argc, at;
    char **argv;
    char *options;
    str_list *args;
    arena *mem;
    cseg_error *err;
} parse;

bool cli_name_at(const char *names, size_t i, char to[static 64])
{
    const char *from = names;
    for (; i > 0 && from; i--) {
        from = strchr(from, '|');
        from = from ? from + 1 : NULL;
    }
    if (!from)
        return false;
    size_t n = strcspn(from, "|");
    if (n > 63)
        n = 63;
    memcpy(to, from, n);
    to[n] = 0;
    return true;
}

static bool list_push(arena *mem, str_list *list, const char *s)
{
    return vec_push(mem, list, s);
}

static cseg_status usage(const parse *p, const char *fmt, ...) CSEG_PRINTF(2, 3);
static cseg_status usage(const parse *p, const char *fmt, ...)
{
    char text[512];
    va_list list;
    va_start(list, fmt);
    text_vprint(text, sizeof text, fmt, list);
    va_end(list);
    return fail(p->err, CSEG_USAGE, "%-s\nusage: cseg %s%s%s [options]; see cseg %s --help", text, p->c->name,
                *p->c->arguments ? " " : "", p->c->arguments, p->c->name);
}

static bool is_option(const char *s)
{
    if (s[0] != '-' || !s[1])
        return false;
    char *end;
    strtod(s, &end); /* -1 is a number, as argparse has it */
    return *end != 0;
}

static const cli_option *exact(const cli_command *c, const char *name)
{
    char one[64];
    for (const cli_option *o = c->options; o->names; o++)
        for (size_t i = 0; cli_name_at(o->names, i, one); i++)
            if (strcmp(one, name) == 0)
                return o;
    return NULL;
}

static const cli_option *by_beginning(const cli_command *c, const char *name, int *n)
{
    const cli_option *found = NULL;
    char one[64];
    *n = 0;
    for (const cli_option *o = c->options; o->names; o++)
        for (size_t i = 0; cli_name_at(o->names, i, one); i++)
            if (str_starts(one, name) && o != found) {
                found = o;
                ++*n;
            }
    return found;
}

static cseg_status unknown(const parse *p, const char *name)
{
    const char *names[256];
    char texts[256][64];
    size_t n = 0;
    for (const cli_option *o = p->c->options; o->names; o++)
        for (size_t i = 0; n < 256 && cli_name_at(o->names, i, texts[n]); i++, n++)
            names[n] = texts[n];
    const char *near = str_nearest(name, names, n);
    if (near)
        return usage(p, "unknown option %s: did you mean %s?", name, near);
    return usage(p, "unknown option %s", name);
}

static cseg_status find(const parse *p, const char *name, const cli_option **out)
{
    int n = 1;
    *out = exact(p->c, name);
    if (!*out && strlen(name) > 3)
        *out = by_beginning(p->c, name, &n);
    if (*out && n > 1)
        return usage(p, "option %s is short for several; write it in full", name);
    return *out ? CSEG_OK : unknown(p, name);
}

static bool is_choice(const char *choices, const char *s)
{
    char one[64];
    for (size_t i = 0; cli_name_at(choices, i, one); i++)
        if (strcmp(one, s) == 0)
            return true;
    return false;
}

static cseg_status number(const parse *p, const cli_option *o, const char *name, const char *s, double *out)
{
    char *end;
    errno = 0;
    *out = strtod(s, &end);
    if (end == s || *end || !isfinite(*out) || (o->type == O_INT && (*out != floor(*out) || fabs(*out) > 9e15)))
        return usage(p, "%s needs a %snumber, not '%s'", name, o->type == O_INT ? "whole " : "", s);
    if ((o->min != 0.0 || o->max != 0.0) && (*out < o->min || *out > o->max))
        return usage(p, "%s must be from %g to %g, not %s", name, o->min, o->max, s);
    return CSEG_OK;
}

static cseg_status store(const parse *p, const cli_option *o, const char *name, const char *s)
{
    void *to = p->options + o->offset;
    double v;
    if (o->choices && *s && !is_choice(o->choices, s))
        return usage(p, "%s must be one of %s", name, o->choices);
    switch (o->type) {
    case O_INT:
        TRY(number(p, o, name, s, &v));
        *(int64_t *)to = (int64_t)v;
        return CSEG_OK;
    case O_FLOAT:
        return number(p, o, name, s, to);
    case O_IGNORED:
        return CSEG_OK;
    case O_LIST:
    case O_PAIRS:
        return list_push(p->mem, to, s) ? CSEG_OK : fail_memory(p->err);
    default:
        *(const char **)to = s;
        return CSEG_OK;
    }
}

static cseg_status take_list(parse *p, const cli_option *o, const char *name)
{
    size_t n = 0;
    for (; p->at < p->argc && !is_option(p->argv[p->at]); p->at++, n++) {
        if (o->type == O_PAIRS && !strchr(p->argv[p->at], '='))
            break;
        TRY(store(p, o, name, p->argv[p->at]));
    }
    return n ? CSEG_OK : usage(p, "%s needs %s", name, o->type == O_PAIRS ? "KEY=VALUE" : "a value");
}

/* argv[at - 1] named the option; `value` is what follows '=' or NULL. */
static cseg_status take(parse *p, const cli_option *o, const char *name, const char *value)
{
    switch (o->type) {
    case O_FLAG:
    case O_IGNORED_FLAG:
        if (value)
            return usage(p, "%s takes no value", name);
        if (o->type == O_FLAG)
            *(bool *)(void *)(p->options + o->offset) = true;
        return CSEG_OK;
    case O_MAYBE:
        if (!value && p->at < p->argc && !is_option(p->argv[p->at]) &&
            (!o->choices || is_choice(o->choices, p->argv[p->at])))
            value = p->argv[p->at++];
        return store(p, o, name, value ? value : "");
    case O_LIST:
    case O_PAIRS:
        return value ? store(p, o, name, value) : take_list(p, o, name);
    default:
        if (!value) {
            if (p->at >= p->argc || is_option(p->argv[p->at]))
                return usage(p, "%s needs a value", name);
            value = p->argv[p->at++];
        }
        return store(p, o, name, value);
    }
}

static cseg_status take_option(parse *p)
{
    const char *word = p->argv[p->at++];
    const char *equals = strchr(word, '=');
    const char *name = equals ? arena_strndup(p->mem, word, (size_t)(equals - word)) : word;
    if (!name)
        return fail_memory(p->err);
    const cli_option *o;
    TRY(find(p, name, &o));
    return take(p, o, name, equals ? equals + 1 : NULL);
}

static const char *const common_names[] = {"-h", "--help", "--quiet", "--verbose"};

static bool take_common(const char *word, cli_common *common)
{
    bool *const set[] = {&common->help, &common->help, &common->quiet, &common->verbose};
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        if (strcmp(word, common_names[i]) == 0)
            return *set[i] = true;
    return false;
}

cseg_status cli_parse(const cli_command *c, int argc, char **argv, void *options, str_list *args, cli_common *common,
                      arena *mem, cseg_error *err)
{
    parse p = {.c = c, .argc = argc, .argv = argv, .options = options, .args = args, .mem = mem, .err = err};
    bool only_args = false;
    while (p.at < argc) {
        const char *word = argv[p.at];
        if (!only_args && take_common(word, common)) {
            if (common->help)
                return CSEG_OK;
            p.at++;
            continue;
        }
        if (!only_args && strcmp(word, "--") == 0) {
            only_args = true;
            p.at++;
        } else if (!only_args && is_option(word)) {
            TRY(take_option(&p));
        } else {
            if (!list_push(mem, args, word))
                return fail_memory(err);
            p.at++;
        }
    }
    return arguments_check(c, args, err);
}
