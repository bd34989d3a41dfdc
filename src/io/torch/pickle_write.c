/* Writes pickles of protocol 2. */
#include <string.h>

#include "io/torch/pickle.h"

void pickle_begin(pickle_writer *w, arena *mem)
{
    *w = (pickle_writer){.out = {.mem = mem}};
    strbuf_addn(&w->out, "\x80\x02", 2);
}

void pickle_end(pickle_writer *w)
{
    pickle_put_op(w, '.');
}

void pickle_put_op(pickle_writer *w, char op)
{
    strbuf_addn(&w->out, &op, 1);
}

static void put_le(pickle_writer *w, char op, uint64_t v, int bytes)
{
    char s[9] = {op};
    for (int i = 0; i < bytes; i++)
        s[1 + i] = (char)(v >> 8 * i);
    strbuf_addn(&w->out, s, (size_t)bytes + 1);
}

void pickle_put_none(pickle_writer *w)
{
    pickle_put_op(w, 'N');
}

void pickle_put_bool(pickle_writer *w, bool v)
{
    pickle_put_op(w, (char)(v ? 0x88 : 0x89));
}

void pickle_put_int(pickle_writer *w, int64_t v)
{
    if (v >= 0 && v < 256) {
        put_le(w, 'K', (uint64_t)v, 1);
    } else if (v >= 0 && v < 65536) {
        put_le(w, 'M', (uint64_t)v, 2);
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        put_le(w, 'J', (uint64_t)v, 4);
    } else {
        strbuf_addn(&w->out, "\x8a\x08", 2);
        put_le(w, (char)v, (uint64_t)v >> 8, 7);
    }
}

void pickle_put_float(pickle_writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_le(w, 'G', __builtin_bswap64(bits), 8);
}

void pickle_put_str(pickle_writer *w, const char *s, size_t n)
{
    if (n > UINT32_MAX) {
        w->out.failed = true;
        return;
    }
    put_le(w, 'X', n, 4);
    if (n)
        strbuf_addn(&w->out, s, n);
}

void pickle_put_global(pickle_writer *w, const char *module, const char *name)
{
    pickle_put_op(w, 'c');
    strbuf_add(&w->out, module);
    pickle_put_op(w, '\n');
    strbuf_add(&w->out, name);
    pickle_put_op(w, '\n');
}
