/* The pickle machine: a stack of nodes, one handler an opcode; here those that make containers and objects. */
#include "io/torch/pickle.h"

#include <stdlib.h>

#include "io/torch/pickle_reader.h"

static cseg_status append(pickle_reader *r, pickle_node *to, pickle_node *item)
{
    return vec_push(r->mem, &to->seq, item) ? CSEG_OK : fail_memory(r->err);
}

/* --- opcodes: containers --- */

static cseg_status op_mark(pickle_reader *r)
{
    return vec_push(r->mem, &r->marks, r->stack.n) ? CSEG_OK : fail_memory(r->err);
}

static cseg_status op_empty_tuple(pickle_reader *r)
{
    return pickle_push_seq(r, PICKLE_TUPLE, NULL, 0);
}

static cseg_status op_empty_list(pickle_reader *r)
{
    return pickle_push_seq(r, PICKLE_LIST, NULL, 0);
}

static cseg_status op_empty_dict(pickle_reader *r)
{
    return pickle_push_seq(r, PICKLE_DICT, NULL, 0);
}

static cseg_status op_empty_set(pickle_reader *r)
{
    return pickle_push_seq(r, PICKLE_SET, NULL, 0);
}

static cseg_status from_mark(pickle_reader *r, pickle_kind kind)
{
    pickle_node **items;
    size_t n;
    TRY(pickle_pop_mark(r, &items, &n));
    if (kind == PICKLE_DICT && n % 2)
        return pickle_bad(r, "a key without a value");
    return pickle_push_seq(r, kind, items, n);
}

static cseg_status op_tuple(pickle_reader *r)
{
    return from_mark(r, PICKLE_TUPLE);
}

static cseg_status op_list(pickle_reader *r)
{
    return from_mark(r, PICKLE_LIST);
}

static cseg_status op_dict(pickle_reader *r)
{
    return from_mark(r, PICKLE_DICT);
}

static cseg_status op_frozenset(pickle_reader *r)
{
    return from_mark(r, PICKLE_SET);
}

static cseg_status op_tuple_short(pickle_reader *r)
{
    size_t n = (size_t)(r->bytes[r->op] - 0x85 + 1);
    pickle_node *items[3];
    for (size_t i = n; i-- > 0;)
        TRY(pickle_pop(r, &items[i]));
    return pickle_push_seq(r, PICKLE_TUPLE, items, n);
}

/* The container that items are added to: the node itself, or the items of an object of a class derived from list or
 * dict. */
static cseg_status container_of(pickle_reader *r, pickle_node *p, pickle_kind kind, pickle_node **out)
{
    *out = p;
    if (p->kind == kind)
        return CSEG_OK;
    if (p->kind != PICKLE_OBJECT || kind == PICKLE_SET)
        return pickle_bad(r, kind == PICKLE_LIST  ? "appends to what is no list"
                             : kind == PICKLE_SET ? "adds to what is no set"
                                                  : "sets a key of what is no dict");
    pickle_node **slot = kind == PICKLE_LIST ? &p->object.items : &p->object.pairs;
    if (!*slot && !(*slot = pickle_new(r, kind)))
        return fail_memory(r->err);
    *out = *slot;
    return CSEG_OK;
}

static cseg_status add_marked(pickle_reader *r, pickle_kind kind)
{
    pickle_node **items, *p, *to;
    size_t n;
    TRY(pickle_pop_mark(r, &items, &n));
    if (kind == PICKLE_DICT && n % 2)
        return pickle_bad(r, "a key without a value");
    TRY(pickle_top(r, &p));
    TRY(container_of(r, p, kind, &to));
    for (size_t i = 0; i < n; i++)
        TRY(append(r, to, items[i]));
    return CSEG_OK;
}

static cseg_status op_appends(pickle_reader *r)
{
    return add_marked(r, PICKLE_LIST);
}

static cseg_status op_setitems(pickle_reader *r)
{
    return add_marked(r, PICKLE_DICT);
}

static cseg_status op_additems(pickle_reader *r)
{
    return add_marked(r, PICKLE_SET);
}

static cseg_status op_append(pickle_reader *r)
{
    pickle_node *item, *p, *to;
    TRY(pickle_pop(r, &item));
    TRY(pickle_top(r, &p));
    TRY(container_of(r, p, PICKLE_LIST, &to));
    return append(r, to, item);
}

static cseg_status op_setitem(pickle_reader *r)
{
    pickle_node *key, *value, *p, *to;
    TRY(pickle_pop(r, &value));
    TRY(pickle_pop(r, &key));
    TRY(pickle_top(r, &p));
    TRY(container_of(r, p, PICKLE_DICT, &to));
    TRY(append(r, to, key));
    return append(r, to, value);
}

/* --- opcodes: stack and memo --- */

static cseg_status op_pop(pickle_reader *r)
{
    pickle_node *p;
    if (r->marks.n && r->marks.at[r->marks.n - 1] == r->stack.n) {
        r->marks.n--;
        return CSEG_OK;
    }
    return pickle_pop(r, &p);
}

static cseg_status op_pop_mark(pickle_reader *r)
{
    pickle_node **items;
    size_t n;
    return pickle_pop_mark(r, &items, &n);
}

static cseg_status op_dup(pickle_reader *r)
{
    pickle_node *p;
    TRY(pickle_top(r, &p));
    return pickle_push(r, p);
}

static cseg_status memo_put(pickle_reader *r, uint64_t i)
{
    pickle_node *p;
    TRY(pickle_top(r, &p));
    /* Numbers must come in order; there cannot be more of them than bytes. */
    if (i >= r->n)
        return pickle_bad(r, "a memo number is out of all bounds");
    if (i >= r->memo.n) {
        if (!vec_reserve_(r->mem, (void **)&r->memo.at, r->memo.n, &r->memo.cap, i + 1, sizeof *r->memo.at))
            return fail_memory(r->err);
        r->memo.n = i + 1;
    }
    r->memo.at[i] = p;
    return CSEG_OK;
}

static cseg_status memo_get(pickle_reader *r, uint64_t i)
{
    if (i >= r->memo.n || !r->memo.at[i])
        return pickle_bad(r, "asks for an object that it did not keep");
    return pickle_push(r, r->memo.at[i]);
}

static cseg_status memo_line(pickle_reader *r, uint64_t *out)
{
    char *line, *end;
    size_t n;
    TRY(pickle_take_line(r, &line, &n));
    *out = strtoull(line, &end, 10);
    return end == line || *end ? pickle_bad(r, "a memo number cannot be read") : CSEG_OK;
}

static cseg_status op_put(pickle_reader *r)
{
    uint64_t i;
    TRY(memo_line(r, &i));
    return memo_put(r, i);
}

static cseg_status op_binput(pickle_reader *r)
{
    uint64_t i;
    TRY(pickle_take_int(r, 1, &i));
    return memo_put(r, i);
}

static cseg_status op_long_binput(pickle_reader *r)
{
    uint64_t i;
    TRY(pickle_take_int(r, 4, &i));
    return memo_put(r, i);
}

static cseg_status op_memoize(pickle_reader *r)
{
    return memo_put(r, r->memo.n);
}

static cseg_status op_get(pickle_reader *r)
{
    uint64_t i;
    TRY(memo_line(r, &i));
    return memo_get(r, i);
}

static cseg_status op_binget(pickle_reader *r)
{
    uint64_t i;
    TRY(pickle_take_int(r, 1, &i));
    return memo_get(r, i);
}

static cseg_status op_long_binget(pickle_reader *r)
{
    uint64_t i;
    TRY(pickle_take_int(r, 4, &i));
    return memo_get(r, i);
}

/* --- opcodes: names, objects, calls --- */

static cseg_status push_name(pickle_reader *r, const char *module, const char *name)
{
    pickle_node *p;
    TRY(pickle_name(r, module, name, &p));
    return pickle_push(r, p);
}

static cseg_status op_global(pickle_reader *r)
{
    char *module, *name;
    size_t n;
    TRY(pickle_take_line(r, &module, &n));
    TRY(pickle_take_line(r, &name, &n));
    return push_name(r, module, name);
}

static cseg_status op_stack_global(pickle_reader *r)
{
    pickle_node *module, *name;
    TRY(pickle_pop(r, &name));
    TRY(pickle_pop(r, &module));
    if (!pickle_str(module) || !pickle_str(name))
        return pickle_bad(r, "a name that is no text");
    return push_name(r, pickle_str(module), pickle_str(name));
}

static cseg_status op_reduce(pickle_reader *r)
{
    pickle_node *callable, *args, *p;
    TRY(pickle_pop(r, &args));
    TRY(pickle_pop(r, &callable));
    if (args->kind != PICKLE_TUPLE)
        return pickle_bad(r, "arguments that are no tuple");
    TRY(pickle_call(r, callable, args, &p));
    return pickle_push(r, p);
}

/* An instance made without a call: whatever its class is, it is only a record here. */
static cseg_status push_object(pickle_reader *r, const pickle_node *type, const pickle_node *args,
                               const pickle_node *kwargs)
{
    if (type->kind != PICKLE_GLOBAL)
        return pickle_bad(r, "an instance of what is no class");
    pickle_node *p = pickle_new(r, PICKLE_OBJECT);
    if (!p)
        return fail_memory(r->err);
    p->type = type;
    p->object.args = args;
    p->object.kwargs = kwargs;
    return pickle_push(r, p);
}

static cseg_status op_newobj(pickle_reader *r)
{
    pickle_node *type, *args;
    TRY(pickle_pop(r, &args));
    TRY(pickle_pop(r, &type));
    return push_object(r, type, args, NULL);
}

static cseg_status op_newobj_ex(pickle_reader *r)
{
    pickle_node *type, *args, *kwargs;
    TRY(pickle_pop(r, &kwargs));
    TRY(pickle_pop(r, &args));
    TRY(pickle_pop(r, &type));
    return push_object(r, type, args, kwargs);
}

/* INST and OBJ call what they name if there are arguments, else they make an instance. */
static cseg_status push_old_object(pickle_reader *r, const pickle_node *type, pickle_node *args)
{
    if (args->seq.n == 0)
        return push_object(r, type, args, NULL);
    pickle_node *p;
    TRY(pickle_call(r, type, args, &p));
    return pickle_push(r, p);
}

static cseg_status op_inst(pickle_reader *r)
{
    char *module, *name;
    size_t n;
    pickle_node *type, *args;
    TRY(pickle_take_line(r, &module, &n));
    TRY(pickle_take_line(r, &name, &n));
    TRY(pickle_name(r, module, name, &type));
    TRY(from_mark(r, PICKLE_TUPLE));
    TRY(pickle_pop(r, &args));
    return push_old_object(r, type, args);
}

static cseg_status op_obj(pickle_reader *r)
{
    pickle_node **items, *type, *args;
    size_t n;
    TRY(pickle_pop_mark(r, &items, &n));
    if (n == 0)
        return pickle_bad(r, "an instance without a class");
    type = items[0];
    TRY(pickle_push_seq(r, PICKLE_TUPLE, items + 1, n - 1));
    TRY(pickle_pop(r, &args));
    return push_old_object(r, type, args);
}

static cseg_status op_build(pickle_reader *r)
{
    pickle_node *state, *p;
    TRY(pickle_pop(r, &state));
    TRY(pickle_top(r, &p));
    if (p->kind == PICKLE_OBJECT)
        p->object.state = state;
    else if (p->kind != PICKLE_DICT || !p->type) /* attributes of an OrderedDict (_metadata) have no meaning here */
        return pickle_bad(r, "gives a state to what is no object");
    return CSEG_OK;
}

static cseg_status push_persistent(pickle_reader *r, const pickle_node *id)
{
    pickle_node *p = pickle_new(r, PICKLE_PERSISTENT);
    if (!p || !vec_push(r->mem, &r->persistent, p))
        return fail_memory(r->err);
    p->object.args = id;
    return pickle_push(r, p);
}

static cseg_status op_persid(pickle_reader *r)
{
    char *line;
    size_t n;
    pickle_node *id;
    TRY(pickle_take_line(r, &line, &n));
    TRY(pickle_push_text(r, PICKLE_STR, line, n));
    TRY(pickle_pop(r, &id));
    return push_persistent(r, id);
}

static cseg_status op_binpersid(pickle_reader *r)
{
    pickle_node *id;
    TRY(pickle_pop(r, &id));
    return push_persistent(r, id);
}

static cseg_status op_proto(pickle_reader *r)
{
    uint64_t v;
    TRY(pickle_take_int(r, 1, &v));
    return v <= 5 ? CSEG_OK
                  : fail(r->err, CSEG_UNSUPPORTED, "%s: pickle protocol %d is newer than what is known (5)", r->name,
                         (int)v);
}

/* Frames help only readers of streams. */
static cseg_status op_frame(pickle_reader *r)
{
    uint64_t n;
    return pickle_take_int(r, 8, &n);
}

static pickle_handler *const handlers[256] = {
    ['('] = op_mark,          ['0'] = op_pop,
    ['1'] = op_pop_mark,      ['2'] = op_dup,
    ['F'] = pickle_op_float,  ['I'] = pickle_op_int,
    ['J'] = pickle_op_binint, ['K'] = pickle_op_binint1,
    ['L'] = pickle_op_int,    ['M'] = pickle_op_binint2,
    ['N'] = pickle_op_none,   ['P'] = op_persid,
    ['Q'] = op_binpersid,     ['R'] = op_reduce,
    ['S'] = pickle_op_string, ['T'] = pickle_op_str4,
    ['U'] = pickle_op_str1,   ['V'] = pickle_op_unicode,
    ['X'] = pickle_op_str4,   ['a'] = op_append,
    ['b'] = op_build,         ['c'] = op_global,
    ['d'] = op_dict,          ['}'] = op_empty_dict,
    ['e'] = op_appends,       ['g'] = op_get,
    ['h'] = op_binget,        ['i'] = op_inst,
    ['j'] = op_long_binget,   ['l'] = op_list,
    [']'] = op_empty_list,    ['o'] = op_obj,
    ['p'] = op_put,           ['q'] = op_binput,
    ['r'] = op_long_binput,   ['s'] = op_setitem,
    ['t'] = op_tuple,         [')'] = op_empty_tuple,
    ['u'] = op_setitems,      ['G'] = pickle_op_binfloat,
    ['B'] = pickle_op_bytes4, ['C'] = pickle_op_bytes1,
    [0x80] = op_proto,        [0x81] = op_newobj,
    [0x85] = op_tuple_short,  [0x86] = op_tuple_short,
    [0x87] = op_tuple_short,  [0x88] = pickle_op_true,
    [0x89] = pickle_op_false, [0x8a] = pickle_op_long1,
    [0x8b] = pickle_op_long4, [0x8c] = pickle_op_str1,
    [0x8d] = pickle_op_str8,  [0x8e] = pickle_op_bytes8,
    [0x8f] = op_empty_set,    [0x90] = op_additems,
    [0x91] = op_frozenset,    [0x92] = op_newobj_ex,
    [0x93] = op_stack_global, [0x94] = op_memoize,
    [0x95] = op_frame,        [0x96] = pickle_op_bytes8,
};

cseg_status pickle_read(const void *bytes, size_t n, const char *name, arena *mem, const pickle_node **out,
                        pickle_found *found, cseg_error *err)
{
    pickle_reader r = {.bytes = bytes, .n = n, .name = name, .mem = mem, .err = err};
    for (;;) {
        const uint8_t *op;
        r.op = r.at;
        TRY(pickle_take(&r, 1, &op));
        if (*op == '.')
            break;
        if (!handlers[*op])
            return fail(err, CSEG_CORRUPT, "%s: no pickle, or a damaged one: byte %zu is 0x%02x, no opcode", name, r.op,
                        *op);
        TRY(handlers[*op](&r));
        if (r.nodes > PICKLE_MOST_NODES)
            return fail(err, CSEG_CORRUPT,
                        "%s: pickle, byte %zu: it holds more than %d objects, which no checkpoint needs", name, r.op,
                        PICKLE_MOST_NODES);
    }
    pickle_node *root;
    TRY(pickle_pop(&r, &root));
    *out = root;
    if (found)
        *found = (pickle_found){r.at, r.persistent.at, r.persistent.n};
    return CSEG_OK;
}
