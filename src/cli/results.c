#include "cli/results.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"

struct results {
    file_replace file;
    bool first; /* the next array is the first: later ones use what it memoized */
};

/* Opcodes of protocol 2 (PROTO, EMPTY_LIST, GLOBAL ...), as Python's pickletools names them. */
static void put_u32(FILE *f, uint64_t v)
{
    for (int i = 0; i < 4; i++)
        fputc((int)(v >> 8 * i & 0xff), f);
}

static void put_int(FILE *f, int64_t v)
{
    fputc('J', f);
    put_u32(f, (uint64_t)v);
}

static void abort_later(void *arg)
{
    file_replace_abort(&((results *)arg)->file);
}

cseg_status results_open(const char *path, arena *mem, results **out, cseg_error *err)
{
    results *r = ARENA_NEW(mem, results);
    if (!r)
        return fail_memory(err);
    TRY(file_replace_open(&r->file, path, mem, err));
    if (!arena_defer(mem, abort_later, r))
        return fail_memory(err);
    r->first = true;
    fputs("\x80\x02](", r->file.out);
    *out = r;
    return CSEG_OK;
}

/* numpy's own way to pickle an array: _reconstruct(ndarray, (0,), b'b') and a state. Bytes of Python 2's kind read as
 * text in Latin-1 there, which numpy takes for its data when it is told the encoding; _codecs.encode makes them bytes
 * without that. */
static void put_array_head(FILE *f)
{
    fputs("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85", f);
}

static void put_bytes(FILE *f, const uint8_t *data, size_t n)
{
    /* _codecs.encode(text, 'latin1'), as protocol 2 of Python 3 writes bytes. */
    size_t length = n;
    for (size_t i = 0; i < n; i++)
        length += data[i] >= 0x80;
    fputs("c_codecs\nencode\nX", f);
    put_u32(f, length);
    for (size_t i = 0; i < n; i++) {
        if (data[i] < 0x80) {
            fputc(data[i], f);
        } else {
            fputc(0xc0 | data[i] >> 6, f);
            fputc(0x80 | (data[i] & 0x3f), f);
        }
    }
    fputc('X', f);
    put_u32(f, 6);
    fputs("latin1\x86R", f);
}

static void put_dtype(FILE *f, bool wide)
{
    fputs("cnumpy\ndtype\nX", f);
    put_u32(f, 2);
    fputs(wide ? "i4" : "u1", f);
    fputs("K", f);
    fputc(0, f);
    fputs("K\x01\x87R(K\x03X", f);
    put_u32(f, 1);
    fputs(wide ? "<" : "|", f);
    fputs("NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK", f);
    fputc(0, f);
    fputs("tb", f);
}

cseg_status results_add(results *r, const image *labels, cseg_error *err)
{
    FILE *f = r->file.out;
    bool wide = labels->type != IMAGE_U8;
    size_t n = image_bytes(labels);
    if (n > UINT32_MAX / 2)
        return fail(err, CSEG_UNSUPPORTED, "%s: a label map of %zu bytes does not fit this kind of pickle", r->file.path,
                    n);
    put_array_head(f);
    put_bytes(f, (const uint8_t *)"b", 1);
    fputs("\x87R(K\x01", f);
    put_int(f, labels->h);
    put_int(f, labels->w);
    fputs("\x86", f);
    put_dtype(f, wide);
    fputs("\x89", f);
    put_bytes(f, labels->data, n);
    fputs("tb", f);
    return ferror(f) ? fail_errno(err, r->file.path, "write") : CSEG_OK;
}

cseg_status results_commit(results *r, cseg_error *err)
{
    fputs("e.", r->file.out);
    return file_replace_commit(&r->file, err);
}

static const uint8_t cityscapes_ids[] = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33};

cseg_status results_write_png(const char *path, const image *labels, const dataset_meta *meta, cseg_error *err)
{
    image m = {0};
    cseg_status status = CSEG_OK;
    bool cityscapes = strcmp(meta->kind, "CityscapesDataset") == 0;
    if (labels->type != IMAGE_U8)
        return fail(err, CSEG_UNSUPPORTED, "%s: more than 256 classes do not fit a PNG of bytes", path);
    TRY_DONE(image_copy(labels, &m, err));
    uint8_t *v = m.data;
    for (int64_t i = 0, n = m.h * m.w; i < n; i++) {
        if (cityscapes && v[i] < sizeof cityscapes_ids)
            v[i] = cityscapes_ids[v[i]];
        else if (meta->reduce_zero_label)
            v[i]++;
    }
    TRY_DONE(image_write(path, &m, NULL, err));
done:
    image_release(&m);
    return status;
}

static void add_string(strbuf *b, const char *s)
{
    strbuf_add(b, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            strbuf_addf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            strbuf_addf(b, "\\u%04x", (unsigned)*s);
        else
            strbuf_addn(b, s, 1);
    }
    strbuf_add(b, "\"");
}

static void add_number(strbuf *b, double v)
{
    char text[32];
    if (isnan(v)) {
        strbuf_add(b, "NaN");
        return;
    }
    str_double(v, text);
    strbuf_add(b, text);
}

cseg_status results_write_json(const char *path, const char *config, const metrics_entry *entries, int64_t n,
                               arena *mem, cseg_error *err)
{
    strbuf b = {.mem = mem};
    const char *indent = config ? "        " : "    ";
    strbuf_add(&b, "{\n");
    if (config) {
        strbuf_add(&b, "    \"config\": ");
        add_string(&b, config);
        strbuf_add(&b, ",\n    \"metric\": {\n");
    }
    for (int64_t i = 0; i < n; i++) {
        strbuf_add(&b, indent);
        add_string(&b, entries[i].key);
        strbuf_add(&b, ": ");
        add_number(&b, entries[i].value);
        strbuf_add(&b, i + 1 < n ? ",\n" : "\n");
    }
    strbuf_add(&b, config ? "    }\n}" : "}\n");
    return b.failed ? fail_memory(err) : file_replace_bytes(path, b.text, b.n, mem, err);
}
