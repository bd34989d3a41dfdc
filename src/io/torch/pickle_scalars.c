/* The pickle machine: opcodes for constants, numbers and text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "io/torch/pickle_reader.h"

static cseg_status push_int(pickle_reader *r, int64_t v)
{
    pickle_node *p = pickle_new(r, PICKLE_INT);
    if (p)
        p->integer = v;
    return pickle_push(r, p);
}

static cseg_status push_bool(pickle_reader *r, bool v)
{
    pickle_node *p = pickle_new(r, PICKLE_BOOL);
    if (p)
        p->boolean = v;
    return pickle_push(r, p);
}

static cseg_status push_float(pickle_reader *r, double v)
{
    pickle_node *p = pickle_new(r, PICKLE_FLOAT);
    if (p)
        p->real = v;
    return pickle_push(r, p);
}

cseg_status pickle_op_none(pickle_reader *r)
{
    return pickle_push(r, pickle_new(r, PICKLE_NONE));
}

cseg_status pickle_op_true(pickle_reader *r)
{
    return push_bool(r, true);
}

cseg_status pickle_op_false(pickle_reader *r)
{
    return push_bool(r, false);
}

cseg_status pickle_op_binint(pickle_reader *r)
{
    uint64_t v;
    TRY(pickle_take_int(r, 4, &v));
    return push_int(r, (int32_t)(uint32_t)v);
}

cseg_status pickle_op_binint1(pickle_reader *r)
{
    uint64_t v;
    TRY(pickle_take_int(r, 1, &v));
    return push_int(r, (int64_t)v);
}

cseg_status pickle_op_binint2(pickle_reader *r)
{
    uint64_t v;
    TRY(pickle_take_int(r, 2, &v));
    return push_int(r, (int64_t)v);
}

/* Two's complement, little-endian, any length. */
static cseg_status push_long(pickle_reader *r, uint64_t n)
{
    const uint8_t *p;
    TRY(pickle_take(r, n, &p));
    if (n > 8)
        return pickle_push_text(r, PICKLE_BIGINT, p, n);
    uint64_t v = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;
    for (uint64_t i = n; i-- > 0;)
        v = v << 8 | p[i];
    return push_int(r, (int64_t)v);
}

cseg_status pickle_op_long1(pickle_reader *r)
{
    uint64_t n;
    TRY(pickle_take_int(r, 1, &n));
    return push_long(r, n);
}

cseg_status pickle_op_long4(pickle_reader *r)
{
    uint64_t n;
    TRY(pickle_take_int(r, 4, &n));
    return push_long(r, n);
}

cseg_status pickle_op_binfloat(pickle_reader *r)
{
    const uint8_t *p;
    TRY(pickle_take(r, 8, &p));
    uint64_t bits = 0;
    double v;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    memcpy(&v, &bits, sizeof v);
    return push_float(r, v);
}

cseg_status pickle_op_float(pickle_reader *r)
{
    char *line, *end;
    size_t n;
    TRY(pickle_take_line(r, &line, &n));
    double v = strtod(line, &end);
    return end == line || *end ? pickle_bad(r, "a number cannot be read") : push_float(r, v);
}

/* INT and LONG as text; INT says False and True as 00 and 01. */
cseg_status pickle_op_int(pickle_reader *r)
{
    char *line, *end;
    size_t n;
    TRY(pickle_take_line(r, &line, &n));
    if (strcmp(line, "00") == 0 || strcmp(line, "01") == 0)
        return push_bool(r, line[1] == '1');
    errno = 0;
    long long v = strtoll(line, &end, 10);
    if (end == line || (*end && strcmp(end, "L") != 0))
        return pickle_bad(r, "a number cannot be read");
    if (errno == ERANGE)
        return push_float(r, strtod(line, NULL));
    return push_int(r, v);
}

static cseg_status push_counted(pickle_reader *r, int length_bytes, pickle_kind kind)
{
    uint64_t n;
    const uint8_t *p;
    TRY(pickle_take_int(r, length_bytes, &n));
    TRY(pickle_take(r, n, &p));
    return pickle_push_text(r, kind, p, n);
}

cseg_status pickle_op_str1(pickle_reader *r)
{
    return push_counted(r, 1, PICKLE_STR);
}

cseg_status pickle_op_str4(pickle_reader *r)
{
    return push_counted(r, 4, PICKLE_STR);
}

cseg_status pickle_op_str8(pickle_reader *r)
{
    return push_counted(r, 8, PICKLE_STR);
}

cseg_status pickle_op_bytes1(pickle_reader *r)
{
    return push_counted(r, 1, PICKLE_BYTES);
}

cseg_status pickle_op_bytes4(pickle_reader *r)
{
    return push_counted(r, 4, PICKLE_BYTES);
}

cseg_status pickle_op_bytes8(pickle_reader *r)
{
    return push_counted(r, 8, PICKLE_BYTES);
}

static int hex_digits(const char *s, size_t n, size_t want, uint32_t *out)
{
    uint32_t v = 0;
    if (n < want)
        return 0;
    for (size_t i = 0; i < want; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (d < 0)
            return 0;
        v = v << 4 | (uint32_t)d;
    }
    *out = v;
    return (int)want;
}

/* STRING: a Python 2 literal in quotes. */
cseg_status pickle_op_string(pickle_reader *r)
{
    char *s;
    size_t n, to = 0;
    TRY(pickle_take_line(r, &s, &n));
    if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0])
        return pickle_bad(r, "a string has no quotes");
    for (size_t i = 1; i < n - 1; i++) {
        uint32_t v = (uint8_t)s[i];
        if (s[i] == '\\' && i + 1 < n - 1) {
            char c = s[++i];
            if (c == 'x')
                i += (size_t)hex_digits(s + i + 1, n - 2 - i, 2, &v);
            else
                v = (uint8_t)(c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c);
        }
        s[to++] = (char)v;
    }
    return pickle_push_text(r, PICKLE_STR, s, to);
}

static void add_utf8(strbuf *b, uint32_t v)
{
    char s[4];
    size_t n = 0;
    if (v < 0x80) {
        s[n++] = (char)v;
    } else {
        if (v < 0x800) {
            s[n++] = (char)(0xc0 | v >> 6);
        } else {
            if (v < 0x10000) {
                s[n++] = (char)(0xe0 | v >> 12);
            } else {
                s[n++] = (char)(0xf0 | (v >> 18 & 7));
                s[n++] = (char)(0x80 | (v >> 12 & 0x3f));
            }
            s[n++] = (char)(0x80 | (v >> 6 & 0x3f));
        }
        s[n++] = (char)(0x80 | (v & 0x3f));
    }
    strbuf_addn(b, s, n);
}

/* UNICODE: Latin-1 with \uXXXX and \UXXXXXXXX. */
cseg_status pickle_op_unicode(pickle_reader *r)
{
    char *s;
    size_t n;
    strbuf b = {.mem = r->mem};
    TRY(pickle_take_line(r, &s, &n));
    for (size_t i = 0; i < n; i++) {
        uint32_t v = (uint8_t)s[i];
        if (s[i] == '\\' && i + 1 < n && (s[i + 1] == 'u' || s[i + 1] == 'U')) {
            int used = hex_digits(s + i + 2, n - i - 2, s[i + 1] == 'u' ? 4 : 8, &v);
            i += used ? (size_t)used + 1 : 0;
        }
        add_utf8(&b, v);
    }
    return b.failed ? fail_memory(r->err) : pickle_push_text(r, PICKLE_STR, b.n ? b.text : "", b.n);
}
