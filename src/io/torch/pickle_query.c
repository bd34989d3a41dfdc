/* Answers questions about a pickle's tree that was read. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "io/torch/half.h"
#include "io/torch/pickle.h"

const char *pickle_kind_name(pickle_kind k)
{
    static const char *const names[] = {"None",     "a bool", "an integer", "an integer", "a float",
                                        "a string", "bytes",  "a list",     "a tuple",    "a set",
                                        "a dict",   "a name", "an object",  "a reference"};
    return names[k];
}

size_t pickle_len(const pickle_node *p)
{
    if (!p)
        return 0;
    switch (p->kind) {
    case PICKLE_LIST:
    case PICKLE_TUPLE:
    case PICKLE_SET:
        return p->seq.n;
    case PICKLE_DICT:
        return p->seq.n / 2;
    case PICKLE_STR:
    case PICKLE_BYTES:
        return p->str.n;
    default:
        return 0;
    }
}

/* Finds a dict's keys and values: in the node itself, or in an instance of a derived class. */
static const pickle_node *pairs_of(const pickle_node *p)
{
    return !p ? NULL : p->kind == PICKLE_DICT ? p : p->kind == PICKLE_OBJECT ? p->object.pairs : NULL;
}

const pickle_node *pickle_get(const pickle_node *dict, const char *key)
{
    const pickle_node *d = pairs_of(dict);
    size_t n = strlen(key);
    for (size_t i = d ? d->seq.n : 0; i >= 2; i -= 2) {
        const pickle_node *k = d->seq.at[i - 2];
        if (k->kind == PICKLE_STR && k->str.n == n && memcmp(k->str.text, key, n) == 0)
            return d->seq.at[i - 1];
    }
    return NULL;
}

const pickle_node *pickle_get_int(const pickle_node *dict, int64_t key)
{
    const pickle_node *d = pairs_of(dict);
    for (size_t i = d ? d->seq.n : 0; i >= 2; i -= 2)
        if (d->seq.at[i - 2]->kind == PICKLE_INT && d->seq.at[i - 2]->integer == key)
            return d->seq.at[i - 1];
    return NULL;
}

const pickle_node *pickle_item(const pickle_node *p, size_t i)
{
    bool sequence = p && (p->kind == PICKLE_LIST || p->kind == PICKLE_TUPLE || p->kind == PICKLE_SET);
    return sequence && i < p->seq.n ? p->seq.at[i] : NULL;
}

bool pickle_is(const pickle_node *p, const char *dotted)
{
    if (p && (p->kind == PICKLE_OBJECT || p->kind == PICKLE_DICT))
        p = p->type;
    if (!p || p->kind != PICKLE_GLOBAL)
        return false;
    size_t n = strlen(p->global.module);
    return strncmp(dotted, p->global.module, n) == 0 && dotted[n] == '.' && strcmp(dotted + n + 1, p->global.name) == 0;
}

const char *pickle_str(const pickle_node *p)
{
    return p && p->kind == PICKLE_STR && !memchr(p->str.text, 0, p->str.n) ? p->str.text : NULL;
}

/* --- numpy --- */

static bool type_of(const pickle_node *dtype, pickle_array *out)
{
    const char *code = dtype && pickle_is(dtype, "numpy.dtype") && dtype->kind == PICKLE_OBJECT
                           ? pickle_str(pickle_item(dtype->object.args, 0))
                           : NULL;
    const char *order = code ? pickle_str(pickle_item(dtype->object.state, 1)) : NULL;
    return code && pickle_array_type(order ? order[0] : '|', code, out);
}

bool pickle_array_type(char order, const char *code, pickle_array *out)
{
    static const char *const known[] = {"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(code, known[i]) == 0) {
            out->type = code[0];
            out->size = code[1] - '0';
            out->swapped = order == '>' && out->size > 1;
            return true;
        }
    return false;
}

static bool bytes_of(const pickle_node *p, const void **data, size_t *n)
{
    if (!p || (p->kind != PICKLE_BYTES && p->kind != PICKLE_STR))
        return false;
    *data = p->str.text;
    *n = p->str.n;
    return true;
}

static bool as_scalar(const pickle_node *p, pickle_array *out)
{
    size_t n;
    return p && p->kind == PICKLE_OBJECT && pickle_is(p, "numpy.core.multiarray.scalar") &&
           type_of(pickle_item(p->object.args, 0), out) && bytes_of(pickle_item(p->object.args, 1), &out->data, &n) &&
           n == (size_t)out->size;
}

bool pickle_int(const pickle_node *p, int64_t *out)
{
    pickle_array a = {0};
    if (!p)
        return false;
    if (p->kind == PICKLE_INT)
        *out = p->integer;
    else if (p->kind == PICKLE_BOOL)
        *out = p->boolean;
    else if (as_scalar(p, &a) && a.type != 'f')
        *out = (int64_t)pickle_array_bits(&a, 0);
    else
        return false;
    return true;
}

bool pickle_number(const pickle_node *p, double *out)
{
    pickle_array a = {0};
    int64_t i;
    if (!p)
        return false;
    if (p->kind == PICKLE_FLOAT) {
        *out = p->real;
    } else if (p->kind == PICKLE_BIGINT) {
        const uint8_t *b = (const uint8_t *)p->str.text;
        double v = b[p->str.n - 1] & 0x80 ? -1 : 0;
        for (size_t k = p->str.n; k-- > 0;)
            v = v * 256 + b[k];
        *out = v;
    } else if (as_scalar(p, &a)) {
        *out = pickle_array_get(&a, 0);
    } else if (pickle_int(p, &i)) {
        *out = (double)i;
    } else {
        return false;
    }
    return true;
}

uint64_t pickle_array_bits(const pickle_array *a, int64_t i)
{
    const uint8_t *p = (const uint8_t *)a->data + i * a->size;
    bool negative = a->type == 'i' && p[a->swapped ? 0 : a->size - 1] & 0x80;
    uint64_t v = negative ? UINT64_MAX : 0;
    for (int k = a->size - 1; k >= 0; k--)
        v = v << 8 | p[a->swapped ? a->size - 1 - k : k];
    return v;
}

double pickle_array_get(const pickle_array *a, int64_t i)
{
    uint64_t bits = pickle_array_bits(a, i);
    double d;
    if (a->type == 'i')
        return (double)(int64_t)bits;
    if (a->type != 'f')
        return (double)bits;
    if (a->size == 2)
        return (double)half_to_f32((uint16_t)bits);
    if (a->size == 4)
        return (double)half_of_bits((uint32_t)bits);
    memcpy(&d, &bits, sizeof d);
    return d;
}

bool pickle_is_array(const pickle_node *p)
{
    return p && p->kind == PICKLE_OBJECT &&
           (pickle_is(p, "numpy.core.multiarray._reconstruct") || pickle_is(p, "numpy.core.numeric._frombuffer"));
}

cseg_status pickle_array_shape(const int64_t *shape, int ndim, size_t bytes, const char *name, pickle_array *out,
                               cseg_error *err)
{
    int64_t count = 1;
    for (int i = 0; i < ndim; i++) {
        if (shape[i] < 0 || __builtin_mul_overflow(count, shape[i], &count))
            return fail(err, CSEG_CORRUPT, "%s: an array has an impossible shape", name);
        out->shape[i] = shape[i];
    }
    out->ndim = ndim;
    out->count = count;
    if ((uint64_t)count > bytes / (size_t)out->size)
        return fail(err, CSEG_CORRUPT, "%s: an array of %lld elements of %d bytes has only %zu bytes", name,
                    (long long)count, out->size, bytes);
    return CSEG_OK;
}

cseg_status pickle_as_array(const pickle_node *p, const char *name, pickle_array *out, cseg_error *err)
{
    const pickle_node *shape, *dtype, *data, *fortran;
    int64_t sizes[PICKLE_MAX_DIMS];
    size_t bytes;
    *out = (pickle_array){0};
    if (!pickle_is_array(p))
        return fail(err, CSEG_CORRUPT, "%s: a numpy array is expected, not %s", name,
                    p ? pickle_kind_name(p->kind) : "nothing");
    if (pickle_is(p, "numpy.core.numeric._frombuffer")) { /* (buffer, dtype, shape, order) */
        data = pickle_item(p->object.args, 0);
        dtype = pickle_item(p->object.args, 1);
        shape = pickle_item(p->object.args, 2);
        fortran = pickle_item(p->object.args, 3);
        out->fortran = pickle_str(fortran) && strcmp(pickle_str(fortran), "F") == 0;
    } else { /* state: (version, shape, dtype, is it Fortran, bytes) */
        shape = pickle_item(p->object.state, 1);
        dtype = pickle_item(p->object.state, 2);
        fortran = pickle_item(p->object.state, 3);
        data = pickle_item(p->object.state, 4);
        out->fortran = fortran && fortran->kind == PICKLE_BOOL && fortran->boolean;
    }
    if (!type_of(dtype, out) || !bytes_of(data, &out->data, &bytes))
        return fail(err, CSEG_UNSUPPORTED, "%s: the numpy array at byte %zu does not hold plain numbers", name, p->at);
    size_t ndim = pickle_len(shape);
    if (!shape || shape->kind != PICKLE_TUPLE || ndim > PICKLE_MAX_DIMS)
        return fail(err, CSEG_CORRUPT, "%s: the numpy array at byte %zu has no shape", name, p->at);
    for (size_t i = 0; i < ndim; i++)
        if (!pickle_int(pickle_item(shape, i), &sizes[i]))
            return fail(err, CSEG_CORRUPT, "%s: the numpy array at byte %zu has no shape", name, p->at);
    return pickle_array_shape(sizes, (int)ndim, bytes, name, out, err);
}
