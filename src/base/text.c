#include "base/text.h"

#include <stdlib.h>
#include <string.h>

uint32_t text_next(const char **s, const char *end)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)*s;
    unsigned first = *at;
    int n = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    (*s)++;
    if (n < 2)
        return n == 1 ? first : TEXT_NONE;
    if (end - *s < n - 1)
        return TEXT_NONE;
    uint32_t c = first & (0x7fu >> n);
    for (int i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return TEXT_NONE;
        c = c << 6 | (at[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return TEXT_NONE;
    *s += n - 1;
    return c;
}

bool text_is_hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200b || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
           (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c < 0xe0080);
}

/* How the character at *s is shown: its own bytes, or an escape. Returns the length; moves *s to the next. */
static size_t shown(const char **s, const char *end, bool lines, char to[static 12])
{
    static const char named[] = "\n\r\t", names[] = "nrt";
    const char *from = *s;
    uint32_t c = text_next(s, end);
    const char *name = c && c < 0x20 ? strchr(named, (int)c) : NULL;
    if (c == TEXT_NONE)
        return (size_t)snprintf(to, 12, "\\x%02x", (unsigned)(unsigned char)*from);
    if (!text_is_hidden(c) || (lines && (c == '\n' || c == '\t'))) {
        memcpy(to, from, (size_t)(*s - from));
        return (size_t)(*s - from);
    }
    if (name)
        return (size_t)snprintf(to, 12, "\\%c", names[name - named]);
    return (size_t)snprintf(to, 12, c < 0x80 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
}

/* The destination of formatted text: a buffer of fixed size, or a stream. */
typedef struct sink {
    char *to;
    size_t room, n;
    FILE *out;
    bool full;
} sink;

/* Adds all of `s` or nothing, so that no character and no escape is ever cut. */
static void put(sink *k, const char *s, size_t n)
{
    if (k->out) {
        fwrite(s, 1, n, k->out);
        return;
    }
    k->full = k->full || n > k->room - k->n;
    if (k->full)
        return;
    memcpy(k->to + k->n, s, n);
    k->n += n;
}

static void put_plain(sink *k, const char *s, size_t n)
{
    for (const char *end = s + n, *from = s; s < end; from = s) {
        text_next(&s, end);
        put(k, from, (size_t)(s - from));
    }
}

/* One conversion of a format: %[flags][width][.precision][length]letter. */
typedef struct spec {
    bool left;
    int width, precision; /* -1: none */
    char length[3], letter;
    char text[48]; /* the same for snprintf, without stars; empty if it is too long */
} spec;

static int number_at(const char **f)
{
    int v = 0;
    while (**f >= '0' && **f <= '9' && v < 1000000)
        v = 10 * v + (*(*f)++ - '0');
    return v;
}

static int star_or_number(const char **f, va_list *ap)
{
    if (**f != '*')
        return number_at(f);
    (*f)++;
    return va_arg(*ap, int);
}

static spec read_spec(const char **f, va_list *ap)
{
    spec s = {.width = -1, .precision = -1};
    char flags[8] = "";
    for (size_t n = 0; **f && strchr("-+ #0", **f); (*f)++) {
        s.left |= **f == '-';
        if (n + 1 < sizeof flags)
            flags[n++] = **f;
    }
    if (**f == '*' || (**f >= '1' && **f <= '9')) {
        s.width = star_or_number(f, ap);
        if (s.width < 0) { /* as printf has it */
            s.left = true;
            s.width = -s.width;
        }
    }
    if (**f == '.') {
        (*f)++;
        s.precision = star_or_number(f, ap);
    }
    for (size_t n = 0; **f && strchr("hlzjt", **f); (*f)++)
        if (n + 1 < sizeof s.length)
            s.length[n++] = **f;
    s.letter = **f;
    *f += **f != 0;
    char width[16] = "", precision[16] = "";
    if (s.width >= 0)
        snprintf(width, sizeof width, "%s%d", s.left && !strchr(flags, '-') ? "-" : "", s.width);
    if (s.precision >= 0)
        snprintf(precision, sizeof precision, ".%d", s.precision);
    snprintf(s.text, sizeof s.text, "%%%s%s%s%s%c", flags, width, precision, s.length, s.letter);
    return s;
}

static void put_padding(sink *k, int n)
{
    for (; n > 0 && !k->full; n--)
        put(k, " ", 1);
}

static void put_string(sink *k, const spec *s, const char *text, size_t n)
{
    const char *end = text + n;
    bool ours = s->left && s->width < 0;
    char one[12];
    int columns = 0;
    if (s->width > 0)
        for (const char *at = text; at < end;) {
            size_t size = shown(&at, end, ours, one);
            columns += one[0] == '\\' ? (int)size : 1;
        }
    if (!s->left)
        put_padding(k, s->width - columns);
    for (const char *at = text; at < end;) {
        size_t size = shown(&at, end, ours, one);
        put(k, one, size);
    }
    if (s->left)
        put_padding(k, s->width - columns);
}

/* The bytes of a %s. A precision that would cut a character leaves that character out. */
static size_t length_of(const char *text, int precision)
{
    if (precision < 0)
        return strlen(text);
    size_t n = strnlen(text, (size_t)precision), back = n;
    if (n < (size_t)precision)
        return n;
    while (back > 0 && n - back < 3 && ((unsigned char)text[back - 1] & 0xc0) == 0x80)
        back--;
    if (back == 0 || (unsigned char)text[back - 1] < 0xc0)
        return n;
    unsigned char first = (unsigned char)text[back - 1];
    size_t whole = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return n - (back - 1) < whole ? back - 1 : n;
}

/* The compiler cannot follow the formats that read_spec returns; it has checked the callers'. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
static int put_signed(char *to, size_t n, const spec *s, va_list *ap)
{
    const char *l = s->length;
    if (strcmp(l, "ll") == 0)
        return snprintf(to, n, s->text, va_arg(*ap, long long));
    if (*l == 'j')
        return snprintf(to, n, s->text, va_arg(*ap, intmax_t));
    if (*l == 'l' || *l == 'z' || *l == 't') /* all of the size of a register */
        return snprintf(to, n, s->text, va_arg(*ap, long));
    return snprintf(to, n, s->text, va_arg(*ap, int));
}

static void put_number(sink *k, const spec *s, va_list *ap)
{
    char small[512];
    int n;
    if (s->letter == 'p')
        n = snprintf(small, sizeof small, s->text, va_arg(*ap, void *));
    else if (strchr("diuxXo", s->letter))
        n = put_signed(small, sizeof small, s, ap);
    else
        n = snprintf(small, sizeof small, s->text, va_arg(*ap, double));
    if (n > 0)
        put(k, small, (size_t)n < sizeof small ? (size_t)n : sizeof small - 1);
}
#pragma GCC diagnostic pop

static void put_conversion(sink *k, const char **f, va_list *ap)
{
    spec s = read_spec(f, ap);
    if (s.letter == 's') {
        const char *text = va_arg(*ap, const char *);
        if (!text)
            text = "(null)";
        put_string(k, &s, text, length_of(text, s.precision));
    } else if (s.letter == 'c') {
        char c = (char)va_arg(*ap, int);
        put_string(k, &s, &c, 1);
    } else if (s.letter == '%') {
        put(k, "%", 1);
    } else {
        put_number(k, &s, ap);
    }
}

static void format(sink *k, const char *fmt, va_list *ap)
{
    while (*fmt && !k->full) {
        size_t n = strcspn(fmt, "%");
        put_plain(k, fmt, n);
        fmt += n;
        if (*fmt) {
            fmt++;
            put_conversion(k, &fmt, ap);
        }
    }
}

size_t text_vprint(char *to, size_t n, const char *fmt, va_list ap)
{
    sink k = {.to = to, .room = n - 1};
    va_list mine;
    va_copy(mine, ap);
    format(&k, fmt, &mine);
    va_end(mine);
    to[k.n] = 0;
    return k.n;
}

size_t text_print(char *to, size_t n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    size_t used = text_vprint(to, n, fmt, ap);
    va_end(ap);
    return used;
}

void text_fprintf(FILE *out, const char *fmt, ...)
{
    sink k = {.out = out};
    va_list ap, mine;
    va_start(ap, fmt);
    va_copy(mine, ap);
    flockfile(out);
    format(&k, fmt, &mine);
    funlockfile(out);
    va_end(mine);
    va_end(ap);
}

void text_add(strbuf *b, const char *s, size_t n, bool lines)
{
    char one[12];
    strbuf_addn(b, "", 0);
    for (const char *end = s + n; s < end;) {
        size_t size = shown(&s, end, lines, one);
        strbuf_addn(b, one, size);
    }
}

char *text_harmless(arena *mem, const char *s)
{
    strbuf b = {.mem = mem};
    text_add(&b, s, strlen(s), false);
    return b.failed ? NULL : b.text;
}
