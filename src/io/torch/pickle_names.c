/* Tells which names a pickle may mention, and what the few calls mean that checkpoints are made of. Nothing is called
 * here either: a call becomes the value that it would give, or an inert object. */
#include <string.h>

#include "base/str.h"
#include "io/torch/pickle_reader.h"

/* Modules that a checkpoint never needs: every mention of them, and of modules below them, is refused. */
static const char *const refused_modules[] = {
    "os",        "posix",      "nt",
    "sys",       "subprocess", "pty",
    "shutil",    "socket",     "importlib",
    "runpy",     "ctypes",     "code",
    "codeop",    "commands",   "marshal",
    "pickle",    "_pickle",    "cloudpickle",
    "dill",      "joblib",     "signal",
    "pip",       "http",       "urllib",
    "requests",  "asyncio",    "multiprocessing",
    "inspect",   "pdb",        "bdb",
    "trace",     "timeit",     "profile",
    "cProfile",  "webbrowser", "tempfile",
    "platform",  "threading",  "types",
    "functools", "operator",   "io",
    "fileinput", "linecache",  "pydoc",
};

/* Every mention of another name of builtins is refused. */
static const char *const builtins[] = {
    "object", "set",   "frozenset", "bytearray", "bytes",   "complex", "list",   "dict",  "tuple",   "int",
    "long",   "float", "bool",      "str",       "unicode", "range",   "xrange", "slice", "getattr", /* only as in
                                                                                                        call_getattr */
};

typedef cseg_status call_rule(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out);

static cseg_status inert(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    *out = pickle_new(r, PICKLE_OBJECT);
    if (!*out)
        return fail_memory(r->err);
    (*out)->type = type;
    (*out)->object.args = args;
    return CSEG_OK;
}

static cseg_status may_copy(pickle_reader *r, size_t n)
{
    if (n > r->n - r->copied)
        return pickle_bad(r, "copies more than it holds");
    r->copied += n;
    return CSEG_OK;
}

static cseg_status add_pairs(pickle_reader *r, pickle_node *d, const pickle_node *from)
{
    TRY(may_copy(r, from->seq.n));
    for (size_t i = 0; i < from->seq.n; i++) {
        pickle_node *item = from->seq.at[i];
        if (from->kind == PICKLE_DICT) {
            if (!vec_push(r->mem, &d->seq, item))
                return fail_memory(r->err);
            continue;
        }
        if (!pickle_item(item, 1) || pickle_len(item) != 2)
            return pickle_bad(r, "a dict is made from what are no pairs");
        if (!vec_push(r->mem, &d->seq, item->seq.at[0]) || !vec_push(r->mem, &d->seq, item->seq.at[1]))
            return fail_memory(r->err);
    }
    return CSEG_OK;
}

/* OrderedDict, defaultdict, ConfigDict...: makes a dict from a dict or a list of pairs among the arguments. */
static cseg_status as_dict(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    pickle_node *d = pickle_new(r, PICKLE_DICT);
    if (!d)
        return fail_memory(r->err);
    d->type = type;
    for (size_t i = 0; i < args->seq.n; i++) {
        const pickle_node *from = args->seq.at[i];
        if (from->kind == PICKLE_DICT || from->kind == PICKLE_LIST || from->kind == PICKLE_TUPLE)
            TRY(add_pairs(r, d, from));
    }
    *out = d;
    return CSEG_OK;
}

static cseg_status as_set(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    (void)type;
    *out = pickle_new(r, PICKLE_SET);
    if (!*out)
        return fail_memory(r->err);
    if (args->seq.n == 0)
        return CSEG_OK;
    const pickle_node *from = args->seq.at[0];
    if (args->seq.n != 1 || (from->kind != PICKLE_LIST && from->kind != PICKLE_TUPLE && from->kind != PICKLE_SET))
        return pickle_bad(r, "a set is made from what is no list");
    /* Copies as it grows: the list keeps its own items. */
    TRY(may_copy(r, from->seq.n));
    (*out)->seq = from->seq;
    (*out)->seq.cap = from->seq.n;
    return CSEG_OK;
}

/* Bytes as protocol 2 writes them: text whose characters are the bytes, put into Latin-1. */
static cseg_status as_latin1(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    const pickle_node *s = pickle_item(args, 0);
    const char *coding = pickle_str(pickle_item(args, 1));
    if (!s || s->kind != PICKLE_STR || !coding || (strcmp(coding, "latin1") != 0 && strcmp(coding, "latin-1") != 0))
        return inert(r, type, args, out);
    TRY(may_copy(r, s->str.n));
    *out = pickle_new(r, PICKLE_BYTES);
    char *to = arena_alloc(r->mem, s->str.n + 1);
    if (!*out || !to)
        return fail_memory(r->err);
    size_t n = 0;
    const uint8_t *p = (const uint8_t *)s->str.text, *end = p + s->str.n;
    while (p < end) {
        if (*p < 0x80) {
            to[n++] = (char)*p++;
        } else if ((*p == 0xc2 || *p == 0xc3) && end - p > 1 && (p[1] & 0xc0) == 0x80) {
            to[n++] = (char)((*p & 3) << 6 | (p[1] & 0x3f));
            p += 2;
        } else {
            return pickle_bad(r, "bytes written as text hold a character that is no byte");
        }
    }
    (*out)->str.text = to;
    (*out)->str.n = n;
    return CSEG_OK;
}

static cseg_status as_bytes(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    const pickle_node *first = pickle_item(args, 0);
    if (args->seq.n == 2)
        return as_latin1(r, type, args, out);
    *out = pickle_new(r, PICKLE_BYTES);
    if (!*out)
        return fail_memory(r->err);
    (*out)->str.text = "";
    if (first && first->kind == PICKLE_BYTES)
        (*out)->str = first->str;
    return first && first->kind != PICKLE_BYTES ? inert(r, type, args, out) : CSEG_OK;
}

/* copyreg._reconstructor(class, base, state): protocols 0 and 1 make an instance in this way. */
static cseg_status as_instance(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    const pickle_node *class = pickle_item(args, 0), *state = pickle_item(args, 2);
    (void)type;
    if (!class || class->kind != PICKLE_GLOBAL)
        return pickle_bad(r, "an instance of what is no class");
    TRY(inert(r, class, args, out));
    if (state && state->kind == PICKLE_DICT)
        (*out)->object.pairs = (pickle_node *)state;
    if (state && state->kind == PICKLE_LIST)
        (*out)->object.items = (pickle_node *)state;
    return CSEG_OK;
}

/* mmengine's HistoryBuffer holds references to its own methods, and protocol 2 writes a method as getattr(class, name).
 * Only that form is accepted. */
static cseg_status call_getattr(pickle_reader *r, const pickle_node *type, pickle_node *args, pickle_node **out)
{
    const pickle_node *class = pickle_item(args, 0);
    const char *name = pickle_str(pickle_item(args, 1));
    if (args->seq.n == 2 && pickle_is(class, "mmengine.logging.history_buffer.HistoryBuffer") && name && name[0] != '_')
        return inert(r, type, args, out);
    return fail(r->err, CSEG_UNSUPPORTED,
                "%s: byte %zu: the file wants to call builtins.getattr on %s; that is refused, "
                "nothing in it was run",
                r->name, r->op, class && class->kind == PICKLE_GLOBAL ? class->global.name : "an object");
}

static const struct {
    const char *name; /* a '*' at the end: all that begin so */
    call_rule *rule;
} calls[] = {
    {"collections.OrderedDict", as_dict},
    {"collections.defaultdict", as_dict},
    {"collections.Counter", as_dict},
    {"mmengine.config.config.ConfigDict", as_dict},
    {"mmcv.utils.config.ConfigDict", as_dict},
    {"builtins.dict", as_dict},
    {"builtins.set", as_set},
    {"builtins.frozenset", as_set},
    {"builtins.bytearray", as_bytes},
    {"builtins.bytes", as_bytes},
    {"builtins.complex", inert},
    {"builtins.range", inert},
    {"builtins.slice", inert},
    {"builtins.getattr", call_getattr},
    {"_codecs.encode", as_latin1},
    {"copyreg._reconstructor", as_instance},
    {"collections.deque", inert},
    {"datetime.*", inert},
    {"pathlib.*", inert},
    {"numpy.dtype", inert},
    {"numpy.ndarray", inert},
    {"numpy.core.multiarray._reconstruct", inert},
    {"numpy.core.multiarray.scalar", inert},
    {"numpy.core.numeric._frombuffer", inert},
    {"torch._utils._rebuild_*", inert},
    {"torch._tensor._rebuild_from_type_v2", inert},
    {"torch.serialization._get_layout", inert},
    {"torch.nn.parameter.Parameter", inert},
    {"torch.Tensor", inert},
    {"torch.Size", inert},
    {"torch.device", inert},
    {"torch.dtype", inert},
};

/* Modules that were renamed between Python 2 and 3, or within NumPy. */
static const char *canonical_module(pickle_reader *r, const char *module)
{
    if (strcmp(module, "__builtin__") == 0)
        return "builtins";
    if (strcmp(module, "copy_reg") == 0)
        return "copyreg";
    if (str_starts(module, "numpy._core") && strlen(module) < 64)
        return arena_printf(r->mem, "numpy.core%s", module + strlen("numpy._core"));
    return module;
}

static cseg_status refuse(pickle_reader *r, const char *what, const char *module, const char *name)
{
    return fail(r->err, CSEG_UNSUPPORTED,
                "%s: byte %zu: the file wants to %s %.200s.%.200s; that is refused, nothing in it was run. "
                "Do not use this file with programs that run what they load",
                r->name, r->op, what, module, name);
}

/* Is `module` one of the refused ones, or below one? */
static bool is_refused_module(const char *module)
{
    for (size_t i = 0; i < sizeof refused_modules / sizeof *refused_modules; i++) {
        size_t n = strlen(refused_modules[i]);
        if (strncmp(module, refused_modules[i], n) == 0 && (module[n] == 0 || module[n] == '.'))
            return true;
    }
    return false;
}

static bool is_good_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (strcmp(name, builtins[i]) == 0)
            return true;
    return false;
}

cseg_status pickle_name(pickle_reader *r, const char *module, const char *name, pickle_node **out)
{
    pickle_node *p = pickle_new(r, PICKLE_GLOBAL);
    if (!p || !(p->global.module = canonical_module(r, module)))
        return fail_memory(r->err);
    p->global.name = name;
    if (is_refused_module(p->global.module) || (strcmp(p->global.module, "builtins") == 0 && !is_good_builtin(name)))
        return refuse(r, "use", p->global.module, name);
    *out = p;
    return CSEG_OK;
}

static bool matches(const char *pattern, const pickle_node *global)
{
    size_t m = strlen(global->global.module);
    if (strncmp(pattern, global->global.module, m) != 0 || pattern[m] != '.')
        return false;
    const char *rest = pattern + m + 1, *star = strchr(rest, '*');
    return star ? strncmp(rest, global->global.name, (size_t)(star - rest)) == 0 && !strchr(global->global.name, '.')
                : strcmp(rest, global->global.name) == 0;
}

cseg_status pickle_call(pickle_reader *r, const pickle_node *callable, pickle_node *args, pickle_node **out)
{
    if (callable->kind != PICKLE_GLOBAL)
        return fail(r->err, CSEG_UNSUPPORTED,
                    "%s: byte %zu: the file wants to call %s that it made itself; that is "
                    "refused, nothing in it was run",
                    r->name, r->op, pickle_kind_name(callable->kind));
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (matches(calls[i].name, callable))
            return calls[i].rule(r, callable, args, out);
    if (pickle_is(callable, "torch.storage._load_from_bytes"))
        return fail(r->err, CSEG_UNSUPPORTED,
                    "%s: byte %zu: holds tensors that plain pickle wrote; save it again with "
                    "torch.save",
                    r->name, r->op);
    return refuse(r, "call", callable->global.module, callable->global.name);
}
