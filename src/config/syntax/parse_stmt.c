#include <string.h>

#include "config/syntax/keywords.h"
#include "config/syntax/parser.h"

typedef struct arm_list {
    arm *at;
    size_t n, cap;
} arm_list;

static stmt *new_stmt(parser *p, stmt_kind kind, spot at)
{
    stmt *s = ARENA_NEW(p->mem, stmt);
    if (s) {
        s->kind = kind;
        s->at = at;
    }
    return s;
}

static cseg_status end_of_line(parser *p)
{
    if (p->t->kind == T_END || p->t->kind == T_DEDENT || parse_is_op(p, OP(';')))
        return CSEG_OK;
    if (p->t->kind != T_NEWLINE)
        return parse_unexpected(p, "the end of the line");
    return CSEG_OK;
}

static cseg_status parse_block(parser *p, ast_block *out)
{
    stmt_list body = {0};
    TRY(parse_want_op(p, OP(':'), "':'"));
    TRY(parse_enter(p));
    if (p->t->kind != T_NEWLINE) {
        TRY(parse_statement(p, &body));
    } else {
        p->t++;
        if (p->t->kind != T_INDENT)
            return parse_fail(p, p->t->place, CSEG_CONFIG, "an indented block is wanted here");
        p->t++;
        while (p->t->kind != T_DEDENT && p->t->kind != T_END)
            TRY(parse_statement(p, &body));
        if (p->t->kind == T_DEDENT)
            p->t++;
    }
    p->depth--;
    out->at = body.at;
    out->n = body.n;
    return CSEG_OK;
}

static cseg_status add_arm(parser *p, arm_list *arms, ast_node *condition)
{
    arm a = {.condition = condition};
    TRY(parse_block(p, &a.body));
    return vec_push(p->mem, arms, a) ? CSEG_OK : fail_memory(p->err);
}

static void set_arms(stmt *s, const arm_list *arms)
{
    s->arm = arms->at;
    s->arms = arms->n;
}

static cseg_status parse_if(parser *p, stmt *s)
{
    arm_list arms = {0};
    ast_node *condition;
    do {
        TRY(parse_expression(p, &condition));
        TRY(add_arm(p, &arms, condition));
    } while (parse_take_word(p, "elif"));
    if (parse_take_word(p, "else"))
        TRY(add_arm(p, &arms, NULL));
    set_arms(s, &arms);
    return CSEG_OK;
}

static cseg_status check_target(parser *p, const ast_node *t)
{
    switch (t->kind) {
    case N_NAME:
    case N_ATTRIBUTE:
    case N_INDEX:
        return CSEG_OK;
    case N_STAR:
        return check_target(p, t->a);
    case N_TUPLE:
    case N_LIST: {
        int stars = 0;
        for (size_t i = 0; i < t->n; i++) {
            stars += t->item[i]->kind == N_STAR;
            TRY(check_target(p, t->item[i]));
        }
        return stars > 1 ? parse_fail(p, t->at, CSEG_CONFIG, "more than one '*' in what is assigned to") : CSEG_OK;
    }
    default:
        return parse_fail(p, t->at, CSEG_CONFIG, "nothing can be assigned to this");
    }
}

static cseg_status one_target(parser *p, stmt *s, ast_node *target)
{
    TRY(check_target(p, target));
    s->target = ARENA_NEW(p->mem, ast_node *);
    if (!s->target)
        return fail_memory(p->err);
    s->target[0] = target;
    s->targets = 1;
    return CSEG_OK;
}

static cseg_status parse_loop(parser *p, stmt *s)
{
    arm_list arms = {0};
    if (s->kind == S_FOR) {
        ast_node *target;
        TRY(parse_target_list(p, &target));
        TRY(one_target(p, s, target));
        if (!parse_take_word(p, "in"))
            return parse_unexpected(p, "'in'");
        TRY(parse_expression_list(p, &s->value));
    } else {
        TRY(parse_expression(p, &s->value));
    }
    p->loops++;
    TRY(add_arm(p, &arms, NULL));
    p->loops--;
    if (parse_take_word(p, "else"))
        TRY(add_arm(p, &arms, NULL));
    set_arms(s, &arms);
    return CSEG_OK;
}

/* a.b.c, as a text. */
static cseg_status parse_dotted(parser *p, const char **out)
{
    const token *first = p->t;
    do {
        if (p->t->kind != T_NAME)
            return parse_unexpected(p, "a module's name");
        p->t++;
    } while (parse_take_op(p, OP('.')));
    const token *last = p->t - 1;
    *out = arena_strndup(p->mem, p->s->text + first->at, last->at + last->n - first->at);
    return *out ? CSEG_OK : fail_memory(p->err);
}

static cseg_status parse_as(parser *p, const char **as)
{
    *as = NULL;
    if (!parse_take_word(p, "as"))
        return CSEG_OK;
    if (p->t->kind != T_NAME)
        return parse_unexpected(p, "a name");
    *as = parse_text(p, p->t++);
    return *as ? CSEG_OK : fail_memory(p->err);
}

typedef VEC(import_name) name_list;

static cseg_status parse_import(parser *p, stmt *s)
{
    name_list names = {0};
    do {
        import_name name = {.at = p->t->place};
        TRY(parse_dotted(p, &name.name));
        TRY(parse_as(p, &name.as));
        if (!vec_push(p->mem, &names, name))
            return fail_memory(p->err);
    } while (parse_take_op(p, OP(',')));
    s->name = names.at;
    s->names = names.n;
    return CSEG_OK;
}

static cseg_status parse_from(parser *p, stmt *s)
{
    name_list names = {0};
    while (p->t->kind == T_OP && (p->t->op == OP('.') || p->t->op == OP3('.', '.', '.'))) {
        s->level += (int)p->t->n;
        p->t++;
    }
    if (!s->level || p->t->kind == T_NAME)
        TRY(parse_dotted(p, &s->module));
    if (!parse_take_word(p, "import"))
        return parse_unexpected(p, "'import'");
    bool brackets = parse_take_op(p, OP('('));
    do {
        import_name name = {.at = p->t->place};
        if (brackets && parse_is_op(p, OP(')')))
            break;
        if (!brackets && parse_is_op(p, OP('*'))) {
            p->t++;
            name.name = "*";
        } else {
            if (p->t->kind != T_NAME)
                return parse_unexpected(p, "a name");
            if (!(name.name = parse_text(p, p->t++)))
                return fail_memory(p->err);
            TRY(parse_as(p, &name.as));
        }
        if (!vec_push(p->mem, &names, name))
            return fail_memory(p->err);
    } while (parse_take_op(p, OP(',')));
    if (brackets)
        TRY(parse_want_op(p, OP(')'), "')'"));
    s->name = names.at;
    s->names = names.n;
    return CSEG_OK;
}

static cseg_status parse_with(parser *p, stmt *s)
{
    ast_node *context;
    arm_list arms = {0};
    TRY(parse_expression(p, &context));
    if (context->kind != N_CALL || context->n != 0 || context->a->kind != N_NAME ||
        strcmp(context->a->name, "read_base") != 0)
        return parse_fail(p, s->at, CSEG_UNSUPPORTED, "the only 'with' of the config language is 'with read_base():'");
    TRY(add_arm(p, &arms, NULL));
    set_arms(s, &arms);
    for (size_t i = 0; i < arms.at[0].body.n; i++) {
        const stmt *inner = arms.at[0].body.at[i];
        if (inner->kind == S_PASS)
            continue;
        if (inner->kind != S_FROM)
            return parse_fail(p, inner->at, CSEG_CONFIG, "within 'with read_base():' stand only 'from ... import ...'");
        if (!inner->module)
            return parse_fail(p, inner->at, CSEG_CONFIG,
                              "write 'from .module import ...' to read a base, not 'from . import ...'");
    }
    return CSEG_OK;
}

static cseg_status parse_delete(parser *p, stmt *s)
{
    node_list targets = {0};
    do {
        ast_node *t;
        TRY(parse_binary(p, 0, &t));
        if (t->kind != N_NAME && t->kind != N_INDEX && t->kind != N_ATTRIBUTE)
            return parse_fail(p, t->at, CSEG_CONFIG, "this cannot be deleted");
        if (!vec_push(p->mem, &targets, t))
            return fail_memory(p->err);
    } while (parse_take_op(p, OP(',')));
    s->target = targets.at;
    s->targets = targets.n;
    return CSEG_OK;
}

static cseg_status parse_assert(parser *p, stmt *s)
{
    TRY(parse_expression(p, &s->value));
    if (!parse_take_op(p, OP(',')))
        return CSEG_OK;
    s->target = ARENA_NEW(p->mem, ast_node *);
    if (!s->target)
        return fail_memory(p->err);
    s->targets = 1;
    return parse_expression(p, &s->target[0]);
}

/* The operator of `+=` and the like, without '='; 0 for anything else. */
static uint32_t augmented(const token *t)
{
    if (t->kind != T_OP || t->n < 2 || t->op >> 8 * (t->n - 1) != '=')
        return 0;
    uint32_t op = t->op & (t->n == 2 ? 0xFFu : 0xFFFFu);
    return strchr("=!<>:", (int)op & 0x7F) && t->n == 2 ? 0 : op;
}

static cseg_status parse_assignment(parser *p, stmt *s)
{
    node_list targets = {0};
    TRY(parse_expression_list(p, &s->value));
    uint32_t op = augmented(p->t);
    if (op) {
        p->t++;
        s->kind = S_AUGMENTED;
        s->op = op;
        TRY(one_target(p, s, s->value));
        if (s->target[0]->kind == N_TUPLE || s->target[0]->kind == N_LIST)
            return parse_fail(p, s->at, CSEG_CONFIG, "an augmented assignment has one target");
        return parse_expression_list(p, &s->value);
    }
    if (parse_take_op(p, OP(':'))) {
        ast_node *annotation;
        TRY(parse_expression(p, &annotation));
        if (!parse_is_op(p, OP('='))) {
            s->kind = S_PASS;
            return CSEG_OK;
        }
    }
    while (parse_take_op(p, OP('='))) {
        TRY(check_target(p, s->value));
        if (!vec_push(p->mem, &targets, s->value))
            return fail_memory(p->err);
        TRY(parse_expression_list(p, &s->value));
    }
    s->kind = targets.n ? S_ASSIGN : S_EXPR;
    s->target = targets.at;
    s->targets = targets.n;
    return CSEG_OK;
}

static cseg_status refuse_word(parser *p)
{
    static const char *const what[][2] = {
        {"def", "function definitions ('def') are"},
        {"class", "class definitions ('class') are"},
        {"async", "'async' is"},
        {"try", "'try' is"},
        {"raise", "'raise' is"},
        {"return", "'return' is"},
        {"yield", "'yield' is"},
        {"global", "'global' is"},
        {"nonlocal", "'nonlocal' is"},
    };
    for (size_t i = 0; i < sizeof what / sizeof *what; i++)
        if (parse_is_word(p, what[i][0]))
            return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "%s not part of the config language", what[i][1]);
    if (parse_is_op(p, OP('@')))
        return parse_fail(p, p->t->place, CSEG_UNSUPPORTED, "decorators ('@') are not part of the config language");
    return CSEG_OK;
}

/* Statements of one line; *simple is false if it was a compound one. */
static cseg_status parse_kind(parser *p, stmt *s, bool *simple)
{
    *simple = false;
    if (parse_take_word(p, "if")) {
        s->kind = S_IF;
        return parse_if(p, s);
    }
    if (parse_is_word(p, "for") || parse_is_word(p, "while")) {
        s->kind = parse_is_word(p, "for") ? S_FOR : S_WHILE;
        p->t++;
        return parse_loop(p, s);
    }
    if (parse_take_word(p, "with")) {
        s->kind = S_READ_BASE;
        return parse_with(p, s);
    }
    *simple = true;
    if (parse_is_word(p, "pass") || parse_is_word(p, "break") || parse_is_word(p, "continue")) {
        s->kind = parse_is_word(p, "pass") ? S_PASS : parse_is_word(p, "break") ? S_BREAK : S_CONTINUE;
        if (s->kind != S_PASS && !p->loops)
            return parse_fail(p, s->at, CSEG_CONFIG, "'break' and 'continue' stand in loops only");
        p->t++;
        return CSEG_OK;
    }
    if (parse_take_word(p, "import")) {
        s->kind = S_IMPORT;
        return parse_import(p, s);
    }
    if (parse_take_word(p, "from")) {
        s->kind = S_FROM;
        return parse_from(p, s);
    }
    if (parse_take_word(p, "del")) {
        s->kind = S_DELETE;
        return parse_delete(p, s);
    }
    if (parse_take_word(p, "assert")) {
        s->kind = S_ASSERT;
        return parse_assert(p, s);
    }
    return parse_assignment(p, s);
}

/* One line: one statement, or several between semicolons. */
cseg_status parse_statement(parser *p, stmt_list *out)
{
    bool simple = true;
    do {
        if (p->t->kind == T_NEWLINE && out->n)
            break;
        TRY(refuse_word(p));
        stmt *s = new_stmt(p, S_EXPR, p->t->place);
        if (!s)
            return fail_memory(p->err);
        TRY(parse_kind(p, s, &simple));
        if (!vec_push(p->mem, out, s))
            return fail_memory(p->err);
        if (simple)
            TRY(end_of_line(p));
    } while (simple && parse_take_op(p, OP(';')));
    if (simple && p->t->kind == T_NEWLINE)
        p->t++;
    return CSEG_OK;
}
