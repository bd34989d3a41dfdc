/* Crafted checkpoints: zip archives and pickles with any lie in them. */
#ifndef TEST_MADE_H
#define TEST_MADE_H

#include <stdint.h>
#include <string.h>

#include <zlib.h>

#include "base/str.h"
#include "io/torch/pickle.h"

enum { MADE_PACKED = 1, MADE_DESCRIPTOR = 2, MADE_ZIP64 = 4 };

/* Zip: made_entry for each, then made_finish. `file` is the archive so far, `dir` its directory. */
typedef struct made {
    strbuf file, dir;
    int n;
} made;

static inline void made_put(strbuf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++, v >>= 8)
        strbuf_addn(b, &(char){(char)v}, 1);
}

/* The directory's record. `local` is where the header is said to be. */
static inline void made_listed(made *m, const char *name, size_t name_n, uint32_t crc, size_t packed, size_t n,
                               size_t local, int how)
{
    strbuf *d = &m->dir;
    bool wide = how & MADE_ZIP64;
    made_put(d, 0x02014b50, 4);
    made_put(d, 45 | 45 << 16, 4);
    made_put(d, how & MADE_DESCRIPTOR ? 8 : 0, 2);
    made_put(d, how & MADE_PACKED ? 8 : 0, 2);
    made_put(d, 0, 4);
    made_put(d, crc, 4);
    made_put(d, wide ? UINT32_MAX : packed, 4);
    made_put(d, wide ? UINT32_MAX : n, 4);
    made_put(d, name_n, 2);
    made_put(d, wide ? 28 : 0, 2);
    made_put(d, 0, 10);
    made_put(d, wide ? UINT32_MAX : local, 4);
    strbuf_addn(d, name, name_n);
    if (wide) {
        made_put(d, 1 | 24 << 16, 4);
        made_put(d, n, 8);
        made_put(d, packed, 8);
        made_put(d, local, 8);
    }
    m->n++;
}

/* Header and data; returns where the header is. */
static inline size_t made_data(made *m, const char *name, size_t name_n, uint32_t crc, const void *data, size_t packed,
                               size_t n, int how)
{
    strbuf *f = &m->file;
    size_t local = f->n;
    bool later = how & MADE_DESCRIPTOR;
    made_put(f, 0x04034b50, 4);
    made_put(f, 45, 2);
    made_put(f, later ? 8 : 0, 2);
    made_put(f, how & MADE_PACKED ? 8 : 0, 2);
    made_put(f, 0, 4);
    made_put(f, later ? 0 : crc, 4);
    made_put(f, later ? 0 : packed, 4);
    made_put(f, later ? 0 : n, 4);
    made_put(f, name_n, 2);
    made_put(f, 0, 2);
    strbuf_addn(f, name, name_n);
    strbuf_addn(f, data, packed);
    if (later) {
        made_put(f, 0x08074b50, 4);
        made_put(f, crc, 4);
        made_put(f, packed, 4);
        made_put(f, n, 4);
    }
    return local;
}

/* Raw DEFLATE of `data`, in the arena. */
static inline void *made_pack(arena *mem, const void *data, size_t n, size_t *packed)
{
    z_stream s = {.next_in = (Bytef *)data, .avail_in = (uInt)n};
    size_t room = n + n / 1000 + 100;
    void *to = arena_alloc(mem, room);
    deflateInit2(&s, 6, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    s.next_out = to;
    s.avail_out = (uInt)room;
    deflate(&s, Z_FINISH);
    *packed = room - s.avail_out;
    deflateEnd(&s);
    return to;
}

static inline void made_entry(made *m, const char *name, const void *data, size_t n, int how)
{
    size_t packed = n;
    uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, n);
    if (how & MADE_PACKED)
        data = made_pack(m->file.mem, data, n, &packed);
    size_t local = made_data(m, name, strlen(name), crc, data, packed, n, how);
    made_listed(m, name, strlen(name), crc, packed, n, local, how);
}

static inline void made_finish(made *m)
{
    size_t at = m->file.n;
    strbuf_addn(&m->file, m->dir.text, m->dir.n);
    made_put(&m->file, 0x06054b50, 4);
    made_put(&m->file, 0, 4);
    made_put(&m->file, (uint64_t)m->n, 2);
    made_put(&m->file, (uint64_t)m->n, 2);
    made_put(&m->file, m->dir.n, 4);
    made_put(&m->file, at, 4);
    made_put(&m->file, 0, 2);
}

/* A tensor of the pickle: a view of storage `key`, which is said to have `held` elements of FloatStorage. */
typedef struct made_view {
    const char *key;
    int64_t held, offset;
    int ndim;
    int64_t shape[9], stride[9];
} made_view;

static inline void made_sizes(pickle_writer *w, int n, const int64_t *v)
{
    pickle_put_op(w, '(');
    for (int i = 0; i < n; i++)
        pickle_put_int(w, v[i]);
    pickle_put_op(w, 't');
}

static inline void made_tensor(pickle_writer *w, const made_view *v, bool legacy)
{
    pickle_put_global(w, "torch._utils", "_rebuild_tensor_v2");
    pickle_put_op(w, '(');
    pickle_put_op(w, '(');
    pickle_put_str(w, "storage", 7);
    pickle_put_global(w, "torch", "FloatStorage");
    pickle_put_str(w, v->key, strlen(v->key));
    pickle_put_str(w, "cpu", 3);
    pickle_put_int(w, v->held);
    if (legacy)
        pickle_put_none(w);
    pickle_put_op(w, 't');
    pickle_put_op(w, 'Q');
    pickle_put_int(w, v->offset);
    made_sizes(w, v->ndim, v->shape);
    made_sizes(w, v->ndim, v->stride);
    pickle_put_bool(w, false);
    pickle_put_none(w);
    pickle_put_op(w, 't');
    pickle_put_op(w, 'R');
}

/* A dict of named tensors as a pickle. */
static inline void made_dict(pickle_writer *w, arena *mem, const char *const *names, const made_view *views, int n,
                             bool legacy)
{
    pickle_begin(w, mem);
    pickle_put_op(w, '}');
    pickle_put_op(w, '(');
    for (int i = 0; i < n; i++) {
        pickle_put_str(w, names[i], strlen(names[i]));
        made_tensor(w, &views[i], legacy);
    }
    pickle_put_op(w, 'u');
    pickle_end(w);
}

#endif
