/* Reads and writes the safetensors format: 8 bytes with the length of a JSON text, the text, the tensors' bytes. The
 * text is {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..., "__metadata__": {...}}; offsets are
 * counted from the text's end. As the format demands, tensors lie one behind another, without gaps, to the file's end.
 */
#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/file.h"
#include "base/text.h"
#include "io/json_items.h"
#include "io/torch/pth_file.h"

/* The longest text that the format allows, and the boundary that the tensors' bytes begin at when written. */
enum { LENGTH_BYTES = 8, LONGEST_TEXT = 100000000, ALIGN = 8 };
/* A description is short, and the parser's tree of it many times longer. */
enum { LONGEST_ENTRY = 4096 };
#define LARGEST_COUNT 9007199254740992.0 /* whole numbers are exact up to here */

static const char *const names[PTH_TYPES] = {
    [PTH_F32] = "F32", [PTH_F64] = "F64", [PTH_F16] = "F16", [PTH_BF16] = "BF16", [PTH_I64] = "I64",
    [PTH_I32] = "I32", [PTH_I16] = "I16", [PTH_I8] = "I8",   [PTH_U8] = "U8",     [PTH_BOOL] = "BOOL",
};

static uint64_t length_of(const uint8_t *p)
{
    uint64_t length = 0;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--)
        length = length << 8 | p[i];
    return length;
}

bool pth_is_safetensors(const uint8_t *p, size_t n)
{
    return n > LENGTH_BYTES + 1 && p[8] == '{' && length_of(p) >= 2 && length_of(p) <= LONGEST_TEXT &&
           (p[9] == '"' || p[9] == '}' || p[9] == ' ' || p[9] == '\n' || p[9] == '\r' || p[9] == '\t');
}

static cseg_status read_type(const pth *p, const cJSON *dtype, pth_tensor *t, cseg_error *err)
{
    for (int i = 0; i < PTH_TYPES; i++)
        if (strcmp(dtype->valuestring, names[i]) == 0) {
            t->type = (pth_type)i;
            return CSEG_OK;
        }
    return fail(err, CSEG_UNSUPPORTED, "%s: tensor '%.200s' is of type %.20s, which has no meaning here", p->path,
                t->name, dtype->valuestring);
}

/* Reads an array of at most `most` whole numbers. Returns how many there are; -1: it is none. */
static int read_counts(const cJSON *array, int64_t *to, int most)
{
    int n = 0;
    if (!cJSON_IsArray(array))
        return -1;
    for (const cJSON *v = array->child; v; v = v->next) {
        if (n == most || !cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= LARGEST_COUNT))
            return -1;
        to[n] = (int64_t)v->valuedouble;
        if ((double)to[n++] != v->valuedouble)
            return -1;
    }
    return n;
}

/* Sets shape, strides and count; false: it is no shape, or the count does not fit. */
static bool read_shape(const cJSON *shape, pth_tensor *t)
{
    int n = read_counts(shape, t->shape, PTH_MAX_DIMS);
    t->ndim = n < 0 ? 0 : n;
    t->count = 1;
    for (int i = n - 1; i >= 0; i--) {
        t->stride[i] = t->count;
        if (__builtin_mul_overflow(t->count, t->shape[i], &t->count))
            return false;
    }
    return n >= 0;
}

/* Adds the tensor `name` that `entry` describes; its bytes are its storage. */
static cseg_status add_tensor(pth *p, const char *name, const cJSON *entry, size_t data, cseg_error *err)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(entry, "dtype"),
                *offsets = cJSON_GetObjectItemCaseSensitive(entry, "data_offsets");
    pth_tensor t = {.name = arena_strdup(p->mem, name), .storage = (int)p->storages.n};
    int64_t at[2], bytes;
    if (!t.name)
        return fail_memory(err);
    if (!cJSON_IsString(dtype))
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' has no dtype", p->path, name);
    TRY(read_type(p, dtype, &t, err));
    if (!read_shape(cJSON_GetObjectItemCaseSensitive(entry, "shape"), &t))
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' has a shape that is none, or has more than %d dimensions",
                    p->path, name, PTH_MAX_DIMS);
    if (read_counts(offsets, at, 2) != 2 || at[0] > at[1] || (uint64_t)at[1] > p->n - data)
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' lies outside of the file's %zu bytes", p->path, name, p->n);
    if (__builtin_mul_overflow(t.count, (int64_t)pth_type_size(t.type), &bytes) || bytes != at[1] - at[0])
        return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' has %lld bytes, which do not fit its shape and type",
                    p->path, name, (long long)(at[1] - at[0]));
    pth_storage s = {.key = t.name, .type = t.type, .bytes = p->bytes + data + at[0], .n = (uint64_t)bytes};
    return vec_push(p->mem, &p->storages, s) && vec_push(p->mem, &p->tensors, t) ? CSEG_OK : fail_memory(err);
}

/* A member of the text, both halves of it as they stand there. */
static cseg_status add_member(pth *p, const char *key, size_t n_key, const char *text, size_t n, size_t data,
                              cseg_error *err)
{
    cJSON *name = cJSON_ParseWithLength(key, n_key), *entry = n < LONGEST_ENTRY ? cJSON_ParseWithLength(text, n) : NULL;
    cseg_status status = CSEG_OK;
    if (!cJSON_IsString(name) || !cJSON_IsObject(entry))
        status = fail(err, CSEG_CORRUPT, "%s: the entry %.*s of its list, at byte %zu, describes no tensor", p->path,
                      (int)(n_key < 200 ? n_key : 200), key, (size_t)((const uint8_t *)key - p->bytes));
    else
        status = add_tensor(p, name->valuestring, entry, data, err);
    cJSON_Delete(name);
    cJSON_Delete(entry);
    return status;
}

static int compare_place(const void *a, const void *b)
{
    const pth_storage *x = a, *y = b;
    int order = (x->bytes > y->bytes) - (x->bytes < y->bytes);
    return order ? order : (x->n > y->n) - (x->n < y->n); /* empty ones first */
}

/* Bytes of two tensors would be read one way here and another way there, and bytes of none hide something. */
static cseg_status check_gaps(pth *p, const uint8_t *data, cseg_error *err)
{
    size_t n = p->storages.n;
    pth_storage *s = ARENA_ARRAY(p->mem, n, pth_storage);
    if (!s)
        return fail_memory(err);
    if (n)
        memcpy(s, p->storages.at, n * sizeof *s);
    qsort(s, n, sizeof *s, compare_place);
    for (size_t i = 0; i < n; data += s[i++].n)
        if (s[i].bytes != data)
            return fail(err, CSEG_CORRUPT, "%s: tensor '%.200s' begins at byte %zu, the one before it ends at byte %zu",
                        p->path, s[i].key, (size_t)(s[i].bytes - p->bytes), (size_t)(data - p->bytes));
    return data == p->bytes + p->n ? CSEG_OK
                                   : fail(err, CSEG_CORRUPT, "%s: has %zu bytes behind its last tensor", p->path,
                                          (size_t)(p->bytes + p->n - data));
}

cseg_status pth_open_safetensors(pth *p, cseg_error *err)
{
    static const char metadata[] = "\"__metadata__\"";
    uint64_t length = length_of(p->bytes);
    const char *key, *value;
    size_t n_key, n, data = LENGTH_BYTES + (size_t)length;
    json_items j;
    if (length > p->n - LENGTH_BYTES)
        return fail(err, CSEG_CORRUPT, "%s: ends too early: its list of tensors has %llu bytes, the file %zu", p->path,
                    (unsigned long long)length, p->n);
    json_members_begin(&j, (const char *)p->bytes + LENGTH_BYTES, (size_t)length, p->path);
    while (json_members_next(&j, &key, &n_key, &value, &n))
        if (n_key != sizeof metadata - 1 || memcmp(key, metadata, n_key) != 0)
            TRY(add_member(p, key, n_key, value, n, data, err));
    TRY(json_items_end(&j, err));
    TRY(check_gaps(p, p->bytes + data, err));
    return pth_sort_names(p, err);
}

/* --- writing --- */

static void put_entry(strbuf *b, const pth_value *name, const pth_value *t, uint64_t at)
{
    strbuf_add(b, b->n > 1 ? "," : "");
    text_add_json(b, name->text, strlen(name->text), false);
    strbuf_addf(b, ":{\"dtype\":\"%s\",\"shape\":[", names[t->type]);
    for (int i = 0; i < t->ndim; i++)
        strbuf_addf(b, "%s%lld", i ? "," : "", (long long)t->shape[i]);
    strbuf_addf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                (unsigned long long)(at + (uint64_t)t->count * pth_type_size(t->type)));
}

cseg_status pth_write_safetensors(const char *path, pth_builder *b, const pth_value *dict, cseg_error *err)
{
    cseg_status status = CSEG_OK;
    file_replace f = {0};
    strbuf text = {.mem = b->mem};
    uint64_t at = 0;
    if (b->failed || !dict)
        return fail_memory(err);
    strbuf_add(&text, "{");
    for (size_t i = 0; i + 1 < dict->items.n; i += 2) {
        put_entry(&text, dict->items.at[i], dict->items.at[i + 1], at);
        at += (uint64_t)dict->items.at[i + 1]->count * pth_type_size(dict->items.at[i + 1]->type);
    }
    strbuf_add(&text, "}");
    while (text.n % ALIGN && !text.failed)
        strbuf_add(&text, " ");
    if (text.failed)
        return fail_memory(err);
    TRY_DONE(file_replace_open(&f, path, b->mem, err));
    for (int i = 0; i < LENGTH_BYTES; i++)
        fputc((int)(text.n >> (8 * i) & 0xff), f.out);
    fwrite(text.text, 1, text.n, f.out);
    for (size_t i = 1; i < dict->items.n && !ferror(f.out); i += 2)
        fwrite(dict->items.at[i]->data, pth_type_size(dict->items.at[i]->type), (size_t)dict->items.at[i]->count,
               f.out);
    status = file_replace_commit(&f, err);
done:
    file_replace_abort(&f);
    return status;
}
