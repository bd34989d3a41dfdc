/* Sequences packed for the products of attention, which Winograd's register tiles compute. */
#include "backend/cpu/attention_parts.h"

enum { BLOCK = 288, BLOCK_MOST = 320, BLOCK_FLOATS = 1 << 16, BLOCK_LEAST = 64 };

/* Keys at a time: all if they are few; else even parts that stay in the second-level cache. */
static int64_t block_of(const attention_sizes *s)
{
    int64_t most = BLOCK_FLOATS / (s->d + s->e);
    most = most < BLOCK_LEAST ? BLOCK_LEAST : most;
    if (s->keys <= least_of(most, BLOCK_MOST))
        return attention_padded(s->keys);
    int64_t blocks = parts_of(s->keys, least_of(most, BLOCK)).count;
    return attention_padded((s->keys + blocks - 1) / blocks);
}

/* Queries at a time, in even parts: their products stay in the first-level cache. */
static int64_t tile_of(const attention_sizes *s)
{
    enum { STEP = 4 }; /* rows of which the products are made */
    int64_t most = s->block <= 64 ? 64 : s->block <= 128 ? 48 : 24, tiles = parts_of(s->queries, most).count;
    int64_t each = (s->queries + tiles - 1) / tiles;
    return tiles > 1 ? least_of(most, (each + STEP - 1) / STEP * STEP) : each;
}

attention_sizes attention_sizes_of(const node *n)
{
    const attention_attr *a = &n->attr.attention;
    attention_sizes s = {.a = a, .windows = 1, .d = attention_padded(a->d), .e = attention_padded(a->e)};
    s.p = attention_places_of(a, n->in[0], n->in[1]);
    s.queries = s.p.queries;
    s.keys = s.p.keys;
    if (a->window[0]) {
        s.across = s.p.wide / a->window[1];
        s.windows = s.p.high / a->window[0] * s.across;
        s.queries = s.keys;
    }
    s.block = block_of(&s);
    s.tile = tile_of(&s);
    s.expanded = a->window[0] && a->heads * s.queries * attention_padded(s.keys) <= ATTENTION_EXPANDED;
    return s;
}

const attention_half_table *attention_half_for(const cpu_backend *b, const node *n)
{
    const attention_attr *a = &n->attr.attention;
    bool takes = a->p == 0 && a->d % 2 == 0 && a->e % 2 == 0 && a->scale != 0;
    for (int i = 0; i < 3; i++)
        takes = takes && n->in[i]->type == DT_BF16;
    takes = takes && (n->op == OP_attention || n->in[ATTENTION_GRAD_DY]->type == DT_BF16);
    return takes ? attention_half_of(b->simd) : NULL;
}

sequence attention_sequence(const node *n, int part, const tensor *t, void *at)
{
    const attention_attr *a = &n->attr.attention;
    if (!t)
        return (sequence){0};
    return (sequence){.at = at,
                      .half = t->type == DT_BF16,
                      .tokens = attention_tokens(t),
                      .c = t->dim[t->rank - 1],
                      .from = part < 3 ? a->from[part] : 0,
                      .each = part < 2 ? a->d : a->e};
}

static int64_t size_of(const sequence *s)
{
    return s->half ? 2 : 4;
}

void attention_at_rows(const sequence *s, const attention_unit *u, int64_t head, int64_t from, int64_t count,
                       char *beyond, void **row)
{
    int64_t step = s->c * size_of(s), first = s->from + head * s->each;
    char *at = s->at + u->image * s->tokens * step + first * size_of(s);
    if (beyond)
        beyond += head * s->each * size_of(s);
    for (int64_t i = 0; i < count; i++) {
        int64_t token = u->token ? u->token[from + i] : from + i;
        row[i] = token < 0 ? beyond : at + token * step;
    }
}

void attention_fetch(const sequence *s, const attention_unit *u, int64_t head, int64_t from, int64_t count)
{
    enum { LINE = 64 };
    int64_t step = s->c * size_of(s), size = s->each * size_of(s);
    const char *at = s->at + u->image * s->tokens * step + (s->from + head * s->each) * size_of(s);
    for (int64_t i = from; i < from + count; i++) {
        int64_t token = u->token ? u->token[i] : i;
        for (int64_t k = 0; token >= 0 && k < size; k += LINE)
            __builtin_prefetch(at + token * step + k, 0, 2);
    }
}

void attention_rows(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                    int64_t count, char *beyond, float scale, matrix to)
{
    void *row[ATTENTION_TILE];
    attention_at_rows(s, u, head, from, count, beyond, row);
    b->simd->attention->rows((const void *const *)row, s->half, count, s->each, scale, to.at, to.ld);
}

void attention_columns(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                       int64_t count, char *beyond, float scale, matrix to)
{
    void *row[ATTENTION_TILE];
    attention_at_rows(s, u, head, from, count, beyond, row);
    b->simd->attention->columns((const void *const *)row, s->half, count, attention_padded(count), s->each, scale,
                                to.at, to.ld);
}

void attention_write(const cpu_backend *b, const sequence *s, const attention_unit *u, int64_t head, int64_t from,
                     int64_t count, matrix rows, const float *by, float scale)
{
    void *row[ATTENTION_TILE];
    attention_at_rows(s, u, head, from, count, NULL, row);
    b->simd->attention->put(rows.at, rows.ld, count, s->each, by, scale, s->half, row);
}

static int vectors(const cpu_backend *b, int64_t n)
{
    int64_t vec = b->simd->winograd->vec;
    return (int)((n + vec - 1) / vec);
}

void attention_product(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n, bool add)
{
    b->simd->winograd->product(x.at, x.ld, 1, y.at, y.ld, to.at, to.ld, m, k, vectors(b, n), add);
}

void attention_product_turned(const cpu_backend *b, matrix x, matrix y, matrix to, int64_t m, int64_t k, int64_t n,
                              bool add)
{
    b->simd->winograd->product(x.at, 1, x.ld, y.at, y.ld, to.at, to.ld, m, k, vectors(b, n), add);
}
