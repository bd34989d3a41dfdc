#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

static const char magic[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6, ALIGN = 64 };

/* The header is a Python dict literal that NumPy itself writes: 'descr', 'fortran_order', 'shape', in any order. */
typedef struct header {
    const char *text; /* NUL-terminated copy */
    const char *name; /* of the file */
    cseg_error *err;
} header;

static cseg_status bad(const header *h, const char *what)
{
    return fail(h->err, CSEG_CORRUPT, "%s: damaged .npy header: %s", h->name, what);
}

/* What stands behind 'key': */
static const char *value_of(const header *h, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *p = strstr(h->text, quoted);
    if (!p)
        return NULL;
    p += strlen(quoted);
    p += strspn(p, " ");
    return *p == ':' ? p + 1 + strspn(p + 1, " ") : NULL;
}

static cseg_status read_type(const header *h, pickle_array *out)
{
    const char *p = value_of(h, "descr");
    if (!p)
        return bad(h, "no 'descr'");
    char code[8] = "";
    size_t n = *p == '\'' ? strcspn(p + 1, "'") : 0;
    if (n > 1 && n < sizeof code)
        memcpy(code, p + 2, n - 1);
    /* NumPy calls bool |b1; 'descr' may also be a list of fields. */
    if (n < 2 || !pickle_array_type(p[1], code, out))
        return fail(h->err, CSEG_UNSUPPORTED, "%s: holds elements of type %.*s; only plain numbers are read", h->name,
                    (int)strcspn(p, ",}"), p);
    return CSEG_OK;
}

static cseg_status read_shape(const header *h, int64_t *shape, int *ndim)
{
    const char *p = value_of(h, "shape");
    if (!p || *p++ != '(')
        return bad(h, "no 'shape'");
    *ndim = 0;
    for (p += strspn(p, " "); *p != ')'; p += strspn(p, ", ")) {
        char *end;
        long long v = strtoll(p, &end, 10);
        if (end == p || v < 0 || *ndim == PICKLE_MAX_DIMS)
            return bad(h, "'shape' cannot be read");
        shape[(*ndim)++] = v;
        p = end;
        if (*p != ',' && *p != ')')
            return bad(h, "'shape' cannot be read");
    }
    return CSEG_OK;
}

/* Where the array begins; the header's text is copied. */
static cseg_status find_header(const uint8_t *b, size_t n, const char *name, arena *mem, char **text, size_t *data,
                               cseg_error *err)
{
    if (n < MAGIC_BYTES + 4 || memcmp(b, magic, MAGIC_BYTES) != 0)
        return fail(err, CSEG_CORRUPT, "%s: is no .npy file, or a truncated one", name);
    if (b[6] < 1 || b[6] > 3)
        return fail(err, CSEG_UNSUPPORTED, "%s: version %d of the .npy format is not known", name, b[6]);
    size_t head = b[6] == 1 ? 10 : 12;
    size_t length = b[8] | (size_t)b[9] << 8;
    if (b[6] > 1 && n >= head)
        length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (n < head || length > n - head)
        return fail(err, CSEG_CORRUPT, "%s: ends inside its header, at byte %zu", name, n);
    *data = head + length;
    *text = arena_strndup(mem, (const char *)b + head, length);
    return *text ? CSEG_OK : fail_memory(err);
}

cseg_status npy_decode(const void *bytes, size_t n, const char *name, arena *mem, pickle_array *out, cseg_error *err)
{
    char *text = NULL;
    size_t data = 0;
    int64_t shape[PICKLE_MAX_DIMS];
    int ndim = 0;
    *out = (pickle_array){0};
    TRY(find_header(bytes, n, name, mem, &text, &data, err));
    header h = {text, name, err};
    TRY(read_type(&h, out));
    TRY(read_shape(&h, shape, &ndim));
    const char *fortran = value_of(&h, "fortran_order");
    if (!fortran)
        return bad(&h, "no 'fortran_order'");
    out->fortran = str_starts(fortran, "True");
    out->data = (const uint8_t *)bytes + data;
    return pickle_array_shape(shape, ndim, n - data, name, out, err);
}
