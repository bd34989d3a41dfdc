/* The pickle machine: its input and its stack. */
#include <string.h>

#include "io/torch/pickle_reader.h"

pickle_node *pickle_new(pickle_reader *r, pickle_kind kind)
{
    pickle_node *p = ARENA_NEW(r->mem, pickle_node);
    r->nodes++;
    if (p) {
        p->kind = kind;
        p->at = r->op;
    }
    return p;
}

cseg_status pickle_bad(const pickle_reader *r, const char *what)
{
    return fail(r->err, CSEG_CORRUPT, "%s: damaged pickle, byte %zu: %s", r->name, r->op, what);
}

cseg_status pickle_take(pickle_reader *r, uint64_t n, const uint8_t **out)
{
    if (n > r->n - r->at)
        return fail(r->err, CSEG_CORRUPT, "%s: pickle ends too early, at byte %zu: the item at byte %zu goes on",
                    r->name, r->n, r->op);
    *out = r->bytes + r->at;
    r->at += n;
    return CSEG_OK;
}

cseg_status pickle_take_int(pickle_reader *r, int bytes, uint64_t *out)
{
    const uint8_t *p = NULL;
    TRY(pickle_take(r, (uint64_t)bytes, &p));
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    *out = v;
    return CSEG_OK;
}

cseg_status pickle_take_line(pickle_reader *r, char **line, size_t *n)
{
    const uint8_t *begin = r->bytes + r->at, *end = memchr(begin, '\n', r->n - r->at);
    if (!end)
        return pickle_bad(r, "a line has no end");
    r->at += (size_t)(end - begin) + 1;
    *n = (size_t)(end - begin);
    *line = arena_strndup(r->mem, (const char *)begin, *n);
    return *line ? CSEG_OK : fail_memory(r->err);
}

cseg_status pickle_push(pickle_reader *r, pickle_node *p)
{
    return p && vec_push(r->mem, &r->stack, p) ? CSEG_OK : fail_memory(r->err);
}

cseg_status pickle_pop(pickle_reader *r, pickle_node **out)
{
    size_t floor = r->marks.n ? r->marks.at[r->marks.n - 1] : 0;
    if (r->stack.n <= floor)
        return pickle_bad(r, "takes more from the stack than is on it");
    *out = r->stack.at[--r->stack.n];
    return CSEG_OK;
}

cseg_status pickle_top(pickle_reader *r, pickle_node **out)
{
    TRY(pickle_pop(r, out));
    r->stack.n++;
    return CSEG_OK;
}

cseg_status pickle_pop_mark(pickle_reader *r, pickle_node ***items, size_t *n)
{
    if (!r->marks.n)
        return pickle_bad(r, "no mark on the stack");
    size_t floor = r->marks.at[--r->marks.n];
    *n = r->stack.n - floor;
    *items = *n ? r->stack.at + floor : NULL;
    r->stack.n = floor;
    return CSEG_OK;
}

cseg_status pickle_push_seq(pickle_reader *r, pickle_kind kind, pickle_node **items, size_t n)
{
    pickle_node *p = pickle_new(r, kind);
    if (!p)
        return fail_memory(r->err);
    if (n) {
        p->seq.at = ARENA_ARRAY(r->mem, n, pickle_node *);
        if (!p->seq.at)
            return fail_memory(r->err);
        memcpy(p->seq.at, items, n * sizeof *items);
        p->seq.n = p->seq.cap = n;
    }
    return pickle_push(r, p);
}

cseg_status pickle_push_text(pickle_reader *r, pickle_kind kind, const void *text, size_t n)
{
    pickle_node *p = pickle_new(r, kind);
    if (!p || !(p->str.text = arena_strndup(r->mem, text, n)))
        return fail_memory(r->err);
    p->str.n = n;
    return pickle_push(r, p);
}
