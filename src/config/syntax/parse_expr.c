#include <string.h>

#include "config/syntax/parser.h"

static cseg_status parse_unary(parser *p, ast_node **out);

static cseg_status binary_node(parser *p, node_kind kind, spot at, uint32_t op, ast_node *a, ast_node *b,
                               ast_node **out)
{
    ast_node *n = parse_node(p, kind, at);
    if (!n)
        return fail_memory(p->err);
    n->op = op;
    n->a = a;
    n->b = b;
    *out = n;
    return CSEG_OK;
}

/* *a, in displays, calls and targets. */
static cseg_status parse_starred(parser *p, ast_node **out)
{
    spot at = p->t->place;
    if (!parse_take_op(p, OP('*')))
        return parse_expression(p, out);
    ast_node *a;
    TRY(parse_binary(p, 0, &a));
    return binary_node(p, N_STAR, at, 0, a, NULL, out);
}

/* for x in y if z ...: fills comprehension->item. */
static cseg_status parse_clauses(parser *p, ast_node *comprehension)
{
    node_list clauses = {0};
    if (parse_is_word(p, "async"))
        return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "'async' is not part of the config language");
    while (parse_is_word(p, "for")) {
        ast_node *clause = parse_node(p, N_FOR, p->t->place), *condition;
        node_list conditions = {0};
        if (!clause)
            return fail_memory(p->err);
        p->t++;
        TRY(parse_target_list(p, &clause->a));
        if (!parse_take_word(p, "in"))
            return parse_unexpected(p, "'in'");
        TRY(parse_binary(p, -3, &clause->b));
        while (parse_take_word(p, "if")) {
            TRY(parse_binary(p, -3, &condition));
            if (!vec_push(p->mem, &conditions, condition))
                return fail_memory(p->err);
        }
        clause->item = conditions.at;
        clause->n = conditions.n;
        if (!vec_push(p->mem, &clauses, clause))
            return fail_memory(p->err);
    }
    comprehension->item = clauses.at;
    comprehension->n = clauses.n;
    return CSEG_OK;
}

static bool at_clause(const parser *p)
{
    return parse_is_word(p, "for") || parse_is_word(p, "async");
}

/* Parses what follows an opening bracket, up to and with the closing one: a list, tuple, set or dict, a comprehension,
 * or (for round brackets) an expression. */
static cseg_status parse_sequence(parser *p, node_kind kind, node_kind of, uint32_t close, const char *wanted,
                                  ast_node **out)
{
    spot at = p->t->place;
    node_list items = {0};
    bool comma = false;
    p->t++;
    while (!parse_is_op(p, close)) {
        ast_node *item;
        TRY(parse_starred(p, &item));
        if (items.n == 0 && at_clause(p)) {
            TRY(binary_node(p, of, at, 0, item, NULL, out));
            TRY(parse_clauses(p, *out));
            return parse_want_op(p, close, wanted);
        }
        if (!vec_push(p->mem, &items, item))
            return fail_memory(p->err);
        if (!parse_take_op(p, OP(',')))
            break;
        comma = true;
    }
    TRY(parse_want_op(p, close, wanted));
    if (kind == N_TUPLE && items.n == 1 && !comma && items.at[0]->kind != N_STAR) {
        *out = items.at[0];
        return CSEG_OK;
    }
    ast_node *n = parse_node(p, kind, at);
    if (!n)
        return fail_memory(p->err);
    n->item = items.at;
    n->n = items.n;
    *out = n;
    return CSEG_OK;
}

/* One item within braces. *item is NULL for an element of a set, *key for `**item`. */
static cseg_status parse_brace_item(parser *p, bool dict, bool first, ast_node **key, ast_node **item)
{
    *key = *item = NULL;
    if ((dict || first) && parse_take_op(p, OP2('*', '*')))
        return parse_binary(p, 0, item);
    TRY(parse_starred(p, key));
    if ((!first && !dict) || (*key)->kind == N_STAR || (first && !parse_is_op(p, OP(':'))))
        return CSEG_OK;
    TRY(parse_want_op(p, OP(':'), "':'"));
    return parse_expression(p, item);
}

/* A dict, a set, or a comprehension of either. */
static cseg_status parse_braces(parser *p, ast_node **out)
{
    spot at = p->t->place;
    node_list items = {0};
    bool dict = true, first = true;
    p->t++;
    for (; !parse_is_op(p, OP('}')); first = false) {
        ast_node *key, *item;
        TRY(parse_brace_item(p, dict, first, &key, &item));
        dict = item != NULL;
        if (first && key && at_clause(p)) {
            TRY(binary_node(p, dict ? N_DICT_OF : N_SET_OF, at, 0, key, item, out));
            TRY(parse_clauses(p, *out));
            return parse_want_op(p, OP('}'), "'}'");
        }
        if ((dict || key) && !vec_push(p->mem, &items, key))
            return fail_memory(p->err);
        if (dict && !vec_push(p->mem, &items, item))
            return fail_memory(p->err);
        if (!parse_take_op(p, OP(',')))
            break;
    }
    TRY(parse_want_op(p, OP('}'), "',' or '}'"));
    ast_node *n = parse_node(p, dict ? N_DICT : N_SET, at);
    if (!n)
        return fail_memory(p->err);
    n->item = items.at;
    n->n = items.n;
    *out = n;
    return CSEG_OK;
}

static cseg_status parse_constant(parser *p, value_kind kind, bool truth, ast_node **out)
{
    ast_node *n = parse_node(p, N_CONST, p->t->place);
    value *v = n ? value_new(p->mem, kind, (where){p->s->name, n->at.line, n->at.column}) : NULL;
    if (!v)
        return fail_memory(p->err);
    if (kind == V_BOOL)
        v->as.b = truth;
    n->constant = v;
    *out = n;
    p->t++;
    return CSEG_OK;
}

static cseg_status parse_word_atom(parser *p, ast_node **out)
{
    if (parse_is_word(p, "None"))
        return parse_constant(p, V_NONE, false, out);
    if (parse_is_word(p, "True") || parse_is_word(p, "False"))
        return parse_constant(p, V_BOOL, parse_is_word(p, "True"), out);
    if (parse_is_word(p, "lambda") || parse_is_word(p, "await") || parse_is_word(p, "yield"))
        return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "'%s' is not part of the config language",
                          parse_is_word(p, "lambda")  ? "lambda"
                          : parse_is_word(p, "await") ? "await"
                                                      : "yield");
    return parse_unexpected(p, "a value");
}

static cseg_status parse_atom(parser *p, ast_node **out)
{
    switch (p->t->kind) {
    case T_NUMBER:
        return parse_number(p, out);
    case T_STRING:
        return parse_strings(p, out);
    case T_NAME: {
        ast_node *n = parse_node(p, N_NAME, p->t->place);
        if (!n || !(n->name = parse_text(p, p->t)))
            return fail_memory(p->err);
        p->t++;
        *out = n;
        return CSEG_OK;
    }
    case T_KEYWORD:
        return parse_word_atom(p, out);
    case T_OP:
        if (p->t->op == OP('('))
            return parse_sequence(p, N_TUPLE, N_GENERATOR, OP(')'), "',' or ')'", out);
        if (p->t->op == OP('['))
            return parse_sequence(p, N_LIST, N_LIST_OF, OP(']'), "',' or ']'", out);
        if (p->t->op == OP('{'))
            return parse_braces(p, out);
        if (p->t->op == OP3('.', '.', '.'))
            return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "'...' is not part of the config language");
        /* fall through */
    default:
        return parse_unexpected(p, "a value");
    }
}

static cseg_status parse_argument(parser *p, ast_node **out)
{
    spot at = p->t->place;
    ast_node *n;
    if (parse_take_op(p, OP2('*', '*'))) {
        TRY(parse_expression(p, &n));
        return binary_node(p, N_KEYWORD, at, 0, n, NULL, out);
    }
    if (p->t->kind == T_NAME && p->t[1].kind == T_OP && p->t[1].op == OP('=')) {
        char *name = parse_text(p, p->t);
        if (!name)
            return fail_memory(p->err);
        p->t += 2;
        TRY(parse_expression(p, &n));
        TRY(binary_node(p, N_KEYWORD, at, 0, n, NULL, out));
        (*out)->name = name;
        return CSEG_OK;
    }
    return parse_starred(p, out);
}

enum { MOST_ARGUMENTS = 5000 };

static cseg_status check_repeated(parser *p, const node_list *args, const ast_node *last)
{
    if (args->n >= MOST_ARGUMENTS)
        return parse_fail(p, last->at, CSEG_CONFIG, "more than %d arguments", MOST_ARGUMENTS);
    for (size_t i = 0; last->kind == N_KEYWORD && last->name && i < args->n; i++) {
        const ast_node *a = args->at[i];
        if (a->kind == N_KEYWORD && a->name && strcmp(a->name, last->name) == 0)
            return parse_fail(p, last->at, CSEG_CONFIG, "'%s' is given twice here (first on line %d)", a->name,
                              a->at.line);
    }
    if (last->kind != N_KEYWORD && args->n && args->at[args->n - 1]->kind == N_KEYWORD && last->kind != N_STAR)
        return parse_fail(p, last->at, CSEG_CONFIG, "a value without a name behind one with a name");
    return CSEG_OK;
}

static cseg_status parse_call(parser *p, ast_node *callee, ast_node **out)
{
    spot at = p->t->place;
    node_list args = {0};
    p->t++;
    while (!parse_is_op(p, OP(')'))) {
        ast_node *arg;
        TRY(parse_argument(p, &arg));
        if (args.n == 0 && arg->kind != N_KEYWORD && at_clause(p)) {
            TRY(binary_node(p, N_GENERATOR, arg->at, 0, arg, NULL, &arg));
            TRY(parse_clauses(p, arg));
        }
        TRY(check_repeated(p, &args, arg));
        if (!vec_push(p->mem, &args, arg))
            return fail_memory(p->err);
        if (!parse_take_op(p, OP(',')))
            break;
    }
    TRY(parse_want_op(p, OP(')'), "',' or ')'"));
    TRY(binary_node(p, N_CALL, callee->kind == N_NAME ? callee->at : at, 0, callee, NULL, out));
    (*out)->item = args.at;
    (*out)->n = args.n;
    return CSEG_OK;
}

static cseg_status parse_subscript(parser *p, ast_node **out)
{
    spot at = p->t->place;
    ast_node *part[3] = {NULL, NULL, NULL};
    int colons = 0;
    while (!parse_is_op(p, OP(']'))) {
        if (parse_take_op(p, OP(':'))) {
            if (++colons > 2)
                return parse_fail(p, p->t[-1].place, CSEG_CONFIG, "a slice has at most two ':'");
            continue;
        }
        if (part[colons])
            return parse_unexpected(p, "']'");
        TRY(colons ? parse_expression(p, &part[colons]) : parse_expression_list(p, &part[colons]));
    }
    if (!colons && !part[0])
        return parse_unexpected(p, "an index");
    p->t++;
    *out = part[0];
    if (!colons)
        return CSEG_OK;
    TRY(binary_node(p, N_SLICE, at, 0, part[0], part[1], out));
    (*out)->c = part[2];
    return CSEG_OK;
}

static cseg_status parse_postfix(parser *p, ast_node **out)
{
    ast_node *n;
    TRY(parse_atom(p, &n));
    for (;;) {
        spot at = p->t->place;
        if (parse_is_op(p, OP('('))) {
            TRY(parse_call(p, n, &n));
        } else if (parse_take_op(p, OP('['))) {
            ast_node *index;
            TRY(parse_subscript(p, &index));
            TRY(binary_node(p, N_INDEX, at, 0, n, index, &n));
        } else if (parse_take_op(p, OP('.'))) {
            if (p->t->kind != T_NAME)
                return parse_unexpected(p, "a name");
            TRY(binary_node(p, N_ATTRIBUTE, p->t->place, 0, n, NULL, &n));
            if (!(n->name = parse_text(p, p->t)))
                return fail_memory(p->err);
            p->t++;
        } else {
            *out = n;
            return CSEG_OK;
        }
    }
}

static cseg_status parse_power(parser *p, ast_node **out)
{
    ast_node *a, *b;
    TRY(parse_postfix(p, &a));
    spot at = p->t->place;
    *out = a;
    if (!parse_take_op(p, OP2('*', '*')))
        return CSEG_OK;
    TRY(parse_unary(p, &b));
    return binary_node(p, N_BINARY, at, OP2('*', '*'), a, b, out);
}

static cseg_status parse_unary(parser *p, ast_node **out)
{
    spot at = p->t->place;
    uint32_t op = p->t->kind == T_OP ? p->t->op : 0;
    ast_node *a;
    TRY(parse_enter(p));
    if (op == OP('-') || op == OP('+') || op == OP('~')) {
        p->t++;
        TRY(parse_unary(p, &a));
        TRY(binary_node(p, N_UNARY, at, op, a, NULL, out));
    } else {
        TRY(parse_power(p, out));
    }
    p->depth--;
    return CSEG_OK;
}

static int strength(uint32_t op)
{
    switch (op) {
    case OP('|'):
        return 1;
    case OP('^'):
        return 2;
    case OP('&'):
        return 3;
    case OP2('<', '<'):
    case OP2('>', '>'):
        return 4;
    case OP('+'):
    case OP('-'):
        return 5;
    case OP('*'):
    case OP('/'):
    case OP2('/', '/'):
    case OP('%'):
    case OP('@'):
        return 6;
    default:
        return 0;
    }
}

/* Takes a comparison operator at p->t; 0 if there is none. */
static uint32_t take_comparison(parser *p)
{
    static const uint32_t ops[] = {OP('<'), OP('>'), OP2('<', '='), OP2('>', '='), OP2('=', '='), OP2('!', '=')};
    for (size_t i = 0; p->t->kind == T_OP && i < sizeof ops / sizeof *ops; i++)
        if (parse_take_op(p, ops[i]))
            return ops[i];
    if (parse_take_word(p, "in"))
        return OP_IN;
    if (parse_take_word(p, "is"))
        return parse_take_word(p, "not") ? OP_IS_NOT : OP_IS;
    if (parse_is_word(p, "not")) {
        p->t++;
        if (parse_take_word(p, "in"))
            return OP_NOT_IN;
        p->t--;
    }
    return 0;
}

static cseg_status parse_comparison(parser *p, ast_node **out)
{
    node_list items = {0};
    uint32_t *ops = NULL, op;
    size_t cap = 0;
    ast_node *a, *b;
    TRY(parse_binary(p, 0, &a));
    spot at = p->t->place;
    while ((op = take_comparison(p))) {
        TRY(parse_binary(p, 0, &b));
        if (!vec_reserve_(p->mem, (void **)&ops, items.n, &cap, items.n + 1, sizeof *ops))
            return fail_memory(p->err);
        ops[items.n] = op;
        if (!vec_push(p->mem, &items, b))
            return fail_memory(p->err);
    }
    *out = a;
    if (items.n == 0)
        return CSEG_OK;
    TRY(binary_node(p, N_COMPARE, at, 0, a, NULL, out));
    (*out)->item = items.at;
    (*out)->n = items.n;
    (*out)->ops = ops;
    return CSEG_OK;
}

static cseg_status parse_not(parser *p, ast_node **out)
{
    spot at = p->t->place;
    if (!parse_take_word(p, "not"))
        return parse_comparison(p, out);
    ast_node *a;
    TRY(parse_enter(p));
    TRY(parse_not(p, &a));
    p->depth--;
    return binary_node(p, N_NOT, at, 0, a, NULL, out);
}

/* Operators that bind at least as strongly as `least`: -3 or, -2 and, -1 not and comparisons, 0 and more arithmetic. */
cseg_status parse_binary(parser *p, int least, ast_node **out)
{
    ast_node *a, *b;
    if (least < 0) {
        const char *word = least == -3 ? "or" : "and";
        if (least == -1)
            return parse_not(p, out);
        TRY(parse_binary(p, least + 1, &a));
        for (spot at = p->t->place; parse_take_word(p, word); at = p->t->place) {
            TRY(parse_binary(p, least + 1, &b));
            TRY(binary_node(p, least == -3 ? N_OR : N_AND, at, 0, a, b, &a));
        }
        *out = a;
        return CSEG_OK;
    }
    TRY(parse_unary(p, &a));
    for (;;) {
        spot at = p->t->place;
        uint32_t op = p->t->kind == T_OP ? p->t->op : 0;
        int mine = strength(op);
        if (mine == 0 || mine < least) {
            *out = a;
            return CSEG_OK;
        }
        p->t++;
        TRY(parse_binary(p, mine + 1, &b));
        TRY(binary_node(p, N_BINARY, at, op, a, b, &a));
    }
}

static cseg_status parse_choice(parser *p, ast_node **out)
{
    ast_node *a;
    TRY(parse_binary(p, -3, &a));
    spot at = p->t->place;
    *out = a;
    if (!parse_take_word(p, "if"))
        return CSEG_OK;
    TRY(binary_node(p, N_CHOICE, at, 0, NULL, a, out));
    TRY(parse_binary(p, -3, &(*out)->a));
    if (!parse_take_word(p, "else"))
        return parse_unexpected(p, "'else'");
    return parse_expression(p, &(*out)->c);
}

cseg_status parse_expression(parser *p, ast_node **out)
{
    TRY(parse_enter(p));
    if (p->t->kind == T_NAME && p->t[1].kind == T_OP && p->t[1].op == OP2(':', '=')) {
        ast_node *n = parse_node(p, N_WALRUS, p->t->place);
        if (!n || !(n->name = parse_text(p, p->t)))
            return fail_memory(p->err);
        p->t += 2;
        TRY(parse_choice(p, &n->a));
        *out = n;
    } else {
        TRY(parse_choice(p, out));
    }
    p->depth--;
    return CSEG_OK;
}

static bool ends_list(const parser *p)
{
    return p->t->kind == T_NEWLINE || p->t->kind == T_END || p->t->kind == T_DEDENT ||
           (p->t->kind == T_OP && strchr(")]}:=;", (int)(p->t->op & 0x7F)) && p->t->n == 1) || parse_is_word(p, "in");
}

static cseg_status parse_list(parser *p, cseg_status (*one)(parser *, ast_node **), ast_node **out)
{
    spot at = p->t->place;
    node_list items = {0};
    ast_node *item;
    bool comma = false;
    do {
        TRY(one(p, &item));
        if (!vec_push(p->mem, &items, item))
            return fail_memory(p->err);
        if (!parse_take_op(p, OP(',')))
            break;
        comma = true;
    } while (!ends_list(p));
    *out = item;
    if (!comma && item->kind != N_STAR)
        return CSEG_OK;
    ast_node *n = parse_node(p, N_TUPLE, at);
    if (!n)
        return fail_memory(p->err);
    n->item = items.at;
    n->n = items.n;
    *out = n;
    return CSEG_OK;
}

cseg_status parse_expression_list(parser *p, ast_node **out)
{
    return parse_list(p, parse_starred, out);
}

static cseg_status parse_target(parser *p, ast_node **out)
{
    spot at = p->t->place;
    if (!parse_take_op(p, OP('*')))
        return parse_binary(p, 0, out);
    ast_node *a;
    TRY(parse_binary(p, 0, &a));
    return binary_node(p, N_STAR, at, 0, a, NULL, out);
}

cseg_status parse_target_list(parser *p, ast_node **out)
{
    return parse_list(p, parse_target, out);
}
