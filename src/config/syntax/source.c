#include "config/syntax/source.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool source_char(char c, const char *set)
{
    return c && strchr(set, c);
}

size_t utf8_length(const char *s, size_t left)
{
    const unsigned char *p = (const unsigned char *)s;
    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xED && p[1] >= 0xA0;
    bool beyond = p[0] == 0xF4 && p[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}

size_t utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

size_t utf8_offset(const char *s, size_t n, size_t i)
{
    size_t at = 0;
    for (; at < n; at++)
        if (((unsigned char)s[at] & 0xC0) != 0x80 && i-- == 0)
            break;
    return at;
}

size_t utf8_encode(uint32_t c, char out[static 4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
    return n;
}

enum { STRIDE = 1024 };

static bool count_characters(source *s, arena *mem)
{
    size_t marks = s->original_n / STRIDE + 1;
    uint32_t *before = ARENA_ARRAY(mem, marks, uint32_t);
    if (!before)
        return false;
    for (size_t k = 1; k < marks; k++)
        before[k] = before[k - 1] + (uint32_t)utf8_count(s->original + (k - 1) * STRIDE, STRIDE);
    s->characters = before;
    return true;
}

static size_t characters_before(const source *s, size_t place)
{
    size_t mark = place / STRIDE;
    return s->characters[mark] + utf8_count(s->original + mark * STRIDE, place - mark * STRIDE);
}

static bool find_lines(source *s, arena *mem)
{
    size_t lines = 1;
    for (size_t i = 0; i < s->original_n; i++)
        lines += s->original[i] == '\n';
    uint32_t *line = ARENA_ARRAY(mem, lines, uint32_t);
    if (!line)
        return false;
    size_t k = 1;
    for (size_t i = 0; i < s->original_n; i++)
        if (s->original[i] == '\n')
            line[k++] = (uint32_t)i + 1;
    s->line = line;
    s->lines = lines;
    return true;
}

static cseg_status check_bytes(const source *s, cseg_error *err)
{
    for (size_t i = 0; i < s->original_n;) {
        size_t n = utf8_length(s->original + i, s->original_n - i);
        unsigned char c = (unsigned char)s->original[i];
        if (n == 0)
            return fail(err, CSEG_CONFIG, "%s:%d: byte 0x%02x is not UTF-8; save the file in that encoding", s->name,
                        source_spot(s, i).line, c);
        if (c < 32 && c != '\n' && c != '\t' && c != '\f')
            return fail(err, CSEG_CONFIG, "%s:%d: control character 0x%02x", s->name, source_spot(s, i).line, c);
        i += n;
    }
    return CSEG_OK;
}

cseg_status source_open(source *s, const char *name, const char *text, size_t n, arena *mem, cseg_error *err)
{
    if (n > LARGEST_CONFIG)
        return fail(err, CSEG_CONFIG, "%s: is larger than the %d MiB that a config may have", name,
                    LARGEST_CONFIG / 1024 / 1024);
    if (n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        n -= 3;
    }
    char *own = arena_alloc(mem, n + 1);
    if (!own)
        return fail_memory(err);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\r') {
            own[k++] = '\n';
            i += i + 1 < n && text[i + 1] == '\n';
        } else {
            own[k++] = text[i];
        }
    }
    *s = (source){.name = name, .original = own, .original_n = k, .text = own, .n = k};
    if (!find_lines(s, mem) || !count_characters(s, mem))
        return fail_memory(err);
    return check_bytes(s, err);
}

spot source_spot(const source *s, size_t at)
{
    size_t place = s->origin ? s->origin[at] : at, low = 0, high = s->lines;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->line[middle] <= place)
            low = middle;
        else
            high = middle;
    }
    size_t start = s->line[low];
    return (spot){(int)low + 1, (int)(characters_before(s, place) - characters_before(s, start)) + 1};
}

enum { SHOWN = 100, SHOWN_BEFORE = 60 };

/* The line and the caret. Of a long line only a window around the caret is shown. */
static void add_line(const source *s, spot at, char *text, size_t size)
{
    size_t used = strlen(text), start = s->line[at.line - 1];
    size_t end = (size_t)at.line < s->lines ? s->line[at.line] - 1 : s->original_n;
    const char *line = s->original + start;
    size_t n = end - start, caret = utf8_offset(line, n, (size_t)at.column - 1), from = 0;
    if (n > SHOWN && caret > SHOWN_BEFORE)
        for (from = caret - SHOWN_BEFORE; from < caret && ((unsigned char)line[from] & 0xC0) == 0x80;)
            from++;
    size_t until = n - from > SHOWN ? from + SHOWN : n;
    while (until > from && until < n && ((unsigned char)line[until] & 0xC0) == 0x80)
        until--;
    char before[4 * SHOWN + 1], under[4 * SHOWN + 1];
    size_t k = 0;
    text_print(before, sizeof before, "%-.*s", caret - from < SHOWN ? (int)(caret - from) : SHOWN, line + from);
    for (const char *c = before; *c; c++)
        if (((unsigned char)*c & 0xC0) != 0x80)
            under[k++] = *c == '\t' ? '\t' : ' ';
    under[k] = 0;
    text_print(text + used, size - used, "\n    %-.*s\n    %-s^", (int)(until - from), line + from, under);
}

cseg_status source_failv(const source *s, spot at, cseg_status code, cseg_error *err, const char *fmt, va_list ap)
{
    if (!err)
        return code;
    char what[1024];
    text_vprint(what, sizeof what, fmt, ap);
    fail(err, code, "%.500s:%d:%d: %-s", s->name, at.line, at.column, what);
    if (at.line >= 1 && (size_t)at.line <= s->lines)
        add_line(s, at, err->text, sizeof err->text);
    return code;
}

cseg_status source_fail(const source *s, spot at, cseg_status code, cseg_error *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    source_failv(s, at, code, err, fmt, ap);
    va_end(ap);
    return code;
}
