#include "config/load/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/value_internal.h"

enum { DEEPEST = 200, MOST_COMPARISONS = 30000000 };

typedef struct reader {
    const source *s;
    size_t at;
    size_t comparisons; /* of keys, which are compared one by one */
    arena *mem;
    cseg_error *err;
} reader;

static cseg_status read_value(reader *r, int depth, value **out);

static cseg_status bad(reader *r, const char *what)
{
    return source_fail(r->s, source_spot(r->s, r->at), CSEG_CONFIG, r->err, "%s", what);
}

static char peek(const reader *r)
{
    return r->at < r->s->n ? r->s->text[r->at] : 0;
}

static char next_of(reader *r)
{
    while (peek(r) && strchr(" \t\n", peek(r)))
        r->at++;
    return peek(r);
}

static where here(const reader *r)
{
    spot at = source_spot(r->s, r->at);
    return (where){r->s->name, at.line, at.column};
}

static cseg_status give(reader *r, value *v, value **out)
{
    *out = v;
    return v ? CSEG_OK : fail_memory(r->err);
}

static int hex4(const reader *r, size_t at)
{
    int code = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = at + i < r->s->n ? r->s->text[at + i] : 0;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

/* \uXXXX, or a pair of them for a character above 0xFFFF; r->at is behind the 'u'. */
static cseg_status read_code(reader *r, strbuf *text)
{
    int code = hex4(r, r->at), low;
    if (code < 0)
        return bad(r, "\\u wants four hexadecimal digits");
    r->at += 4;
    if (code >= 0xD800 && code <= 0xDFFF) {
        bool pair = code < 0xDC00 && r->at + 1 < r->s->n && r->s->text[r->at] == '\\' && r->s->text[r->at + 1] == 'u';
        low = pair ? hex4(r, r->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return bad(r, "half a surrogate pair is no character");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        r->at += 6;
    }
    char utf8[4];
    strbuf_addn(text, utf8, utf8_encode((uint32_t)code, utf8));
    return CSEG_OK;
}

static cseg_status read_string(reader *r, value **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    where at = here(r);
    strbuf text = {.mem = r->mem};
    for (r->at++; peek(r) != '"';) {
        char c = peek(r);
        if (c == 0 || c == '\n')
            return bad(r, "this string is not closed");
        r->at++;
        if (c != '\\') {
            strbuf_addn(&text, &c, 1);
            continue;
        }
        c = peek(r);
        const char *simple = c ? strchr(from, c) : NULL;
        r->at++;
        if (simple)
            strbuf_addn(&text, &to[simple - from], 1);
        else if (c == 'u')
            TRY(read_code(r, &text));
        else
            return bad(r, "this escape has no meaning in JSON");
    }
    r->at++;
    if (text.failed)
        return fail_memory(r->err);
    return give(r, value_strn(r->mem, text.text ? text.text : "", text.n, at), out);
}

static cseg_status read_number(reader *r, value **out)
{
    where at = here(r);
    size_t start = r->at;
    while (peek(r) && strchr("+-.0123456789eE", peek(r)))
        r->at++;
    char *text = arena_strndup(r->mem, r->s->text + start, r->at - start), *end;
    if (!text)
        return fail_memory(r->err);
    const char *digits = text + (*text == '-');
    bool well = *digits >= '0' && *digits <= '9' && !(digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9');
    if (well && !strpbrk(text, ".eE")) {
        errno = 0;
        long long i = strtoll(text, &end, 10);
        if (errno == ERANGE)
            return bad(r, "integers beyond 64 bits are not part of the config language");
        if (!*end)
            return give(r, value_int(r->mem, i, at), out);
    }
    double f = strtod(text, &end);
    r->at = start;
    if (!well || *end)
        return bad(r, "this is no value in JSON");
    r->at = start + strlen(text);
    return give(r, value_float(r->mem, f, at), out);
}

static cseg_status read_list(reader *r, int depth, value **out)
{
    TRY(give(r, value_new(r->mem, V_LIST, here(r)), out));
    r->at++;
    if (next_of(r) == ']') {
        r->at++;
        return CSEG_OK;
    }
    for (;;) {
        value *item;
        TRY(read_value(r, depth + 1, &item));
        if (!value_append(r->mem, *out, item))
            return fail_memory(r->err);
        char c = next_of(r);
        if (c != ',' && c != ']')
            return bad(r, "',' or ']' is wanted here");
        r->at++;
        if (c == ']')
            return CSEG_OK;
    }
}

static cseg_status read_dict(reader *r, int depth, value **out)
{
    TRY(give(r, value_new(r->mem, V_DICT, here(r)), out));
    r->at++;
    if (next_of(r) == '}') {
        r->at++;
        return CSEG_OK;
    }
    for (;;) {
        value *key, *item;
        if (next_of(r) != '"')
            return bad(r, "a key in double quotes is wanted here");
        TRY(read_string(r, &key));
        if (strlen(key->as.str.text) != key->as.str.n)
            return bad(r, "a key with a NUL character in it");
        if (next_of(r) != ':')
            return bad(r, "':' is wanted here");
        r->at++;
        TRY(read_value(r, depth + 1, &item));
        r->comparisons += (*out)->as.dict.n;
        if (r->comparisons > MOST_COMPARISONS)
            return bad(r, "too many keys");
        if (!value_set(r->mem, *out, key->as.str.text, item))
            return fail_memory(r->err);
        char c = next_of(r);
        if (c != ',' && c != '}')
            return bad(r, "',' or '}' is wanted here");
        r->at++;
        if (c == '}')
            return CSEG_OK;
    }
}

static cseg_status read_word(reader *r, value **out)
{
    static const struct {
        const char *word;
        value_kind kind;
        double number;
    } words[] = {{"null", V_NONE, 0},
                 {"true", V_BOOL, 1},
                 {"false", V_BOOL, 0},
                 {"NaN", V_FLOAT, NAN},
                 {"Infinity", V_FLOAT, INFINITY},
                 {"-Infinity", V_FLOAT, -INFINITY}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t n = strlen(words[i].word);
        if (r->s->n - r->at < n || memcmp(r->s->text + r->at, words[i].word, n) != 0)
            continue;
        value *v = value_new(r->mem, words[i].kind, here(r));
        r->at += n;
        if (v && v->kind == V_BOOL)
            v->as.b = words[i].number != 0;
        else if (v && v->kind == V_FLOAT)
            v->as.f = words[i].number;
        return give(r, v, out);
    }
    return read_number(r, out);
}

static cseg_status read_value(reader *r, int depth, value **out)
{
    if (depth > DEEPEST)
        return bad(r, "nested too deeply");
    switch (next_of(r)) {
    case '{':
        return read_dict(r, depth, out);
    case '[':
        return read_list(r, depth, out);
    case '"':
        return read_string(r, out);
    case 0:
        return bad(r, "the text ends where a value is wanted");
    default:
        return read_word(r, out);
    }
}

cseg_status json_parse(const source *s, arena *mem, value **out, cseg_error *err)
{
    reader r = {.s = s, .mem = mem, .err = err};
    TRY(read_value(&r, 0, out));
    return next_of(&r) ? bad(&r, "more text behind the value") : CSEG_OK;
}
