#include "config/load/template.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"

enum { LONGEST_DEFAULT = 1024 };

static const char OPEN[] = "\x01{_base_.", CLOSE[] = "}\x01";

typedef struct rewriter {
    const source *s;
    const char *path;
    strbuf out;
    uint32_t *origin;
    size_t cap;
    size_t close; /* the last answer of next_close() */
    arena *mem;
    cseg_error *err;
} rewriter;

/* Appends text that came from `place` on (if `same`, each byte from the next place). */
static cseg_status add(rewriter *r, const char *text, size_t n, size_t place, bool same)
{
    size_t at = r->out.n;
    if (at + n > LARGEST_CONFIG)
        return fail(r->err, CSEG_CONFIG, "%s: is too large after its {{ }} are replaced", r->s->name);
    if (!vec_reserve_(r->mem, (void **)&r->origin, at, &r->cap, at + n + 1, sizeof *r->origin))
        return fail_memory(r->err);
    strbuf_addn(&r->out, text, n);
    for (size_t i = 0; i <= n; i++)
        r->origin[at + i] = (uint32_t)(place + (same ? i : 0));
    return r->out.failed ? fail_memory(r->err) : CSEG_OK;
}

static size_t skip_space(const source *s, size_t at)
{
    while (at < s->original_n && isspace((unsigned char)s->original[at]))
        at++;
    return at;
}

static size_t skip_word(const source *s, size_t at, bool dots)
{
    while (at < s->original_n && (isalnum((unsigned char)s->original[at]) || s->original[at] == '_' ||
                                  (unsigned char)s->original[at] >= 0x80 || (dots && s->original[at] == '.')))
        at++;
    return at;
}

/* The first place from `at` on where a character stands twice, or the end. */
static size_t find_pair(const source *s, size_t at, char c)
{
    while (at < s->original_n) {
        const char *found = memchr(s->original + at, c, s->original_n - at);
        if (!found)
            break;
        if (found[1] == c)
            return (size_t)(found - s->original);
        at = (size_t)(found - s->original) + 1;
    }
    return s->original_n;
}

/* The place behind "}}" at `at`, 0 if it is not there. */
static size_t closing(const source *s, size_t at)
{
    return at + 1 < s->original_n && s->original[at] == '}' && s->original[at + 1] == '}' ? at + 2 : 0;
}

static bool word_is(const source *s, size_t from, size_t until, const char *word)
{
    return until - from == strlen(word) && memcmp(s->original + from, word, until - from) == 0;
}

/* Reads {{ fileDirname }} and the like. *end is 0 if something else stands at `at` (behind "{{"). */
static cseg_status try_file(rewriter *r, size_t open, size_t *end)
{
    size_t from = skip_space(r->s, open + 2), until = skip_word(r->s, from, false);
    const char *base = path_base(r->path), *ext = path_ext(r->path), *text = NULL;
    size_t n = 0;
    *end = closing(r->s, skip_space(r->s, until));
    if (word_is(r->s, from, until, "fileDirname")) {
        text = r->path;
        n = base > r->path + 1 ? (size_t)(base - r->path) - 1 : (size_t)(base - r->path);
    } else if (word_is(r->s, from, until, "fileBasename")) {
        text = base;
        n = strlen(base);
    } else if (word_is(r->s, from, until, "fileBasenameNoExtension")) {
        text = base;
        n = strlen(base) - strlen(ext);
    } else if (word_is(r->s, from, until, "fileExtname")) {
        text = ext;
        n = strlen(ext);
    } else {
        *end = 0;
    }
    return *end ? add(r, text, n, open, false) : CSEG_OK;
}

/* The first "}}" from `at` on, or the end. It is remembered, so that asking at every brace takes linear time. */
static size_t next_close(rewriter *r, size_t at)
{
    if (r->close < at) {
        r->close = find_pair(r->s, at, '}');
    }
    return r->close;
}

/* {{$VARIABLE:default}}. */
static cseg_status try_environment(rewriter *r, size_t open, size_t *end)
{
    const char *text = r->s->original;
    size_t at = open + 2;
    *end = 0;
    at += at < r->s->original_n && (text[at] == '\'' || text[at] == '"');
    at = skip_space(r->s, at);
    if (at >= r->s->original_n || text[at] != '$')
        return CSEG_OK;
    size_t from = at + 1, until = skip_word(r->s, from, false);
    at = skip_space(r->s, until);
    if (until == from || at >= r->s->original_n || text[at] != ':')
        return CSEG_OK;
    size_t start = skip_space(r->s, at + 1), close = next_close(r, start), stop = close;
    if (close - start > LONGEST_DEFAULT || !text[close])
        return CSEG_OK;
    stop -= stop > start && (text[stop - 1] == '\'' || text[stop - 1] == '"');
    while (stop > start && isspace((unsigned char)text[stop - 1]))
        stop--;
    for (size_t i = start; i < stop; i++)
        if (isspace((unsigned char)text[i]))
            return CSEG_OK;
    *end = close + 2;
    char *name = arena_strndup(r->mem, text + from, until - from);
    if (!name)
        return fail_memory(r->err);
    const char *value_ = getenv(name);
    size_t n = value_ ? strlen(value_) : stop - start;
    if (n == 0)
        return source_fail(r->s, source_spot(r->s, open), CSEG_CONFIG, r->err,
                           "the environment has no variable '%.100s', and no default is given", name);
    if (value_)
        log_say(LOG_INFO, "%s: '%.100s' is taken from the environment: %.200s", r->s->name, name, value_);
    for (size_t i = 0; value_ && i < n; i += utf8_length(value_ + i, n - i))
        if (!utf8_length(value_ + i, n - i) || value_[i] == TEMPLATE_MARK)
            return source_fail(r->s, source_spot(r->s, open), CSEG_CONFIG, r->err,
                               "the environment's '%.100s' is no text in UTF-8", name);
    return add(r, value_ ? value_ : text + start, n, open, false);
}

/* {{_base_.key}}. */
static cseg_status try_base(rewriter *r, size_t open, size_t *end)
{
    size_t from = skip_space(r->s, open + 2), until = skip_word(r->s, from, true);
    *end = closing(r->s, skip_space(r->s, until));
    if (!*end || until - from < 8 || memcmp(r->s->original + from, "_base_.", 7) != 0) {
        *end = 0;
        return CSEG_OK;
    }
    TRY(add(r, "\"", 1, open, false));
    TRY(add(r, OPEN, sizeof OPEN - 1, open, false));
    TRY(add(r, r->s->original + from + 7, until - from - 7, open, false));
    TRY(add(r, CLOSE, sizeof CLOSE - 1, open, false));
    return add(r, "\"", 1, open, false);
}

cseg_status template_apply(source *s, const char *path, arena *mem, cseg_error *err)
{
    rewriter r = {.s = s, .path = path, .out = {.mem = mem}, .mem = mem, .err = err};
    if (find_pair(s, 0, '{') == s->original_n)
        return CSEG_OK;
    for (size_t at = 0; at < s->original_n;) {
        size_t open = find_pair(s, at, '{'), end = 0;
        TRY(add(&r, s->original + at, open - at, at, true));
        if (open == s->original_n)
            break;
        TRY(try_file(&r, open, &end));
        if (!end)
            TRY(try_environment(&r, open, &end));
        if (!end)
            TRY(try_base(&r, open, &end));
        if (!end)
            TRY(add(&r, "{", 1, open, true));
        at = end ? end : open + 1;
    }
    s->text = r.out.text;
    s->n = r.out.n;
    r.origin[s->n] = (uint32_t)s->original_n;
    s->origin = r.origin;
    return CSEG_OK;
}

static bool is_marked(const char *s, size_t n)
{
    return n > sizeof OPEN && memcmp(s, OPEN, sizeof OPEN - 1) == 0;
}

static spot spot_of(const value *v)
{
    return (spot){v->at.line, v->at.column};
}

/* The value that a string stands for; *v itself if it stands for none. */
static cseg_status stands_for(eval *ev, value *bases, value **v)
{
    const char *s = (*v)->as.str.text;
    size_t n = (*v)->as.str.n;
    if ((*v)->kind != V_STR || !memchr(s, TEMPLATE_MARK, n))
        return CSEG_OK;
    const char *end = is_marked(s, n) ? memchr(s + 1, TEMPLATE_MARK, n - 1) : NULL;
    if (!end || end != s + n - 1)
        return strstr(s, OPEN) ? eval_fail(ev, spot_of(*v),
                                           "{{_base_...}} stands for a whole value, not for a part of one; "
                                           "write f'{_base_.key}...'")
                               : CSEG_OK;
    value *found = bases;
    for (const char *key = s + sizeof OPEN - 1; found; key++) {
        size_t length = strcspn(key, ".}");
        found = found->kind == V_DICT ? value_step(found, key, length) : NULL;
        key += length;
        if (*key == '}')
            break;
    }
    if (!found)
        return eval_fail(ev, spot_of(*v), "the bases hold no '%.*s'", (int)(end - s - sizeof OPEN),
                         s + sizeof OPEN - 1);
    *v = found;
    return CSEG_OK;
}

cseg_status template_fill(eval *ev, value *v, value *bases, int depth)
{
    if (depth > EVAL_DEPTH)
        return eval_fail(ev, spot_of(v), "nested too deeply");
    for (size_t i = 0; value_is_list(v) && i < v->as.list.n; i++) {
        value *item = v->as.list.item[i];
        TRY(stands_for(ev, bases, &v->as.list.item[i]));
        if (item == v->as.list.item[i])
            TRY(template_fill(ev, item, bases, depth + 1));
    }
    for (size_t i = 0; v->kind == V_DICT && i < v->as.dict.n; i++) {
        value_entry *e = &v->as.dict.entry[i];
        value *item = e->item;
        if (strstr(e->key, OPEN))
            return eval_fail(ev, spot_of(e->item), "{{_base_...}} stands for a value and cannot be a key");
        TRY(stands_for(ev, bases, &e->item));
        if (item == e->item)
            TRY(template_fill(ev, item, bases, depth + 1));
    }
    return CSEG_OK;
}
