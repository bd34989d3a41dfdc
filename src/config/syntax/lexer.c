#include "config/syntax/lexer.h"

#include <string.h>

#include "base/str.h"
#include "config/load/template.h"
#include "config/syntax/keywords.h"

enum { DEEPEST_INDENT = 100, DEEPEST_BRACKET = 200 };

typedef struct lexer {
    const source *s;
    size_t at, until;
    arena *mem;
    token_list *out;
    cseg_error *err;
    /* Indentation counted twice: tabs to multiples of 8, and tabs as one column. If the two disagree, it is ambiguous.
     */
    int indent[DEEPEST_INDENT], narrow[DEEPEST_INDENT];
    size_t indents;
    size_t bracket[DEEPEST_BRACKET];
    size_t brackets;
    bool inside;
} lexer;

static cseg_status lex_fail(lexer *l, size_t at, const char *what)
{
    return source_fail(l->s, source_spot(l->s, at), CSEG_CONFIG, l->err, "%s", what);
}

static cseg_status push(lexer *l, token_kind kind, size_t at, size_t n, uint32_t op)
{
    token t = {kind, (uint32_t)at, (uint32_t)n, op, source_spot(l->s, at)};
    return vec_push(l->mem, l->out, t) ? CSEG_OK : fail_memory(l->err);
}

static char peek(const lexer *l, size_t ahead)
{
    return l->at + ahead < l->until ? l->s->text[l->at + ahead] : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static void skip_comment(lexer *l)
{
    while (l->at < l->until && l->s->text[l->at] != '\n')
        l->at++;
}

static cseg_status measure_indent(lexer *l)
{
    for (;;) {
        int wide = 0, narrow = 0;
        for (;; l->at++) {
            char c = peek(l, 0);
            if (c == ' ') {
                wide++;
                narrow++;
            } else if (c == '\t') {
                wide = wide / 8 * 8 + 8;
                narrow++;
            } else if (c == '\f') {
                wide = narrow = 0;
            } else {
                break;
            }
        }
        if (peek(l, 0) == '#')
            skip_comment(l);
        if (l->at >= l->until)
            return CSEG_OK;
        if (peek(l, 0) == '\n') {
            l->at++;
            continue;
        }
        int top = l->indent[l->indents - 1], top_narrow = l->narrow[l->indents - 1];
        if ((wide > top) != (narrow > top_narrow) || (wide < top) != (narrow < top_narrow))
            return lex_fail(l, l->at, "tabs and spaces are mixed so that the indentation is ambiguous");
        if (wide > top) {
            if (l->indents == DEEPEST_INDENT)
                return lex_fail(l, l->at, "too many levels of indentation");
            l->indent[l->indents] = wide;
            l->narrow[l->indents++] = narrow;
            return push(l, T_INDENT, l->at, 0, 0);
        }
        while (wide < l->indent[l->indents - 1]) {
            l->indents--;
            TRY(push(l, T_DEDENT, l->at, 0, 0));
        }
        if (wide != l->indent[l->indents - 1])
            return lex_fail(l, l->at, "this indentation matches no outer block");
        return CSEG_OK;
    }
}

static cseg_status lex_number(lexer *l)
{
    size_t start = l->at;
    bool hex = peek(l, 0) == '0' && peek(l, 1) && strchr("xXoObB", peek(l, 1));
    for (;; l->at++) {
        char c = peek(l, 0);
        if (is_digit(c) || is_name_start(c) || (c == '.' && !hex))
            continue;
        char before = l->at > start ? l->s->text[l->at - 1] : 0;
        if ((c == '+' || c == '-') && !hex && (before == 'e' || before == 'E'))
            continue;
        break;
    }
    return push(l, T_NUMBER, start, l->at - start, 0);
}

/* The length of a string prefix (r, b, f, u and their pairs) at a quote, or -1. */
static int string_prefix(const lexer *l)
{
    int n = 0;
    while (n < 2 && peek(l, (size_t)n) && strchr("rRbBfFuU", peek(l, (size_t)n)))
        n++;
    char c = peek(l, (size_t)n);
    return c == '\'' || c == '"' ? n : -1;
}

static cseg_status lex_string(lexer *l, int prefix)
{
    size_t start = l->at;
    l->at += (size_t)prefix;
    char quote = peek(l, 0);
    bool triple = peek(l, 1) == quote && peek(l, 2) == quote;
    l->at += triple ? 3 : 1;
    for (;; l->at++) {
        char c = peek(l, 0);
        if (l->at >= l->until || (c == '\n' && !triple))
            return lex_fail(l, start, triple ? "this triple-quoted string is not closed" : "this string is not closed");
        if (c == '\\') {
            l->at++;
        } else if (c == quote && (!triple || (peek(l, 1) == quote && peek(l, 2) == quote))) {
            l->at += triple ? 3 : 1;
            return push(l, T_STRING, start, l->at - start, 0);
        }
    }
}

static cseg_status lex_name(lexer *l)
{
    size_t start = l->at;
    while (is_name_start(peek(l, 0)) || is_digit(peek(l, 0))) {
        const char *fault = name_fault(l->s->text + l->at, l->until - l->at);
        if (fault)
            return lex_fail(l, l->at, fault);
        l->at++;
    }
    size_t n = l->at - start;
    return push(l, keyword_is(l->s->text + start, n) ? T_KEYWORD : T_NAME, start, n, 0);
}

static cseg_status track_bracket(lexer *l, char c)
{
    if (strchr("([{", c)) {
        if (l->brackets == DEEPEST_BRACKET)
            return lex_fail(l, l->at, "brackets nest too deeply");
        l->bracket[l->brackets++] = l->at;
    } else if (strchr(")]}", c)) {
        const char *open = c == ')' ? "(" : c == ']' ? "[" : "{";
        if (l->brackets == 0)
            return lex_fail(l, l->at, "this bracket closes nothing");
        if (l->s->text[l->bracket[l->brackets - 1]] != *open)
            return source_fail(l->s, source_spot(l->s, l->at), CSEG_CONFIG, l->err,
                               "'%c' does not close the '%c' of line %d", c, l->s->text[l->bracket[l->brackets - 1]],
                               source_spot(l->s, l->bracket[l->brackets - 1]).line);
        l->brackets--;
    }
    return CSEG_OK;
}

static cseg_status lex_operator(lexer *l)
{
    static const char *const threes[] = {"**=", "//=", ">>=", "<<=", "..."};
    static const char *const twos[] = {"**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=",
                                       "-=", "*=", "/=", "%=", "&=", "|=", "^=", "@=", ":="};
    const char *p = l->s->text + l->at;
    size_t left = l->until - l->at;
    for (size_t i = 0; left >= 3 && i < sizeof threes / sizeof *threes; i++)
        if (memcmp(p, threes[i], 3) == 0) {
            l->at += 3;
            return push(l, T_OP, l->at - 3, 3, OP3(p[0], p[1], p[2]));
        }
    for (size_t i = 0; left >= 2 && i < sizeof twos / sizeof *twos; i++)
        if (memcmp(p, twos[i], 2) == 0) {
            l->at += 2;
            return push(l, T_OP, l->at - 2, 2, OP2(p[0], p[1]));
        }
    if (*p == TEMPLATE_MARK)
        return lex_fail(l, l->at,
                        "{{_base_...}} stands for a whole value, not for a part of a string in double quotes");
    if (!strchr("+-*/%@&|^~<>()[]{},:.;=", *p))
        return source_fail(l->s, source_spot(l->s, l->at), CSEG_CONFIG, l->err, "'%c' has no meaning here", *p);
    TRY(track_bracket(l, *p));
    l->at++;
    return push(l, T_OP, l->at - 1, 1, OP(p[0]));
}

static cseg_status lex_line_end(lexer *l)
{
    if (!l->inside && l->brackets == 0) {
        TRY(push(l, T_NEWLINE, l->at, 1, 0));
        l->at++;
        return measure_indent(l);
    }
    l->at++;
    return CSEG_OK;
}

static cseg_status lex_one(lexer *l)
{
    char c = peek(l, 0);
    int prefix;
    if (c == ' ' || c == '\t' || c == '\f') {
        l->at++;
        return CSEG_OK;
    }
    if (c == '#') {
        skip_comment(l);
        return CSEG_OK;
    }
    if (c == '\n')
        return lex_line_end(l);
    if (c == '\\') {
        if (peek(l, 1) != '\n')
            return lex_fail(l, l->at, "a backslash outside a string must end its line");
        l->at += 2;
        return CSEG_OK;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        return lex_number(l);
    if ((prefix = string_prefix(l)) >= 0)
        return lex_string(l, prefix);
    return is_name_start(c) ? lex_name(l) : lex_operator(l);
}

cseg_status lexer_run(const source *s, size_t from, size_t until, bool inside, arena *mem, token_list *out,
                      cseg_error *err)
{
    lexer l = {.s = s, .at = from, .until = until, .mem = mem, .out = out, .err = err, .indents = 1, .inside = inside};
    if (!inside)
        TRY(measure_indent(&l));
    while (l.at < l.until)
        TRY(lex_one(&l));
    if (l.brackets)
        return source_fail(s, source_spot(s, l.bracket[l.brackets - 1]), CSEG_CONFIG, err, "'%c' is never closed",
                           s->text[l.bracket[l.brackets - 1]]);
    if (!inside) {
        if (out->n && out->at[out->n - 1].kind != T_NEWLINE)
            TRY(push(&l, T_NEWLINE, until, 0, 0));
        for (; l.indents > 1; l.indents--)
            TRY(push(&l, T_DEDENT, until, 0, 0));
    }
    return push(&l, T_END, until, 0, 0);
}
