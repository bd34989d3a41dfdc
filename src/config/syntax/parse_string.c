/* Parses literals: numbers, strings with their prefixes and escapes, f-strings. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/syntax/parser.h"
#include "config/value_internal.h"

enum { DEEPEST_FORMAT = 2 };

static cseg_status constant_node(parser *p, spot at, value *v, ast_node **out)
{
    ast_node *n = v ? parse_node(p, N_CONST, at) : NULL;
    if (!n)
        return fail_memory(p->err);
    n->constant = v;
    *out = n;
    return CSEG_OK;
}

static where where_of(const parser *p, spot at)
{
    return (where){p->s->name, at.line, at.column};
}

static cseg_status bad_number(parser *p, const char *text)
{
    return parse_fail(p, p->t->place, CSEG_CONFIG, "'%.40s' is no number", text);
}

static cseg_status parse_integer(parser *p, const char *digits, int base, ast_node **out)
{
    char *end;
    errno = 0;
    unsigned long long u = strtoull(digits, &end, base);
    if (*end || !isalnum((unsigned char)*digits))
        return bad_number(p, digits);
    if (errno == ERANGE || u > INT64_MAX)
        return parse_fail(p, p->t->place, CSEG_UNSUPPORTED,
                          "integers beyond 64 bits are not part of the config language");
    if (base == 10 && digits[0] == '0' && u != 0)
        return parse_fail(p, p->t->place, CSEG_CONFIG,
                          "an integer may not start with 0 (octal numbers are written 0o17)");
    spot at = p->t->place;
    return constant_node(p, at, value_int(p->mem, (int64_t)u, where_of(p, at)), out);
}

cseg_status parse_number(parser *p, ast_node **out)
{
    const char *s = p->s->text + p->t->at;
    char *digits = arena_alloc(p->mem, p->t->n + 1), *end;
    size_t k = 0;
    if (!digits)
        return fail_memory(p->err);
    for (size_t i = 0; i < p->t->n; i++) {
        bool between = i > 0 && i + 1 < p->t->n && isalnum((unsigned char)s[i - 1]) && isalnum((unsigned char)s[i + 1]);
        if (s[i] != '_')
            digits[k++] = s[i];
        else if (!between)
            return parse_fail(p, p->t->place, CSEG_CONFIG, "a '_' in a number stands between two digits");
    }
    int base = k < 2 || digits[0] != '0' ? 10
               : strchr("xX", digits[1]) ? 16
               : strchr("oO", digits[1]) ? 8
               : strchr("bB", digits[1]) ? 2
                                         : 10;
    if (base != 10) {
        TRY(parse_integer(p, digits + 2, base, out));
    } else if (k && strchr("jJ", digits[k - 1])) {
        return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "complex numbers are not part of the config language");
    } else if (strpbrk(digits, ".eE")) {
        double f = strtod(digits, &end);
        if (*end)
            return bad_number(p, digits);
        TRY(constant_node(p, p->t->place, value_float(p->mem, f, where_of(p, p->t->place)), out));
    } else {
        TRY(parse_integer(p, digits, 10, out));
    }
    p->t++;
    return CSEG_OK;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static cseg_status add_code(parser *p, size_t at, strbuf *text, const char *hex, size_t left, size_t n)
{
    uint32_t c = 0;
    spot place = source_spot(p->s, at);
    for (size_t i = 0; i < n; i++) {
        int d = i < left ? hex_of(hex[i]) : -1;
        if (d < 0)
            return parse_fail(p, place, CSEG_CONFIG, "this escape needs %zu hexadecimal digits", n);
        c = c * 16 + (uint32_t)d;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return parse_fail(p, place, CSEG_CONFIG, "this escape is no character");
    char utf8[4];
    strbuf_addn(text, utf8, utf8_encode(c, utf8));
    return CSEG_OK;
}

/* One escape at s[0] == '\\'; `left` bytes remain. Returns its length by *used. */
static cseg_status add_escape(parser *p, size_t at, strbuf *text, const char *s, size_t left, size_t *used)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    char c = left > 1 ? s[1] : 0;
    const char *simple = c ? strchr(from, c) : NULL;
    *used = 2;
    if (c == '\n')
        return CSEG_OK;
    if (simple) {
        strbuf_addn(text, &to[simple - from], 1);
    } else if (c >= '0' && c <= '7') {
        uint32_t code = 0;
        size_t i = 1;
        for (; i <= 3 && i < left && s[i] >= '0' && s[i] <= '7'; i++)
            code = code * 8 + (uint32_t)(s[i] - '0');
        char utf8[4];
        strbuf_addn(text, utf8, utf8_encode(code, utf8));
        *used = i;
    } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        *used = n + 2;
        return add_code(p, at, text, s + 2, left - 2, n);
    } else if (c == 'N') {
        return parse_fail(p, source_spot(p->s, at), CSEG_UNSUPPORTED,
                          "characters by name (\\N) are not part of the config language");
    } else {
        strbuf_addn(text, s, 2);
    }
    return CSEG_OK;
}

typedef struct literal {
    bool raw, format;
    size_t from, until; /* the body, in source.text */
} literal;

static cseg_status open_literal(parser *p, literal *out)
{
    const char *s = p->s->text + p->t->at;
    size_t prefix = strcspn(s, "'\"");
    *out = (literal){0};
    for (size_t i = 0; i < prefix; i++) {
        char c = (char)tolower((unsigned char)s[i]);
        if (c == 'b')
            return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "bytes (b'...') are no config value");
        out->raw |= c == 'r';
        out->format |= c == 'f';
        if (prefix == 2 && (c == 'u' || tolower((unsigned char)s[0]) == tolower((unsigned char)s[1])))
            return parse_fail(p, p->t->place, CSEG_CONFIG, "'%.2s' is no prefix of strings", s);
    }
    size_t n = p->t->n - prefix;
    size_t quotes = n >= 6 && s[prefix + 1] == s[prefix] && s[prefix + 2] == s[prefix] ? 3 : 1;
    out->from = p->t->at + prefix + quotes;
    out->until = p->t->at + p->t->n - quotes;
    return CSEG_OK;
}

/* What is collected while adjacent literals are read: finished parts, and the text that grows. */
typedef struct string_parts {
    node_list done;
    strbuf text;
    spot at;
} string_parts;

static cseg_status close_text(parser *p, string_parts *out)
{
    ast_node *n;
    if (out->text.failed)
        return fail_memory(p->err);
    if (out->text.n == 0)
        return CSEG_OK;
    TRY(constant_node(p, out->at, value_strn(p->mem, out->text.text, out->text.n, where_of(p, out->at)), &n));
    out->text = (strbuf){.mem = p->mem};
    return vec_push(p->mem, &out->done, n) ? CSEG_OK : fail_memory(p->err);
}

/* The end of the expression that starts at `at`: the first '!', ':' or '}' outside brackets and strings. */
static size_t field_end(const source *s, size_t at, size_t until)
{
    int depth = 0;
    char quote = 0;
    for (; at < until; at++) {
        char c = s->text[at];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (strchr("([{", c)) {
            depth++;
        } else if (depth > 0 && strchr(")]}", c)) {
            depth--;
        } else if (depth == 0) {
            if (c == '!' && at + 1 < until && s->text[at + 1] == '=')
                at++;
            else if (c == ':' || c == '}' || c == '!')
                break;
        }
    }
    return at;
}

static cseg_status add_format(parser *p, string_parts *out, size_t from, size_t until, bool raw, bool in_format,
                              int depth, size_t *end);

/* {expression!r:format}; `at` is behind the brace. */
static cseg_status add_field(parser *p, string_parts *out, size_t at, size_t until, bool raw, int depth, size_t *end)
{
    const char *text = p->s->text;
    spot place = source_spot(p->s, at - 1);
    ast_node *field = parse_node(p, N_FIELD, place);
    size_t stop = field_end(p->s, at, until);
    if (!field)
        return fail_memory(p->err);
    size_t last = stop;
    while (last > at && strchr(" \t\n", text[last - 1]))
        last--;
    if (last == at)
        return parse_fail(p, place, CSEG_CONFIG, "an empty {} in an f-string");
    if (text[last - 1] == '=' && last - 1 > at && !strchr("=!<>", text[last - 2])) {
        field->name = arena_strndup(p->mem, text + at, stop - at);
        field->op = 'r';
        if (!field->name)
            return fail_memory(p->err);
        last--;
    }
    if (memchr(text + at, '\\', last - at))
        return parse_fail(p, place, CSEG_CONFIG, "a backslash within the {} of an f-string");
    TRY(parse_field(p->s, at, last, p->mem, p->depth, &field->a, p->err));
    if (stop + 1 < until && text[stop] == '!') {
        if (!strchr("rsa", text[stop + 1]))
            return parse_fail(p, source_spot(p->s, stop), CSEG_CONFIG, "after '!' stands r, s or a");
        field->op = (uint32_t)text[stop + 1];
        stop += 2;
    }
    if (stop < until && text[stop] == ':') {
        string_parts format = {.text = {.mem = p->mem}, .at = place};
        if (depth >= DEEPEST_FORMAT)
            return parse_fail(p, place, CSEG_CONFIG, "formats within formats nest too deeply");
        TRY(add_format(p, &format, stop + 1, until, raw, true, depth + 1, &stop));
        TRY(close_text(p, &format));
        if (!(field->b = parse_node(p, N_FSTRING, place)))
            return fail_memory(p->err);
        field->b->item = format.done.at;
        field->b->n = format.done.n;
        if (field->name && field->op == 'r')
            field->op = 0;
    }
    if (stop >= until || text[stop] != '}')
        return parse_fail(p, place, CSEG_CONFIG, "this '{' of an f-string is not closed");
    *end = stop + 1;
    TRY(close_text(p, out));
    return vec_push(p->mem, &out->done, field) ? CSEG_OK : fail_memory(p->err);
}

/* The body of an f-string, or (in_format) a format up to its '}'. */
static cseg_status add_format(parser *p, string_parts *out, size_t from, size_t until, bool raw, bool in_format,
                              int depth, size_t *end)
{
    const char *text = p->s->text;
    size_t at = from;
    while (at < until && !(in_format && text[at] == '}')) {
        char c = text[at];
        if ((c == '{' || c == '}') && at + 1 < until && text[at + 1] == c && !in_format) {
            strbuf_addn(&out->text, &c, 1);
            at += 2;
        } else if (c == '{') {
            TRY(add_field(p, out, at + 1, until, raw, depth, &at));
        } else if (c == '}') {
            return parse_fail(p, source_spot(p->s, at), CSEG_CONFIG, "a single '}' in an f-string; write '}}'");
        } else if (c == '\\' && !raw) {
            size_t used;
            TRY(add_escape(p, at, &out->text, text + at, until - at, &used));
            at += used;
        } else {
            strbuf_addn(&out->text, &c, 1);
            at++;
        }
    }
    *end = at;
    return CSEG_OK;
}

static cseg_status add_plain(parser *p, string_parts *out, const literal *l)
{
    const char *text = p->s->text;
    size_t at = l->from;
    while (at < l->until) {
        const char *escape = l->raw ? NULL : memchr(text + at, '\\', l->until - at);
        size_t stop = escape ? (size_t)(escape - text) : l->until, used = 0;
        strbuf_addn(&out->text, text + at, stop - at);
        if (escape)
            TRY(add_escape(p, stop, &out->text, escape, l->until - stop, &used));
        at = stop + used;
    }
    return CSEG_OK;
}

cseg_status parse_strings(parser *p, ast_node **out)
{
    spot at = p->t->place;
    string_parts all = {.text = {.mem = p->mem}, .at = at};
    while (p->t->kind == T_STRING) {
        literal l;
        size_t end;
        TRY(open_literal(p, &l));
        if (l.format)
            TRY(add_format(p, &all, l.from, l.until, l.raw, false, 0, &end));
        else
            TRY(add_plain(p, &all, &l));
        p->t++;
    }
    if (all.text.failed)
        return fail_memory(p->err);
    if (all.done.n == 0)
        return constant_node(p, at, value_strn(p->mem, all.text.text ? all.text.text : "", all.text.n, where_of(p, at)),
                             out);
    TRY(close_text(p, &all));
    ast_node *n = parse_node(p, N_FSTRING, at);
    if (!n)
        return fail_memory(p->err);
    n->item = all.done.at;
    n->n = all.done.n;
    *out = n;
    return CSEG_OK;
}
