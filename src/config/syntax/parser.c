#include "config/syntax/parser.h"

#include <string.h>

enum { DEEPEST = 200 }; /* an expression in brackets counts twice */

cseg_status parse_fail(const parser *p, spot at, cseg_status code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    source_failv(p->s, at, code, p->err, fmt, ap);
    va_end(ap);
    return code;
}

cseg_status parse_unexpected(const parser *p, const char *wanted)
{
    switch (p->t->kind) {
    case T_END:
        return parse_fail(p, p->t->place, CSEG_CONFIG, "the text ends where %s is wanted", wanted);
    case T_NEWLINE:
        return parse_fail(p, p->t->place, CSEG_CONFIG, "the line ends where %s is wanted", wanted);
    case T_INDENT:
        return parse_fail(p, p->t->place, CSEG_CONFIG, "this line is indented without need");
    case T_DEDENT:
        return parse_fail(p, p->t->place, CSEG_CONFIG, "the block ends where %s is wanted", wanted);
    default:
        return parse_fail(p, p->t->place, CSEG_CONFIG, "'%.*s' where %s is wanted", p->t->n > 40 ? 40 : (int)p->t->n,
                          p->s->text + p->t->at, wanted);
    }
}

cseg_status parse_enter(parser *p)
{
    if (++p->depth > DEEPEST)
        return parse_fail(p, p->t->place, CSEG_CONFIG, "nested too deeply (%d levels)", DEEPEST / 2);
    return CSEG_OK;
}

ast_node *parse_node(parser *p, node_kind kind, spot at)
{
    ast_node *n = ARENA_NEW(p->mem, ast_node);
    if (n) {
        n->kind = kind;
        n->at = at;
    }
    return n;
}

char *parse_text(const parser *p, const token *t)
{
    return arena_strndup(p->mem, p->s->text + t->at, t->n);
}

bool parse_is_op(const parser *p, uint32_t op)
{
    return p->t->kind == T_OP && p->t->op == op;
}

bool parse_take_op(parser *p, uint32_t op)
{
    if (!parse_is_op(p, op))
        return false;
    p->t++;
    return true;
}

bool parse_is_word(const parser *p, const char *word)
{
    return p->t->kind == T_KEYWORD && p->t->n == strlen(word) && memcmp(p->s->text + p->t->at, word, p->t->n) == 0;
}

bool parse_take_word(parser *p, const char *word)
{
    if (!parse_is_word(p, word))
        return false;
    p->t++;
    return true;
}

cseg_status parse_want_op(parser *p, uint32_t op, const char *wanted)
{
    return parse_take_op(p, op) ? CSEG_OK : parse_unexpected(p, wanted);
}

static cseg_status open_parser(parser *p, const source *s, size_t from, size_t until, bool inside, arena *mem,
                               cseg_error *err)
{
    token_list tokens = {0};
    TRY(lexer_run(s, from, until, inside, mem, &tokens, err));
    *p = (parser){.s = s, .mem = mem, .err = err, .t = tokens.at};
    return CSEG_OK;
}

cseg_status parse_module(const source *s, arena *mem, ast_block *out, cseg_error *err)
{
    parser p;
    stmt_list body = {0};
    TRY(open_parser(&p, s, 0, s->n, false, mem, err));
    while (p.t->kind != T_END)
        TRY(parse_statement(&p, &body));
    out->at = body.at;
    out->n = body.n;
    return CSEG_OK;
}

cseg_status parse_field(const source *s, size_t from, size_t until, arena *mem, int depth, ast_node **out,
                        cseg_error *err)
{
    parser p;
    TRY(open_parser(&p, s, from, until, true, mem, err));
    p.depth = depth;
    TRY(parse_enter(&p));
    TRY(parse_expression_list(&p, out));
    return p.t->kind == T_END ? CSEG_OK : parse_unexpected(&p, "the end of the expression");
}

cseg_status parse_literal(const source *s, arena *mem, ast_node **out, cseg_error *err)
{
    return parse_field(s, 0, s->n, mem, 0, out, err);
}
