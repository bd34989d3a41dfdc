/* Parses a config into a syntax tree, by recursive descent. What the language leaves out (functions, classes, lambda,
 * exceptions, ...) is refused by name with CSEG_UNSUPPORTED, every other mistake with CSEG_CONFIG.
 *
 *     ast_block tree;
 *     TRY(parse_module(src, mem, &tree, err));
 */
#ifndef CONFIG_SYNTAX_PARSER_H
#define CONFIG_SYNTAX_PARSER_H

#include "config/syntax/ast.h"
#include "config/syntax/lexer.h"

typedef struct parser {
    const source *s;
    arena *mem;
    cseg_error *err;
    token *t;  /* the next token */
    int depth; /* of nested expressions and blocks */
    int loops; /* around the statement that is read */
} parser;

cseg_status parse_module(const source *s, arena *mem, ast_block *out, cseg_error *err);
cseg_status parse_literal(const source *s, arena *mem, ast_node **out, cseg_error *err);

/* Between the parser's files. */
typedef struct node_list {
    ast_node **at;
    size_t n, cap;
} node_list;

typedef struct stmt_list {
    stmt **at;
    size_t n, cap;
} stmt_list;

cseg_status parse_statement(parser *p, stmt_list *out);       /* a compound one, or all of one line */
cseg_status parse_expression(parser *p, ast_node **out);      /* one expression, also `a if b else c` */
cseg_status parse_expression_list(parser *p, ast_node **out); /* a tuple where commas follow; stars allowed */
cseg_status parse_target_list(parser *p, ast_node **out);     /* of `for`: no `in` is eaten */
cseg_status parse_binary(parser *p, int least, ast_node **out);
cseg_status parse_strings(parser *p, ast_node **out); /* adjacent string literals, f-strings too */
cseg_status parse_number(parser *p, ast_node **out);
cseg_status parse_field(const source *s, size_t from, size_t until, arena *mem, int depth, ast_node **out,
                        cseg_error *err);

ast_node *parse_node(parser *p, node_kind kind, spot at);
cseg_status parse_fail(const parser *p, spot at, cseg_status code, const char *fmt, ...) CSEG_PRINTF(4, 5);
cseg_status parse_unexpected(const parser *p, const char *wanted);
cseg_status parse_enter(parser *p); /* one level deeper; leave by p->depth-- */
char *parse_text(const parser *p, const token *t);
bool parse_is_op(const parser *p, uint32_t op);
bool parse_take_op(parser *p, uint32_t op);
bool parse_is_word(const parser *p, const char *word);
bool parse_take_word(parser *p, const char *word);
cseg_status parse_want_op(parser *p, uint32_t op, const char *wanted);

#endif
