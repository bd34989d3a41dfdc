/* Lists of numbers from the kinds of files that mmengine.load and numpy.load read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "base/str.h"
#include "io/npy.h"

enum { MOST_BYTES = 16 * 1024 * 1024 };

typedef struct number_list {
    const char *path;
    arena *mem;
    VEC(double) v;
    cseg_error *err;
} number_list;

static cseg_status add(number_list *l, double v)
{
    if (!isfinite(v))
        return fail(l->err, CSEG_NUMERIC, "%s: number %zu is %s", l->path, l->v.n, isnan(v) ? "NaN" : "infinite");
    return vec_push(l->mem, &l->v, v) ? CSEG_OK : fail_memory(l->err);
}

static cseg_status not_numbers(const number_list *l)
{
    return fail(l->err, CSEG_CORRUPT, "%s: a flat list of numbers is expected; element %zu is none", l->path, l->v.n);
}

static cseg_status add_array(number_list *l, const pickle_array *a)
{
    if (a->ndim > 1)
        return fail(l->err, CSEG_SHAPE, "%s: a flat list of numbers is expected, not an array of %d dimensions",
                    l->path, a->ndim);
    for (int64_t i = 0; i < a->count; i++)
        TRY(add(l, pickle_array_get(a, i)));
    return CSEG_OK;
}

static cseg_status from_pickle(number_list *l, const char *bytes, size_t n)
{
    const pickle_node *root = NULL;
    pickle_array a;
    double v;
    TRY(pickle_read(bytes, n, l->path, l->mem, &root, NULL, l->err));
    if (pickle_is_array(root)) {
        TRY(pickle_as_array(root, l->path, &a, l->err));
        return add_array(l, &a);
    }
    if (root->kind != PICKLE_LIST && root->kind != PICKLE_TUPLE)
        return not_numbers(l);
    for (size_t i = 0; i < pickle_len(root); i++) {
        if (!pickle_number(pickle_item(root, i), &v))
            return not_numbers(l);
        TRY(add(l, v));
    }
    return CSEG_OK;
}

static cseg_status from_json(number_list *l, const char *text)
{
    const char *end = NULL;
    cseg_status status = CSEG_OK;
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);
    if (!root)
        return fail(l->err, CSEG_CORRUPT, "%s: is no JSON: cannot be read on from byte %zu", l->path,
                    end ? (size_t)(end - text) : 0);
    if (!cJSON_IsArray(root))
        status = not_numbers(l);
    for (const cJSON *v = root->child; v && status == CSEG_OK; v = v->next)
        status = cJSON_IsNumber(v) ? add(l, v->valuedouble) : not_numbers(l);
    cJSON_Delete(root);
    return status;
}

/* YAML writes a list in two ways: [1, 2] as JSON does, or one "- 1" a line; there may be comments. */
static cseg_status from_yaml(number_list *l, char *text)
{
    if (text[strspn(text, " \t\r\n")] == '[')
        return from_json(l, text);
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        line[strcspn(line, "#\r")] = 0;
        line += strspn(line, " \t");
        if (!*line || strcmp(line, "---") == 0)
            continue;
        char *end;
        double v = line[0] == '-' && line[1] == ' ' ? strtod(line + 2, &end) : (end = line, 0);
        if (end == line || end == line + 2 || end[strspn(end, " \t")])
            return not_numbers(l);
        TRY(add(l, v));
    }
    return CSEG_OK;
}

cseg_status numbers_read(const char *path, arena *mem, double **out, size_t *n, cseg_error *err)
{
    number_list l = {.path = path, .mem = mem, .err = err};
    char *bytes;
    size_t size;
    pickle_array a;
    TRY(file_read(path, MOST_BYTES, mem, &bytes, &size, err));
    if (str_ends(path, ".npy")) {
        TRY(npy_decode(bytes, size, path, mem, &a, err));
        TRY(add_array(&l, &a));
    } else if (str_ends(path, ".pkl") || str_ends(path, ".pickle")) {
        TRY(from_pickle(&l, bytes, size));
    } else if (str_ends(path, ".json")) {
        TRY(from_json(&l, bytes));
    } else if (str_ends(path, ".yml") || str_ends(path, ".yaml")) {
        TRY(from_yaml(&l, bytes));
    } else {
        return fail(err, CSEG_UNSUPPORTED, "%s: numbers are read from .npy, .pkl, .json and .yaml files", path);
    }
    *out = l.v.at;
    *n = l.v.n;
    return CSEG_OK;
}
