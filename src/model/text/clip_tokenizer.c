#include "model/text/clip_tokenizer.h"

#include <stdbool.h>
#include <string.h>

#include "model/text/clip_merges.h"

/* Tokens: a byte, a byte that ends a word, then for each merge the pair that it makes; merges of lower rank come first.
 * So a pair is two tokens, and no strings are compared. */
enum { BYTES = 256, PAIRS = 2 * BYTES, MERGES = CLIP_START - PAIRS, SLOTS = 1 << 17 };

typedef struct slot {
    uint32_t pair;
    uint32_t made; /* its token; 0: the slot is free */
} slot;

struct clip_tokenizer {
    slot slots[SLOTS];
    uint16_t of_byte[BYTES];
};

static uint32_t first_slot(uint32_t pair)
{
    return (pair * 2654435769u) >> 15; /* 17 bits */
}

static void add_merge(clip_tokenizer *t, uint32_t pair, uint32_t made)
{
    uint32_t i = first_slot(pair);
    while (t->slots[i].made)
        i = (i + 1) % SLOTS;
    t->slots[i] = (slot){pair, made};
}

/* The token that two tokens make; 0: they are no pair. */
static uint32_t merged(const clip_tokenizer *t, const uint16_t *two)
{
    uint32_t pair = (uint32_t)two[0] << 16 | two[1], i = first_slot(pair);
    while (t->slots[i].made && t->slots[i].pair != pair)
        i = (i + 1) % SLOTS;
    return t->slots[i].made;
}

static bool is_visible(int byte)
{
    return (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
}

const clip_tokenizer *clip_tokenizer_new(arena *mem)
{
    clip_tokenizer *t = ARENA_NEW(mem, clip_tokenizer);
    if (!t)
        return NULL;
    /* Bytes that can be seen in Latin-1 come first. */
    uint16_t next = 0;
    for (int seen = 1; seen >= 0; seen--)
        for (int byte = 0; byte < BYTES; byte++)
            if (is_visible(byte) == seen)
                t->of_byte[byte] = next++;
    for (uint32_t i = 0; i < MERGES; i++) {
        const unsigned char *p = clip_merges + 4 * (size_t)i; /* two numbers, the low byte first */
        add_merge(t, (uint32_t)(p[0] | p[1] << 8) << 16 | (uint32_t)(p[2] | p[3] << 8), PAIRS + i);
    }
    return t;
}

/* Where the tokens go. */
typedef struct writer {
    const clip_tokenizer *t;
    int32_t *out;
    int n, most;
} writer;

static void put(writer *w, int32_t token)
{
    if (w->n < w->most)
        w->out[w->n++] = token;
}

enum { WORD = 256 }; /* the longest word, in bytes */

/* Makes the pair of the lowest rank, wherever it stands, until there is none. */
static void put_word(writer *w, const char *word, size_t n)
{
    uint16_t at[WORD];
    for (size_t i = 0; i < n; i++)
        at[i] = w->t->of_byte[(unsigned char)word[i]];
    at[n - 1] = (uint16_t)(at[n - 1] + BYTES);
    for (;;) {
        uint32_t least = UINT32_MAX;
        for (size_t i = 0; i + 1 < n; i++) {
            uint32_t made = merged(w->t, at + i);
            least = made && made < least ? made : least;
        }
        if (least == UINT32_MAX)
            break;
        size_t kept = 0;
        for (size_t i = 0; i < n; kept++) {
            bool pair = i + 1 < n && merged(w->t, at + i) == least;
            at[kept] = pair ? (uint16_t)least : at[i];
            i += pair ? 2 : 1;
        }
        n = kept;
    }
    for (size_t i = 0; i < n; i++)
        put(w, at[i]);
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Letters of two bytes, U+00C0 to U+017F without signs and ligatures, which the reference takes apart. */
static unsigned accented(const char *s)
{
    static const unsigned not [] = {0xd7, 0xf7, 0x130, 0x132, 0x133, 0x149, 0x17f};
    unsigned lead = (unsigned char)s[0], next = (unsigned char)s[1];
    if (lead < 0xc3 || lead > 0xc5 || (next & 0xc0) != 0x80)
        return 0;
    unsigned code = (lead & 0x1f) << 6 | (next & 0x3f);
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (code == not [i])
            return 0;
    return code;
}

static unsigned lowered(unsigned code)
{
    if (code < 0xdf)
        return code + 32;
    if (code < 0x100)
        return code;
    if (code == 0x178)
        return 0xff;
    bool odd_is_large = (code >= 0x139 && code <= 0x148) || code >= 0x179;
    bool alone = code == 0x131 || code == 0x138; /* without a large letter */
    return !alone && (code & 1) == odd_is_large ? code + 1 : code;
}

static bool is_letter(const char *s)
{
    return ((*s | 32) >= 'a' && (*s | 32) <= 'z') || (unsigned char)*s >= 0x80;
}

static bool is_digit(const char *s)
{
    return *s >= '0' && *s <= '9';
}

static bool is_sign(const char *s)
{
    return *s && !is_space((unsigned char)*s) && !is_letter(s) && !is_digit(s);
}

/* The length of the word that begins at s, which is no blank. */
static size_t word_length(const char *s)
{
    static const char *const endings[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(s, endings[i], strlen(endings[i])) == 0)
            return strlen(endings[i]);
    size_t n = 1;
    bool (*same)(const char *) = is_letter(s) ? is_letter : is_sign;
    while (!is_digit(s) && same(s + n))
        n++;
    return n;
}

/* Copies the text in lower case, each blank as ' '. */
static cseg_status clean(const char *text, char *to, size_t room, cseg_error *err)
{
    size_t n = 0;
    for (const char *s = text; *s; s++) {
        unsigned char c = (unsigned char)*s;
        unsigned code = accented(s);
        if (n + 3 > room)
            return fail(err, CSEG_CONFIG, "a text of more than %zu bytes is too long", room - 3);
        if (code && (unsigned char)s[2] < 0x80) {
            code = lowered(code);
            to[n++] = (char)(0xc0 | code >> 6);
            to[n++] = (char)(0x80 | (code & 0x3f));
            s++;
        } else if (c >= 0x7f || (c < ' ' && !is_space(c))) {
            return fail(err, CSEG_UNSUPPORTED,
                        "byte %zu of '%s' is no character that the tokenizer takes: ASCII, and single Latin letters "
                        "with accents",
                        (size_t)(s - text), text);
        } else if (c == '&' && (s[1] == '#' || is_letter(s + 1))) {
            return fail(err, CSEG_UNSUPPORTED,
                        "'%s' has an '&' that may begin an HTML entity; write the character itself, or a blank behind "
                        "'&', which changes no token",
                        text);
        } else {
            to[n++] = (char)(is_space(c) ? ' ' : c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
    }
    to[n] = '\0';
    return CSEG_OK;
}

int clip_tokenize(const clip_tokenizer *t, const char *text, int most, int32_t *out, cseg_error *err)
{
    static const char start[] = "<start_of_text>", end[] = "<end_of_text>";
    char lower[4096];
    writer w = {t, out, 0, most};
    if (clean(text, lower, sizeof lower, err) != CSEG_OK)
        return -1;
    put(&w, CLIP_START);
    for (const char *s = lower; *s;) {
        size_t n = *s == ' ' ? 1 : word_length(s);
        if (*s == ' ') {
            /* parts words */
        } else if (strncmp(s, start, strlen(start)) == 0) {
            put(&w, CLIP_START);
            n = strlen(start);
        } else if (strncmp(s, end, strlen(end)) == 0) {
            put(&w, CLIP_END);
            n = strlen(end);
        } else if (n > WORD) {
            fail(err, CSEG_CONFIG, "'%s' has a word of %zu bytes; at most %d are possible", text, n, WORD);
            return -1;
        } else {
            put_word(&w, s, n);
        }
        s += n;
    }
    if (w.n == most) /* CLIP_END stands there whatever is cut off */
        w.n--;
    put(&w, CLIP_END);
    return w.n;
}
