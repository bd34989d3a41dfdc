/* The parts of Python's standard library that configs use: paths, the environment, mathematics, copies. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "config/eval/eval.h"
#include "config/load/paths.h"
#include "config/syntax/keywords.h"

static cseg_status want_path(eval *ev, spot at, const value *v)
{
    if (v->kind != V_STR)
        return eval_fail(ev, at, "a path is a string, not %s", value_kind_name(v));
    if (strlen(v->as.str.text) != v->as.str.n)
        return eval_fail(ev, at, "a path with a NUL character in it");
    return CSEG_OK;
}

static cseg_status give_path(eval *ev, spot at, const char *path, value **out)
{
    return path ? eval_string(ev, at, path, strlen(path), out) : fail_memory(ev->err);
}

static cseg_status path_join_call(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    strbuf text = {.mem = ev->mem};
    for (size_t i = 0; i < a->n; i++) {
        TRY(want_path(ev, at, a->at[i]));
        if (a->at[i]->as.str.text[0] == '/')
            text.n = 0;
        else if (text.n && text.text[text.n - 1] != '/')
            strbuf_add(&text, "/");
        strbuf_addn(&text, a->at[i]->as.str.text, a->at[i]->as.str.n);
        TRY(eval_charge(ev, at, text.n / 16));
    }
    return eval_text(ev, at, &text, out);
}

/* Where the last component starts. */
static size_t base_of(const value *path)
{
    size_t n = path->as.str.n;
    while (n && path->as.str.text[n - 1] != '/')
        n--;
    return n;
}

static cseg_status path_basename(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    size_t base = base_of(a->at[0]);
    return eval_string(ev, at, a->at[0]->as.str.text + base, a->at[0]->as.str.n - base, out);
}

static size_t dir_length(const value *path)
{
    size_t n = base_of(path), kept = n;
    while (kept && path->as.str.text[kept - 1] == '/')
        kept--;
    return kept ? kept : n;
}

static cseg_status path_dirname(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return eval_string(ev, at, a->at[0]->as.str.text, dir_length(a->at[0]), out);
}

static cseg_status give_pair(eval *ev, spot at, const char *s, size_t n, size_t first, size_t second, value **out)
{
    value *v;
    TRY(eval_new(ev, at, V_TUPLE, out));
    TRY(eval_string(ev, at, s, first, &v));
    TRY(eval_append(ev, at, *out, v));
    TRY(eval_string(ev, at, s + second, n - second, &v));
    return eval_append(ev, at, *out, v);
}

static cseg_status path_split(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return give_pair(ev, at, a->at[0]->as.str.text, a->at[0]->as.str.n, dir_length(a->at[0]), base_of(a->at[0]), out);
}

static cseg_status path_splitext(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    const char *s = a->at[0]->as.str.text;
    size_t n = a->at[0]->as.str.n, start = base_of(a->at[0]), dot = n;
    while (start < n && s[start] == '.')
        start++;
    for (size_t i = start; i < n; i++)
        if (s[i] == '.')
            dot = i;
    return give_pair(ev, at, s, n, dot, dot, out);
}

static cseg_status path_normpath(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return give_path(ev, at, path_normal(ev->mem, a->at[0]->as.str.text), out);
}

static cseg_status path_abspath(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return give_path(ev, at, path_absolute(ev->mem, a->at[0]->as.str.text), out);
}

static cseg_status path_expanduser(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    const char *s = a->at[0]->as.str.text, *home = getenv("HOME");
    if (s[0] != '~' || !home)
        return give_path(ev, at, s, out);
    if (s[1] && s[1] != '/')
        return eval_refuse(ev, at, "another user's home folder");
    return give_path(ev, at, arena_printf(ev->mem, "%s%s", home, s + 1), out);
}

static cseg_status path_exists(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return eval_bool(ev, at, file_exists(a->at[0]->as.str.text), out);
}

static cseg_status path_isdir(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return eval_bool(ev, at, file_is_dir(a->at[0]->as.str.text), out);
}

static cseg_status path_isfile(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    const char *path = a->at[0]->as.str.text;
    return eval_bool(ev, at, file_exists(path) && !file_is_dir(path), out);
}

static cseg_status path_isabs(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    return eval_bool(ev, at, a->at[0]->as.str.text[0] == '/', out);
}

cseg_status eval_environ_get(eval *ev, spot at, const char *name, value **out)
{
    const char *text = *name && !strchr(name, '=') ? getenv(name) : NULL;
    *out = NULL;
    return text ? eval_string(ev, at, text, strlen(text), out) : CSEG_OK;
}

static cseg_status os_getenv(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    TRY(want_path(ev, at, a->at[0]));
    TRY(eval_environ_get(ev, at, a->at[0]->as.str.text, out));
    if (!*out)
        *out = a->at[1];
    return *out ? CSEG_OK : eval_none(ev, at, out);
}

static cseg_status os_getcwd(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    (void)a;
    return give_path(ev, at, path_absolute(ev->mem, "."), out);
}

static cseg_status os_cpu_count(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    (void)a;
    return eval_int(ev, at, sysconf(_SC_NPROCESSORS_ONLN), out);
}

static cseg_status copy_deepcopy(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return eval_copy(ev, at, a->at[0], out);
}

static cseg_status copy_copy(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    const builtin *copy = method_find(a->at[0]->kind == V_TUPLE ? V_LIST : a->at[0]->kind, "copy");
    args none = {0};
    *out = a->at[0];
    return copy && a->at[0]->kind != V_OBJECT ? copy->fn(ev, at, a->at[0], &none, out) : CSEG_OK;
}

static cseg_status real(eval *ev, spot at, const value *v, double *out)
{
    return value_number(v, out) ? CSEG_OK : eval_fail(ev, at, "a number is wanted, not %s", value_kind_name(v));
}

static cseg_status domain(eval *ev, spot at)
{
    return eval_fail(ev, at, "this function has no value there");
}

/* Functions of one number that give a float. */
#define MATH(name_, function_, valid_)                                                                                 \
    static cseg_status math_##name_(eval *ev, spot at, value *self, const args *a, value **out)                        \
    {                                                                                                                  \
        double x;                                                                                                      \
        (void)self;                                                                                                    \
        TRY(real(ev, at, a->at[0], &x));                                                                               \
        return valid_ ? eval_float(ev, at, function_(x), out) : domain(ev, at);                                        \
    }
MATH(sqrt, sqrt, !(x < 0))
MATH(exp, exp, !(x > 709.78))
MATH(log2, log2, !(x <= 0))
MATH(log10, log10, !(x <= 0))
MATH(sin, sin, !isinf(x))
MATH(cos, cos, !isinf(x))
MATH(tan, tan, !isinf(x))
MATH(fabs, fabs, true)

static cseg_status math_log(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    double x, base = 0;
    TRY(real(ev, at, a->at[0], &x));
    if (a->n > 1)
        TRY(real(ev, at, a->at[1], &base));
    if (x <= 0 || (a->n > 1 && (base <= 0 || base == 1)))
        return domain(ev, at);
    return eval_float(ev, at, a->n > 1 ? log(x) / log(base) : log(x), out);
}

static cseg_status math_pow(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    double x, y;
    TRY(real(ev, at, a->at[0], &x));
    TRY(real(ev, at, a->at[1], &y));
    double z = pow(x, y);
    return (isfinite(x) && isfinite(y) && !isfinite(z)) || (isnan(z) && !isnan(x) && !isnan(y))
               ? domain(ev, at)
               : eval_float(ev, at, z, out);
}

static cseg_status whole(eval *ev, spot at, const value *v, double (*round)(double), value **out)
{
    double x;
    TRY(real(ev, at, v, &x));
    if (v->kind == V_INT)
        return eval_int(ev, at, v->as.i, out);
    x = round(x);
    if (!(x >= -0x1p63 && x < 0x1p63))
        return eval_refuse(ev, at, "integers beyond 64 bits are not part of the config language");
    return eval_int(ev, at, (int64_t)x, out);
}

static cseg_status math_floor(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return whole(ev, at, a->at[0], floor, out);
}

static cseg_status math_ceil(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return whole(ev, at, a->at[0], ceil, out);
}

static cseg_status math_trunc(eval *ev, spot at, value *self, const args *a, value **out)
{
    (void)self;
    return whole(ev, at, a->at[0], trunc, out);
}

static const struct member {
    const char *module;
    builtin fn;
} functions[] = {
    {"os.path", {"join", path_join_call, 1, -1, NULL, V_OBJECT}},
    {"os.path", {"basename", path_basename, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"dirname", path_dirname, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"split", path_split, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"splitext", path_splitext, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"normpath", path_normpath, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"abspath", path_abspath, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"expanduser", path_expanduser, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"exists", path_exists, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"isdir", path_isdir, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"isfile", path_isfile, 1, 1, NULL, V_OBJECT}},
    {"os.path", {"isabs", path_isabs, 1, 1, NULL, V_OBJECT}},
    {"os", {"getenv", os_getenv, 1, 2, "key|default", V_OBJECT}},
    {"os", {"getcwd", os_getcwd, 0, 0, NULL, V_OBJECT}},
    {"os", {"cpu_count", os_cpu_count, 0, 0, NULL, V_OBJECT}},
    {"copy", {"deepcopy", copy_deepcopy, 1, 1, NULL, V_OBJECT}},
    {"copy", {"copy", copy_copy, 1, 1, NULL, V_OBJECT}},
    {"math", {"sqrt", math_sqrt, 1, 1, NULL, V_OBJECT}},
    {"math", {"exp", math_exp, 1, 1, NULL, V_OBJECT}},
    {"math", {"log", math_log, 1, 2, NULL, V_OBJECT}},
    {"math", {"log2", math_log2, 1, 1, NULL, V_OBJECT}},
    {"math", {"log10", math_log10, 1, 1, NULL, V_OBJECT}},
    {"math", {"pow", math_pow, 2, 2, NULL, V_OBJECT}},
    {"math", {"sin", math_sin, 1, 1, NULL, V_OBJECT}},
    {"math", {"cos", math_cos, 1, 1, NULL, V_OBJECT}},
    {"math", {"tan", math_tan, 1, 1, NULL, V_OBJECT}},
    {"math", {"fabs", math_fabs, 1, 1, NULL, V_OBJECT}},
    {"math", {"floor", math_floor, 1, 1, NULL, V_OBJECT}},
    {"math", {"ceil", math_ceil, 1, 1, NULL, V_OBJECT}},
    {"math", {"trunc", math_trunc, 1, 1, NULL, V_OBJECT}},
};

static const struct constant {
    const char *module, *name;
    const char *text; /* a string, or NULL */
    double number;
} constants[] = {
    {"os", "sep", "/", 0},
    {"os.path", "sep", "/", 0},
    {"math", "pi", NULL, 3.14159265358979323846},
    {"math", "e", NULL, 2.71828182845904523536},
    {"math", "tau", NULL, 6.28318530717958647693},
    {"math", "inf", NULL, INFINITY},
    {"math", "nan", NULL, NAN},
};

static bool known_module(const char *name)
{
    return strcmp(name, "os") == 0 || strcmp(name, "os.path") == 0 || strcmp(name, "math") == 0 ||
           strcmp(name, "copy") == 0;
}

cseg_status module_import(eval *ev, spot at, const char *module, value **out)
{
    if (stdlib_has(module))
        return eval_object(ev, at, known_module(module) ? OBJ_MODULE : OBJ_UNKNOWN, module, NULL, NULL, out);
    TRY(eval_string(ev, at, module, strlen(module), out));
    (*out)->kind = V_NAME;
    return CSEG_OK;
}

cseg_status module_member(eval *ev, spot at, const char *module, const char *name, value **out)
{
    if (strcmp(module, "os") == 0 && strcmp(name, "path") == 0)
        return eval_object(ev, at, OBJ_MODULE, "os.path", NULL, NULL, out);
    if (strcmp(module, "os") == 0 && strcmp(name, "environ") == 0)
        return eval_object(ev, at, OBJ_ENVIRON, "os.environ", NULL, NULL, out);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].module, module) == 0 && strcmp(functions[i].fn.name, name) == 0)
            return eval_object(ev, at, OBJ_FUNCTION, functions[i].fn.name, &functions[i].fn, NULL, out);
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (strcmp(constants[i].module, module) == 0 && strcmp(constants[i].name, name) == 0)
            return constants[i].text ? eval_string(ev, at, constants[i].text, strlen(constants[i].text), out)
                                     : eval_float(ev, at, constants[i].number, out);
    return eval_refuse(ev, at, "'%s.%s' is not part of the config language", module, name);
}
