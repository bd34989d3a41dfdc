#include "io/json_items.h"

#include <string.h>

static void skip_space(json_items *j)
{
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\n' || *j->at == '\r' || *j->at == '\t'))
        j->at++;
}

/* From the opening quote to behind the closing one. */
static bool skip_string(json_items *j)
{
    for (j->at++; j->at < j->end && *j->at != '"'; j->at++)
        if (*j->at == '\\')
            j->at++;
    return j->at++ < j->end;
}

/* A string, a number or word, or all between a bracket and its partner. */
static bool skip_value(json_items *j)
{
    int depth = 0;
    do {
        if (j->at >= j->end)
            return false;
        char c = *j->at;
        if (c == '"') {
            if (!skip_string(j))
                return false;
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        if (depth < 0)
            return false;
        j->at++;
        if (depth == 0 && c != '}' && c != ']')
            while (j->at < j->end && !strchr(",]} \n\r\t", *j->at))
                j->at++;
    } while (depth > 0);
    return true;
}

static cseg_status bad(const json_items *j, cseg_error *err)
{
    return fail(err, CSEG_CORRUPT, "%s: is no JSON, or is cut off (byte %zu of %zu)", j->path,
                (size_t)(j->at - j->text), (size_t)(j->end - j->text));
}

static bool take(json_items *j, char c)
{
    skip_space(j);
    if (j->at >= j->end || *j->at != c)
        return false;
    j->at++;
    return true;
}

cseg_status json_items_begin(json_items *j, const char *text, size_t n, const char *key, const char *path,
                             cseg_error *err)
{
    *j = (json_items){.text = text, .at = text, .end = text + n, .path = path};
    if (!take(j, '{'))
        return bad(j, err);
    do {
        skip_space(j);
        const char *name = j->at + 1;
        if (j->at >= j->end || *j->at != '"' || !skip_string(j))
            return bad(j, err);
        bool found = (size_t)(j->at - 1 - name) == strlen(key) && memcmp(name, key, strlen(key)) == 0;
        if (!take(j, ':'))
            return bad(j, err);
        if (found && take(j, '['))
            return CSEG_OK;
        skip_space(j);
        if (!skip_value(j))
            return bad(j, err);
    } while (take(j, ','));
    return fail(err, CSEG_NOT_FOUND, "%s: has no array '%s'", path, key);
}

bool json_items_next(json_items *j, const char **item, size_t *length)
{
    if (j->damaged || take(j, ']'))
        return false;
    take(j, ',');
    skip_space(j);
    *item = j->at;
    j->damaged = !skip_value(j);
    *length = (size_t)(j->at - *item);
    return !j->damaged;
}

void json_members_begin(json_items *j, const char *text, size_t n, const char *path)
{
    *j = (json_items){.text = text, .at = text, .end = text + n, .path = path};
    j->damaged = !take(j, '{');
    j->begin = j->at;
}

bool json_members_next(json_items *j, const char **key, size_t *key_length, const char **value, size_t *length)
{
    bool first = j->at == j->begin;
    if (j->damaged)
        return false;
    if (take(j, '}')) {
        skip_space(j);
        j->damaged = j->at < j->end;
        return false;
    }
    j->damaged = !first && !take(j, ',');
    skip_space(j);
    *key = j->at;
    j->damaged |= j->at >= j->end || *j->at != '"' || !skip_string(j);
    if (j->damaged)
        return false;
    *key_length = (size_t)(j->at - *key);
    j->damaged = !take(j, ':');
    skip_space(j);
    *value = j->at;
    j->damaged = j->damaged || !skip_value(j) || j->at == *value;
    *length = (size_t)(j->at - *value);
    return !j->damaged;
}

cseg_status json_items_end(const json_items *j, cseg_error *err)
{
    return j->damaged ? bad(j, err) : CSEG_OK;
}
