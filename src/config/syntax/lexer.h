/* Splits a config's text into Python's tokens.
 *
 *     token_list tokens = {0};
 *     TRY(lexer_run(src, 0, src->n, false, mem, &tokens, err));
 */
#ifndef CONFIG_SYNTAX_LEXER_H
#define CONFIG_SYNTAX_LEXER_H

#include "config/syntax/source.h"

typedef enum { T_END, T_NEWLINE, T_INDENT, T_DEDENT, T_NAME, T_KEYWORD, T_NUMBER, T_STRING, T_OP } token_kind;

/* An operator's characters as one number: OP('+'), OP2('*', '*'), OP3('/', '/', '='). */
#define OP(a) ((uint32_t)(a))
#define OP2(a, b) ((uint32_t)(a) | (uint32_t)(b) << 8)
#define OP3(a, b, c) (OP2(a, b) | (uint32_t)(c) << 16)

typedef struct token {
    token_kind kind;
    uint32_t at, n; /* bytes of source.text; for a string with its prefix and quotes */
    uint32_t op;    /* T_OP */
    spot place;
} token;

typedef struct token_list {
    token *at;
    size_t n, cap;
} token_list;

/* Finds all tokens of source.text[from, until); the last one is T_END. `inside`: as if within brackets (an f-string's
 * field): no T_NEWLINE, T_INDENT, T_DEDENT. */
cseg_status lexer_run(const source *s, size_t from, size_t until, bool inside, arena *mem, token_list *out,
                      cseg_error *err);

#endif
