/* The syntax tree of a config. Nodes live in the scratch arena of the load; every evaluation shares the constants.
 *
 *     size_t assigned = 0;
 *     for (size_t i = 0; i < body->n; i++)
 *         assigned += body->at[i]->kind == S_ASSIGN;
 */
#ifndef CONFIG_SYNTAX_AST_H
#define CONFIG_SYNTAX_AST_H

#include "config/syntax/source.h"
#include "config/value.h"

typedef struct ast_node ast_node;
typedef struct stmt stmt;

typedef enum {
    N_CONST,   /* constant */
    N_NAME,    /* name */
    N_FSTRING, /* item: N_CONST (strings) and N_FIELD */
    N_FIELD,   /* a; op: the conversion 'r', 's', 'a' or 0; b: the format, an N_FSTRING, or NULL; name: text of {x=} */
    N_TUPLE,   /* item; may hold N_STAR; so the next two */
    N_LIST,
    N_SET,
    N_DICT,      /* item: key, value, key, value...; key NULL: **value */
    N_CALL,      /* a: callee; item: values, N_STAR and N_KEYWORD */
    N_KEYWORD,   /* name = a; name NULL: **a */
    N_STAR,      /* *a */
    N_ATTRIBUTE, /* a.name */
    N_INDEX,     /* a[b] */
    N_SLICE,     /* a:b:c, each may be NULL */
    N_UNARY,     /* op a */
    N_BINARY,    /* a op b */
    N_NOT,       /* a */
    N_AND,       /* a, b */
    N_OR,        /* a, b */
    N_COMPARE,   /* a, then ops[i] item[i] */
    N_CHOICE,    /* b if a else c */
    N_WALRUS,    /* name := a */
    N_LIST_OF,   /* comprehensions: a (and b, the value, in N_DICT_OF); item: N_FOR */
    N_SET_OF,
    N_DICT_OF,
    N_GENERATOR,
    N_FOR /* for a in b; item: the conditions */
} node_kind;

/* Comparison operators that are words. */
enum { OP_IN = 1, OP_NOT_IN, OP_IS, OP_IS_NOT };

struct ast_node {
    node_kind kind;
    spot at;
    uint32_t op;
    const char *name;
    value *constant;
    ast_node *a, *b, *c;
    ast_node **item;
    size_t n;
    uint32_t *ops;
};

typedef struct ast_block {
    stmt **at;
    size_t n;
} ast_block;

typedef struct import_name {
    const char *name, *as; /* as NULL: under its own name */
    spot at;
} import_name;

typedef enum {
    S_EXPR,      /* value */
    S_ASSIGN,    /* target[0] = target[1] = ... = value */
    S_AUGMENTED, /* target[0] op= value */
    S_DELETE,    /* target */
    S_IF,        /* arm: condition (NULL: else) and block */
    S_FOR,       /* for target[0] in value: arm[0]; arm[1]: else */
    S_WHILE,     /* while value: arm[0]; arm[1]: else */
    S_BREAK,
    S_CONTINUE,
    S_PASS,
    S_ASSERT,   /* value, target[0]: the message or NULL */
    S_IMPORT,   /* import name */
    S_FROM,     /* from LEVEL module import name; module NULL: from . import x */
    S_READ_BASE /* with read_base(): arm[0], all S_FROM */
} stmt_kind;

typedef struct arm {
    ast_node *condition;
    ast_block body;
} arm;

struct stmt {
    stmt_kind kind;
    spot at;
    uint32_t op;
    ast_node **target;
    size_t targets;
    ast_node *value;
    arm *arm;
    size_t arms;
    const char *module;
    int level;
    import_name *name; /* "*" for all */
    size_t names;
};

#endif
