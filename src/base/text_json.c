#include <string.h>

#include "base/text.h"

/* One character of a JSON string. Returns its length; moves *s to the next. */
static size_t json_char(const char **s, const char *end, bool ascii, char to[static 16])
{
    static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    const char *from = *s;
    uint32_t c = text_next(s, end);
    const char *name = c && c < 0x80 ? strchr(named, (int)c) : NULL;
    if (name)
        return (size_t)snprintf(to, 16, "\\%c", names[name - named]);
    if (c == TEXT_NONE)
        c = 0xfffd;
    else if (!text_is_hidden(c) && !(ascii && c >= 0x80)) {
        memcpy(to, from, (size_t)(*s - from));
        return (size_t)(*s - from);
    }
    if (c >= 0x10000)
        return (size_t)snprintf(to, 16, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                                (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
    return (size_t)snprintf(to, 16, "\\u%04x", (unsigned)c);
}

void text_add_json(strbuf *b, const char *s, size_t n, bool ascii)
{
    char one[16];
    strbuf_addn(b, "\"", 1);
    for (const char *end = s + n; s < end;) {
        size_t size = json_char(&s, end, ascii, one);
        strbuf_addn(b, one, size);
    }
    strbuf_addn(b, "\"", 1);
}

void text_print_json(FILE *out, const char *s)
{
    char one[16];
    fputc('"', out);
    for (const char *end = s + strlen(s); s < end;) {
        size_t size = json_char(&s, end, false, one);
        fwrite(one, 1, size, out);
    }
    fputc('"', out);
}
