#include "cli/results.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"

struct results {
    file_replace file;
};

/* Opcodes of protocol 2, as Python's pickletools names them; literals may hold zeros. */
#define PUT(f, opcodes) fwrite(opcodes, 1, sizeof opcodes - 1, f)

static void put_u32(FILE *f, uint64_t v)
{
    for (int i = 0; i < 4; i++)
        fputc((int)(v >> 8 * i & 0xff), f);
}

static void put_int(FILE *f, int64_t v)
{
    PUT(f, "J"); /* BININT */
    put_u32(f, (uint64_t)v);
}

/* _codecs.encode(text, 'latin1'): bytes, as Python 3 writes them for protocol 2. */
static void put_bytes(FILE *f, const uint8_t *data, size_t n)
{
    size_t length = n;
    for (size_t i = 0; i < n; i++)
        length += data[i] >= 0x80;
    PUT(f, "c_codecs\nencode\nX"); /* GLOBAL, BINUNICODE */
    put_u32(f, length);
    for (size_t i = 0; i < n; i++) {
        if (data[i] < 0x80) {
            fputc(data[i], f);
        } else {
            fputc(0xc0 | data[i] >> 6, f);
            fputc(0x80 | (data[i] & 0x3f), f);
        }
    }
    PUT(f, "X\x06\0\0\0latin1\x86R"); /* BINUNICODE, TUPLE2, REDUCE */
}

/* dtype('u1') or dtype('<i4'): numpy.dtype(name, False, True) and its state (3, order, None, None, None, -1, -1, 0). */
static void put_dtype(FILE *f, bool wide)
{
    PUT(f, "cnumpy\ndtype\nX\x02\0\0\0");
    fputs(wide ? "i4" : "u1", f);
    PUT(f, "\x89\x88\x87R(K\x03X\x01\0\0\0");
    fputs(wide ? "<" : "|", f);
    PUT(f, "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
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
    PUT(r->file.out, "\x80\x02]("); /* PROTO, EMPTY_LIST, MARK */
    *out = r;
    return CSEG_OK;
}

cseg_status results_add(results *r, const image *labels, cseg_error *err)
{
    FILE *f = r->file.out;
    bool wide = labels->type != IMAGE_U8;
    size_t n = image_bytes(labels);
    if (n > UINT32_MAX / 2)
        return fail(err, CSEG_UNSUPPORTED, "%s: a label map of %zu bytes does not fit this kind of pickle",
                    r->file.path, n);
    /* numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), b'b') and its state (1, shape, dtype, False, data). */
    PUT(f, "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85");
    put_bytes(f, (const uint8_t *)"b", 1);
    PUT(f, "\x87R(K\x01");
    put_int(f, labels->h);
    put_int(f, labels->w);
    PUT(f, "\x86");
    put_dtype(f, wide);
    PUT(f, "\x89");
    put_bytes(f, labels->data, n);
    PUT(f, "tb");
    return ferror(f) ? fail_errno(err, r->file.path, "write") : CSEG_OK;
}

cseg_status results_commit(results *r, cseg_error *err)
{
    PUT(r->file.out, "e."); /* APPENDS, STOP */
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

/* One line a class: {"class": "water", "IoU": 84.2, "Acc": 90.1}; of an evaluator with a prefix: "val/IoU". */
static void add_classes(strbuf *b, const evaluation *v)
{
    const char *between = "";
    strbuf_add(b, ",\n    \"per_class\": [");
    for (int p = 0; p < v->n_parts; p++) {
        const metrics *m = &v->parts[p].m;
        const char *prefix = v->parts[p].prefix;
        for (int64_t i = 0; i < m->n_classes; i++) {
            strbuf_addf(b, "%s\n        {\"class\": ", between);
            text_add_json(b, m->classes[i], strlen(m->classes[i]), false);
            for (int k = 0; k < m->n_columns; k++) {
                strbuf_add(b, ", ");
                char *key = arena_printf(b->mem, "%s%s", prefix, m->columns[k]);
                b->failed |= !key;
                text_add_json(b, key ? key : "", key ? strlen(key) : 0, false);
                strbuf_add(b, ": ");
                add_number(b, m->values[k][i]);
            }
            strbuf_add(b, "}");
            between = ",";
        }
    }
    strbuf_add(b, "\n    ]\n");
}

cseg_status results_write_json(const char *path, const char *config, const evaluation *v, arena *mem, cseg_error *err)
{
    strbuf b = {.mem = mem};
    const char *indent = config ? "        " : "    ";
    strbuf_add(&b, "{\n");
    if (config) {
        strbuf_add(&b, "    \"config\": ");
        text_add_json(&b, config, strlen(config), false);
        strbuf_add(&b, ",\n    \"metric\": {\n");
    }
    for (int64_t i = 0; i < v->n; i++) {
        strbuf_add(&b, indent);
        text_add_json(&b, v->entries[i].key, strlen(v->entries[i].key), false);
        strbuf_add(&b, ": ");
        add_number(&b, v->entries[i].value);
        strbuf_add(&b, i + 1 < v->n ? ",\n" : config ? "\n" : "");
    }
    if (config)
        strbuf_add(&b, "    }\n}");
    else {
        add_classes(&b, v);
        strbuf_add(&b, "}\n");
    }
    return b.failed ? fail_memory(err) : file_replace_bytes(path, b.text, b.n, mem, err);
}
